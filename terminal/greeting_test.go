package terminal_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// holdWords keeps from the page what the bot says on connections that are opened from now on, until let is called.
const holdWords = `window.kept = [];
const inner = Object.getOwnPropertyDescriptor(WebSocket.prototype, 'onmessage');
Object.defineProperty(WebSocket.prototype, 'onmessage', { set(hear) { inner.set.call(this, e => kept ? kept.push(() => hear.call(this, e)) : hear.call(this, e)); } });
window.let = () => { const all = kept; kept = null; all.forEach(f => f()); };
window.before = sent.filter(s => s === 'typed').length;`

// TestWhatIsTypedBeforeTheGreetingWaitsForIt: on a new connection the page does not know yet what the bot has taken.
func TestWhatIsTypedBeforeTheGreetingWaitsForIt(t *testing.T) {
	t.Parallel()
	n, line := behind(t)
	p := newPhone(t)
	n.atPrompt(p)
	p.do(chromedp.Evaluate[chromedp.Void](holdWords))
	line.cut()
	p.yes("another connection is open, and its greeting is under way", `kept.length > 0`)
	p.typeIn("echo gre''eted")
	p.enter()
	p.wait("what is typed waits in sight", "#held-text", "echo gre''eted⏎")
	if !ask(p, chromedp.Evaluate[bool](`sent.filter(s => s === 'typed').length === before`)) {
		t.Error("it was sent before the bot had said what it has")
	}
	p.do(chromedp.Evaluate[chromedp.Void](`window.let()`))
	p.wait("it is sent after the greeting", ".xterm-rows", "greeted")
	p.yes("nothing is given back", `document.querySelector('#held').hidden`)
	if got := p.shows("greeted"); got != 1 {
		t.Errorf("the shell shows it %d times: %s", got, p.text(".xterm-rows"))
	}
	p.wantQuiet()
}
