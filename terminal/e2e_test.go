package terminal_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/browsertest"
	"github.com/snapback/snapback/terminal"
)

// phone is a browser of a phone's size that is touched, not clicked.
type phone struct {
	t   testing.TB
	ctx context.Context
}

// eavesdrop collects what the page's policy blocked, the page's own errors, the messages that it sends, and what its banner says, and
// when: a banner goes by itself, also while a slow machine looks elsewhere.
const eavesdrop = `window.said = []; window.sent = []; window.answers = []; window.typed = []; window.banners = [];
addEventListener('DOMContentLoaded', () => (b => b && new MutationObserver(() => banners.push({text: b.textContent, at: performance.now()})).observe(b, {childList: true}))(document.querySelector('#banner')));
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (m) { if (typeof m === 'string') { sent.push(JSON.parse(m).type); if (JSON.parse(m).type === 'answer') answers.push(JSON.parse(m).text); if (JSON.parse(m).type === 'typed') typed.push(JSON.parse(m).text); } return send.call(this, m); };
addEventListener('securitypolicyviolation', e => said.push('blocked: ' + e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sample));
addEventListener('error', e => said.push('error: ' + e.message));
addEventListener('unhandledrejection', e => said.push('rejected: ' + e.reason));`

func newPhone(t testing.TB) *phone {
	t.Helper()
	p := &phone{t: t, ctx: browsertest.New(t)}
	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2), chromedp.EmulatePortrait, chromedp.EmulateMobile, chromedp.EmulateTouch),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: eavesdrop})
			return err
		}))
	return p
}

func (p *phone) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

func ask[T any](p *phone, a chromedp.Action[T]) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, a)
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

// tap touches the middle of what a selector finds, once it can be seen and tapped, and stays where it is.
func (p *phone) tap(selector string) {
	p.t.Helper()
	p.tapOn(selector, `document.querySelector(`+quote(selector)+`)`)
}

// tapOn tries again where the touch went beside it: what comes late on a page moves what is tapped from under the finger.
func (p *phone) tapOn(what, element string) {
	p.t.Helper()
	for began := time.Now(); !p.touched(what, element); {
		if time.Since(began) > time.Minute {
			p.t.Fatalf("no touch arrives at %s, which is %s", what, ask(p, chromedp.Evaluate[string](element+`?.outerHTML ?? 'gone'`)))
		}
	}
}

// touched touches what stays where it is, and says whether that had the touch.
func (p *phone) touched(what, element string) bool {
	p.t.Helper()
	var at []float64
	began, since := time.Now(), time.Now() // that it came there
	stays := func() bool { return time.Since(since) >= settled }
	if !came(time.Minute, func() bool {
		if now := p.middle(element); len(now) == 0 || !slices.Equal(now, at) {
			at, since = now, time.Now()
		}
		return len(at) > 0 && (stays() || time.Since(began) > 5*time.Second) // a row of a log that is a flood never stays
	}) {
		p.t.Fatalf("%s can't be tapped, and is %s; the banner says %q", what, ask(p, chromedp.Evaluate[string](element+`?.outerHTML ?? 'not there'`)), p.text("#banner"))
	}
	sure := stays()
	p.do(chromedp.Evaluate[chromedp.Void](`window.touched = false; (e => e && e.addEventListener('touchstart', () => { window.touched = true; }, {capture: true, once: true, passive: true}))(` + element + `); 0`))
	p.do(browsertest.Tap(at[0], at[1]))
	for end := time.Now().Add(untouched); sure && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if yes, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](`window.touched !== false`)); err != nil || yes { // it may have led to another page
			return true
		}
	}
	return !sure
}

// untouched is how long a busy page may take to see a touch.
const untouched = 5 * time.Second

// settled is how long something has to stay where it is: a page that is being laid out anew is not where it was when the touch arrives.
const settled = 100 * time.Millisecond

// middle is that of an element, brought into sight; none while it can't be seen or tapped.
func (p *phone) middle(element string) []float64 {
	p.t.Helper()
	return ask(p, chromedp.Evaluate[[]float64](`(e => {
		if (!e || e.disabled || e.getBoundingClientRect().height === 0) return [];
		e.scrollIntoView({inline: 'center', block: 'nearest'});
		const r = e.getBoundingClientRect();
		return [r.x + r.width / 2, r.y + r.height / 2];
	})(`+element+`)`))
}

// touches says where all fingers are now; none lifts them.
func (p *phone) touches(kind input.DispatchTouchEventType, at ...*input.TouchPoint) {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: at})
		return err
	}))
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `\'`) + "'" }

func (p *phone) text(selector string) string {
	p.t.Helper()
	return ask(p, chromedp.Evaluate[string](`(document.querySelector(`+quote(selector)+`)?.innerText ?? '').replaceAll('\u00a0', ' ')`))
}

func (p *phone) wait(what, selector, text string) {
	p.t.Helper()
	within(p.t, time.Minute, what, func() bool { return strings.Contains(p.text(selector), text) })
}

func (p *phone) yes(what, expression string) {
	p.t.Helper()
	within(p.t, time.Minute, what, func() bool { return ask(p, chromedp.Evaluate[bool](`!!(`+expression+`)`)) })
}

// connected waits until the page has a connection: the first lines came with its document.
func (p *phone) connected() {
	p.t.Helper()
	p.yes("there is a connection", `document.querySelector('#state').textContent !== ''`)
}

// loaded waits until the connection has brought a log that is longer than the 25 lines that come with the page. These fit, and can't be scrolled.
func (p *phone) loaded() {
	p.t.Helper()
	p.yes("the connection has brought the earlier lines", `document.querySelector('#lines').childElementCount > 100`)
}

func (p *phone) typeIn(text string) {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, input.InsertText, input.InsertTextParams{Text: text})
		return err
	}))
}

// enter is the key as a keyboard gives it. The library's own way sends the character once more, whatever the page does with the key.
func (p *phone) enter() {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, kind := range []input.DispatchKeyEventType{"keyDown", "keyUp"} {
			key := input.DispatchKeyEventParams{Type: kind, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13}
			if kind == "keyDown" {
				key.Text = "\r"
			}
			if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, key); err != nil {
				return err
			}
		}
		return nil
	}))
}

// picture is kept where SNAPBACK_PICTURES says, for people to look at.
func (p *phone) picture(name string) {
	p.t.Helper()
	dir := os.Getenv("SNAPBACK_PICTURES")
	if dir == "" {
		return
	}
	png := ask(p, chromedp.CaptureScreenshot())
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// wantQuiet fails on what the page's policy blocked since it was loaded, and on errors of the page.
func (p *phone) wantQuiet() {
	p.t.Helper()
	for _, text := range ask(p, chromedp.Evaluate[[]string](`said`)) {
		p.t.Errorf("the page said: %s", text)
	}
}

func (n *night) open(p *phone, mode access.Mode) {
	n.t.Helper()
	link, err := n.svc.Mint(n.t.Context(), n.grant(mode), 0)
	if err != nil {
		n.t.Fatal(err)
	}
	p.visit(link.URL)
}

func TestPhoneOpensLogsAndShellWithItsThumb(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := newPhone(t)
	n.open(p, access.ModeShell)
	if url := ask(p, chromedp.Location()); url != n.url+"/t" {
		t.Errorf("the address bar still holds %q", url)
	}
	p.wait("the gate says for whom", "#gate-person", "Ada Example")
	p.picture("1-gate")
	if open, _ := n.store.Sessions(t.Context()); len(open) != 0 {
		t.Fatal("the page used the link up by itself")
	}
	p.openGate()
	p.wait("logs are shown", "#lines", "hello from the first")
	p.picture("2-logs")
	p.tap("#tab-shell")
	p.picture("3-shell-start")
	p.tap("#start")
	p.yes("the keys are there", `!document.querySelector('#keys').hidden`)
	p.wait("a prompt is there", ".xterm-rows", "#")
	p.typeIn("echo thumb''s up; ls /")
	p.enter()
	p.wait("the shell answers", ".xterm-rows", "thumbs up")
	p.typeIn(`printf '\033[38;2;255;120;40mtrue colour\033[0m \033[42;30m ok \033[0m\n'`)
	p.enter()
	p.wait("colours are shown", ".xterm-rows", "true colour")
	p.picture("4-shell")
	p.yes("the keyboard's keys fit a thumb", `[...document.querySelectorAll('#keys button')].every(b => b.getBoundingClientRect().height >= 44 && b.getBoundingClientRect().width >= 44)`)
	p.yes("nothing is wider than the phone", `document.documentElement.scrollWidth <= 390`)
	p.typeIn("sleep 1000")
	p.enter()
	within(t, time.Minute, "it runs", func() bool { return n.runs("sleep 1000") })
	p.tap(`#keys button[aria-label="Control C"]`)
	p.typeIn("echo af''ter")
	p.enter()
	p.wait("Ctrl-C ended the program", ".xterm-rows", "after")
	p.tap(`#keys button[aria-label="Up"]`)
	p.yes("the arrow brings the line back", `document.querySelector('.xterm-rows').innerText.split("echo").length > 3`)
	p.wantQuiet()
	p.do(browsertest.Reload())
	p.wait("after a reload the logs are back", "#lines", "GET /basket")
	p.tap("#tab-shell")
	p.wait("and the shell", ".xterm-rows", "after")
	p.tap("#end")
	p.wait("the first tap asks", "#end", "End now?")
	p.tap("#end")
	p.wait("the second ends", "#over-text", "You ended the session")
	p.picture("5-over")
	n.wantNothingLeft()
	p.wantQuiet()
}

func TestPhoneReadsLogsInPeace(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := newPhone(t)
	n.replace(`i=0; while [ $i -lt 300 ]; do i=$((i+1)); printf '\033[32mINFO\033[0m request %s ok\n' $i; done
		printf '\033[31mERROR\033[0m connection pool exhausted (DB_POOL=2)\n' >&2; echo '<img src=x onerror=document.title=1>'; printf '\033]52;c;aGFjaw==\007\033[2Jcleared?\n'
		while :; do i=$((i+1)); echo "tick $i"; sleep 0.3; done`)
	n.open(p, access.ModeLogs)
	p.openGate()
	p.wait("logs are shown", "#lines", "connection pool exhausted")
	p.connected()
	p.wait("markup stays text", "#lines", "<img src=x onerror=document.title=1>")
	p.yes("no shell is offered", `document.querySelector('#tab-shell').hidden`)
	p.yes("the newest line is in sight", `(l => l.scrollTop > 0 && l.scrollHeight - l.scrollTop - l.clientHeight < 40)(document.querySelector('#lines'))`)
	p.picture("6-logs")
	p.wait("lines come by themselves", "#lines", "tick 310")
	if ask(p, chromedp.Evaluate[bool](`sent.includes('active')`)) {
		t.Error("lines that come count as somebody who reads")
	}
	p.tap("#pause")
	p.yes("a tap does count", `sent.includes('active')`)
	p.wait("lines that came meanwhile are counted", "#newest", "new")
	p.picture("7-paused")
	p.tap("#newest")
	p.tap("#filter")
	p.typeIn("POOL")
	p.yes("the filter hides the rest", `[...document.querySelectorAll('#lines .row:not([hidden]):not(.note)')].map(r => r.innerText).join().match(/^[^,]*DB_POOL=2\)$/) !== null`)
	p.picture("8-filter")
	p.wantQuiet()
}

func TestPausedLogsDoNotGrowForEver(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := newPhone(t)
	id := n.replace(`echo quiet; while [ ! -e /go ]; do sleep 0.1; done
		i=0; while [ $i -lt 80 ]; do i=$((i+1)); seq 1 100; sleep 0.3; [ $i = 55 ] && while [ ! -e /on ]; do sleep 0.1; done; done; echo over; sleep 1000`)
	n.open(p, access.ModeLogs)
	p.openGate()
	p.wait("logs are shown", "#lines", "quiet")
	p.connected()
	p.tap("#pause")
	n.touch(id, "/go")
	rows := func(is string) func() bool {
		return func() bool {
			return ask(p, chromedp.Evaluate[bool](`document.querySelector('#lines').childElementCount`+is))
		}
	}
	within(t, time.Minute, "many lines have come", rows(` >= 5500`))
	p.do(chromedp.Evaluate[chromedp.Void](`window.read = document.querySelectorAll('#lines .row')[5000]; read.scrollIntoView(); window.at = read.getBoundingClientRect().y`))
	n.touch(id, "/on")
	within(t, time.Minute, "the last line has come", func() bool {
		return ask(p, chromedp.Evaluate[bool](`document.querySelector('#lines').lastElementChild.textContent.endsWith('over')`))
	})
	if !rows(` <= 6001`)() {
		t.Errorf("%d rows are kept", ask(p, chromedp.Evaluate[int](`document.querySelector('#lines').childElementCount`)))
	}
	p.wait("it says that lines are gone", "#lines .gone", "older lines are no longer kept")
	p.yes("what is read stays where it was", `read.isConnected && Math.abs(read.getBoundingClientRect().y - at) < 2`)
	p.wantQuiet()
}

func (n *night) touch(id, file string) {
	n.t.Helper()
	if _, err := n.engine.Run(n.t.Context(), id, terminal.ExecSpec{Cmd: []string{"sh", "-c", ": >" + file}}); err != nil {
		n.t.Fatal(err)
	}
}

func TestPhoneIsToldWhatIsWrongWithALink(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := newPhone(t)
	link, err := n.svc.Mint(t.Context(), n.grant(access.ModeLogs), 0)
	if err != nil {
		t.Fatal(err)
	}
	n.redeem(link.URL[strings.Index(link.URL, "#")+1:])
	p.do(browsertest.Load(link.URL))
	p.wantGateRefused("a used link says when", "This link was already used at ")
	p.picture("9-used")
	p.do(chromedp.Navigate("about:blank"), browsertest.Load(link.URL[:len(link.URL)/3]))
	p.wait("a cut link says so", "#over-text", "cut off")
	p.do(chromedp.Navigate("about:blank"), browsertest.Load(n.url+"/t"))
	p.wait("no link at all", "#over-text", "no open session")
	p.picture("10-none")
}

func TestPhoneReconnectsByItself(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := newPhone(t)
	n.open(p, access.ModeShell)
	p.openGate()
	p.wait("logs are shown", "#lines", "hello from the first")
	p.connected()
	n.gate.refuse(errors.New("away"))
	n.cut()
	p.wait("it says so", "#contact", "o")
	p.picture("11-reconnecting")
	n.gate.allow()
	p.yes("it is back", `document.querySelector('#contact').hidden`)
	p.yes("no line is there twice", `document.querySelector('#lines').innerText.split('hello from the first').length === 2`)
}
