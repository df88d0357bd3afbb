package terminal_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/browsertest"
)

const (
	tapAgain = 5 * time.Second // a tap that the page has had the time for, and that nothing has come of since, was lost

	gateIsThere = `document.querySelector('#gate')?.hidden === false`
	gateIsOpen  = `document.querySelector('#main')?.hidden === false`
	gateRefused = `document.querySelector('#gate-error')?.hidden === false && document.querySelector('#gate-open').disabled`
	// gateWaits has been drawn, is not at a tap, and either nothing has come of one so far, or the way to the bot broke down.
	gateWaits = gateIsThere + ` && window.tapDone !== false && performance.getEntriesByName('first-contentful-paint').length > 0 &&
		(document.querySelector('#gate-open').innerText === 'Open terminal' || document.querySelector('#gate-error').innerText.includes("can't be reached"))`
)

// openGate taps until the terminal is there.
func (p *phone) openGate() {
	p.t.Helper()
	p.tapGate("the gate opens", gateIsOpen)
}

// wantGateRefused taps until it is said why the link can't be opened.
func (p *phone) wantGateRefused(what, why string) {
	p.t.Helper()
	p.tapGate("the gate refuses", gateRefused)
	p.wait(what, "#gate-error", why)
}

// tapGate taps more than once where it has to: a browser drops touches before a page's first frame, and takes one for a long press
// when the machine is slow between its beginning and its end.
func (p *phone) tapGate(what, until string) {
	p.t.Helper()
	var at time.Time
	within(p.t, 2*time.Minute, what, func() bool {
		if ask(p, chromedp.Evaluate[bool](until)) {
			return true
		}
		if time.Since(at) < tapAgain || !ask(p, chromedp.Evaluate[bool](gateWaits)) {
			return false
		}
		if m := p.middle(`document.querySelector('#gate-open')`); len(m) > 0 {
			p.do(browsertest.Tap(m[0], m[1]))
			p.do(chromedp.Evaluate[chromedp.Void](`window.tapDone = false; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => { window.tapDone = true; }))); 0`))
			at = time.Now()
		}
		return false
	})
}

// loadAgain is how long a page may take whose scripts are on their way.
const loadAgain = 20 * time.Second

// visit loads a link until its gate is there: a browser gives a page up, or its scripts, when another test's network comes or goes on this
// machine.
func (p *phone) visit(url string) {
	p.t.Helper()
	p.load(url, "the gate is there", gateIsThere)
}

// load is that, until something is so.
func (p *phone) load(url, what, is string) {
	p.t.Helper()
	var at time.Time // when it was loaded
	within(p.t, 2*time.Minute, what, func() bool {
		if time.Since(at) > loadAgain {
			// The link by itself would be another fragment of the same page, which reloads itself.
			loads := chromedp.Do(p.ctx, chromedp.Navigate("about:blank")) == nil && chromedp.Do(p.ctx, browsertest.Load(url)) == nil
			if !loads || !ask(p, chromedp.Evaluate[bool](`document.querySelector('#gate') !== null`)) {
				return false
			}
			at = time.Now()
		}
		return ask(p, chromedp.Evaluate[bool](is))
	})
}

// TestALostTapIsTappedAgain has the page miss the first touch.
func TestALostTapIsTappedAgain(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := newPhone(t)
	n.open(p, access.ModeLogs)
	p.do(chromedp.Evaluate[chromedp.Void](`addEventListener('click', e => { e.stopPropagation(); window.lost = true; }, {capture: true, once: true}); 0`))
	p.openGate()
	p.yes("one was lost", `window.lost`)
}

// TestAClockThatIsFastKeepsNobodyOut: whether a link has expired is for the bot to say.
func TestAClockThatIsFastKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.clock.advance(-2 * time.Hour)
	p := newPhone(t)
	n.open(p, access.ModeLogs)
	p.wait("the phone's clock is told", "#gate-expiry", "by this device's clock")
	p.openGate()
}

// TestAGateOpensOnceThereIsAnAnswer has a proxy answer in the place of a bot that starts anew, and then a bot whose database is away.
func TestAGateOpensOnceThereIsAnAnswer(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := newPhone(t)
	n.open(p, access.ModeLogs)
	tap := chromedp.Evaluate[chromedp.Void](`(b => { b.focus(); b.click(); })(document.querySelector('#gate-open'))`) // as by keyboard
	answers := func(body string) {
		t.Helper()
		p.do(chromedp.Evaluate[chromedp.Void](`window.real ??= fetch; window.fetch = (path, init) => path === '/t/redeem' ? new Promise(done => setTimeout(() => done(new Response('` + body + `', {status: 503})), 100)) : real(path, init); 0`))
	}
	answers("<html>")
	p.tapGate("it can be tapped again", `document.querySelector('#gate-open').innerText === 'Try again' && !document.querySelector('#gate-open').disabled`)
	answers(`{"code":"database_away","detail":"Try it later."}`)
	p.do(tap)
	p.wait("it says why not", "#gate-error", "Try it later.")
	p.yes("it can be tapped still, and has the focus", `!document.querySelector('#gate-open').disabled && document.activeElement.id === 'gate-open'`)
	p.do(chromedp.Evaluate[chromedp.Void](`window.fetch = real; 0`))
	p.do(tap)
	p.wait("logs are shown", "#lines", "hello from the first")
}
