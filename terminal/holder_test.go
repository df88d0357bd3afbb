package terminal_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/terminal"
)

// twin is another bot that reaches the container as well, and the first one.
func (n *night) twin(t *testing.T, tune ...func(*terminal.Config)) (*night, *neighbours) {
	t.Helper()
	twin, others, _ := n.front(t, append(tune, func(c *terminal.Config) { c.Engine = n.engine })...)
	others.set(nil)
	return twin, others
}

// from is what a browser sends along that comes to this bot.
func (n *night) from(have http.Header) http.Header {
	have = have.Clone()
	have.Set("Origin", n.url)
	return have
}

func (b *browser) sentAway() bool { c, ok := b.closed(); return ok && c.Code == 4002 }

// led is a page that comes back as often as it is sent away, as a browser's does, until something is there.
func led(t *testing.T, connect func() *browser, what string, there func(*browser) bool) *browser {
	t.Helper()
	b := connect()
	within(t, time.Minute, what, func() bool {
		if b.sentAway() {
			b = connect()
		}
		return there(b)
	})
	return b
}

// takesCalls says whether the bot with the shell does.
func (p *neighbours) takesCalls(does bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down["back"] = !does
}

func (p *neighbours) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.dialled)
}

func (n *night) wantShells(number int) {
	n.t.Helper()
	if got := len(n.timeline.of(incidents.KindTerminalShell)); got != number {
		n.t.Errorf("%d shells were started, want %d", got, number)
	}
}

func TestWhoComesBackToAShellAtAnotherBotIsLedToIt(t *testing.T) {
	t.Parallel()
	n := setup(t)
	twin, others := n.twin(t)
	id, have := twin.session(access.ModeShell)
	before := twin.connect(id, have) // a second page of the same session, which is there before the shell is
	within(t, time.Minute, "the log is there", func() bool { return before.saw("hello from the first") })
	a := n.connect(id, n.from(have))
	a.startShell()
	within(t, time.Minute, "the page at the other bot is sent away", before.sentAway)
	b := led(t, func() *browser { return twin.connect(id, have) }, "the shell is there", func(b *browser) bool { return b.shellIs("running") && b.saw("ready") })
	b.typeIn("echo he''re\n")
	within(t, time.Minute, "it is the same one", func() bool { return a.saw("here") && b.saw("here") })
	n.wantShells(1)

	others.takesCalls(false)
	c := twin.connect(id, have)
	c.startShell() // which can't be reached is not waited for
	n.wantShells(2)
}

// A page that comes to another bot while that of the shell does not answer stays there, until it does.
func TestAPageIsLedToItsShellOnceThatBotAnswers(t *testing.T) {
	t.Parallel()
	n := setup(t)
	twin, others := n.twin(t)
	id, have := twin.session(access.ModeShell)
	n.connect(id, n.from(have)).startShell()
	others.takesCalls(false)
	b := twin.connect(id, have)
	within(t, time.Minute, "it is called when the page comes, and once more", func() bool { return others.calls() >= 2 })
	others.takesCalls(true)
	n.clock.advance(15 * time.Second)
	within(t, time.Minute, "the page is sent away", b.sentAway)
	led(t, func() *browser { return twin.connect(id, have) }, "the shell is there", func(b *browser) bool { return b.shellIs("running") })
	n.wantShells(1)
}

// Before that, whoever taps Shell is led to the one that there is.
func TestNoSecondShellIsStartedBesideOneAtAnotherBot(t *testing.T) {
	t.Parallel()
	n := setup(t)
	twin, others := n.twin(t, func(c *terminal.Config) { c.Poll = time.Minute }) // its page is not sent away meanwhile
	id, have := twin.session(access.ModeShell)
	n.connect(id, n.from(have)).startShell()
	others.takesCalls(false)
	b := twin.connect(id, have)
	within(t, time.Minute, "the log is there", func() bool { return b.saw("hello from the first") })
	others.takesCalls(true)
	_ = b.conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"shell","cols":80,"rows":24}`)) // it may be sent away just now
	within(t, time.Minute, "it is sent there", b.sentAway)
	n.wantShells(1)
}

// The incident under which a seat is opened anew ends no shell, wherever it runs.
func TestASeatReopenedAtAnotherBotKeepsItsShell(t *testing.T) {
	t.Parallel()
	n := setup(t, withConsole)
	twin, _ := n.twin(t, withConsole)
	id, have := n.seat("s1", n.outside(access.ModeShell))
	a := n.sit(id, have)
	a.startShell()
	again, have := twin.seat("s1", n.grant(access.ModeShell))
	if again != id {
		t.Fatalf("another session was opened in the place of the one with the shell")
	}
	b := led(t, func() *browser { return twin.sit(id, have) }, "the shell is there", func(b *browser) bool { return b.shellIs("running") })
	a.typeIn("echo still''here\n")
	within(t, time.Minute, "it goes on", func() bool { return a.saw("stillhere") && b.saw("stillhere") })
	n.wantShells(1)
}

// Whoever may watch a shell is led to its bot, also from one that reaches the container itself.
func TestAShellAtAnotherBotIsWatched(t *testing.T) {
	t.Parallel()
	for name, reaches := range map[string]bool{"which reaches the container": true, "which does not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			var other *night
			if reaches {
				other, _ = n.twin(t)
			} else {
				other, _, _ = n.front(t)
			}
			id, have := other.link(tom, access.ModeShell)
			b := other.connect(id, have)
			within(t, time.Minute, "the log is there", func() bool { return b.saw("hello from the first") })
			a := n.shell()
			if reaches {
				within(t, time.Minute, "the page is sent away", b.sentAway)
				connect := func() *browser { return other.connect(id, have) }
				b = led(t, connect, "it is told of the shell", func(b *browser) bool { return len(b.invited()) == 1 })
			}
			b.watch()
			a.typeIn("echo to''gether\n")
			within(t, time.Minute, "the watcher sees it", func() bool { return b.saw("together") })
			a.say(`{"type":"give","whom":1}`)
			wantHolder(t, "Tom Example", a, b)
			b.typeIn("echo from''tom\n")
			within(t, time.Minute, "the watcher types", func() bool { return a.saw("fromtom") })
			n.wantShells(1)
		})
	}
}

// A bot of the release before has not written down which one it is.
func TestAShellOfABotWithoutANameHidesNoOther(t *testing.T) {
	t.Parallel()
	n := setup(t)
	twin, _ := n.twin(t)
	theirs, _ := twin.link(zoe, access.ModeShell)
	before := n.clock.now()
	testkit.OK(t, n.store.PutShell(t.Context(), terminal.ShellRecord{ID: "older", SessionID: theirs, ContainerID: "c", StartedAt: before, SeenAt: before.Add(time.Hour)}))
	n.shell()
	id, have := twin.link(tom, access.ModeShell)
	led(t, func() *browser { return twin.connect(id, have) }, "it is told of the shell", func(b *browser) bool { return len(b.invited()) == 1 })
}

// Whoever has a shell of their own stays with it, as does who may watch none.
func TestNobodyIsLedAwayFromTheirOwnShell(t *testing.T) {
	t.Parallel()
	n := setup(t)
	twin, others := n.twin(t)
	id, have := twin.link(tom, access.ModeShell)
	twin.connect(id, have).startShell()
	n.shell()
	b := twin.connect(id, have)
	within(t, time.Minute, "their shell is there", func() bool { return b.shellIs("running") })
	b.typeIn("echo still''here\n")
	within(t, time.Minute, "it answers", func() bool { return b.saw("stillhere") })
	logs := twin.connect(twin.link(zoe, access.ModeLogs))
	within(t, time.Minute, "the log is there", func() bool { return logs.saw("hello from the first") })
	others.mu.Lock()
	defer others.mu.Unlock()
	if len(others.dialled) > 0 {
		t.Errorf("%v was called", others.dialled)
	}
	n.wantShells(2)
}
