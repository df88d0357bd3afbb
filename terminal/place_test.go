package terminal_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/browsertest"
	"github.com/snapback/snapback/terminal"
)

// hears collects what the bot calls its counts, which it begins anew when a page was away for long.
const hears = `window.epochs = new Set(); const parse = JSON.parse; JSON.parse = t => { const m = parse(t); if (m?.type === 'hello' && !m.session) epochs.add(m.epoch); return m; };`

// inSight is whether a line is at the height in the list where it was. A banner above moves the list.
const inSight = `(r => r && Math.abs(r.getBoundingClientRect().y - r.parentElement.getBoundingClientRect().y - at) < 30)([...document.querySelectorAll('#lines .row')].find(r => r.innerText.endsWith(' ' + read)))`

// readsOld opens a log of 400 lines that runs on once all are there, since a page begins with no more than the last 500, and scrolls up.
func readsOld(t *testing.T, tune ...func(*terminal.Config)) (*night, *phone) {
	t.Helper()
	n, p := setup(t, tune...), newPhone(t)
	p.onNewPages(hears)
	id := n.replace(`i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo "line $i"; done; while [ ! -e /go ]; do sleep 0.1; done
		while :; do i=$((i+1)); echo "line $i"; sleep 0.3; done`)
	n.open(p, access.ModeLogs)
	p.openGate()
	p.wait("all lines are there", "#lines", "line 1\n")
	n.touch(id, "/go")
	p.wait("lines come", "#lines", "line 402")
	p.readsUp()
	return n, p
}

// onNewPages has a script run before those of every page that is opened from now on.
func (p *phone) onNewPages(script string) {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	}))
}

// readsUp scrolls a log up, and remembers which line is read, and where.
func (p *phone) readsUp() {
	p.t.Helper()
	p.loaded()
	p.tap("#pause")
	p.yes("it is held", `!document.querySelector('#newest').hidden`)
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('#lines').scrollTop -= 3000; 0`))
	p.yes("an older line is read", `!/line 4\d\d/.test(document.elementFromPoint(200, 400).closest('.row').innerText)`)
	p.do(chromedp.Evaluate[chromedp.Void](`(r => { window.read = r.innerText.trim().split(' ').at(-1); window.at = r.getBoundingClientRect().y - r.parentElement.getBoundingClientRect().y; })(document.elementFromPoint(200, 400).closest('.row'))`))
}

// keepsBack is a network that brings the lines up to the hundredth, and those that come with it, 200 in all at most. It brings the others once
// release is called.
const keepsBack = `window.kept = null; window.release = () => { const late = kept; kept = {push: f => f()}; late.forEach(f => f()); };
(on => Object.defineProperty(WebSocket.prototype, 'onmessage', {set(heard) { on.call(this, e => {
	const lines = typeof e.data === 'string' && JSON.parse(e.data).type === 'lines';
	if (lines && kept) return void kept.push(() => heard(e));
	if (lines && e.data.includes('line 100"')) kept = [];
	heard(e);
}); }}))(Object.getOwnPropertyDescriptor(WebSocket.prototype, 'onmessage').set);`

// TestLinesThatComeLateLeaveWhatIsReadWhereItIs has a page begin with the newest lines, be brought the oldest, and then those between.
func TestLinesThatComeLateLeaveWhatIsReadWhereItIs(t *testing.T) {
	t.Parallel()
	n, p := setup(t), newPhone(t)
	p.onNewPages(keepsBack)
	n.replace(`i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo "line $i"; done; exec sleep 1000`)
	n.open(p, access.ModeLogs)
	p.openGate()
	p.wait("the oldest are there", "#lines", "line 100\n")
	p.yes("others are not", `kept?.length > 0 && !/line 320$/m.test(document.querySelector('#lines').innerText)`)
	p.readsUp()
	p.do(chromedp.Evaluate[chromedp.Void](`release(); 0`))
	p.wait("so are those between", "#lines", "line 300\n")
	p.yes("what is read is where it was", inSight)
	p.wantQuiet()
}

// TestWhoWasAwayForLongKeepsTheirPlace has the bot forget what the page has, as it does after two minutes without contact.
func TestWhoWasAwayForLongKeepsTheirPlace(t *testing.T) {
	t.Parallel()
	n, p := readsOld(t, func(c *terminal.Config) { c.Away = time.Millisecond })
	within(t, time.Minute, "the bot has begun anew", func() bool {
		n.gate.refuse(errors.New("away"))
		n.cut()
		p.yes("there is no contact", `!`+contact)
		n.gate.allow()
		p.yes("there is contact", contact)
		return ask(p, chromedp.Evaluate[bool](`epochs.size > 1`))
	})
	p.yes("new lines are counted", `/^↓ \d+\+? new$/.test(document.querySelector('#newest').innerText)`)
	p.yes("what is read is where it was", inSight)
	counted := ask(p, chromedp.Evaluate[int](`Number(/\d+/.exec(document.querySelector('#newest').innerText)[0])`))
	last := `Number(/\d+$/.exec([...document.querySelectorAll('#lines .row:not(.note)')].at(-1)?.innerText)?.[0])`
	p.yes("scrolling down goes on without a gap", `(l => { l.scrollTop += 3000; return `+last+` > 402; })(document.querySelector('#lines'))`)
	p.yes("each line is there once, in order", `(ns => ns.every((n, i) => i === 0 || n === ns[i-1] + 1))([...document.querySelectorAll('#lines .row:not(.note)')].map(r => Number(/\d+$/.exec(r.innerText)[0])))`)
	p.tap("#newest")
	p.yes("the button leads to the newest line", `document.querySelector('#newest').hidden && `+atEnd)
	p.yes("no more were counted than have come", fmt.Sprintf(last+` >= 400 + %d`, counted))
	p.wantQuiet()
}

// TestAPlaceThatCouldNotBeReadIsKept reloads the page where no log can be read, and then where it can.
func TestAPlaceThatCouldNotBeReadIsKept(t *testing.T) {
	t.Parallel()
	_, p := readsOld(t)
	p.yes("it is remembered", `sessionStorage.getItem('snapback.place')`)
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
			Source: `const reads = fetch; window.fetch = (path, init) => path.startsWith('/t/logs') && !sessionStorage.there ? Promise.reject(new TypeError()) : reads(path, init);`,
		})
		return err
	}), browsertest.Reload())
	p.wait("it says that it can't be read", "#lines", "can't be reached")
	p.wait("new lines come", "#lines", "line 4")
	p.do(chromedp.Evaluate[chromedp.Void](`sessionStorage.there = 'yes'; 0`), browsertest.Reload())
	p.wait("it reads from there", "#lines", "Where you were")
}

func TestAReloadKeepsThePlaceInTheLog(t *testing.T) {
	t.Parallel()
	_, p := readsOld(t)
	p.yes("it is remembered", `(l => sessionStorage.getItem('snapback.place')?.endsWith(' ' + document.elementFromPoint(200, l.getBoundingClientRect().y + 4).closest('.row').dataset.at))(document.querySelector('#lines'))`)
	line := ask(p, chromedp.Evaluate[string](`read`))
	p.do(browsertest.Reload())
	p.wait("it reads from there", "#lines", "Where you were")
	p.yes("the line is in sight", `(r => r && r.getBoundingClientRect().y > 0 && r.getBoundingClientRect().y < innerHeight)([...document.querySelectorAll('#lines .row')].find(r => r.innerText.endsWith(' `+line+`')))`)
	p.tap("#newest")
	p.yes("the button leads to the newest line", `document.querySelector('#newest').hidden && `+atEnd)
	p.do(browsertest.Reload())
	p.wait("then there is nothing to go back to", "#lines", "line 4")
	p.connected()
	p.yes("the newest lines are followed", `document.querySelector('#newest').hidden && !document.querySelector('#lines').innerText.includes('Where you were')`)
	p.wantQuiet()
}
