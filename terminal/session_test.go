package terminal_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/terminal"
)

func TestRefusedSourceIsSlowedDown(t *testing.T) {
	t.Parallel()
	n := setup(t)
	if a := n.slowedDown(); a.header.Get("Retry-After") == "" {
		t.Error("it does not say for how long")
	}
}

// slowedDown asks in vain until it is refused for that. One more is allowed every three seconds.
func (n *night) slowedDown() answer {
	n.t.Helper()
	for range 100 {
		if a := n.redeem("x.y.z"); a.status == http.StatusTooManyRequests {
			return a
		}
	}
	n.t.Fatal("a hundred tries in vain are not slowed down")
	return answer{}
}

// Behind a proxy everybody has one source.
func TestStrangersRefusalsLockNobodyOut(t *testing.T) {
	t.Parallel()
	n := setup(t)
	_, have := n.session(access.ModeLogs)
	token := n.mint(access.ModeLogs)
	n.slowedDown()
	if a := n.do("GET", "/t", "", nil); a.status != http.StatusOK {
		t.Errorf("the page: %d", a.status)
	}
	if a := n.do("GET", "/t/session", "", have); a.status != http.StatusOK {
		t.Errorf("the open session: %d %s", a.status, a.code)
	}
	if a := n.redeem(token); a.status != http.StatusOK {
		t.Errorf("a good link: %d %s", a.status, a.code)
	}
	if a := n.redeem(token); a.status != http.StatusGone || a.code != "link_used" {
		t.Errorf("the link again, which has to say that it was used: %d %s", a.status, a.code)
	}
	for range 25 {
		if a := n.do("GET", "/t/session", "", nil); a.status != http.StatusUnauthorized || a.code != "no_session" {
			t.Fatalf("without a cookie, which has to say where to get one: %d %s", a.status, a.code)
		}
	}
	n.slowedDown()
}

func TestResolvingEndsTheSessionsOfThatIncidentAlone(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id, have := n.session(access.ModeLogs)
	b := n.connect(id, have)
	within(t, time.Minute, "logs are shown", func() bool { return b.saw("hello") })
	if err := n.svc.EndForIncident(t.Context(), n.incident+1); err != nil {
		t.Fatal(err)
	}
	if a := n.do("GET", "/t/session", "", have); a.status != http.StatusOK {
		t.Errorf("another incident's end ended it: %d %s", a.status, a.detail)
	}
	if err := n.svc.EndForIncident(t.Context(), n.incident); err != nil {
		t.Fatal(err)
	}
	n.wantClosed(b, 4001, "resolved")
	if a := n.do("GET", "/t/session", "", have); a.code != "session_over" {
		t.Errorf("the cookie still opens: %d %s", a.status, a.code)
	}
	want := []incidents.Kind{incidents.KindTerminalLink, incidents.KindTerminalOpened, incidents.KindTerminalEnded}
	if diff := cmp.Diff(want, n.timeline.kinds()); diff != "" {
		t.Errorf("timeline (-want +got):\n%s", diff)
	}
}

func (n *night) wantClosed(b *browser, code websocket.StatusCode, word string) {
	n.t.Helper()
	var c websocket.CloseError
	within(n.t, time.Minute, "the server hangs up", func() bool { got, ok := b.closed(); c = got; return ok })
	if c.Code != code || !strings.Contains(c.Reason, word) {
		n.t.Errorf("closed with %d %q", c.Code, c.Reason)
	}
}

func TestSessionEndsWhen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		happens func(*night)
		word    string
	}{
		"idle":             {func(n *night) { n.clock.advance(16 * time.Minute) }, "Nothing was tapped"},
		"not allowed":      {func(n *night) { n.gate.refuse(terminal.ErrNotAllowed) }, "no longer use"},
		"label gone":       {func(n *night) { n.gate.refuse(terminal.ErrNotEnabled) }, "snapback.enable"},
		"can't be checked": {func(n *night) { n.gateAway(); n.clock.advance(time.Minute) }, "could not be checked"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			id, have := n.session(access.ModeLogs)
			b := n.connect(id, have)
			within(t, time.Minute, "logs are shown", func() bool { return b.saw("hello") })
			c.happens(n)
			n.wantClosed(b, 4001, c.word)
		})
	}
}

// gateAway returns when no check is under way that has begun before.
func (n *night) gateAway() {
	n.t.Helper()
	n.gate.refuse(errors.New("away"))
	asked := n.gate.asked.Load()
	within(n.t, time.Minute, "it is asked again", func() bool { return n.gate.asked.Load() >= asked+2 })
}

// What takes PagerDuty down may be what is being mended.
func TestSessionOutlastsAShortOutageOfWhoeverTellsWhoMay(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id, have := n.session(access.ModeShell)
	link := n.mint(access.ModeShell)
	b := n.connect(id, have)
	b.startShell()
	n.gate.refuse(fmt.Errorf("%w: away", terminal.ErrUnsure))
	if a := n.redeem(link); a.status != http.StatusServiceUnavailable || a.code != "unsure" {
		t.Errorf("a new link: %d %s", a.status, a.code)
	}
	n.clock.advance(9 * time.Minute)
	before := n.gate.asked.Load()
	within(t, time.Minute, "it was looked at since", func() bool { return n.gate.asked.Load() >= before+2 })
	b.typeIn("echo sti''ll here\n")
	within(t, time.Minute, "the shell goes on", func() bool { return b.saw("still here") })
	n.cut()
	b = n.connect(id, have)
	within(t, time.Minute, "its person is let back in", func() bool { return b.saw("still here") })
	b.typeIn("exit\n")
	within(t, time.Minute, "the shell has ended", func() bool { return b.shellIs("ended") })
	b.say(`{"type":"shell","cols":80,"rows":24}`)
	within(t, time.Minute, "a new shell is refused", func() bool { return strings.Contains(b.message(), "does not tell right now who may") })
	n.clock.advance(2 * time.Minute)
	n.wantClosed(b, 4001, "could not be checked")
}

func TestPermissionHoldsFromWhenItWasAskedFor(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id, have := n.session(access.ModeLogs)
	b := n.connect(id, have)
	slow := func() { // the next answer takes nine minutes, and is the last one
		n.gate.refuse(fmt.Errorf("%w: away", terminal.ErrUnsure))
		n.clock.advance(9 * time.Minute)
	}
	n.gate.during.Store(&slow)
	before := n.gate.asked.Load()
	within(t, time.Minute, "it was asked since", func() bool { return n.gate.asked.Load() >= before+3 })
	n.clock.advance(2 * time.Minute)
	n.wantClosed(b, 4001, "could not be checked")
}

// slowTouch is a store that answers late once: meanwhile sixteen minutes pass, at the end of which the person did something.
type slowTouch struct {
	terminal.Store
	meanwhile func(id string)
}

func (s slowTouch) Touch(ctx context.Context, id string, at time.Time) (terminal.Session, error) {
	sess, err := s.Store.Touch(ctx, id, at)
	s.meanwhile(id)
	return sess, err
}

func TestWhatIsDoneWhileTheStoreAnswersKeepsASessionFromGoingIdle(t *testing.T) {
	t.Parallel()
	var n *night
	var late, was atomic.Bool // the next answer is late, and one was
	n = setup(t, func(c *terminal.Config) {
		real := c.Store
		c.Store = slowTouch{real, func(id string) {
			if !late.CompareAndSwap(true, false) {
				return
			}
			n.clock.advance(16 * time.Minute)
			if _, err := real.Touch(context.WithoutCancel(t.Context()), id, n.clock.now()); err != nil {
				t.Error(err)
			}
			was.Store(true)
		}}
	})
	id, have := n.session(access.ModeLogs)
	b := n.connect(id, have)
	within(t, time.Minute, "the log is there", func() bool { return b.saw("hello") }) // nobody waits for a page that long
	late.Store(true)
	within(t, time.Minute, "an answer was late", was.Load)
	before := n.gate.asked.Load()
	within(t, time.Minute, "it goes on", func() bool { return n.gate.asked.Load() >= before+3 })
}

// A shell's program may ask its terminal something, which the page answers by itself, over and over.
func TestOnlyAPersonKeepsASessionFromGoingIdle(t *testing.T) {
	t.Parallel()
	for sign, kept := range map[string]bool{`{"type":"active"}`: true, "\x1b[24;80R": false} {
		n := setup(t)
		id, have := n.session(access.ModeShell)
		b := n.connect(id, have)
		b.startShell()
		n.clock.advance(10 * time.Minute)
		if kept {
			b.say(sign)
		} else {
			b.typeIn(sign)
		}
		b.typeIn("echo af''ter\n")
		within(t, time.Minute, "both have arrived", func() bool { return b.saw("after") })
		n.clock.advance(6 * time.Minute)
		if !kept {
			n.wantClosed(b, 4001, "Nothing was tapped")
			continue
		}
		b.typeIn("echo sti''ll here\n")
		within(t, time.Minute, "the session goes on", func() bool { return b.saw("still here") })
	}
}

func TestSessionLastsTwoHoursAtMost(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id, have := n.session(access.ModeLogs)
	b := n.connect(id, have)
	for range 12 {
		n.clock.advance(10 * time.Minute)
		now := n.clock.now()
		if _, err := n.store.Touch(t.Context(), id, now); err != nil {
			t.Fatal(err)
		}
	}
	n.wantClosed(b, 4001, "longest")
}

func TestSweepEndsWhatNobodyLooksAtAndSaysSoOnce(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.session(access.ModeLogs)
	n.clock.advance(16 * time.Minute)
	n.timeline.fail(errors.New("away"))
	if err := n.svc.Sweep(t.Context()); err == nil {
		t.Error("an end that could not be recorded went unnoticed")
	}
	n.timeline.fail(nil)
	for range 2 {
		if err := n.svc.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want := []incidents.Kind{incidents.KindTerminalLink, incidents.KindTerminalOpened, incidents.KindTerminalEnded}
	if diff := cmp.Diff(want, n.timeline.kinds()); diff != "" {
		t.Errorf("timeline (-want +got):\n%s", diff)
	}
}

func TestBrowsersAreCapped(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *terminal.Config) { c.PerPerson = 1 })
	id, have := n.session(access.ModeLogs)
	b := n.connect(id, have)
	within(t, time.Minute, "logs are shown", func() bool { return b.saw("hello") })
	_, resp, err := websocket.Dial(t.Context(), n.url+"/t/ws", &websocket.DialOptions{HTTPHeader: have, Subprotocols: []string{terminal.Subprotocol}})
	if err == nil || resp == nil || resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a second one: %v", err)
	}
}

func TestTabOfAnotherSessionIsToldSo(t *testing.T) {
	t.Parallel()
	n := setup(t)
	_, have := n.session(access.ModeLogs)
	n.wantClosed(n.connect("another", have), 4001, "another terminal")
}

// A link that comes with a restore shows the logs from then on, also when the page is loaded anew.
func TestLogsBeginWhereTheLinkSays(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id, have := n.session(access.ModeLogs)
	before := n.connect(id, have)
	within(t, time.Minute, "the log has begun", func() bool { return before.saw("GET /basket/9 ") })
	grant := n.grant(access.ModeLogs)
	grant.LogsSince = time.Now().Truncate(time.Second).Add(time.Second)
	link, err := n.svc.Mint(t.Context(), grant, 0)
	if err != nil {
		t.Fatal(err)
	}
	id, have = n.opened(n.redeem(strings.TrimPrefix(link.URL, n.url+"/t#")))
	for range 2 {
		b := n.connect(id, have)
		within(t, time.Minute, "the log goes on", func() bool { return b.saw("GET /basket/") })
		if b.saw("hello from the first") || b.saw("GET /basket/1 ") {
			t.Error("the log begins earlier")
		}
	}
}

func TestLogsFollowTheContainerThatTakesTheName(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id, have := n.session(access.ModeLogs)
	b := n.connect(id, have)
	within(t, time.Minute, "the first one's log is shown", func() bool { return b.saw("hello from the first") })
	second := n.replace(`echo hello from the second; echo oops >&2; sleep 1000`)
	within(t, time.Minute, "the second one's log is shown", func() bool { return b.saw("hello from the second") && b.saw("oops") })
	if !b.saw("Container replaced: following " + second[:12]) {
		t.Error("the replacement was not said")
	}
}
