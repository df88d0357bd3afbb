package download_test

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/download"
)

// slow writes a post-mortem when it is told to; incident 2 at once.
type slow struct{ goOn chan struct{} }

func (s slow) Export(_ context.Context, w io.Writer, _ string, in incidents.Incident, _ bool) error {
	if in.ID != 2 {
		<-s.goOn
	}
	_, err := io.WriteString(w, "post-mortem")
	return err
}

// TestOnePersonCannotTakeAllDownloads, neither those that are under way nor those that are made.
func TestOnePersonCannotTakeAllDownloads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		desk, from := download.NewDesk(t.TempDir()), slow{make(chan struct{})}
		send := func(who string, incident int64) error {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
			return desk.Send(httptest.NewRecorder(), r, from, download.Request{For: who, Incident: incidents.Incident{ID: incident}})
		}
		var anns sync.WaitGroup
		for range 4 {
			anns.Go(func() {
				if err := send("ann", 1); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if err := send("ann", 2); !errors.Is(err, download.ErrBusy) {
			t.Errorf("a fifth of hers: %v", err)
		}
		if err := send("bob", 2); err != nil {
			t.Errorf("one of another's: %v", err)
		}
		close(from.goOn)
		anns.Wait()
		if err := send("ann", 2); err != nil {
			t.Errorf("when hers are over: %v", err)
		}
	})
}
