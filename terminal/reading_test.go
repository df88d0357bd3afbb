package terminal_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
)

func TestPhoneScrollsUpToTheLogsBeginningAndFilters(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.replace(`i=0; while [ $i -lt 1500 ]; do i=$((i+1)); echo "row $i of many"; done; while :; do sleep 0.3; echo tick; done`)
	p := newPhone(t)
	n.open(p, access.ModeLogs)
	p.openGate()
	p.wait("the newest lines are there", "#lines", "row 1500 of many")
	if ask(p, chromedp.Evaluate[bool](`document.querySelector('#lines').innerText.includes('row 1 of many')`)) {
		t.Fatal("all of it is there at once")
	}
	p.tap("#pause")
	p.yes("scrolling up leads to the beginning", `(l => { l.scrollTop = Math.max(0, l.scrollTop - 3000); return l.innerText.includes('row 1 of many'); })(document.querySelector('#lines'))`)
	p.wait("it says that the log begins there", "#lines", "The log begins here")
	p.yes("each line is there once, in order", `(r => r.length === 1500 && r.every((t, i) => t.includes('row ' + (i + 1) + ' of')))([...document.querySelectorAll('#lines .row')].map(r => r.innerText).filter(t => t.includes('of many')))`)
	p.picture("9-beginning")
	p.tap("#filter")
	p.typeIn("row 77|ROW 88")
	p.yes("either is shown, counted and marked", `document.querySelector('#hits').innerText === '22' && CSS.highlights.get('hits').size === 22`)
	p.picture("10-alternatives")
	p.do(chromedp.Evaluate[chromedp.Void](`(f => { f.value = '!row|tick'; f.dispatchEvent(new Event('input')); })(document.querySelector('#filter'))`))
	p.yes("nothing is left", `document.querySelector('#hits').innerText === '0'`)
	p.wantQuiet()
}

// TestScrollingUpHasNoEnd has more lines than a page can hold. Those at the other end go, and are read again. Now and then a question is
// lost: who stands at the very top, or at the very end, has nothing left to scroll, and gets on all the same.
func TestScrollingUpHasNoEnd(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.replace(`i=0; while [ $i -lt 9500 ]; do i=$((i+1)); echo "row $i"; done; exec sleep 1000`)
	p := n.reader("row 9500")
	p.tap("#pause")
	p.do(chromedp.Evaluate[chromedp.Void](`window.asked = 0; (f => { window.fetch = (...a) => String(a[0]).includes('/t/logs') && ++asked % 12 === 0 ? Promise.reject(new TypeError('Failed to fetch')) : f(...a); })(window.fetch.bind(window)); 0`))
	const lines = `document.querySelector('#lines')`
	scrolled := func(what, until string) {
		t.Helper()
		defer func() { // it came to nothing once, and nobody knows which question was lost
			if t.Failed() {
				t.Log("the page: ", ask(p, chromedp.Evaluate[string](`(l => JSON.stringify({
					top: l.scrollTop, rows: l.childElementCount, first: l.firstElementChild.innerText, last: l.lastElementChild.innerText,
					said: [...document.querySelectorAll('#search, #pause, #newest')].map(e => (e.hidden ? '' : e.innerText)), is: document.visibilityState, now: performance.now(),
					asked: performance.getEntriesByType('resource').filter(r => r.name.includes('/t/logs')).slice(-3).map(r => [r.startTime, r.duration, r.responseStatus]),
				}))(`+lines+`)`)))
			}
		}()
		within(t, 5*time.Minute, what, func() bool { return ask(p, chromedp.Evaluate[bool](`(l => `+until+`)(`+lines+`)`)) })
	}
	inOrder := func() {
		t.Helper()
		p.yes("each line is there once, in order", `(ns => ns.length > 7000 && ns.every((n, i) => i === 0 || n === ns[i-1] + 1))([...document.querySelectorAll('#lines .row:not(.note)')].map(r => Number(/\d+$/.exec(r.textContent)[0])))`)
		p.yes("the page has no more than it can hold", lines+`.childElementCount <= 8000`)
	}
	scrolled("scrolling up leads to the beginning", `(l.scrollTop = 0, l.children[0].textContent === 'The log begins here' && l.children[1].textContent.endsWith('row 1'))`)
	inOrder()
	p.yes("the button leads to the newest lines", `!document.querySelector('#newest').hidden && !`+lines+`.lastElementChild.textContent.endsWith('row 9500')`)
	scrolled("scrolling down leads to the end", `(l.scrollTop = l.scrollHeight, l.lastElementChild.textContent === 'That is all until now' && l.lastElementChild.previousElementSibling.textContent.endsWith('row 9500'))`)
	inOrder()
	p.tap("#newest")
	p.yes("the newest lines are followed", lines+`.lastElementChild.textContent.endsWith('row 9500') && document.querySelector('#newest').hidden && `+atEnd)
	p.wantQuiet()
}
