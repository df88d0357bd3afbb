package terminal_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/internal/browsertest"
	"github.com/snapback/snapback/terminal"
)

const composeKey = "#compose-key"

// hold puts a finger on something and leaves it there for so long.
func (p *phone) hold(selector string, until func()) {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector(` + quote(selector) + `).scrollIntoView({inline: 'center', block: 'nearest'})`))
	at := ask(p, chromedp.Evaluate[[]float64](`(r => [r.x + r.width / 2, r.y + r.height / 2])(document.querySelector(`+quote(selector)+`).getBoundingClientRect())`))
	p.touches(input.DispatchTouchEventTypeTouchStart, &input.TouchPoint{X: at[0], Y: at[1]})
	until()
	p.touches(input.DispatchTouchEventTypeTouchEnd)
}

func (p *phone) key(name string) string { return `#keys button[aria-label="` + name + `"]` }

// forgetTyped begins to listen anew to what the page sends as typed.
func (p *phone) forgetTyped() {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void](`typed.length = 0; 0`))
}

// sends says what was typed since it was asked last.
func (p *phone) sends(what, want string) {
	p.t.Helper()
	within(p.t, time.Minute, what, func() bool {
		return ask(p, chromedp.Evaluate[string](`typed.join('')`)) == want
	})
	p.forgetTyped()
}

func TestTheComposeLineSendsAWholeText(t *testing.T) {
	t.Parallel()
	_, p := prompted(t)
	p.tap(composeKey)
	p.yes("it has the focus", `document.activeElement.id === 'compose-text'`)
	p.wantAccessible("compose")
	p.typeIn("echo com''posed")
	p.tap("#compose-send")
	p.wait("the shell answers", ".xterm-rows", "composed")
	p.yes("it stays open, and is empty", `document.activeElement.id === 'compose-text' && document.querySelector('#compose-text').value === ''`)
	p.sends("it was one piece", "echo com''posed\r")
	p.typeIn("echo dr''aft")
	p.do(browsertest.Reload())
	p.yes("a draft outlives a reload", `document.querySelector('#compose-text')?.value === "echo dr''aft" && !document.querySelector('#writing').hidden`)
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('#compose-text').focus()`))
	p.enter()
	p.wait("Enter sends", ".xterm-rows", "draft")
	p.forgetTyped()
	p.tap("#compose-back")
	p.yes("what was sent can be had again", `document.querySelector('#compose-text').value === "echo dr''aft"`)
	p.tap("#compose-enter")
	p.tap("#compose-send")
	p.sends("without Enter", "echo dr''aft")
	p.tap(p.key("Control C"))
	p.sends("Control C is at hand", "\x03")
	p.tap(composeKey)
	p.yes("the keyboard types again", `document.querySelector('#compose').hidden && document.activeElement.className.includes('xterm')`)
	p.wantQuiet()
}

// TestSeveralLinesAreOnePasteToWhoAsksForIt has a program that does, and one that does not. Nothing that is pasted can end the paste.
func TestSeveralLinesAreOnePasteToWhoAsksForIt(t *testing.T) {
	t.Parallel()
	_, p := prompted(t)
	p.tap(composeKey)
	text := func() {
		p.do(chromedp.Evaluate[chromedp.Void](`(f => { f.focus(); f.value = 'one\ntwo\x1b[201~three'; f.dispatchEvent(new Event('input')); })(document.querySelector('#compose-text'))`))
		p.wait("it says how many lines go", "#compose-send", "Send 2")
	}
	text()
	p.picture("51-compose-lines")
	p.forgetTyped()
	p.tap("#compose-send")
	p.sends("lines are keys to a shell that takes no pastes", "one\rtwo[201~three\r")
	p.typeIn(`printf '\033[?2004h'; cat`)
	p.tap("#compose-send")
	p.sends("a program starts", "printf '\\033[?2004h'; cat\r")
	p.yes("it asks for whole pastes", `[...document.querySelectorAll('.xterm-rows > div')].at(-1) !== null`)
	within(t, time.Minute, "the text goes as one paste", func() bool {
		text()
		p.tap("#compose-send")
		got := ask(p, chromedp.Evaluate[string](`typed.join('')`))
		p.forgetTyped()
		return got == "\x1b[200~one\rtwo[201~three\x1b[201~\r"
	})
	p.do(chromedp.Evaluate[chromedp.Void](`typed.length = 0; (f => { f.focus(); const data = new DataTransfer(); data.setData('text/plain', 'x\x1b[201~\x03rm'); f.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true})); })(document.querySelector('.xterm-helper-textarea'))`))
	p.sends("nor can what the keyboard pastes", "\x1b[200~x[201~rm\x1b[201~")
	p.wantQuiet()
}

// TestAPasteOfTheBrowsersIsTypedOnce has the browser itself copy and paste, as no script can.
func TestAPasteOfTheBrowsersIsTypedOnce(t *testing.T) {
	t.Parallel()
	_, p := prompted(t)
	edit := func(field, command string) {
		p.do(chromedp.Evaluate[chromedp.Void](`(f => { f.focus(); f.select(); })(document.querySelector('`+field+`'))`),
			chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
				_, err := cdp.Call(ctx, t, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: "keyDown", Key: "F13", Code: "F13", Commands: []string{command}})
				return err
			}))
	}
	p.do(chromedp.Evaluate[chromedp.Void](`(f => { f.id = 'source'; f.value = "echo pa''sted"; document.body.append(f); })(document.createElement('textarea'))`))
	edit("#source", "copy")
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('#source').remove(); typed.length = 0; 0`))
	edit(".xterm-helper-textarea", "paste")
	p.enter()
	p.wait("it has run", ".xterm-rows", "pasted")
	p.sends("once", "echo pa''sted\r")
	p.wantQuiet()
}

// TestAComposedPasswordIsNotKept asks for one as programs do.
func TestAComposedPasswordIsNotKept(t *testing.T) {
	t.Parallel()
	n, p := prompted(t)
	p.tap(composeKey)
	p.typeIn(`printf 'Password: '; stty -echo; read p; stty echo; echo go''t $p | cat`)
	p.tap("#compose-send")
	p.yes("the field hides it", `document.querySelector('#compose').classList.contains('secret')`)
	p.typeIn("hunter2")
	p.picture("52-compose-password")
	kept := func(when string) {
		t.Helper()
		if kept := ask(p, chromedp.Evaluate[string](`JSON.stringify([{...sessionStorage}, {...localStorage}])`)); strings.Contains(kept, "hunter2") {
			t.Errorf("%s the browser keeps %s", when, kept)
		}
	}
	kept("at the prompt")
	p.tap(composeKey)
	p.yes("the field is shut", `document.querySelector('#compose').hidden`)
	kept("with the field shut")
	p.tap(composeKey)
	_, _ = n.engine.Run(t.Context(), n.id(), terminal.ExecSpec{Cmd: []string{"sh", "-c", "for t in /dev/pts/*; do echo a word from elsewhere > $t; done"}})
	p.wait("the prompt is out of sight", ".xterm-rows", "a word from elsewhere")
	kept("without the prompt")
	p.yes("it still hides it", `document.querySelector('#compose').classList.contains('secret')`)
	p.tap("#compose-send")
	p.wait("it was taken", ".xterm-rows", "got hunter2")
	p.tap("#compose-back")
	if text := ask(p, chromedp.Evaluate[string](`document.querySelector('#compose-text').value`)); !strings.HasPrefix(text, "printf") {
		t.Errorf("what can be had again is %q", text)
	}
	p.wantQuiet()
}

// TestAPromptThatWrapsHidesWhatIsComposed: its word and its colon are in different rows of the screen.
func TestAPromptThatWrapsHidesWhatIsComposed(t *testing.T) {
	t.Parallel()
	_, p := prompted(t)
	p.tap(composeKey)
	p.typeIn(`printf 'Passphrase for the key of %s at %s: ' somebody-with-a-long-name a-machine-whose-name-takes-all-the-room-that-there-is.example.com; cat >/dev/null`)
	p.tap("#compose-send")
	p.wait("the prompt is there", ".xterm-rows", "example.com:")
	p.yes("it takes two rows or more", `(r => r.findLastIndex(t => t.includes('Passphrase for')) < r.findLastIndex(t => t.includes('.com:')))([...document.querySelectorAll('.xterm-rows > div')].map(r => r.innerText))`)
	p.yes("the field hides it", `document.querySelector('#compose').classList.contains('secret')`)
	p.wantQuiet()
}

func TestAComposedTextIsHeldWithoutANetwork(t *testing.T) {
	t.Parallel()
	n, line := behind(t)
	p := newPhone(t)
	n.atPrompt(p)
	p.tap(composeKey)
	line.hole(true)
	p.yes("there is no contact", `!`+contact)
	p.typeIn("echo he''ld")
	p.tap("#compose-send")
	p.wait("it is held in sight", "#held-text", "echo he''ld⏎")
	line.hole(false)
	p.wait("it is sent", ".xterm-rows", "held")
	if p.shows("held") != 1 {
		t.Errorf("the shell shows %s", p.text(".xterm-rows"))
	}
	p.wantQuiet()
}

func TestCtrlAndAltAreForTheNextKeyOrLocked(t *testing.T) {
	t.Parallel()
	_, p := prompted(t)
	p.forgetTyped()
	p.tap(p.key("Ctrl"))
	p.tap(p.key("Left"))
	p.sends("Ctrl goes with an arrow", "\x1b[1;5D")
	p.tap(p.key("Alt"))
	p.typeIn("b")
	p.sends("Alt goes with a letter", "\x1bb")
	p.tap(p.key("Left"))
	p.sends("both were for one key", "\x1b[D")
	p.hold(p.key("Ctrl"), func() { p.yes("it is locked", `document.querySelector('[aria-label="Ctrl, locked"]')`) })
	p.tap(p.key("Alt"))
	p.tap(p.key("PgDn"))
	p.typeIn("a")
	p.typeIn("e")
	p.sends("Ctrl stays", "\x1b[6;7~\x01\x05")
	p.picture("53-locked")
	p.tap(p.key("Ctrl, locked"))
	p.typeIn("x")
	p.sends("a tap frees it", "x")
	for name, want := range map[string]string{"Home": "\x1b[H", "End": "\x1b[F", "PgUp": "\x1b[5~", "Esc": "\x1b", "Tab": "\t", "Pipe": "|"} {
		p.tap(p.key(name))
		p.sends(name, want)
	}
	p.hold(p.key("Up"), func() { p.yes("a key that is held repeats", `typed.length >= 4`) })
	if got := ask(p, chromedp.Evaluate[string](`typed.join('')`)); strings.ReplaceAll(got, "\x1b[A", "") != "" {
		t.Errorf("it sends %q", got)
	}
	p.wantQuiet()
}

// TestEveryKeyIsInReach tries the sizes at which there is least room.
func TestEveryKeyIsInReach(t *testing.T) {
	t.Parallel()
	_, p := prompted(t)
	p.tap(composeKey)
	for name, size := range map[string][2]int64{"390": {390, 844}, "844": {844, 390}, "320": {320, 568}, "320 and a keyboard": {320, 300}} {
		p.size(size[0], size[1])
		p.yes("Control C is in sight "+name, `(b => { const r = b.getBoundingClientRect(); return b === document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2); })(document.querySelector('[aria-label="Control C"]'))`)
		p.yes("there is room for lines "+name, rows+` >= 5`)
		p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('#more').scrollLeft = 5000; 0`))
		p.picture("54-keys-" + strings.ReplaceAll(name, " ", "-"))
		p.wantInReach("compose " + name)
		p.yes("they fit a thumb "+name, `[...document.querySelectorAll('#writing button, #keys button')].filter(b => b.checkVisibility()).every(b => b.getBoundingClientRect().height >= 44 && b.getBoundingClientRect().width >= 44)`)
	}
	p.wantQuiet()
}
