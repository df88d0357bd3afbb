package terminal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/browsertest"
	"github.com/snapback/snapback/terminal"
)

const typedKept = `Object.keys(sessionStorage).some(k => k.startsWith('snapback.typed'))`

// losesTyping has the page that is open send nothing any more of what is typed.
func (p *phone) losesTyping() {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void](`(send => { WebSocket.prototype.send = function (m) { if (typeof m !== 'string' || JSON.parse(m).type !== 'typed') send.call(this, m); }; })(WebSocket.prototype.send); 0`))
}

// TestWhatIsHeldOutlivesAReload sends it by a tap, keeps no password, and has it on the page that says that the session is over.
func TestWhatIsHeldOutlivesAReload(t *testing.T) {
	t.Parallel()
	n, p := prompted(t)
	p.losesTyping()
	p.typeIn("echo af''ter")
	p.wait("it is held", "#held-text", "echo af''ter")
	for range 2 { // what is kept once is kept again
		p.do(browsertest.Reload())
		p.wait("it is given back", "#held-words", "Typed before the page was loaded anew. Some of it may have arrived:")
		p.wait("all of it", "#held-text", "echo af''ter")
	}
	p.picture("24-kept")
	p.wantInReach("what was kept")
	p.wait("the shell is shown", ".xterm-rows", "#")
	p.tap("#held-send")
	p.wait("a tap sends it", ".xterm-rows", "echo af''ter")
	p.yes("nothing is kept any more", `document.querySelector('#held').hidden && !`+typedKept)

	p.tap("#term")
	p.typeIn("; printf 'Pass''word: '; stty -echo; head -n 1 >/dev/null; stty echo")
	p.enter()
	p.wait("a password is asked for", ".xterm-rows", "Password:")
	p.losesTyping()
	p.typeIn("hunter2")
	p.wait("it is held, unseen", "#held-text", "•••••••")
	p.yes("that one was is kept, and it is not", typedKept+` && !JSON.stringify(sessionStorage).includes('hunter2')`)
	p.do(browsertest.Reload())
	p.wait("it says so", "#held-words", "A password was typed before the page was loaded anew, and was not kept.")
	p.yes("there is nothing to send", `document.querySelector('#held-send').hidden && document.querySelector('#held-text').innerText === ''`)
	p.picture("25-password-not-kept")
	p.tap("#held-drop")
	p.yes("it is dropped", `document.querySelector('#held').hidden && !`+typedKept)
	p.wantQuiet()

	p.tap("#term")
	p.enter()
	p.typeIn("echo ba''ck")
	p.enter()
	p.wait("the password is no longer asked for", ".xterm-rows", "back")
	p.losesTyping()
	p.typeIn("left")
	p.yes("it is kept", typedKept)
	p.do(chromedp.Navigate("about:blank"))
	n.gate.refuse(access.ErrDenied)
	within(t, time.Minute, "the session has ended", func() bool {
		open, err := n.store.Sessions(t.Context())
		return err == nil && len(open) == 0
	})
	p.do(browsertest.Load(n.url + "/t"))
	p.wait("the page has it", "#over-text", "Typed, and perhaps not sent: left")
}

// TestWhatIsGivenBackOutlivesAReload has the bot refuse it, while the database is away.
func TestWhatIsGivenBackOutlivesAReload(t *testing.T) {
	t.Parallel()
	n, p := setup(t, forLong), newPhone(t)
	n.atPrompt(p)
	away := terminal.ErrStoreAway
	n.store.failing.Store(&away)
	p.typeIn("ec")
	p.yes("output waits", `banners.some(b => b.text.includes('output waits'))`)
	p.typeIn("ho he''re")
	p.wait("typing is given back", "#held-words", "Not sent:")
	n.store.failing.Store(nil)
	p.do(browsertest.Reload())
	p.wait("so it is after a reload", "#held-words", "Typed before the page was loaded anew. It was not sent:")
	p.wait("what has waited is shown", ".xterm-rows", "ec")
	p.tap("#held-send")
	p.wait("a tap sends it", ".xterm-rows", "echo he''re")
	if got := strings.Count(p.text(".xterm-rows"), "he''re"); got != 1 {
		t.Errorf("it was sent %d times", got)
	}
	p.wantQuiet()
}
