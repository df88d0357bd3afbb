package terminal_test

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
)

// blocks has a phone's network refuse all addresses of a kind; none: nothing any more.
func (p *phone) blocks(pattern string) {
	p.t.Helper()
	if pattern == "" {
		pattern = "*://*:*/nothing" // none at all would be left out of the message
	}
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, network.Enable, network.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, network.SetBlockedURLs, network.SetBlockedURLsParams{URLPatterns: []*network.BlockPattern{{URLPattern: pattern, Block: true}}})
		return err
	}))
}

const (
	shellScript = "*://*:*/*/shell-*.js*"
	notYet      = "The terminal could not be loaded yet. Trying again."
)

// answers has the page's own fetches of the script be answered by something else: a Response, in JavaScript; "": by nothing else any more.
func (p *phone) answers(response string) {
	p.t.Helper()
	if response == "" {
		response = "real(a, init)"
	}
	p.do(chromedp.Evaluate[chromedp.Void](`window.real ??= fetch; window.fetch = async (a, init) => String(a).includes('/shell-') ? ` + response + ` : real(a, init); 0`))
}

// TestAShellsScriptThatFailsIsTriedAgain: a browser does not ask for a module's address again that has failed, as it does here where the page has
// fetched it, and the browser has not kept it.
func TestAShellsScriptThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	n, p := setup(t), newPhone(t)
	n.open(p, access.ModeShell)
	p.blocks(shellScript)
	p.answers(`new Response('kept by nobody')`)
	p.openGate()
	p.tap("#tab-shell")
	p.wait("it is said", "#shell-text", notYet)
	p.yes("it is tried again and again", `performance.getEntriesByType('resource').filter(r => /shell-.*again=[34]/.test(r.name)).length > 1`)
	if text, off := p.text("#start"), ask(p, chromedp.Evaluate[bool](`document.querySelector('#start').disabled`)); text != "Loading…" || !off {
		t.Errorf("the button says %q, to be tapped: %v", text, !off)
	}
	for _, scheme := range []string{"dark", "light"} {
		p.dressed(scheme)
		p.picture("50-not-loaded-yet-" + scheme)
	}
	p.wantAccessible("a shell that is not loaded yet")
	p.answers(`(window.refused = (window.refused ?? 0) + 1, new Response('404 page not found', {status: 404}))`)
	p.yes("a proxy refuses it, while there is no bot behind it", `window.refused > 1`)
	if got := p.text("#shell-text"); got != notYet {
		t.Errorf("after a proxy's 404 it says %q", got)
	}
	p.answers("")
	p.yes("it is fetched in vain", `performance.getEntriesByType('resource').some(r => r.initiatorType === 'fetch' && r.name.includes('/shell-'))`)
	p.blocks("")
	p.wait("it comes by itself", "#shell-text", "A shell in ")
	p.tap("#start")
	p.wait("a prompt is there", ".xterm-rows", "#")
	p.wantQuiet()
}

// TestARunningShellWaitsForItsScript has a page that is loaded again on a bad network, while a shell runs.
func TestARunningShellWaitsForItsScript(t *testing.T) {
	t.Parallel()
	n, p := prompted(t)
	p.typeIn("stty size; echo he''re\n")
	p.wait("it answers", ".xterm-rows", "here")
	p.blocks(shellScript)
	p.do(chromedp.Navigate(n.url + "/t"))
	p.wait("it is said", "#shell-text", notYet)
	p.yes("it has contact with the shell", `document.body.classList.contains('shell-runs')`)
	p.picture("51-runs-not-loaded")
	if ask(p, chromedp.Evaluate[bool](`!document.querySelector('#keys').hidden || !document.querySelector('#writing').hidden`)) {
		t.Error("keys are there that do nothing")
	}
	if ask(p, chromedp.Evaluate[bool](`sent.includes('resize')`)) {
		t.Error("a size was told before there was anything to measure")
	}
	p.blocks("")
	p.wait("what it has shown is there", ".xterm-rows", "here")
	p.yes("the size is told", `sent.includes('resize')`)
	p.typeIn("echo ba''ck\n")
	p.wait("it goes on", ".xterm-rows", "back")
	p.tap("#tab-logs")
	p.do(chromedp.Navigate(n.url + "/t"))
	p.yes("it is loaded, behind the logs", `!document.querySelector('#keys').hidden`)
	if ask(p, chromedp.Evaluate[bool](`sent.includes('resize')`)) {
		t.Error("a size was told of a screen that nobody has looked at")
	}
	p.tap("#tab-shell")
	p.yes("the size is told", `sent.includes('resize')`)
	p.wantQuiet()
}

// TestAPageOfAnotherVersionSaysSo has a page that names a script which the bot does not have, as one does after an upgrade.
func TestAPageOfAnotherVersionSaysSo(t *testing.T) {
	t.Parallel()
	n, p := setup(t), newPhone(t)
	n.open(p, access.ModeShell)
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('script[data-shell]').dataset.shell = '/t/assets/shell-00000000.js'`))
	p.openGate()
	p.tap("#tab-shell")
	p.wait("it is said", "#shell-text", "Snapback has been updated since this page was loaded.")
	p.wait("there is a way", "#start", "Load the page again")
	p.picture("52-outdated")
	p.tap("#start")
	p.wait("the page is another", "#start", "Start shell")
	p.tap("#start")
	p.wait("a prompt is there", ".xterm-rows", "#")
	p.wantQuiet()
}

// TestAShellsScriptThatHangsIsNotWaitedFor has a connection that neither brings it nor breaks.
func TestAShellsScriptThatHangsIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	for how, tapped := range map[string]bool{"by itself": false, "by a tap": true} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			n, p := setup(t), newPhone(t)
			p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error { // a request that is stopped, and that nobody lets go on
				_, err := cdp.Call(ctx, t, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: "*/shell-*.js"}}})
				return err
			}))
			n.open(p, access.ModeShell)
			p.openGate()
			p.tap("#tab-shell")
			began := time.Now()
			p.wait("it is waited for", "#start", "Loading…")
			if tapped {
				p.yes("it is there after a tap", `document.querySelector('#tab-shell').click() || document.querySelector('#start').innerText === 'Start shell'`)
			}
			p.tap("#start")
			if took := time.Since(began); tapped && took > 15*time.Second || !tapped && took < 10*time.Second {
				t.Errorf("it took %v", took)
			}
			p.wait("a prompt is there", ".xterm-rows", "#")
			p.wantQuiet()
		})
	}
}

// TestAShellsScriptOnASlowNetworkIsLoadedOnce, which takes longer than one that hangs would be waited for.
func TestAShellsScriptOnASlowNetworkIsLoadedOnce(t *testing.T) {
	t.Parallel()
	n, p := setup(t), newPhone(t)
	n.open(p, access.ModeShell)
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.Enable, network.EnableParams{})
		return err
	}))
	p.throttled(4000)
	p.openGate()
	began := time.Now()
	p.tap("#tab-shell")
	for time.Since(began) < 10*time.Second { // an impatient thumb
		p.tap("#tab-shell")
		time.Sleep(time.Second)
	}
	within(t, 2*time.Minute, "it can be started", func() bool { return p.text("#start") == "Start shell" })
	if took := time.Since(began); took < 16*time.Second {
		t.Errorf("after %v: that was not slow", took)
	}
	p.throttled(-1)
	p.tap("#start")
	p.wait("a prompt is there", ".xterm-rows", "#")
	if ask(p, chromedp.Evaluate[bool](`performance.getEntriesByType('resource').some(r => r.name.includes('again='))`)) {
		t.Error("it was asked for again, although it came")
	}
	p.wantQuiet()
}
