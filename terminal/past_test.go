package terminal_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
)

// reader is a phone that shows a log, as soon as it shows a text.
func (n *night) reader(text string) *phone {
	n.t.Helper()
	p := newPhone(n.t.(*testing.T))
	n.open(p, access.ModeLogs)
	p.openGate()
	p.wait("the log is there", "#lines", text)
	p.connected()
	return p
}

// filters types another filter.
func (p *phone) filters(text string) {
	p.t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void](`(f => { f.value = ` + quote(text) + `; f.dispatchEvent(new Event('input')); })(document.querySelector('#filter'))`))
}

// TestAReadThatHangsIsGivenUp ends the page's patience by hand, with an engine that never answers.
func TestAReadThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	n, held := holding(t)
	p := n.reader("hello from the first")
	p.do(chromedp.Evaluate[chromedp.Void](`window.giveUp = []; AbortSignal.timeout = () => { const c = new AbortController(); giveUp.push(c); return c.signal; }; 0`))
	p.filters("nowhere")
	p.tap("#search")
	within(t, time.Minute, "the engine is asked", func() bool { return held.waits.Load() > 0 })
	p.do(chromedp.Evaluate[chromedp.Void](`giveUp.at(-1).abort(new DOMException('', 'TimeoutError'))`))
	p.wait("the page says that it has given up", "#search-said", "Snapback can't be reached. Try again.")
	held.open.Store(true)
	p.tap("#search")
	p.wait("it can be asked again", "#lines", "No earlier line matches")
	p.wantQuiet()
}

// TestOlderLinesThatDidNotComeAreAskedForAgain has questions be lost while somebody stands at the very top, where nothing is left to scroll.
func TestOlderLinesThatDidNotComeAreAskedForAgain(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.replace(`i=0; while [ $i -lt 4000 ]; do i=$((i+1)); echo "row $i"; done; exec sleep 1000`)
	p := n.reader("row 4000")
	p.loaded()
	p.tap("#pause")
	p.do(chromedp.Evaluate[chromedp.Void](`window.lost = 0; window.away = true; (f => { window.fetch = (...a) => away && String(a[0]).includes('/t/logs') ? (lost++, Promise.reject(new TypeError('Failed to fetch'))) : f(...a); })(window.fetch.bind(window)); 0`))
	before := ask(p, chromedp.Evaluate[int](`(l => (l.scrollTop = 0, l.childElementCount))(document.querySelector('#lines'))`))
	p.wait("it is told", "#search-said", "Snapback can't be reached. Try again.")
	p.yes("there is a way to ask again, and no word of a filter", `document.querySelector('#search').offsetParent !== null && document.querySelector('#hits').offsetParent === null`)
	p.picture("11-older-lines-did-not-come")
	p.yes("it is asked again", `lost > 1`)
	p.do(chromedp.Evaluate[chromedp.Void](`away = false; 0`))
	p.yes("they are there", fmt.Sprintf(`document.querySelector('#lines').childElementCount > %d && document.querySelector('#found').hidden`, before))
	p.wantQuiet()
}

// TestAQuestionIsGivenUpForANewerOne holds answers back until something else is asked for: another time, another filter, the newest lines.
// Whoever is given up must not keep a place at the bot, nor the next search waiting.
func TestAQuestionIsGivenUpForANewerOne(t *testing.T) {
	t.Parallel()
	n, held := holding(t)
	n.deployedAt(time.Now().Add(-time.Hour))
	p := n.reader("hello from the first")
	p.tap("#view")
	p.wait("both are offered", "#moments", "Alert ")
	p.wait("both are offered", "#moments", "Deploy ")
	pick := func(what string) {
		t.Helper()
		p.do(chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll('#moments button')].find(b => b.innerText.startsWith(` + quote(what) + `)).click()`))
	}
	pick("Deploy")
	within(t, time.Minute, "the deploy's is held", func() bool { return held.waits.Load() == 1 })
	held.open.Store(true)
	pick("Alert")
	p.wait("the alert's is shown", "#lines .note", "Alert, from")
	dropped := func(count int64) {
		t.Helper()
		within(t, time.Minute, "the bot knows that nobody waits for it", func() bool { return held.dropped.Load() == count })
	}
	dropped(1)
	if got := p.text("#lines .note"); got[:5] != "Alert" {
		t.Errorf("the page shows %q", got)
	}

	held.open.Store(false)
	p.tap("#newest")
	p.wait("the newest are back", "#lines", "hello from the first")
	pick("Deploy")
	within(t, time.Minute, "it is held again", func() bool { return held.waits.Load() == 2 })
	held.open.Store(true)
	p.filters("hello")
	dropped(2)
	p.wait("it is read again, with the new filter", "#lines .note", "on, lines that match")

	held.open.Store(false)
	pick("Alert")
	within(t, time.Minute, "it is held once more", func() bool { return held.waits.Load() == 3 })
	p.tap("#newest")
	dropped(3)
	p.yes("whoever has gone back stays there", `document.querySelector('#newest').hidden && !document.querySelector('#lines').innerText.includes('Alert, from')`)

	p.filters("nowhere")
	p.tap("#search")
	within(t, time.Minute, "the search is held", func() bool { return held.waits.Load() == 4 })
	p.filters("nothing")
	dropped(4)
	held.open.Store(true)
	p.tap("#search")
	p.wait("another filter is searched for", "#lines", "No earlier line matches")
	p.wantQuiet()
}

// TestHitsGoOnBeingMarkedAndGoWithTheirLines has more hits than are marked at once, and more lines than are kept.
func TestHitsGoOnBeingMarkedAndGoWithTheirLines(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id := n.replace(`echo quiet; for i in 1 2 3 4; do
		while [ ! -e /go$i ]; do sleep 0.1; done; yes 'hit hit hit hit hit hit hit hit hit hit hit hit' | head -n 1500; echo the last hit of burst $i; done; sleep 1000`)
	p := n.reader("quiet")
	p.filters("hit")
	for i := range 4 { // each is less than what is kept for a page that lags
		n.touch(id, fmt.Sprint("/go", i+1))
		p.wait("the last line is there", "#lines", fmt.Sprint("the last hit of burst ", i+1))
	}
	p.yes("lines were let go", `document.querySelector('#lines .gone') !== null`)
	p.yes("it is marked", `[...CSS.highlights.get('hits')].some(h => document.querySelector('#lines').lastElementChild.contains(h.startContainer))`)
	p.yes("what is marked is there", `[...CSS.highlights.get('hits')].every(h => h.startContainer.isConnected)`)
	p.yes("and is not more than it may be", `CSS.highlights.get('hits').size <= 20000`)
	p.wantQuiet()
}
