package terminal_test

import (
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/snapback/snapback/access"
)

// finger puts one down at the first height, moves it along the others, and lifts it.
func (p *phone) finger(ys ...float64) {
	p.t.Helper()
	p.touches(input.DispatchTouchEventTypeTouchStart, &input.TouchPoint{X: 200, Y: ys[0]})
	for _, y := range ys[1:] {
		p.touches(input.DispatchTouchEventTypeTouchMove, &input.TouchPoint{X: 200, Y: y})
	}
	p.touches(input.DispatchTouchEventTypeTouchEnd)
}

// atEnd says whether the newest line is in sight.
const atEnd = `(l => l.scrollHeight - l.scrollTop - l.clientHeight < 40)(document.querySelector('#lines'))`

// held makes a function that says whether 20 lines have been counted since a row moved last, as it does while a fling ends.
const held = `window.read = document.elementFromPoint(200, 400).closest('.row'); window.at = window.since = 0; window.held = () => {
	const y = read.getBoundingClientRect().y, count = parseInt(document.querySelector('#newest').innerText.slice(2)) || 0;
	if (Math.abs(y - at) >= 2) [at, since] = [y, count];
	return count >= since + 20;
}`

// TestATouchStopsALogThatRuns has a log at 20 lines a second.
func TestATouchStopsALogThatRuns(t *testing.T) {
	t.Parallel()
	for name, ys := range map[string][]float64{"a touch": {500}, "a short way": {500, 505, 510, 515, 520, 525, 530}, "a long way": {300, 400, 500, 600, 700}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			p := newPhone(t)
			n.replace(`i=0; while :; do i=$((i+1)); echo "request $i"; sleep 0.05; done`)
			n.open(p, access.ModeLogs)
			p.openGate()
			p.wait("lines come", "#lines", "request 100")
			p.yes("the newest line is in sight", atEnd)
			p.finger(ys...)
			p.do(chromedp.Evaluate[chromedp.Void](held))
			p.yes("a pill counts what comes while what is read stays where it is", `held()`)
			p.picture("12-held")
			p.tap("#newest")
			p.yes("the pill leads to the newest line", `document.querySelector('#newest').hidden && `+atEnd)
			p.do(chromedp.Evaluate[chromedp.Void](`window.last = document.querySelector('#lines').lastElementChild.innerText`))
			p.yes("which is followed again", `document.querySelector('#lines').lastElementChild.innerText !== last && `+atEnd)
			p.wantQuiet()
		})
	}
}

// beforeTheConnection shows the lines that come with the page of a log that runs, which fit a phone; let() has the connection bring the others.
func (p *phone) beforeTheConnection(n *night) {
	p.t.Helper()
	n.replace(`i=0; while :; do i=$((i+1)); echo "request $i"; [ $i -lt 100 ] || sleep 0.1; done`)
	within(p.t, time.Minute, "the log is there", func() bool { return len(n.answersWith(time.Time{}).Lines) == 25 })
	n.open(p, access.ModeLogs)
	p.do(chromedp.Evaluate[chromedp.Void](holdWords))
	p.openGate()
	p.yes("there is a connection, from which nothing has come", `kept.length > 0`)
	p.yes("the first lines fit", `(l => l.childElementCount === 25 && l.clientHeight > 0 && l.scrollHeight <= l.clientHeight)(document.querySelector('#lines'))`)
}

// TestATouchBeforeTheConnectionHoldsTheLog while the page has no more than the lines that came with it.
func TestATouchBeforeTheConnectionHoldsTheLog(t *testing.T) {
	t.Parallel()
	n := setup(t, unhurried)
	p := newPhone(t)
	p.beforeTheConnection(n)
	p.finger(500)
	p.do(chromedp.Evaluate[chromedp.Void](held + `; let(); 0`))
	p.yes("a pill counts what comes while what is read stays where it is", `held()`)
	p.picture("12-held-before-the-connection")
	p.wantQuiet()
}

// TestALinePickedBeforeTheConnectionStaysPicked when the connection brings it again.
func TestALinePickedBeforeTheConnectionStaysPicked(t *testing.T) {
	t.Parallel()
	n := setup(t, unhurried)
	p := newPhone(t)
	p.beforeTheConnection(n)
	p.tapOn("a line", `[...document.querySelectorAll('#lines .row')].at(9)`)
	p.wait("it is picked", "#pick-text", "request ")
	p.do(chromedp.Evaluate[chromedp.Void](`window.first = document.querySelector('.picked'); let(); 0`))
	p.yes("the connection has brought it again", `!first.isConnected && document.querySelectorAll('#lines .row').length > 25`)
	const picked = `(rows => rows.length === 1 && rows[0].querySelector('span').innerText === document.querySelector('#pick-text').innerText)(document.querySelectorAll('.picked'))`
	p.yes("its mark is in the list", picked)
	p.picture("12-picked-before-the-connection")
	p.do(chromedp.Evaluate[chromedp.Void](`window.was = document.querySelector('#pick-text').innerText; document.querySelector('#lines').focus()`), chromedp.KeyEvent(kb.ArrowUp))
	p.yes("an arrow goes on from there", `document.querySelector('#pick-text').innerText !== was && `+picked)
	p.wantQuiet()
}

// TestATouchOnAShortLogHoldsWhatComes once there is more than fits: nothing could be stopped when it was touched.
func TestATouchOnAShortLogHoldsWhatComes(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := newPhone(t)
	id := n.replace(`i=0; while :; do i=$((i+1)); echo "request $i"; [ $i -ne 18 ] || until [ -e /more ]; do sleep 0.1; done; [ $i -le 18 ] || sleep 0.05; done`)
	n.open(p, access.ModeLogs)
	p.openGate()
	p.wait("lines come", "#lines", "request 18")
	p.yes("they all fit", `(l => l.clientHeight > 0 && l.scrollHeight <= l.clientHeight)(document.querySelector('#lines'))`)
	p.tapOn("a line", `[...document.querySelectorAll('#lines .row')].at(9)`)
	p.do(chromedp.Evaluate[chromedp.Void](held))
	p.yes("there is nothing to go back to", `document.querySelector('#newest').hidden`)
	n.touch(id, "/more")
	p.yes("a pill counts what comes while what is read stays where it is", `held() && document.querySelector('#lines').scrollTop === 0`)
	p.tap("#newest")
	p.yes("the pill leads to the newest line", `document.querySelector('#newest').hidden && `+atEnd)
	p.do(chromedp.Evaluate[chromedp.Void](`window.last = document.querySelector('#lines').lastElementChild.innerText`))
	p.yes("which is followed again", `document.querySelector('#lines').lastElementChild.innerText !== last && `+atEnd)
	p.wantQuiet()
}

// TestScrollingDownFollowsAgain needs no pill.
func TestScrollingDownFollowsAgain(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := newPhone(t)
	n.replace(`i=0; while :; do i=$((i+1)); echo "request $i"; [ $i -lt 100 ] || sleep 2; done`)
	n.open(p, access.ModeLogs)
	p.openGate()
	p.wait("lines come", "#lines", "request 100")
	p.finger(300, 350, 400, 450, 500)
	p.yes("it is held", `!document.querySelector('#newest').hidden`)
	within(t, time.Minute, "scrolling down follows again", func() bool {
		p.finger(700, 600, 500, 400, 300, 200)
		return ask(p, chromedp.Evaluate[bool](`document.querySelector('#newest').hidden && `+atEnd))
	})
	p.wantQuiet()
}
