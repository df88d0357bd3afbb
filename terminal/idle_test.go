package terminal_test

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
)

// A session that is about to go idle says so, until its person does something.
func TestASessionSaysThatItIsAboutToGoIdle(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id, have := n.session(access.ModeLogs)
	b := n.connect(id, have)
	within(t, time.Minute, "the log is there", func() bool { return b.saw("hello") })
	idle := n.clock.now().Add(15 * time.Minute)
	n.clock.advance(10 * time.Minute)
	before := n.gate.asked.Load()
	within(t, time.Minute, "it is looked at", func() bool { return n.gate.asked.Load() >= before+3 })
	if at := b.idleAt(); at != "" {
		t.Errorf("five minutes before: told of %s", at)
	}
	n.clock.advance(190 * time.Second)
	within(t, time.Minute, "it is told", func() bool { return b.idleAt() != "" })
	at, err := time.Parse(time.RFC3339, b.idleAt())
	if err != nil || at.Before(idle.Add(-time.Minute)) || at.After(idle) {
		t.Errorf("got %q (%v), want about %s", b.idleAt(), err, idle)
	}
	b.say(`{"type":"active"}`)
	within(t, time.Minute, "it is taken back", func() bool { return b.idleAt() == "" })
	n.clock.advance(3 * time.Minute)
	before = n.gate.asked.Load()
	within(t, time.Minute, "the session goes on", func() bool { return n.gate.asked.Load() >= before+3 })
}

func TestPhoneKeepsASessionThatIsAboutToGoIdle(t *testing.T) {
	t.Parallel()
	n := setup(t)
	p := newPhone(t)
	n.open(p, access.ModeShell)
	p.openGate()
	p.connected()
	n.clock.advance(13*time.Minute + 10*time.Second)
	p.wait("the page warns", "#idle-text", "Nobody has touched this page for a while. The session ends at ")
	p.yes("in sight", `(r => r.height > 0 && r.bottom < innerHeight)(document.querySelector('#stay').getBoundingClientRect())`)
	p.wantAccessible("idle")
	p.picture("31-idle")
	p.size(320, 568)
	p.yes("the button is on the screen", `(r => r.right <= innerWidth && r.height >= 44)(document.querySelector('#stay').getBoundingClientRect())`)
	p.size(390, 844)
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('#stay').click(); void 0`)) // as a screen reader does it, without a touch
	p.yes("that keeps it", `document.querySelector('#idle').hidden`)
	n.clock.advance(13*time.Minute + 10*time.Second)
	p.wait("the page warns again", "#idle-text", "The session ends at ")
	p.tap("#lines")
	p.yes("any touch keeps it", `document.querySelector('#idle').hidden`)
	p.wantQuiet()
}
