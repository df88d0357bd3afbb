package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/testkit"
)

func TestDoctorTriesTheTerminalsWebSocket(t *testing.T) {
	n := newNight(t)
	n.start()
	to, err := url.Parse(n.bot.url)
	testkit.OK(t, err)
	nginx := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Upgrade")
		w.Header().Set("Server", "nginx/1.22.1")
		httputil.NewSingleHostReverseProxy(to).ServeHTTP(w, r)
	}))
	t.Cleanup(nginx.Close)
	for at, want := range map[string][2]string{
		n.bot.url:            {"✓", "comes through " + n.bot.url},
		nginx.URL:            {"✗", `proxy_set_header Connection "upgrade";`},
		"http://127.0.0.1:1": {"!", "can't be reached from here"},
	} {
		var out bytes.Buffer
		err := examine(t.Context(), &out, []check{{name: "terminal's WebSocket", ask: func(ctx context.Context) (string, error) { return checkWire(ctx, at) }}})
		if got := out.String(); !strings.HasPrefix(got, want[0]) || !strings.Contains(got, want[1]) || (err != nil) != (want[0] == "✗") {
			t.Errorf("%s: %v: %s", at, err, got)
		}
	}
}
