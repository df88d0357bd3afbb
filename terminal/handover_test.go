package terminal_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/terminal"
)

// handOvers is what the timeline says of a keyboard, without whose shell it is.
func (n *night) handOvers() string {
	var said []string
	for _, e := range n.timeline.of(incidents.KindTerminalKeyboard) {
		said = append(said, strings.TrimSuffix(e.Summary, " (Ada Example's shell in api)"))
	}
	return strings.Join(said, "; ")
}

func (n *night) wantHandOvers(want string) {
	n.t.Helper()
	within(n.t, time.Minute, "the timeline says "+want, func() bool { return n.handOvers() == want })
}

// whileHanded does something once, while the timeline is told of a hand-over.
func (n *night) whileHanded(do func()) {
	var once func(incidents.Entry)
	once = func(e incidents.Entry) {
		if e.Kind == incidents.KindTerminalKeyboard && n.timeline.during.CompareAndSwap(&once, nil) {
			do()
		}
	}
	n.timeline.during.Store(&once)
}

// TestAHandOverOutlivesAConnection has whoever gets the keyboard lose their connection, and the recording's store its answer, while that is
// written down: it is done all the same, and they type when they are back.
func TestAHandOverOutlivesAConnection(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a := n.shell()
	id, have := n.link(tom, access.ModeShell)
	b := n.connect(id, have)
	b.watch()
	n.store.lose("Ada Example gave")
	n.whileHanded(func() {
		_ = b.conn.CloseNow()
		within(t, time.Minute, "who gets it is away", func() bool { return a.tom().Away })
	})
	a.say(`{"type":"give","whom":1}`)
	wantHolder(t, "Tom Example", a)
	b = n.connect(id, have)
	b.watch()
	b.typeIn("echo go''es on\n")
	within(t, time.Minute, "the shell goes on", func() bool { return a.saw("goes on") })
	n.wantHandOvers("Ada Example gave the keyboard to Tom Example")
	if cast := n.recording(); strings.Count(cast, "Ada Example gave the keyboard to Tom Example") != 1 {
		t.Errorf("the recording has\n%s", cast)
	}
}

// TestAHandOverToWhoHasGoneIsPutRight ends the session of whoever is to have the keyboard while that is written down.
func TestAHandOverToWhoHasGoneIsPutRight(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a := n.shell()
	id, have := n.link(tom, access.ModeShell)
	n.connect(id, have).watch()
	n.whileHanded(func() {
		n.do("POST", "/t/end", "{}", have)
		within(t, time.Minute, "they are gone", func() bool { return strings.Join(a.names(), ", ") == "Ada Example" })
	})
	a.say(`{"type":"give","whom":1}`)
	within(t, time.Minute, "it is said", func() bool { return a.noticed("They have just left") })
	n.wantHandOvers("Ada Example gave the keyboard to Tom Example; Tom Example did not get the keyboard: it stayed with Ada Example")
	a.typeIn("echo ty''ped\n")
	within(t, time.Minute, "it types", func() bool { return a.saw("typed") })
}

// TestWhoLeavesIsWrittenDownOnceThatCanBe has the timeline away when a holder goes, and when the next hand-over is tapped.
func TestWhoLeavesIsWrittenDownOnceThatCanBe(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a := n.shell()
	b, c := n.beside(tom), n.beside(zoe)
	b.watch()
	c.watch()
	a.say(fmt.Sprintf(`{"type":"give","whom":%d}`, b.youAre()))
	wantHolder(t, "Tom Example", a, b, c)
	n.timeline.fail(errors.New("away"))
	b.say(`{"type":"unwatch"}`)
	wantHolder(t, "Ada Example", a, c)
	a.say(fmt.Sprintf(`{"type":"give","whom":%d}`, c.youAre()))
	within(t, time.Minute, "what comes after can't be written down", func() bool { return a.noticed("This can't be recorded right now") })
	n.timeline.fail(nil)
	n.wantHandOvers("Ada Example gave the keyboard to Tom Example; Tom Example left, and gave the keyboard back to Ada Example")
	if a.holder() != "Ada Example" {
		t.Error("it was given all the same")
	}
}

// youAre is who the browser's person is among those at the shell that it watches.
func (b *browser) youAre() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.you
}

// TestNobodyLeavesBecauseTheBotStops ends no hand-over.
func TestNobodyLeavesBecauseTheBotStops(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a := n.shell()
	b := n.beside(tom)
	b.watch()
	a.say(`{"type":"give","whom":1}`)
	wantHolder(t, "Tom Example", a, b)
	if err := n.svc.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.wantHandOvers("Ada Example gave the keyboard to Tom Example")
}

// TestAPermissionHoldsUpNobodyElse has the keyboard handed over while somebody's permission to watch is asked for.
func TestAPermissionHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a := n.shell()
	b, c := n.beside(tom), n.beside(zoe)
	b.watch()
	asked, answer := make(chan struct{}), make(chan struct{})
	slow := func() { close(asked); <-answer }
	n.gate.shell.Store(&slow)
	c.tapWatch()
	<-asked
	a.say(`{"type":"give","whom":1}`)
	within(t, 5*time.Minute, "it has the keyboard", func() bool { return a.holder() == "Tom Example" })
	if c.watchesWhom() != "" {
		t.Error("it watches without an answer")
	}
	close(answer)
	within(t, time.Minute, "it watches", func() bool { return c.watchesWhom() != "" })
}

// TestWhoLeavesIsAskedAgain leaves by a tap, and by staying away.
func TestWhoLeavesIsAskedAgain(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *terminal.Config) { c.Away = time.Hour })
	a := n.shell()
	b := n.beside(tom)
	b.watch()
	b.say(`{"type":"unwatch"}`)
	within(t, time.Minute, "it has left", func() bool { return strings.Join(a.names(), ", ") == "Ada Example" && b.watchesWhom() == "" })
	n.gate.refuseShells(access.ErrProve)
	b.tapWatch()
	within(t, time.Minute, "the passkey is asked for", func() bool { return b.noticed("Show your passkey again") })
	n.gate.refuseShells(nil)
	b.watch()
	if e := n.timeline.of(incidents.KindTerminalWatched); len(e) != 2 {
		t.Errorf("%d times on the timeline", len(e))
	}
}

// TestALeaveIsNotLost taps Leave before there is something to leave.
func TestALeaveIsNotLost(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a := n.shell()
	b := n.beside(tom)
	asked, answer := make(chan struct{}), make(chan struct{})
	slow := func() { close(asked); <-answer }
	n.gate.shell.Store(&slow)
	b.tapWatch()
	<-asked
	b.say(`{"type":"unwatch"}`)
	b.say(`{"type":"spare","whom":7}`) // is answered where it is read
	within(t, time.Minute, "the tap was read", func() bool { return b.noticed("That shell has ended.") })
	close(answer)
	within(t, time.Minute, "it is on the timeline", func() bool { return len(n.timeline.of(incidents.KindTerminalWatched)) == 1 })
	within(t, time.Minute, "it is told", func() bool { return b.noticesHad() == 2 })
	if b.watchesWhom() != "" {
		t.Error("it watches")
	}
	within(t, time.Minute, "it has left", func() bool { return strings.Join(a.names(), ", ") == "Ada Example" })
}

// TestWhatIsTappedTooFastIsAnswered taps more than waits, while the first is asked about.
func TestWhatIsTappedTooFastIsAnswered(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.shell()
	b := n.beside(tom)
	asked, answer := make(chan struct{}), make(chan struct{})
	slow := func() { close(asked); <-answer }
	n.gate.shell.Store(&slow)
	b.tapWatch()
	<-asked
	for range 9 {
		b.say(`{"type":"take"}`)
	}
	within(t, time.Minute, "it is said", func() bool { return b.noticed("Snapback is still at what you tapped before.") })
	close(answer)
	within(t, time.Minute, "all is answered", func() bool { return b.noticesHad() == 9 })
}

// TestTwoTapsOnWatchAreOne taps again while the first is asked about, and once it watches and has the keyboard.
func TestTwoTapsOnWatchAreOne(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a := n.shell()
	b := n.beside(tom)
	asked, answer := make(chan struct{}), make(chan struct{})
	slow := func() { close(asked); <-answer }
	n.gate.shell.Store(&slow)
	b.tapWatch()
	<-asked
	b.tapWatch()
	b.say(`{"type":"spare","whom":7}`) // is answered where it is read
	within(t, time.Minute, "both taps were read", func() bool { return b.noticesHad() == 1 })
	close(answer)
	within(t, time.Minute, "it watches", func() bool { return b.watchesWhom() != "" && b.who() != nil })
	a.say(`{"type":"give","whom":1}`)
	wantHolder(t, "Tom Example", a, b)
	b.tapWatch()
	b.say(`{"type":"take"}`) // is answered after that
	within(t, time.Minute, "all is done", func() bool { return b.noticesHad() == 2 })
	b.typeIn("echo sti''ll\n")
	within(t, time.Minute, "it types", func() bool { return a.saw("still") && b.saw("still") })
	if b.holder() != "Tom Example" || b.count("") > 0 {
		t.Errorf("%s has the keyboard; it was told %d times that it watches no more", b.holder(), b.count(""))
	}
	if e := n.timeline.of(incidents.KindTerminalWatched); len(e) != 1 {
		t.Errorf("%d times on the timeline", len(e))
	}
	n.wantHandOvers("Ada Example gave the keyboard to Tom Example")
	b.say(`{"type":"unwatch"}`)
	within(t, time.Minute, "it has left", func() bool { return b.watchesWhom() == "" })
	b.watch()
}

// TestARefusedWatchMayBeTappedAgain is refused by the gate, and by too many taps.
func TestARefusedWatchMayBeTappedAgain(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.shell()
	b := n.beside(tom)
	n.gate.refuseShells(access.ErrProve)
	b.tapWatch()
	within(t, time.Minute, "it is refused", func() bool { return b.noticed("Show your passkey again") })
	n.gate.refuseShells(nil)
	asked, answer := make(chan struct{}), make(chan struct{})
	slow := func() { close(asked); <-answer }
	n.gate.shell.Store(&slow)
	b.tapWatch()
	<-asked
	b.say(`{"type":"unwatch"}`)
	for range 8 {
		b.say(`{"type":"take"}`)
	}
	b.tapWatch()
	within(t, time.Minute, "that is too fast", func() bool { return b.noticed("Snapback is still at what you tapped before.") })
	close(answer)
	within(t, time.Minute, "all is answered", func() bool { return b.noticesHad() == 11 })
	b.watch()
}
