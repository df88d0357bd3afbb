package console_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/console"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/asciicast"
	"github.com/snapback/snapback/internal/download"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/terminal"
)

// shown is a recording of a shell in a container within an incident, that has shown a text.
func (h *house) shown(incident int64, container, id, text string) {
	h.t.Helper()
	now, ctx := h.clock().Add(-time.Minute), h.t.Context()
	grant := access.Grant{Person: access.Holder{Person: access.Person{SlackID: "U0ANN", Name: "Ann"}, Via: access.Via{Console: "of before"}}, IncidentID: incident, Container: container, Name: "shop", Mode: access.ModeShell}
	testkit.OK(h.t, h.terminals.OpenSeat(ctx, terminal.Session{ID: "S" + id, Grant: grant, OpenedAt: now, ExpiresAt: now.Add(time.Hour)}))
	testkit.OK(h.t, h.terminals.BeginRecording(ctx, terminal.Recording{ID: id, SessionID: "S" + id, IncidentID: incident, Container: "shop", StartedAt: now}))
	cast, err := asciicast.Begin(asciicast.Header{Term: asciicast.Term{Cols: 40, Rows: 10, Type: "xterm-256color"}, Timestamp: now.Unix(), Title: "Shell in shop"})
	testkit.OK(h.t, err)
	var clock asciicast.Clock
	line, err := clock.Line(100*time.Millisecond, asciicast.Output, text+"\r\n")
	testkit.OK(h.t, err)
	testkit.OK(h.t, h.terminals.AppendRecording(ctx, id, 0, append(cast, line...)))
	details, err := incidents.Details(map[string]any{"recording": id, "container": container})
	testkit.OK(h.t, err)
	_, err = h.db.Record(ctx, incidents.Entry{IncidentID: incident, Kind: incidents.KindTerminalShell, OccurredAt: now, Actor: incidents.Self(), Summary: "Ann started a shell in shop", Details: details})
	testkit.OK(h.t, err)
}

func TestWhatAShellHasShownIsForWhoMayHaveOneThere(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.visitor(), h.visitor()
	ann.register(h.link("U0ANN"))
	bob.register(h.link("U0BOB"))
	id := h.incident("PSHOP")
	h.shown(id, "e/shop", "ONE", "DB_POOL=2")
	h.shown(id, "e/gone", "TWO", "of a container that is gone")
	path := func(recording string) string {
		return "/console/replay?recording=" + recording
	}
	want := func(who string, v *visitor, path string, status int, code string) {
		t.Helper()
		if got, is, answer := v.ask("GET", path, nil); got != status || is != code {
			t.Errorf("%s, %s: %d %s %.200s", who, path, got, is, answer)
		}
	}
	for _, more := range []string{"", "&may"} {
		want("a stranger", h.visitor(), path("ONE")+more, http.StatusUnauthorized, "signed_out")
		want("Bob", bob, path("ONE")+more, http.StatusNotFound, "unseen")
		want("Ann, of none", ann, path("NONE")+more, http.StatusNotFound, "no_recording")
		want("Ann, of no ID", ann, path("")+more, http.StatusNotFound, "no_recording")
		want("Ann, of one that is gone", ann, path("TWO")+more, http.StatusForbidden, "container_gone")
	}
	want("Ann may", ann, path("ONE")+"&may", http.StatusNoContent, "")
	resp := ann.send("GET", path("ONE"), nil)
	testkit.OK(t, resp.Body.Close())
	if policy := resp.Header.Get("Content-Security-Policy"); resp.StatusCode != http.StatusOK || !strings.HasPrefix(policy, "sandbox allow-scripts; default-src 'none'") || strings.Contains(policy, "script-src 'unsafe") {
		t.Errorf("Ann: %d, policy %q", resp.StatusCode, policy)
	}
	h.do(func() { h.containers[0].Settings.TerminalAllow = access.Allow{Rule: access.Nobody} })
	h.later(time.Minute)
	want("Ann, whom the labels let no more", ann, path("ONE"), http.StatusForbidden, "denied")
	h.later(20 * time.Minute)
	want("Ann, whose passkey was asked for long ago", ann, path("ONE"), http.StatusForbidden, "prove")
}

// crowded is a bot that can make no page right now.
type crowded struct {
	console.Recordings
	err error
}

func (c crowded) Replay(context.Context, io.Writer, incidents.Incident, string) error { return c.err }

// TestARecordingThatCannotBeMadeSaysSoInItsFrame asks as a frame does, whose answer people read.
func TestARecordingThatCannotBeMadeSaysSoInItsFrame(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor()
	ann.register(h.link("U0ANN"))
	id := h.incident("PSHOP")
	h.shown(id, "e/shop", "ONE", "DB_POOL=2")
	usual := h.console.Recordings
	for says, err := range map[string]error{
		"Many post-mortems are under way. Try again in a moment.":  download.ErrBusy,
		"The bot&#39;s disk has no room for it. Nothing was sent.": fmt.Errorf("writing: %w", download.ErrNoRoom),
	} {
		h.console.Recordings = crowded{usual, err}
		ann.header = http.Header{"Accept": {"text/html,application/xhtml+xml,*/*;q=0.8"}}
		resp := ann.send("GET", "/console/replay?recording=ONE", nil)
		body, _ := io.ReadAll(resp.Body)
		testkit.OK(t, resp.Body.Close())
		if resp.StatusCode != http.StatusServiceUnavailable || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || !strings.Contains(string(body), "<p role=\"alert\">"+says+"</p>") {
			t.Errorf("%v: %d %v %s", err, resp.StatusCode, resp.Header, body)
		}
		if policy := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "sandbox; default-src 'none'") || strings.Contains(policy, "script") || resp.Header.Get("X-Frame-Options") != "SAMEORIGIN" {
			t.Errorf("%v: policy %q, %q", err, policy, resp.Header.Get("X-Frame-Options"))
		}
	}
	h.console.Recordings = usual
}

// TestPhonePlaysARecordingInTheConsole has the real player, in a frame that the page can't look into, and by itself.
func TestPhonePlaysARecordingInTheConsole(t *testing.T) {
	built := func(pattern string) []byte {
		found, err := filepath.Glob("../terminal/web/dist/" + pattern)
		testkit.OK(t, err)
		if len(found) != 1 {
			t.Fatalf("the front end is not built: %v", found)
		}
		b, err := os.ReadFile(found[0])
		testkit.OK(t, err)
		return b
	}
	h, id := furnished(t)
	h.plays(built("player-*.js"), built("player-*.css"))
	h.shown(id, "e/shop", "ONE", "DB_POOL=2 </script>")
	v := h.visitor()
	v.register(h.link("U0ANN"))
	b := v.browser()
	b.goes(fmt.Sprintf("#/i/%d", id))
	b.tap("Play what it has shown")
	b.until("the frame is there", func() bool { return js[bool](b, `!!document.querySelector('iframe.paper')`) })
	b.lookedAt("recording")
	if said := js[[]string](b, `window.said ?? []`); len(said) > 0 {
		t.Errorf("the page around it said %q", said)
	}
	b.do(chromedp.Evaluate[chromedp.Void](`location.href = document.querySelector('iframe.paper').src`))
	b.until("what was shown is shown again", func() bool {
		return js[bool](b, `(document.querySelector('.ap-term-text')?.textContent ?? '').replaceAll('\u00a0', ' ').includes('DB_POOL=2 </script>')`)
	})
	if said := js[[]string](b, `window.said ?? []`); len(said) > 0 {
		t.Errorf("the page said %q", said)
	}
}
