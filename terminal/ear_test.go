package terminal_test

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/terminal"
)

// fromConsole opens a session on a phone as the console does.
func (n *night) fromConsole(p *phone) {
	n.t.Helper()
	n.seatOn(p, access.ModeShell)
	p.wait("logs are shown", "#lines", "GET /basket")
	p.connected()
}

// TestTabsAndLogAreSaidForWhatTheyAre has what axe-core does not look for.
func TestTabsAndLogAreSaidForWhatTheyAre(t *testing.T) {
	t.Parallel()
	n, p := setup(t, withConsole), newPhone(t)
	n.fromConsole(p)
	p.wantAccessible("from the console")
	p.yes("all in the list of tabs are tabs", `[...document.querySelectorAll('[role=tablist] > *')].map(e => e.getAttribute('role') + ' ' + e.innerText.trim()).join() === 'tab Logs,tab Shell,tab Changes,tab Snapshots,tab Errors'`)
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('#tab-logs').focus(); 0`))
	for _, to := range []struct{ key, name string }{{"ArrowRight", "Shell"}, {"ArrowRight", "Changes"}, {"End", "Errors"}, {"ArrowRight", "Logs"}, {"ArrowLeft", "Errors"}, {"Home", "Logs"}} {
		p.do(chromedp.Evaluate[chromedp.Void](`document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: '` + to.key + `', bubbles: true})); 0`))
		if at := ask(p, chromedp.Evaluate[string](`document.activeElement.innerText.trim()`)); at != to.name {
			t.Errorf("%s leads to %q, want %q", to.key, at, to.name)
		}
	}
	p.yes("the log is named, and not read out as it comes", `(l => l.getAttribute('role') === 'log' && l.ariaLabel === 'Log lines' && l.ariaLive === 'off')(document.querySelector('#lines'))`)
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('#pause').focus(); 0`))
	p.do(chromedp.KeyEvent("\t"))
	p.yes("the log shows that it has the focus", `document.activeElement.id === 'lines' && getComputedStyle(document.activeElement).outlineStyle !== 'none' && parseFloat(getComputedStyle(document.activeElement).outlineWidth) >= 2`)
	p.do(chromedp.Evaluate[chromedp.Void](`fetch('/t/end' + location.search, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'}); 0`))
	p.yes("the end takes the focus, and the title says it", `document.activeElement.id === 'over-title' && document.title === 'Session ended · Snapback'`)
	p.wantQuiet()
}

// TestWhoLooksCloserHasNoSmallerPage enlarges the page with two fingers.
func TestWhoLooksCloserHasNoSmallerPage(t *testing.T) {
	t.Parallel()
	n, p := setup(t), newPhone(t)
	n.open(p, access.ModeLogs)
	p.openGate()
	p.wait("logs are shown", "#lines", "GET /basket")
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetPageScaleFactor, emulation.SetPageScaleFactorParams{PageScaleFactor: 2})
		return err
	}))
	p.yes("it is enlarged", `Math.abs(visualViewport.scale - 2) < .1`)
	p.do(chromedp.Evaluate[chromedp.Void](`visualViewport.dispatchEvent(new Event('resize')); 0`))
	p.yes("the page is as high as before", `Math.abs(document.querySelector('#main').getBoundingClientRect().height - 844) < 10 && !document.body.classList.contains('keyboard')`)
	p.wantQuiet()
}

// TestAWatcherCanHaveTheShellReadAloud has no keys, beside which the switch is for others.
func TestAWatcherCanHaveTheShellReadAloud(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a, b := newPhone(t), newPhone(t)
	n.openFor(a, ada)
	a.tap("#tab-shell")
	a.tap("#start")
	a.wait("a prompt is there", ".xterm-rows", "#")
	n.openFor(b, tom)
	b.wait("the shell is offered", "#others", "Ada Example has a shell here")
	b.tap("#others button")
	b.wait("it is watched", "#crowd-who", "you watch")
	b.tap("#reader")
	b.yes("its lines are there as text", `document.querySelector('.xterm-accessibility') && document.querySelector('#reader').ariaPressed === 'true'`)
	b.wantAccessible("watching aloud")
	b.sized("watching-aloud")
	b.wantQuiet()
}

// TestStartingAShellIsSeen has the passkey take its time, and the first shell refused.
func TestStartingAShellIsSeen(t *testing.T) {
	t.Parallel()
	n, p := setup(t, withConsole), newPhone(t)
	n.fromConsole(p)
	p.do(chromedp.Evaluate[chromedp.Void](`window.real = fetch; window.fetch = (path, init) => String(path).startsWith('/console/fresh') ? new Promise((done, failed) => { window.fail = failed; }) : real(path, init); 0`))
	p.tap("#tab-shell")
	p.tap("#start")
	p.yes("it says what it waits for", `(b => b.disabled && b.innerText === 'Checking your passkey…')(document.querySelector('#start'))`)
	p.yes("it is asked", `window.fail`)
	p.do(chromedp.Evaluate[chromedp.Void](`fail(new Error('no')); 0`))
	p.yes("then it can be tapped again", `(b => !b.disabled && b.innerText === 'Start shell')(document.querySelector('#start'))`)
	p.do(chromedp.Evaluate[chromedp.Void](`window.fetch = real; 0`))
	n.gate.refuseShells(terminal.ErrNotAllowed)
	p.tap("#start")
	p.yes("it is refused", `document.querySelector('#shell').classList.contains('over')`)
	p.wait("there was no other shell", "#start", "Start shell")
	n.gate.refuseShells(nil)
	p.tap("#start")
	p.wait("a prompt is there", ".xterm-rows", "#")
	p.typeIn("exit")
	p.enter()
	p.wait("afterwards there was one", "#start", "Start another shell")
	p.wantQuiet()
}
