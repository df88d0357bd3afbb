package terminal_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/terminal"
)

// runaways are the ways in which a process leaves a shell behind: its environment, session, parent and user.
var runaways = map[string]string{
	"a session and environment of its own": "setsid env -i sleep 5555 &",
	"a double fork":                        "(env -i setsid sleep 5555 &)",
	"without a hang-up, twice forked":      "(trap '' HUP; env -i setsid sh -c '(sleep 5555 &)' >/dev/null 2>&1 &)",
	"as another user":                      "(env -i setsid su shop -c 'exec env -i sleep 5555' &)",
	"a chain of parents that are gone":     "(env -i setsid sh -c '(setsid sh -c \"(setsid sleep 5555 &)\" &)' &)",
}

func (n *night) runs(args string) bool {
	return slices.ContainsFunc(n.processes(), func(p string) bool { return strings.Contains(p, args) })
}

func TestNoProcessRunsAwayFromItsShell(t *testing.T) {
	t.Parallel()
	for name, line := range runaways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t, func(c *terminal.Config) { c.Follow = time.Hour }) // it takes no luck in looking
			id, have := n.session(access.ModeShell)
			b := n.connect(id, have)
			b.startShell()
			b.typeIn(line + "\n")
			defer func() {
				if t.Failed() {
					t.Logf("output %q, processes %q", b.shown(), n.processes())
				}
			}()
			within(t, time.Minute, "it runs", func() bool { return n.runs("sleep 5555") })
			b.typeIn("exit\n")
			n.wantNothingLeft()
		})
	}
}

func TestSweepFindsWhatRanAwayFromTheShellOfABotThatCrashed(t *testing.T) {
	t.Parallel()
	n := setup(t)
	b := n.shell()
	b.typeIn("(env -i setsid sleep 5555 &)\n")
	within(t, time.Minute, "it runs", func() bool { return n.runs("sleep 5555") })
	n.otherBotSweeps()
	n.wantNothingLeft()
}

// Whoever lays down every mark, the limit too, is known for having been a child of the shell's while the bot looked.
func TestWhatWasSeenToComeFromAShellIsEndedWithIt(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *terminal.Config) { c.Follow = 100 * time.Millisecond })
	b := n.shell()
	b.typeIn("(env -i sh -c 'ulimit -w 7; setsid sleep 5555; :' & sleep 10)\n")
	within(t, time.Minute, "it runs", func() bool { return n.runs("sleep 5555") })
	b.typeIn("echo wai''ted\n")
	within(t, time.Minute, "its parents' parent is gone", func() bool { return b.saw("waited") })
	b.typeIn("exit\n")
	n.wantNothingLeft()
}

func TestWhatForksOnAndOnEndsWithItsShell(t *testing.T) {
	t.Parallel()
	n := setup(t)
	limit := int64(2000)
	n.replace(`echo hello from the second; exec sleep 1000`, func(_ *container.Config, h *container.HostConfig) { h.PidsLimit = &limit })
	id, have := n.session(access.ModeShell)
	b := n.connect(id, have)
	within(t, time.Minute, "the container is up", func() bool { return b.saw("hello from the second") })
	b.startShell()
	b.typeIn("for i in 1 2 3 4 5 6 7 8 9; do (env -i setsid sh -c 'while :; do sleep 0.3; (setsid sleep 5555 &); done' &); done\n")
	defer func() {
		if t.Failed() {
			t.Logf("output %q, %d processes", b.shown(), len(n.processes()))
		}
	}()
	within(t, time.Minute, "it has gone off", func() bool { return len(n.processes()) > 60 })
	n.do("POST", "/t/end", "{}", have)
	within(t, 90*time.Second, "all of it is gone", func() bool { return !n.runs("5555") && len(n.processes()) <= 1 }) // its own is sleep 1000
	n.wantNoShell()
}

func TestOtherProcessesOfTheContainerLiveOn(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *terminal.Config) { c.Follow = 50 * time.Millisecond })
	n.replace(`echo hello from the second; (setsid sleep 2222 &); while :; do sleep 1; done`)
	id, have := n.session(access.ModeShell)
	b := n.connect(id, have)
	within(t, time.Minute, "the container is up", func() bool { return b.saw("hello from the second") })
	b.startShell()
	b.typeIn("(env -i setsid sleep 5555 &)\n")
	within(t, time.Minute, "it runs", func() bool { return n.runs("sleep 5555") })
	b.typeIn("exit\n")
	n.wantNoShell()
	if n.runs("5555") || !n.runs("2222") {
		t.Errorf("left are %q", n.processes())
	}
}

func TestContainerThatSeesTheHostsProcessesLosesItsShellsAlone(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.replace(`echo hello from the second; while :; do sleep 1; done`, func(_ *container.Config, h *container.HostConfig) { h.PidMode = "host" })
	id, have := n.session(access.ModeShell)
	b := n.connect(id, have)
	within(t, time.Minute, "the container is up", func() bool { return b.saw("hello from the second") })
	b.startShell()
	b.typeIn("(env -i setsid sleep 5555 &)\n")
	within(t, time.Minute, "it runs", func() bool { return n.runs("sleep 5555") })
	b.typeIn("exit\n")
	n.wantNoShell()
	if n.runs("5555") {
		t.Errorf("left are %q", n.processes())
	}
}

// immortal has processes that nothing ends.
type immortal struct {
	terminal.Engine
	listing atomic.Pointer[string]
}

func (e *immortal) Run(ctx context.Context, id string, s terminal.ExecSpec) ([]byte, error) {
	if text := e.listing.Load(); text != nil {
		return []byte(*text), nil
	}
	return e.Engine.Run(ctx, id, s)
}

func TestWhatIsLeftOfAShellIsNamed(t *testing.T) {
	t.Parallel()
	var e *immortal
	n := setup(t, func(c *terminal.Config) { e = &immortal{Engine: c.Engine}; c.Engine = e })
	b := n.shell()
	listing := "p 1 0 5 0 app\np 4711 1 99 1 evil\x1b[2J name\np 4712 4711 100 0 child\np 4713 1 99 0 other\nend\n"
	e.listing.Store(&listing)
	b.typeIn("exit\n")
	within(t, 60*time.Second, "the shell has ended", func() bool { return b.shellIs("ended") })
	const named = "(child (4712), evil?[2J name (4711))"
	if got := b.message(); !strings.Contains(got, "could not all be ended yet "+named) {
		t.Errorf("the person is told %q", got)
	}
	if got := n.timeline.last(incidents.KindTerminalEndFailed).Summary; !strings.Contains(got, "Ada Example's shell in api could not all be ended "+named) {
		t.Errorf("the timeline says %q", got)
	}
	e.listing.Store(nil)
}
