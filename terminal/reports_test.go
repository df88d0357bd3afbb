package terminal_test

import (
	"errors"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/terminal"
)

// TestWhatHasBecomeOfAShellIsToldOnceTheTimelineIsBack has it away while a shell does not come about, and while one leaves processes.
func TestWhatHasBecomeOfAShellIsToldOnceTheTimelineIsBack(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	for name, c := range map[string]struct {
		kind   incidents.Kind
		befall func(n *night, e *immortal)
	}{
		"no shell came about": {incidents.KindTerminalNoShell, func(n *night, _ *immortal) {
			n.store.unnoted.Store(&away)
			b := n.connect(n.session(access.ModeShell))
			b.say(`{"type":"shell","cols":80,"rows":24}`)
			within(n.t, time.Minute, "there is none", func() bool { return b.shellIs("ended") })
		}},
		"processes are left": {incidents.KindTerminalEndFailed, func(n *night, e *immortal) {
			b := n.shell()
			listing := "p 1 0 5 0 app\np 4711 1 99 1 evil\nend\n"
			e.listing.Store(&listing)
			b.typeIn("exit\n")
			within(n.t, time.Minute, "it has ended", func() bool { return b.shellIs("ended") })
			e.listing.Store(nil)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e *immortal
			n := setup(t, func(c *terminal.Config) { e = &immortal{Engine: c.Engine}; c.Engine = e })
			n.timeline.untold.Store(&away)
			c.befall(n, e)
			until := n.clock.now()
			if n.svc.Sweep(t.Context()) == nil || len(n.timeline.of(c.kind)) > 0 {
				t.Fatal("the timeline is not away")
			}
			n.timeline.untold.Store(nil)
			for range 2 {
				_ = n.svc.Sweep(t.Context()) // what else it looks at has no part in this
			}
			if told := n.timeline.of(c.kind); len(told) != 1 || told[0].At.IsZero() || told[0].At.After(until) {
				t.Errorf("the timeline has %+v", told)
			}
		})
	}
}
