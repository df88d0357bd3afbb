package terminal_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/terminal"
)

// wireOf is what a page is told that has had no WebSocket several times.
func (n *night) wireOf(page string, have http.Header) (code string) {
	n.t.Helper()
	a, b := n.ask("GET", "/t/session?unopened=2&says=nginx&page="+page, "", have)
	var view struct{ Wire struct{ Code string } }
	testkit.OK(n.t, json.Unmarshal(b, &view))
	if a.status != http.StatusOK {
		n.t.Fatalf("it answers %d %s", a.status, b)
	}
	return view.Wire.Code
}

// refused asks for a WebSocket in vain.
func (n *night) refused(page, protocol string, have http.Header) {
	n.t.Helper()
	conn, _, err := websocket.Dial(n.t.Context(), n.url+"/t/ws?page="+page, &websocket.DialOptions{HTTPHeader: have, Subprotocols: []string{protocol}})
	if err == nil {
		_ = conn.CloseNow()
		n.t.Fatal("it was taken")
	}
}

// TestAWebSocketThatTheBotRefusesIsNotAProxysFault whatever it refuses it for.
func TestAWebSocketThatTheBotRefusesIsNotAProxysFault(t *testing.T) {
	t.Parallel()
	n := setup(t)
	_, have := n.session(access.ModeLogs)
	if got := n.wireOf("nobodys", have); got != "upgrade_dropped" {
		t.Errorf("a page whose WebSockets nobody has seen is told %q", got)
	}
	elsewhere := have.Clone()
	elsewhere.Set("Origin", "http://another.example")
	n.refused("origin", terminal.Subprotocol, elsewhere)
	n.refused("speech", "snapback.terminal.v1", have)
	for _, want := range []string{"origin", "speech"} {
		if got := n.wireOf(want, have); got != want {
			t.Errorf("for %s it is told %q", want, got)
		}
	}
	n.gate.refuse(terminal.ErrNotAllowed)
	if got := n.wireOf("other-bot", have); got != "not_allowed" {
		t.Errorf("what another bot has refused is told as %q", got)
	}
	n.gate.allow()
	stranger := http.Header{"Origin": {"http://another.example"}}
	n.refused("nobodys", terminal.Subprotocol, stranger)
	if got := n.wireOf("nobodys", have); got != "upgrade_dropped" {
		t.Errorf("a stranger makes it say %q", got)
	}
}

// TestAWebSocketThatTheFrontRefusesIsNotAProxysFault has the other bot, which reaches the container, not hear of it.
func TestAWebSocketThatTheFrontRefusesIsNotAProxysFault(t *testing.T) {
	t.Parallel()
	n := setup(t)
	front, others, _ := n.front(t)
	back, _ := others.Beyond(t.Context(), n.name)
	_, have := front.session(access.ModeLogs)
	elsewhere := have.Clone()
	elsewhere.Set("Origin", "http://another.example")
	front.refused("origin", terminal.Subprotocol, elsewhere)
	others.set(terminal.ErrElsewhere)
	front.refused("away", terminal.Subprotocol, have)
	others.set(nil, back...)
	for page, want := range map[string]string{"origin": "origin", "away": "elsewhere", "eaten": "upgrade_dropped"} {
		if got := front.wireOf(page, have); got != want {
			t.Errorf("for %s it is told %q", page, got)
		}
	}
	n.clock.advance(2 * time.Minute)
	if got := front.wireOf("away", have); got != "upgrade_dropped" {
		t.Errorf("after a while it is told %q", got)
	}
}
