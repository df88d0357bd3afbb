package terminal_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/terminal"
)

// seats is a console whose cookie is the ID of its session.
type seats struct{}

func (seats) Seated(r *http.Request) (string, error) {
	c, err := r.Cookie("console")
	if err != nil {
		return "", access.ErrSignedOut
	}
	return c.Value, nil
}

func withConsole(c *terminal.Config) { c.Seats = seats{} }

// seat opens a session in the console, outside of any incident, and returns what its browser sends along.
func (n *night) seat(console string, g access.Grant) (id string, have http.Header) {
	n.t.Helper()
	g.Person.Via.Console = console
	id, err := n.svc.Seat(n.t.Context(), g, n.clock.now().Add(time.Hour))
	if err != nil {
		n.t.Fatal(err)
	}
	return id, http.Header{"Origin": {n.url}, "Cookie": {"console=" + console}, "Content-Type": {"application/json"}}
}

func (n *night) outside(mode access.Mode) access.Grant {
	g := n.grant(mode)
	g.IncidentID = 0
	return g
}

// dialSeat connects to the session of an ID, and returns what was answered instead if it is refused.
func (n *night) dialSeat(id string, have http.Header) (conn *websocket.Conn, status int) {
	n.t.Helper()
	conn, resp, err := websocket.Dial(n.t.Context(), n.url+"/t/ws?session="+id, &websocket.DialOptions{HTTPHeader: have, Subprotocols: []string{terminal.Subprotocol}})
	if err != nil {
		return nil, resp.StatusCode
	}
	n.t.Cleanup(func() { _ = conn.CloseNow() })
	return conn, 0
}

func TestASeatIsItsConsoleSessionsAlone(t *testing.T) {
	t.Parallel()
	n := setup(t, withConsole)
	id, have := n.seat("s1", n.outside(access.ModeShell))
	if a := n.do("GET", "/t/session?session="+id, "", have); a.status != http.StatusOK || len(a.cookies) != 0 {
		t.Fatalf("its own: %d %s, cookies %v", a.status, a.detail, a.cookies)
	}
	_, link := n.session(access.ModeShell)
	foreign := have.Clone()
	foreign.Set("Origin", "https://evil.example")
	for name, h := range map[string]http.Header{
		"no cookie": {"Origin": {n.url}}, "another session of the console": {"Origin": {n.url}, "Cookie": {"console=s2"}}, "a link's cookie": link,
	} {
		for _, path := range []string{"/t/session", "/t/errors"} {
			if a := n.do("GET", path+"?session="+id, "", h); a.status == http.StatusOK && name != "a link's cookie" {
				t.Errorf("%s, %s: %d", name, path, a.status)
			}
		}
		if _, status := n.dialSeat(id, h); name != "a link's cookie" && status < 400 {
			t.Errorf("%s: connected", name)
		}
	}
	if a := n.do("POST", "/t/end?session="+id, "{}", foreign); a.status != http.StatusForbidden {
		t.Errorf("another origin ends it: %d", a.status)
	}
	if _, status := n.dialSeat(id, foreign); status != http.StatusForbidden {
		t.Errorf("another origin connects: %d", status)
	}
	// Whoever has a link's cookie has the link's session, whatever they name.
	if a := n.do("GET", "/t/errors?session="+id, "", link); a.status != http.StatusUnauthorized && a.code != "other_session" {
		t.Errorf("a link's cookie: %d %s", a.status, a.code)
	}
	if a := n.do("POST", "/t/end?session="+id, "{}", have); a.status != http.StatusNoContent || len(a.cookies) != 0 {
		t.Errorf("ending it: %d, cookies %v", a.status, a.cookies)
	}
}

func TestASeatEndsWithItsConsoleSession(t *testing.T) {
	t.Parallel()
	n := setup(t, withConsole)
	id, have := n.seat("s1", n.outside(access.ModeShell))
	b := n.sit(id, have)
	b.startShell()
	if err := n.svc.EndForIncident(t.Context(), n.incident); err != nil {
		t.Fatal(err)
	}
	b.typeIn("echo still he''re\n")
	within(t, time.Minute, "it goes on", func() bool { return b.saw("still here") })
	if err := n.svc.Unseat(t.Context(), "s1"); err != nil {
		t.Fatal(err)
	}
	within(t, time.Minute, "it ends", func() bool { c, ok := b.closed(); return ok && c.Code == 4001 && strings.Contains(c.Reason, "console") })
	n.wantNothingLeft()
	if a := n.do("GET", "/t/session?session="+id, "", have); a.status != http.StatusGone {
		t.Errorf("afterwards: %d", a.status)
	}
	for _, kind := range []incidents.Kind{incidents.KindTerminalOpened, incidents.KindTerminalShell, incidents.KindTerminalEnded} {
		if e := n.timeline.last(kind); e.Summary == "" || e.Incident != 0 {
			t.Errorf("the timeline has of %s: %+v", kind, e)
		}
	}
}

func TestASeatThatNobodyLooksAtEndsWithItsConsoleSessionToo(t *testing.T) {
	t.Parallel()
	n := setup(t, withConsole)
	id, _ := n.seat("s1", n.outside(access.ModeLogs))
	n.gate.refuse(access.ErrSignedOut)
	if err := n.svc.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	sess, err := n.store.Touch(t.Context(), id, time.Time{})
	if err != nil || sess.Reason != terminal.ReasonSignedOut {
		t.Errorf("it is over for %q, %v", sess.Reason, err)
	}
	g := n.outside(access.ModeLogs)
	g.Person.Via.Console = "s1"
	if _, err := n.svc.Seat(t.Context(), g, n.clock.now().Add(time.Hour)); err == nil {
		t.Error("another one is opened")
	}
}

func TestASeatLastsNoLongerThanItsConsoleSession(t *testing.T) {
	t.Parallel()
	n := setup(t, withConsole, func(c *terminal.Config) { c.MaxLife = 3 * time.Hour; c.Idle = 3 * time.Hour })
	id, have := n.seat("s1", n.outside(access.ModeLogs))
	n.clock.advance(time.Hour + time.Second)
	if a := n.do("GET", "/t/session?session="+id, "", have); a.status != http.StatusGone {
		t.Errorf("after its console's session: %d %s", a.status, a.detail)
	}
}

func TestWhoHasASeatGoesOnInIt(t *testing.T) {
	t.Parallel()
	n := setup(t, withConsole)
	first, have := n.seat("s1", n.outside(access.ModeShell))
	if again, _ := n.seat("s1", n.outside(access.ModeShell)); again != first {
		t.Error("there are two")
	}
	if other, _ := n.seat("s2", n.outside(access.ModeShell)); other == first {
		t.Error("another session of the console has the same")
	}
	b := n.sit(first, have)
	b.startShell()
	if during, _ := n.seat("s1", n.grant(access.ModeShell)); during != first {
		t.Error("a shell was taken away because an incident was opened")
	}
	if less, _ := n.seat("s1", n.outside(access.ModeLogs)); less == first {
		t.Error("a session with a shell is what somebody has who may no longer have one")
	}
	within(t, time.Minute, "the one with the shell ends", func() bool { _, ok := b.closed(); return ok })
	if got := slices.Index(n.timeline.kinds(), incidents.KindTerminalEnded); got < 0 {
		t.Error("its end is not on the timeline")
	}
}

// TestAShellOutlivesLogsThatBeginAtARestore, which are a session beside it. Without a shell there is one session for a container.
func TestAShellOutlivesLogsThatBeginAtARestore(t *testing.T) {
	t.Parallel()
	n := setup(t, withConsole)
	since := n.outside(access.ModeShell)
	since.LogsSince = time.Now().Truncate(time.Second)
	first, _ := n.seat("s1", since)
	if again, _ := n.seat("s1", since); again != first {
		t.Error("there are two")
	}
	newest, have := n.seat("s1", n.outside(access.ModeShell))
	if newest == first {
		t.Error("the newest lines begin at the restore")
	}
	b := n.sit(newest, have)
	b.startShell()
	beside, have := n.seat("s1", since)
	if beside == newest || beside == first {
		t.Error("logs from the restore on begin with the newest lines, or where they have ended")
	}
	if again, _ := n.seat("s1", since); again != beside {
		t.Error("there are two beside the shell")
	}
	if shell, _ := n.seat("s1", n.outside(access.ModeShell)); shell != newest {
		t.Error("the shell is not led back to")
	}
	b.typeIn("echo still he''re\n")
	within(t, time.Minute, "the shell goes on", func() bool { return b.saw("still here") })
	if a := n.do("GET", "/t/session?session="+beside, "", have); a.status != http.StatusOK {
		t.Errorf("the logs beside it: %d %s", a.status, a.detail)
	}
}

// TestAShellBesideTheLogsOfARestoreIsLedBackTo by the tabs, which name no restore.
func TestAShellBesideTheLogsOfARestoreIsLedBackTo(t *testing.T) {
	t.Parallel()
	n := setup(t, withConsole)
	since := n.outside(access.ModeShell)
	since.LogsSince = time.Now().Truncate(time.Second)
	id, have := n.seat("s1", since)
	b := n.sit(id, have)
	b.startShell()
	if shell, _ := n.seat("s1", n.outside(access.ModeShell)); shell != id {
		t.Error("the shell was left behind")
	}
	if _, ended := b.closed(); ended {
		t.Error("the shell was ended")
	}
}

func TestTheSeatWithAShellIsFoundWhileItIsOpen(t *testing.T) {
	t.Parallel()
	n := setup(t, withConsole)
	id, have := n.seat("s1", n.outside(access.ModeShell))
	b := n.sit(id, have)
	b.startShell()
	for of, want := range map[[2]string]string{
		{"s1", n.grant(access.ModeShell).Container}: id, {"s2", n.grant(access.ModeShell).Container}: "", {"s1", "another"}: "",
	} {
		if got, err := n.svc.Shelled(t.Context(), of[0], of[1]); got != want || err != nil {
			t.Errorf("%v: %q, %v; want %q", of, got, err, want)
		}
	}
	if _, ended := b.closed(); ended {
		t.Error("it was ended")
	}
	testkit.OK(t, n.svc.Unseat(t.Context(), "s1"))
	if got, err := n.svc.Shelled(t.Context(), "s1", n.grant(access.ModeShell).Container); got != "" || err != nil {
		t.Errorf("after its end: %q, %v", got, err)
	}
}

// sit connects to a session that was opened in the console.
func (n *night) sit(id string, have http.Header) *browser {
	n.t.Helper()
	conn, status := n.dialSeat(id, have)
	if conn == nil {
		n.t.Fatalf("refused: %d", status)
	}
	conn.SetReadLimit(4 << 20)
	return n.listenTo(conn, "seated", id)
}

// TestAnotherTerminalInItsPlaceEndsAPage signs the console in anew, where a link has opened a terminal too: the page's own session is never found
// again, so that waiting for it is of no use. The words are for whoever came from the console as well.
func TestAnotherTerminalInItsPlaceEndsAPage(t *testing.T) {
	t.Parallel()
	n := setup(t, withConsole)
	p := newPhone(t)
	n.seatOn(p, access.ModeLogs)
	p.wait("logs are shown", "#lines", "GET /basket")
	p.connected()
	a := n.redeem(n.mint(access.ModeLogs))
	p.do(setCookie(n.url, "console", "s2"), setCookie(n.url, a.cookies[0].Name, a.cookies[0].Value))
	n.cut()
	p.wait("it is over", "#over-title", "Session ended")
	p.wait("it says what to do", "#over-text", "in Slack or the console")
}

// seatOn opens a session on a phone that is signed in to the console.
func (n *night) seatOn(p *phone, mode access.Mode) {
	n.t.Helper()
	id, _ := n.seat("s1", n.outside(mode))
	p.do(setCookie(n.url, "console", "s1"))
	p.load(n.url+"/t?session="+id, "the terminal is there", gateIsOpen)
}

func setCookie(url, name, value string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: url + "/"})
		return err
	})
}
