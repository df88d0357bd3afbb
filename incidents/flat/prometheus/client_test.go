package prometheus_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/snapback/snapback/incidents/flat/prometheus"
	"github.com/snapback/snapback/internal/testkit"
)

// answering is a client of a server whose answer has that many series of 1.
func answering(t *testing.T, series int) *prometheus.Client {
	t.Helper()
	one := `{"metric":{"path":"` + strings.Repeat("x", 1000) + `"},"value":[1764300000,"1"]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[`, strings.TrimSuffix(strings.Repeat(one+",", series), ","), `]}}`)
	}))
	t.Cleanup(server.Close)
	c, err := prometheus.NewClient(server.URL, "")
	testkit.OK(t, err)
	return c
}

func TestAnswerThatIsTooLongIsRefused(t *testing.T) {
	t.Parallel()
	if n, err := answering(t, 3_000).Now(t.Context(), "up"); err != nil || n != 3_000 {
		t.Errorf("of 3,000 series it has %v, %v", n, err)
	}
	_, err := answering(t, 5_000).Now(t.Context(), "up")
	if err == nil || !strings.Contains(err.Error(), "longer than 4 MiB") {
		t.Errorf("of 5,000 series it says %v", err)
	}
}
