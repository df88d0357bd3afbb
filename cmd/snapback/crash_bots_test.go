package main

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/snapshot/restore"
)

// TestAnotherBotTakesOver kills the bot that runs the restore, in each phase; another one, with a data folder of its own,
// has nothing else in common with it than the database and the engine.
func TestAnotherBotTakesOver(t *testing.T) {
	c := newCrash(t)
	other := c.boot(t.TempDir())
	undo := int64(0)
	for _, state := range []restore.State{restore.Prepared, restore.Swapping, restore.Started} {
		bot := c.first
		var died time.Time
		killed := c.when(state, func() { bot.kill(); died = time.Now() })
		id := c.tap(bot, undo)
		<-killed
		r := c.check(id)
		if r.State != restore.Verified {
			t.Errorf("killed in %s: %s: %s", state, r.State, r.Error)
		}
		c.within("taking over from a dead bot", c.continued(id, died, died), 10*time.Second)
		c.first, other = other, c.boot(bot.dataDir)
		if undo = r.ID; r.Kind == restore.Undoing {
			undo = 0
			c.clear()
		}
	}
	c.checkTold()
	c.report("from the bot's death to the next state")
}

// TestStoppedBotDoesNoHarmWhenItGoesOn stops a bot (SIGSTOP) whose call has just left, until another one has finished the
// restore. Then the late call arrives, and the bot goes on. The second bot's restore ends well, or reverts.
func TestStoppedBotDoesNoHarmWhenItGoesOn(t *testing.T) {
	for name, calls := range map[string][]int{"verified": {1}, "reverted": {1, 3, 4, 5, 6, 7}} {
		reverts := name == "reverted"
		for _, n := range calls {
			t.Run(fmt.Sprintf("%s/call%d", name, n), func(t *testing.T) {
				c := newCrash(t)
				c.boot(t.TempDir())
				r := c.late(0, n, reverts)
				if reverts && r.State != restore.Reverted || !reverts && r.State != restore.Verified {
					t.Errorf("stopped at call %d: %s: %s", n, r.State, r.Error)
				}
			})
		}
	}
}

func TestStoppedBotDoesNoHarmToAnUndo(t *testing.T) {
	for _, n := range []int{2, 3, 6} {
		t.Run(fmt.Sprintf("call%d", n), func(t *testing.T) {
			c := newCrash(t)
			c.boot(t.TempDir())
			if r := c.late(c.clean(0).ID, n, true); r.State != restore.Reverted {
				t.Errorf("stopped at call %d: %s: %s", n, r.State, r.Error)
			}
		})
	}
}

// late has the nth call arrive after all is over. With reverts, the starts of whatever bot until then are refused.
func (c *crash) late(undo int64, n int, reverts bool) restore.Restore {
	c.t.Helper()
	bot, gate, stopped := c.first, make(chan struct{}), make(chan struct{})
	var faults []*enginefault.Fault
	c.proxy.Forget()
	faults = append(faults, &enginefault.Fault{On: enginefault.Nth(n), Before: func(enginefault.Call) {
		bot.signal(syscall.SIGSTOP)
		close(stopped)
		<-gate
	}})
	if reverts {
		faults = append(faults, &enginefault.Fault{On: enginefault.Of(enginefault.Startup), Refuse: 500, Message: "refused"})
	}
	c.proxy.Arm(faults...)
	id := c.tap(bot, undo)
	select {
	case <-stopped:
	case <-time.After(time.Minute):
		c.t.Fatalf("there was no call %d to stop the bot at", n)
	}
	c.over(id)
	calls := len(c.proxy.Calls())
	close(gate)
	bot.signal(syscall.SIGCONT)
	c.settle(calls)
	return c.check(id)
}

// settle waits until the engine has been left alone for three seconds.
func (c *crash) settle(calls int) {
	quiet := time.Now()
	deadline := quiet.Add(2 * time.Minute)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if now := len(c.proxy.Calls()); now != calls {
			calls, quiet = now, time.Now()
		}
		if time.Since(quiet) > 3*time.Second {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatal("the engine is never left alone")
		}
	}
}
