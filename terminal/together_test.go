package terminal_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/terminal"
)

// otherShell is a shell of somebody else, as a page is told of it.
type otherShell struct {
	Run, Name string
	Mine      bool
}

// crowd is who is at a shell, as a page is told of it.
type crowd struct {
	Cols, Rows, Holder int
	Free               bool
	Members            []struct {
		ID   int
		Name string
		Asks bool
		Away bool
	}
}

func person(slackID, name string) access.Holder {
	return access.Holder{Person: access.Person{SlackID: slackID, Name: name}}
}

var tom, zoe = person("U2", "Tom Example"), person("U3", "Zoe Example")

// link opens a session for somebody else, with a browser.
func (n *night) link(who access.Holder, mode access.Mode) (id string, have http.Header) {
	n.t.Helper()
	g := n.grant(mode)
	g.Person = who
	return n.opened(n.redeem(n.mintFor(g)))
}

// beside is a browser of somebody else.
func (n *night) beside(who access.Holder) *browser {
	n.t.Helper()
	return n.connect(n.link(who, access.ModeShell))
}

// watch taps Watch on the one shell that there is, and waits until it is seen.
func (b *browser) watch() {
	b.t.Helper()
	b.tapWatch()
	within(b.t, time.Minute, "it watches", func() bool { return b.watchesWhom() != "" && b.who() != nil })
}

func (b *browser) tapWatch() {
	b.t.Helper()
	within(b.t, time.Minute, "it is told of the shell", func() bool { return len(b.invited()) == 1 })
	b.say(fmt.Sprintf(`{"type":"watch","run":%q,"by":%q}`, b.invited()[0].Run, b.by))
}

func (b *browser) invited() []otherShell {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.others
}

func (b *browser) watchesWhom() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.watches
}

// who is at the shell; nil when none is known.
func (b *browser) who() *crowd {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.crowd
}

// holder is who has the keyboard, as this browser knows it.
func (b *browser) holder() string {
	c := b.who()
	if c == nil {
		return ""
	}
	for _, m := range c.Members {
		if m.ID == c.Holder {
			return m.Name
		}
	}
	return ""
}

func (b *browser) names() (names []string) {
	if c := b.who(); c != nil {
		for _, m := range c.Members {
			names = append(names, m.Name)
		}
	}
	return names
}

func (b *browser) noticed(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Contains(strings.Join(b.notices, "\n"), text)
}

// noticesHad is how many notices it has had.
func (b *browser) noticesHad() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.notices)
}

func wantHolder(t *testing.T, who string, all ...*browser) {
	t.Helper()
	within(t, time.Minute, who+" has the keyboard", func() bool {
		for _, b := range all {
			if b.holder() != who {
				return false
			}
		}
		return true
	})
}

// wantRefused types in vain, and hears why.
func (b *browser) wantRefused(why string) {
	b.t.Helper()
	before := len(b.refusals())
	b.mu.Lock()
	number, run := b.number+1, b.run
	b.mu.Unlock()
	b.typeAs(number, run, "echo wr''ong\n")
	within(b.t, time.Minute, "it is refused", func() bool { return len(b.refusals()) > before })
	if got := b.refusals()[before]; got != why {
		b.t.Errorf("it says %q, want %q", got, why)
	}
}

func TestAWatcherSeesAndDoesNotType(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a := n.shell()
	a.typeIn("echo be''fore\n")
	within(t, time.Minute, "it is shown", func() bool { return a.saw("before") })
	b := n.beside(tom)
	b.watch()
	if got := b.watchesWhom(); got != "Ada Example" {
		t.Errorf("it watches %q", got)
	}
	within(t, time.Minute, "what is on the screen is there", func() bool { return b.saw("before") })
	a.typeIn("echo li''ve\n")
	within(t, time.Minute, "what comes is there", func() bool { return b.saw("live") })
	for _, who := range []*browser{a, b} {
		within(t, time.Minute, "who is there is known", func() bool { return strings.Join(who.names(), ", ") == "Ada Example, Tom Example" })
	}
	wantHolder(t, "Ada Example", a, b)
	b.wantRefused("Ada Example has the keyboard.")
	b.answer("echo wr''ong\n")
	b.say(`{"type":"resize","cols":33,"rows":11}`)
	b.wantRefused("Ada Example has the keyboard.") // what was said before it has been read
	a.typeIn("stty size; echo th''en\n")
	within(t, time.Minute, "the shell goes on", func() bool { return a.saw("then") && b.saw("then") })
	if a.saw("wrong") || !a.saw("24 80") {
		t.Errorf("a watcher has typed or has set the size:\n%s", a.shown())
	}
	e := n.timeline.of(incidents.KindTerminalWatched)
	if len(e) != 1 || e[0].Summary != "Tom Example watches Ada Example's shell in api" || e[0].Incident != n.incident {
		t.Errorf("the timeline has %+v", e)
	}
	_ = b.conn.CloseNow()
	within(t, time.Minute, "who has gone is not there for now", func() bool { return len(a.who().Members) == 2 && a.who().Members[1].Away })
	n.clock.advance(31 * time.Second)
	within(t, time.Minute, "who has gone is not there", func() bool { return strings.Join(a.names(), ", ") == "Ada Example" })
}

// tom is whoever watches first, as this browser is told; zero when nobody does.
func (b *browser) tom() (m struct {
	ID   int
	Name string
	Asks bool
	Away bool
}) {
	if c := b.who(); c != nil && len(c.Members) > 1 {
		m = c.Members[1]
	}
	return m
}

// TestAWatcherIsNotedOnceAndComesBack loses its connection, and goes on in the middle of what it was shown.
func TestAWatcherIsNotedOnceAndComesBack(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a := n.shell()
	id, have := n.link(tom, access.ModeShell)
	for i := range 3 {
		b := n.connect(id, have)
		b.watch()
		within(t, time.Minute, "it is there", func() bool { return a.tom().Name == "Tom Example" && !a.tom().Away })
		if asks := a.tom().Asks; asks != (i > 0) {
			t.Errorf("round %d: it asks: %v", i, asks)
		}
		if i > 0 {
			a.say(`{"type":"spare","whom":1}`)
			within(t, time.Minute, "it is kept", func() bool { return !a.tom().Asks })
		}
		b.say(`{"type":"ask"}`)
		within(t, time.Minute, "it asks", func() bool { return a.tom().Asks })
		_ = b.conn.CloseNow()
		within(t, time.Minute, "it is away", func() bool { return a.tom().Away })
	}
	if e := n.timeline.of(incidents.KindTerminalWatched); len(e) != 1 {
		t.Errorf("%d times", len(e))
	}
	a.typeIn("echo be''fore\n")
	within(t, time.Minute, "it is shown", func() bool { return a.saw("before\r\n") })
	a.mu.Lock()
	epoch, shown := a.epoch, a.own.Len()
	a.mu.Unlock()
	b := n.connect(id, have)
	within(t, time.Minute, "it is told of the shell", func() bool { return len(b.invited()) == 1 })
	b.say(fmt.Sprintf(`{"type":"watch","run":%q,"by":%q,"epoch":%q,"have":{"output":%d}}`, a.runs(), b.by, epoch, shown))
	within(t, time.Minute, "it watches", func() bool { return b.watchesWhom() != "" })
	a.typeIn("echo af''ter\n")
	within(t, time.Minute, "what comes is there", func() bool { return b.saw("after\r\n") })
	if b.saw("before\r\n") {
		t.Errorf("what it has is shown again:\n%s", b.shown())
	}
	a.typeIn("exit 7\n")
	within(t, time.Minute, "it is over", func() bool { return b.noticed("Ada Example's shell has ended.") && b.watchesWhom() == "" })
}

func TestWhoMayHaveNoShellMayNotWatchOne(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a := n.shell()
	logs := n.connect(n.link(tom, access.ModeLogs))
	within(t, time.Minute, "logs are shown", func() bool { return logs.saw("hello") })
	logs.say(fmt.Sprintf(`{"type":"watch","run":%q}`, a.runs()))
	within(t, time.Minute, "it is refused", func() bool { return logs.noticed("You may not open this here.") })
	if len(logs.invited()) > 0 {
		t.Error("it is told of the shell")
	}
	b := n.beside(zoe)
	within(t, time.Minute, "it is told of the shell", func() bool { return len(b.invited()) == 1 })
	n.gate.refuseShells(access.ErrProve)
	b.tapWatch()
	within(t, time.Minute, "the passkey is asked for", func() bool { return b.noticed("Show your passkey again") })
	n.gate.refuseShells(nil)
	n.timeline.fail(errors.New("away"))
	b.tapWatch()
	within(t, time.Minute, "it can't be written down", func() bool { return b.noticed("This can't be recorded right now") })
	n.timeline.fail(nil)
	b.say(`{"type":"watch","run":"another"}`)
	within(t, time.Minute, "there is no such shell", func() bool { return b.noticed("That shell has ended.") })
	if e := n.timeline.of(incidents.KindTerminalWatched); len(e) > 0 || len(a.names()) != 1 || logs.saw("ready") || b.saw("ready") {
		t.Errorf("somebody watched: %+v, %v", e, a.names())
	}
}

func TestAWatcherGoesWithItsSession(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a := n.shell()
	id, have := n.link(tom, access.ModeShell)
	b := n.connect(id, have)
	b.watch()
	a.say(`{"type":"give","whom":1}`)
	wantHolder(t, "Tom Example", a, b)
	n.do("POST", "/t/end", "{}", have)
	within(t, time.Minute, "it is closed", func() bool { _, over := b.closed(); return over })
	wantHolder(t, "Ada Example", a)
	a.typeIn("echo ba''ck\n")
	within(t, time.Minute, "it types again", func() bool { return a.saw("back") })
	within(t, time.Minute, "both are on the timeline", func() bool { return len(n.timeline.of(incidents.KindTerminalKeyboard)) == 2 })
	if got := n.timeline.last(incidents.KindTerminalKeyboard).Summary; got != "Tom Example left, and gave the keyboard back to Ada Example (Ada Example's shell in api)" {
		t.Errorf("it says %q", got)
	}
}

func TestTheKeyboardIsAskedForAndGiven(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a := n.shell()
	b := n.beside(tom)
	b.watch()
	asked := func(is bool) func() bool {
		return func() bool { c := a.who(); return len(c.Members) == 2 && c.Members[1].Asks == is }
	}
	b.say(`{"type":"take"}`)
	within(t, time.Minute, "it can't be taken", func() bool { return b.noticed("Somebody else has the keyboard.") })
	b.say(`{"type":"ask"}`)
	within(t, time.Minute, "it is asked for", asked(true))
	a.say(`{"type":"spare","whom":1}`)
	within(t, time.Minute, "it is kept", asked(false))
	b.say(`{"type":"ask"}`)
	within(t, time.Minute, "it is asked for again", asked(true))
	a.say(`{"type":"give","whom":1}`)
	wantHolder(t, "Tom Example", a, b)
	a.wantRefused("Tom Example has the keyboard.")
	b.say(`{"type":"resize","cols":61,"rows":29}`)
	within(t, time.Minute, "the size is the holder's", func() bool { b.typeIn("stty size\n"); return a.saw("29 61") && a.who().Cols == 61 })
	a.say(`{"type":"take"}`) // whose shell it is needs not ask
	wantHolder(t, "Ada Example", a, b)
	b.wantRefused("Ada Example has the keyboard.")
	var said []string
	for _, e := range n.timeline.of(incidents.KindTerminalKeyboard) {
		said = append(said, e.Summary)
	}
	if got := strings.Join(said, "; "); got != "Ada Example gave the keyboard to Tom Example (Ada Example's shell in api); Ada Example took the keyboard from Tom Example (Ada Example's shell in api)" {
		t.Errorf("the timeline says %s", got)
	}
	if cast := n.recording(); strings.Count(cast, `"m","Ada Example gave the keyboard to Tom Example"`) != 1 || strings.Count(cast, `"m"`) != 2 {
		t.Errorf("the recording has\n%s", cast)
	}
	n.timeline.fail(errors.New("away"))
	a.say(`{"type":"give","whom":1}`)
	within(t, time.Minute, "it can't be written down", func() bool { return a.noticed("This can't be recorded right now") })
	if a.holder() != "Ada Example" {
		t.Error("it was given all the same")
	}
}

func TestAHolderWithoutContactLosesTheKeyboard(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *terminal.Config) { c.Away = time.Hour })
	a := n.shell()
	b := n.beside(tom)
	b.watch()
	_ = a.conn.CloseNow()
	n.clock.advance(5 * time.Second) // far from 30: what comes takes time too
	b.say(`{"type":"take"}`)
	within(t, time.Minute, "it is too early", func() bool { return b.noticed("Somebody else has the keyboard.") })
	n.clock.advance(time.Minute)
	within(t, time.Minute, "it is said that it may be taken", func() bool { return b.who().Free })
	b.say(`{"type":"take"}`)
	wantHolder(t, "Tom Example", b)
	b.typeIn("echo ta''ken\n")
	within(t, time.Minute, "it types", func() bool { return b.saw("taken") })
	if got := n.timeline.last(incidents.KindTerminalKeyboard).Summary; got != "Tom Example took the keyboard from Ada Example, with whom there was no contact (Ada Example's shell in api)" {
		t.Errorf("it says %q", got)
	}
}

// TestOneHasTheKeyboard has everybody ask, give, take and type at once.
func TestOneHasTheKeyboard(t *testing.T) {
	t.Parallel()
	n := setup(t)
	a := n.shell()
	all := []*browser{a, n.beside(tom), n.beside(zoe)}
	all[1].watch()
	all[2].watch()
	within(t, time.Minute, "all are there", func() bool { return len(a.names()) == 3 })
	const rounds = 20
	var crowding sync.WaitGroup
	for i, b := range all {
		crowding.Go(func() {
			for range rounds {
				for _, m := range []string{`{"type":"ask"}`, fmt.Sprintf(`{"type":"give","whom":%d}`, (i+1)%3), `{"type":"take"}`, fmt.Sprintf(`{"type":"give","whom":%d}`, (i+2)%3)} {
					_ = b.conn.Write(t.Context(), websocket.MessageText, []byte(m))
				}
			}
		})
	}
	crowding.Wait()
	within(t, 2*time.Minute, "each that was tapped is on the timeline, or was refused", func() bool {
		done := len(n.timeline.of(incidents.KindTerminalKeyboard))
		for _, b := range all {
			done += b.noticesHad()
		}
		return done == rounds*3*len(all)
	})
	// By the timeline, each hand-over goes on where the one before ended.
	holder := "Ada Example"
	for _, e := range n.timeline.of(incidents.KindTerminalKeyboard) {
		by := strings.Join(strings.Fields(e.Summary)[:2], " ")
		gave := strings.Contains(e.Summary, " gave ")
		if gave && by != holder || !gave && !strings.Contains(e.Summary, "from "+holder) {
			t.Fatalf("%q, when %s had it", e.Summary, holder)
		}
		holder, _ = e.Details["keyboard"].(string)
	}
	wantHolder(t, holder, all...)
}
