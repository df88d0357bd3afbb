package terminal_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/testkit"
)

const nonce = "00112233445566778899aabbccddeeff"

func (n *night) redeemBy(token, nonce string) answer {
	n.t.Helper()
	return n.do("POST", "/t/redeem", fmt.Sprintf(`{"token":%q,"nonce":%q}`, token, nonce), n.fromPage())
}

// TestALostAnswerDoesNotUseALinkUp asks again as the page does that has heard nothing.
func TestALostAnswerDoesNotUseALinkUp(t *testing.T) {
	t.Parallel()
	n := setup(t)
	token := n.mint(access.ModeShell)
	first := n.redeemBy(token, nonce)
	n.clock.advance(time.Minute)
	again := n.redeemBy(token, nonce)
	if first.status != http.StatusOK || again.status != http.StatusOK {
		t.Fatalf("got %d, then %d %s", first.status, again.status, again.detail)
	}
	if a, b := first.cookies[0].Value, again.cookies[0].Value; a != b {
		t.Error("the first answer's cookie would not do any more")
	}
	if open, err := n.store.Sessions(t.Context()); err != nil || len(open) != 1 {
		t.Errorf("%d sessions: %v", len(open), err)
	}
	if told := n.timeline.of(incidents.KindTerminalOpened); len(told) != 2 || !strings.Contains(told[1].Summary, "asked again") {
		t.Errorf("the timeline has %v", told)
	}
	for what, other := range map[string]string{"another nonce": strings.Repeat("f", 32), "no nonce": ""} {
		if a := n.redeemBy(token, other); a.code != "link_used" || len(a.cookies) != 0 {
			t.Errorf("%s: %d %s", what, a.status, a.code)
		}
	}
	n.clock.advance(time.Minute + time.Second)
	if a := n.redeemBy(token, nonce); a.code != "link_used" {
		t.Errorf("after two minutes: %d %s", a.status, a.code)
	}
}

// TestAskingAgainIsForALinkThatGoesOn has what the link opened end meanwhile, and the permission go.
func TestAskingAgainIsForALinkThatGoesOn(t *testing.T) {
	t.Parallel()
	n := setup(t)
	token := n.mint(access.ModeLogs)
	id, have := n.opened(n.redeemBy(token, nonce))
	n.gate.refuse(access.ErrDenied)
	if a := n.redeemBy(token, nonce); a.code != "not_allowed" {
		t.Errorf("without the permission: %d %s", a.status, a.code)
	}
	n.gate.refuse(nil)
	n.do("POST", "/t/end?session="+id, "{}", have)
	if a := n.redeemBy(token, nonce); a.code != "link_used" {
		t.Errorf("once it has ended: %d %s", a.status, a.code)
	}
}

// TestALinkThatCouldNotBeRecordedOpensWhenItCan: the page offers to try again.
func TestALinkThatCouldNotBeRecordedOpensWhenItCan(t *testing.T) {
	t.Parallel()
	n := setup(t)
	token := n.mint(access.ModeLogs)
	n.timeline.fail(errors.New("away"))
	if a := n.redeemBy(token, nonce); a.code != "not_recorded" {
		t.Fatalf("got %d %s", a.status, a.code)
	}
	n.timeline.fail(nil)
	_, have := n.opened(n.redeemBy(token, nonce))
	if a := n.do("GET", "/t/session", "", have); a.status != http.StatusOK {
		t.Errorf("the session answers %d %s", a.status, a.detail)
	}
}

// TestWhatASweepSaysTooLateHidesNoEnd has it note that the end of a session was told which goes on by now.
func TestWhatASweepSaysTooLateHidesNoEnd(t *testing.T) {
	t.Parallel()
	n := setup(t)
	token, away := n.mint(access.ModeLogs), errors.New("away")
	n.timeline.fail(away)
	n.redeemBy(token, nonce)
	n.timeline.fail(nil)
	id, have := n.opened(n.redeemBy(token, nonce))
	testkit.OK(t, n.store.Audited(t.Context(), id))
	n.timeline.fail(away)
	n.do("POST", "/t/end?session="+id, "{}", have)
	n.timeline.fail(nil)
	testkit.OK(t, n.svc.Sweep(t.Context()))
	if got := n.timeline.last(incidents.KindTerminalEnded).Summary; !strings.HasSuffix(got, "You ended the session.") {
		t.Errorf("the timeline has %q of its end", got)
	}
}

func TestANonceOpensOneSessionWhenAHundredAskAtOnce(t *testing.T) {
	t.Parallel()
	n := setup(t)
	token := n.mint(access.ModeLogs)
	var mu sync.Mutex
	got := map[string]int{}
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			a := n.redeemBy(token, nonce)
			mu.Lock()
			defer mu.Unlock()
			for _, c := range a.cookies {
				got[c.Value]++
			}
		})
	}
	group.Wait()
	if len(got) != 1 {
		t.Errorf("%d cookies were given", len(got))
	}
	if open, err := n.store.Sessions(t.Context()); err != nil || len(open) != 1 {
		t.Errorf("%d sessions: %v", len(open), err)
	}
}

func TestAShortNonceIsRefused(t *testing.T) {
	t.Parallel()
	n := setup(t)
	token := n.mint(access.ModeLogs)
	for _, bad := range []string{"1", nonce[:21], strings.Repeat("x", 129)} {
		if a := n.redeemBy(token, bad); a.code != "malformed" {
			t.Errorf("%d letters: %d %s", len(bad), a.status, a.code)
		}
	}
}

// TestDatabaseHoldsNoNonce looks at the link and at its session.
func TestDatabaseHoldsNoNonce(t *testing.T) {
	t.Parallel()
	n := setup(t)
	cookie := n.redeemBy(n.mint(access.ModeLogs), nonce).cookies[0].Value
	var found int
	err := n.store.pool.QueryRow(t.Context(), `SELECT count(*) FROM terminal_links l, terminal_sessions s
		WHERE l::text || s::text LIKE '%' || $1 || '%' OR l::text || s::text LIKE '%' || $2 || '%'`, nonce, cookie).Scan(&found)
	if err != nil || found != 0 {
		t.Errorf("%d rows hold the nonce or the cookie: %v", found, err)
	}
}

// TestAPhoneWhoseAnswerIsLostGetsIn loses the answer after the bot has opened the session.
func TestAPhoneWhoseAnswerIsLostGetsIn(t *testing.T) {
	t.Parallel()
	t.Run("the connection breaks", func(t *testing.T) {
		t.Parallel()
		n, line, p, _ := answerIsLost(t)
		line.hole(false)
		line.cut() // now the browser asks again by itself, or the page offers to
		n.isIn(p)
	})
	t.Run("the link is tapped in Slack again", func(t *testing.T) {
		t.Parallel()
		n, line, p, link := answerIsLost(t)
		p.do(chromedp.Evaluate[chromedp.Void](`sessionStorage.clear()`), chromedp.Navigate("about:blank")) // as in another tab
		line.hole(false)
		line.cut()
		p.visit(link)
		n.isIn(p)
	})
}

// answerIsLost taps a link open over a line that carries nothing once the bot has begun to write the session down.
func answerIsLost(t *testing.T) (n *night, l *line, p *phone, link string) {
	n, l = behind(t)
	p = newPhone(t)
	made, err := n.svc.Mint(t.Context(), n.grant(access.ModeLogs), 0)
	if err != nil {
		t.Fatal(err)
	}
	p.visit(made.URL)
	lost := sync.OnceFunc(func() { l.hole(true) })
	during := func(e incidents.Entry) {
		if e.Kind == incidents.KindTerminalOpened {
			lost()
		}
	}
	n.timeline.during.Store(&during)
	p.tapGate("it is tapped", `document.querySelector('#gate-open').textContent === 'Opening…'`)
	within(t, time.Minute, "the bot has opened it", func() bool { return len(n.timeline.of(incidents.KindTerminalOpened)) > 0 })
	return n, l, p, made.URL
}

func (n *night) isIn(p *phone) {
	n.t.Helper()
	p.openGate()
	p.wait("logs are shown", "#lines", "GET /basket")
	if open, err := n.store.Sessions(n.t.Context()); err != nil || len(open) != 1 {
		n.t.Errorf("%d sessions are open: %v", len(open), err)
	}
	if told := len(n.timeline.of(incidents.KindTerminalOpened)); told < 2 {
		n.t.Errorf("the answer was not lost: it was opened %d times", told)
	}
	p.wantQuiet()
}
