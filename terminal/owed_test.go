package terminal_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/terminal"
)

const adaGave = `"m","Ada Example gave the keyboard to Tom Example"`

// TestAMarkerThatIsOwedAtTheEndComesLate has the recording's store away from a hand-over until after the shell's end.
func TestAMarkerThatIsOwedAtTheEndComesLate(t *testing.T) {
	t.Parallel()
	n := setup(t, soonEnded)
	a := n.shell()
	b := n.beside(tom)
	b.watch()
	away := errors.New("away")
	n.whileHanded(func() { n.store.failing.Store(&away) })
	a.say(`{"type":"give","whom":1}`)
	wantHolder(t, "Tom Example", a, b)
	b.typeIn("echo any''thing\n") // which can't be recorded, and ends the shell
	within(t, time.Minute, "it ends", func() bool { return a.shellIs("ending") })
	n.store.failing.Store(nil)
	within(t, time.Minute, "it has ended", func() bool { return a.shellIs("ended") })
	if m := a.message(); m != "The database did not take this shell's recording for 3 seconds, so it was ended. Try again in a minute." {
		t.Errorf("it says %q", m)
	}
	if cast := n.recording(); strings.Count(cast, adaGave) != 1 {
		t.Errorf("the recording has\n%s", cast)
	}
}

// TestTheExitComesLastInARecording has the shell exit while the keyboard is handed over, and somebody leave after that.
func TestTheExitComesLastInARecording(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a := n.shell()
	b := n.beside(tom)
	b.watch()
	n.whileHanded(func() {
		a.typeIn("exit 3\n")
		within(t, time.Minute, "it ends", func() bool { return a.shellIs("ending") })
		b.say(`{"type":"unwatch"}`)
	})
	a.say(`{"type":"give","whom":1}`)
	within(t, time.Minute, "it has ended", func() bool { return a.shellIs("ended") })
	cast := n.recording()
	lines := strings.Split(strings.TrimSpace(cast), "\n")
	if strings.Count(cast, adaGave) != 1 || !strings.HasSuffix(lines[len(lines)-1], `"x","3"]`) {
		t.Errorf("the recording has\n%s", cast)
	}
	n.wantHandOvers("Ada Example gave the keyboard to Tom Example")
}

// TestWhatIsOwedIsToldBeforeTheEnd ends a session right after a holder has left whom the timeline could not be told of.
func TestWhatIsOwedIsToldBeforeTheEnd(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *terminal.Config) { c.Poll = time.Hour }) // nothing else settles it
	id, have := n.session(access.ModeShell)
	a := n.connect(id, have)
	a.startShell()
	b := n.beside(tom)
	b.watch()
	a.say(`{"type":"give","whom":1}`)
	wantHolder(t, "Tom Example", a, b)
	asked := make(chan struct{})
	n.timeline.fail(errors.New("away"))
	n.whileHanded(func() { close(asked) })
	b.say(`{"type":"unwatch"}`)
	<-asked
	wantHolder(t, "Ada Example", a)
	a.say(`{"type":"take"}`) // is in vain, and waits until that has failed
	within(t, time.Minute, "it is answered", func() bool { return a.noticesHad() == 1 })
	n.timeline.fail(nil)
	if end := n.do("POST", "/t/end", "{}", have); end.status != http.StatusOK && end.status != http.StatusNoContent {
		t.Fatalf("ending answered %d %s", end.status, end.detail)
	}
	within(t, time.Minute, "its end is on the timeline", func() bool { return len(n.timeline.of(incidents.KindTerminalEnded)) == 1 })
	n.wantHandOvers("Ada Example gave the keyboard to Tom Example; Tom Example left, and gave the keyboard back to Ada Example")
	if kinds := n.timeline.kinds(); kinds[len(kinds)-1] != incidents.KindTerminalEnded {
		t.Errorf("the timeline has %v", kinds)
	}
	if cast := n.recording(); strings.Count(cast, `"m","Tom Example left, and gave the keyboard back to Ada Example"`) != 1 {
		t.Errorf("the recording has\n%s", cast)
	}
}
