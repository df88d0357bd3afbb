package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
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
	for _, try := range []struct {
		at         string
		heard      bool
		mark, says string
	}{
		{n.bot.url, false, "✓", "comes through " + n.bot.url},
		{nginx.URL, true, "✗", `proxy_set_header Connection "upgrade";`},
		{"http://127.0.0.1:1", true, "!", "can't be reached from here"},
		{"http://127.0.0.1:1", false, "✗", "can't be reached from here"},
	} {
		var out bytes.Buffer
		err := examine(t.Context(), &out, []check{{name: "terminal's WebSocket", ask: func(ctx context.Context) (string, error) { return checkWire(ctx, try.at, try.heard) }}})
		if got := out.String(); !strings.HasPrefix(got, try.mark) || !strings.Contains(got, try.says) || (err != nil) != (try.mark == "✗") {
			t.Errorf("%s, heard %v: %v: %s", try.at, try.heard, err, got)
		}
	}
}

// nowhere has a name that is known not to exist without asking DNS, which need not answer where tests run: no label has over 63 characters.
var nowhere = "https://" + strings.Repeat("x", 64) + ".invalid"

// TestDoctorIsNotReadyWithoutABot: with nothing listening, and a name that does not exist, no alert and no phone comes through.
func TestDoctorIsNotReadyWithoutABot(t *testing.T) {
	t.Parallel()
	well := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			t.Errorf("it asks for %s", r.URL.Path)
		}
	}))
	t.Cleanup(well.Close)
	runs := func(at string) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) { return checkBot(ctx, config{MetricsListen: at}) }
	}
	for _, try := range []struct {
		ask  func(context.Context) (string, error)
		want string
		todo string
	}{
		{runs(well.Listener.Addr().String()), checkOK, ""},
		{runs("127.0.0.1:1"), checkFailed, startIt},
		{runs("127.0.0.1:0"), checkWarning, startIt}, // where it runs perhaps
		{func(ctx context.Context) (string, error) { return checkWire(ctx, nowhere, false) }, checkFailed, startIt},
	} {
		if got := (check{todo: startIt, ask: try.ask}).run(t.Context()); got.State != try.want || got.Todo != try.todo {
			t.Errorf("got %+v, want %s", got, try.want)
		}
	}
	if _, err := checkWire(t.Context(), nowhere, false); err == nil || !strings.Contains(err.Error(), "SNAPBACK_PUBLIC_URL") {
		t.Errorf("of a name that does not exist it says: %v", err)
	}
	var asked []string
	for _, c := range checks(config{Engines: []engineAt{{}}}) {
		asked = append(asked, c.group+", "+c.name)
	}
	if !slices.Contains(asked, "Bot, running") {
		t.Errorf("doctor asks for %q", asked)
	}
}
