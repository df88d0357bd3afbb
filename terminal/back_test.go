package terminal_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/browsertest"
)

// TestReloadKeepsTheView looks at the shell and at the errors, and reloads.
func TestReloadKeepsTheView(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := newPhone(t)
	n.open(p, access.ModeShell)
	p.openGate()
	p.tap("#tab-shell")
	p.tap("#start")
	p.wait("a prompt is there", ".xterm-rows", "#")
	p.typeIn("echo sti''ll")
	p.enter()
	p.wait("the shell answers", ".xterm-rows", "still")
	p.do(browsertest.Reload())
	p.yes("the shell is in sight again", `document.querySelector('#tab-shell').ariaSelected === 'true' && document.querySelector('.xterm-rows')?.getBoundingClientRect().height > 300`)
	p.wait("with what it showed", ".xterm-rows", "still")
	p.typeIn("echo go''es on")
	p.enter()
	p.wait("and it goes on", ".xterm-rows", "goes on")
	p.picture("13-reloaded")
	p.tap("#tab-errors")
	p.do(browsertest.Reload())
	p.yes("so are the errors", `document.querySelector('#errors').getBoundingClientRect().height > 300 && document.querySelector('#shell').hidden`)
	p.wantQuiet()
}

// TestUsedLinkLeadsBack taps a link again in the browser that holds its session, and in another one.
func TestUsedLinkLeadsBack(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := newPhone(t)
	link, err := n.svc.Mint(t.Context(), n.grant(access.ModeLogs), 0)
	if err != nil {
		t.Fatal(err)
	}
	again := func(p *phone) { p.do(chromedp.Navigate("about:blank"), browsertest.Load(link.URL)) }
	again(p)
	p.openGate()
	p.wait("logs are shown", "#lines", "hello from the first")
	p.do(chromedp.Evaluate[chromedp.Void](`sessionStorage.clear()`)) // as in another tab
	again(p)
	p.wait("it leads back", "#lines", "GET /basket")
	p.yes("without a tap", `!document.querySelector('#main').hidden && document.querySelector('#gate').hidden && location.hash === ''`)
	p.picture("14-back")
	if open, err := n.store.Sessions(t.Context()); err != nil || len(open) != 1 {
		t.Errorf("%d sessions are open: %v", len(open), err)
	}
	stranger := newPhone(t)
	again(stranger)
	stranger.wantGateRefused("nobody else gets in", "This link was already used at ")
	p.do(chromedp.Evaluate[chromedp.Void](`fetch('/t/end', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'})`))
	p.wait("the session ends", "#over-title", "Session ended")
	again(p)
	p.wantGateRefused("then it is a used link", "This link was already used at ")
	p.wantQuiet()
}
