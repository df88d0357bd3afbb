package terminal_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
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
	b := twin.connect(id, have)
	within(t, time.Minute, "the shell is there", func() bool { return b.shellIs("running") && b.saw("ready") })
	b.typeIn("echo he''re\n")
	within(t, time.Minute, "it is the same one", func() bool { return a.saw("here") && b.saw("here") })
	n.wantShells(1)

	others.mu.Lock()
	others.down["back"] = true
	others.mu.Unlock()
	c := twin.connect(id, have)
	c.startShell() // which can't be reached is not waited for
	n.wantShells(2)
}

// A page that comes to another bot while that of the shell does not answer stays there, until it does.
func TestNoSecondShellIsStartedBesideOneAtAnotherBot(t *testing.T) {
	t.Parallel()
	n := setup(t)
	twin, others := n.twin(t, func(c *terminal.Config) { c.Poll = time.Hour }) // its page is not sent away meanwhile
	id, have := twin.session(access.ModeShell)
	n.connect(id, n.from(have)).startShell()
	others.mu.Lock()
	others.down["back"] = true
	others.mu.Unlock()
	b := twin.connect(id, have)
	within(t, time.Minute, "the log is there", func() bool { return b.saw("hello from the first") })
	others.mu.Lock()
	others.down["back"] = false
	others.mu.Unlock()
	_ = b.conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"shell","cols":80,"rows":24}`)) // it may be sent away just now
	within(t, time.Minute, "it is told so", func() bool {
		return b.sentAway() || b.shellIs("ended") && b.message() == "Another Snapback has the shell. Connecting to it."
	})
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
	b := twin.sit(id, have)
	within(t, time.Minute, "the shell is there", func() bool { return b.shellIs("running") })
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
				b = other.connect(id, have)
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
