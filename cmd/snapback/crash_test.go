package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/snapshot/restore"
)

// acts is how many calls change the engine in a restore, and in an undo: create, connect, policy, stop, rename, rename,
// start; and policy, stop, rename, policy, rename, start.
const (
	restoreActs = 7
	undoActs    = 6
)

// faulty restores, or undoes, with a fault at the nth call that changes the engine, and checks what has come of it. After
// runs once the bot was asked.
func (c *crash) faulty(undo int64, n int, fault *enginefault.Fault, after func(id int64), more ...*enginefault.Fault) restore.Restore {
	c.t.Helper()
	c.proxy.Forget()
	fault.On = enginefault.Nth(n)
	c.proxy.Arm(append(more, fault)...)
	id := c.tap(c.first, undo)
	after(id)
	r := c.check(id)
	c.proxy.Forget()
	if r.State == restore.Failed {
		c.t.Errorf("%s with a fault at call %d failed: %s", r.Kind, n, r.Error)
	}
	return r
}

// clean restores, or undoes, without a fault.
func (c *crash) clean(undo int64) restore.Restore {
	c.t.Helper()
	r := c.check(c.tap(c.first, undo))
	if r.State != restore.Verified {
		c.t.Fatalf("%s without a fault: %s: %s", r.Kind, r.State, r.Error)
	}
	return r
}

// everyAct has a fault at each call in turn of a restore, and of an undo. In the end all is as it was. It counts how
// each of them has ended.
func (c *crash) everyAct(fault func() *enginefault.Fault, after func(id int64)) map[restore.State]int {
	c.t.Helper()
	ends := map[restore.State]int{}
	undos := 0 // that have had their fault
	for n := 1; n <= restoreActs; n++ {
		r := c.faulty(0, n, fault(), after)
		if ends[r.State]++; r.State == restore.Verified {
			undos = c.undoFaulty(r.ID, undos+1, undos+1, ends, fault, after)
		}
	}
	if undos < undoActs {
		c.undoFaulty(c.clean(0).ID, undos+1, undoActs, ends, fault, after)
	}
	return ends
}

// undoFaulty undoes a restore with a fault at the nth call, and the next ones up to last for as long as that comes to
// nothing. It returns the last call that had one. In the end the restore is undone.
func (c *crash) undoFaulty(id int64, n, last int, ends map[restore.State]int, fault func() *enginefault.Fault, after func(id int64)) int {
	c.t.Helper()
	defer c.clear()
	for ; n <= min(last, undoActs); n++ {
		u := c.faulty(id, n, fault(), after)
		if ends[u.State]++; u.State == restore.Verified {
			return n
		}
	}
	c.clean(id)
	return n - 1
}

// clear removes the containers from before.
func (c *crash) clear() {
	c.t.Helper()
	for name, id := range c.kept {
		c.Docker("rm", "-f", id)
		delete(c.kept, name)
	}
}

// reboot waits for the bot's end, starts the next one, and measures how soon it goes on with a restore.
func (c *crash) reboot(id int64) {
	c.t.Helper()
	select {
	case <-c.first.ended:
	case <-time.After(time.Minute):
		c.t.Error("the bot was not killed: the restore made fewer calls than expected")
		c.first.kill()
	}
	c.first = c.boot(c.first.dataDir)
	if id == 0 {
		return
	}
	c.over(id)
	c.within(fmt.Sprintf("going on with restore %d after a restart", id), c.continued(id, c.first.began, c.first.ready), 2*time.Second)
}

func (c *crash) killed(before bool) func() *enginefault.Fault {
	return func() *enginefault.Fault {
		bot := c.first
		kill := func(enginefault.Call) { bot.kill() }
		if before {
			return &enginefault.Fault{Before: kill, Swallow: true}
		}
		return &enginefault.Fault{After: kill, Drop: true}
	}
}

func TestBotKilledBeforeAnEngineCallFinishesTheRestore(t *testing.T) {
	c := newCrash(t)
	ends := c.everyAct(c.killed(true), c.reboot)
	c.expect(ends, restore.Verified, restoreActs+undoActs)
	c.report("from ready to the next state")
}

func TestBotKilledAfterAnEngineCallFinishesTheRestore(t *testing.T) {
	c := newCrash(t)
	ends := c.everyAct(c.killed(false), c.reboot)
	c.expect(ends, restore.Verified, restoreActs+undoActs)
	c.report("from ready to the next state")
}

// expect fails the test unless all, n, have ended in one state.
func (c *crash) expect(ends map[restore.State]int, state restore.State, n int) {
	c.t.Helper()
	if diff := cmp.Diff(map[restore.State]int{state: n}, ends); diff != "" {
		c.t.Errorf("ends (-want +got):\n%s", diff)
	}
	c.checkTold()
}

func TestBotKilledInAnyStateFinishesTheRestore(t *testing.T) {
	c := newCrash(t)
	for _, state := range []restore.State{restore.Requested, restore.Preflight, restore.Prepared, restore.Swapping, restore.Started} {
		undo := int64(0)
		for range 2 { // a restore, and its undo
			bot := c.first
			killed := c.when(state, bot.kill)
			id := c.tap(bot, undo)
			<-killed
			c.reboot(id)
			r := c.check(id)
			if r.State != restore.Verified {
				t.Errorf("killed in %s: %s: %s", state, r.State, r.Error)
			}
			undo = r.ID
		}
		c.clear()
	}
	c.checkTold()
	c.report("from ready to the next state")
}

// TestBotKilledAtRandomMomentsFinishesTheRestore kills bots, SNAPBACK_CRASHES of them, and logs what chose the moments.
func TestBotKilledAtRandomMomentsFinishesTheRestore(t *testing.T) {
	crashes, seed := 15, uint64(time.Now().UnixNano())
	for name, set := range map[string]func(int64){
		"SNAPBACK_CRASHES":    func(n int64) { crashes = int(n) },
		"SNAPBACK_CRASH_SEED": func(n int64) { seed = uint64(n) },
	} {
		if n, err := strconv.ParseInt(os.Getenv(name), 10, 64); err == nil {
			set(n)
		}
	}
	const worlds = 3 // side by side
	for w := range worlds {
		t.Run(fmt.Sprintf("world%d", w), func(t *testing.T) {
			c := newCrash(t)
			t.Logf("SNAPBACK_CRASH_SEED=%d", seed)
			moments := rand.New(rand.NewPCG(seed, uint64(w)))
			for range (crashes + worlds - 1 - w) / worlds {
				c.randomly(moments)
			}
			c.checkTold()
			c.report("from ready to the next state")
		})
	}
}

// randomly kills the bot at some moment of a restore, or of the undo when there is one that can be undone. Most moments
// are early: the last two seconds of a restore are a wait.
func (c *crash) randomly(moments *rand.Rand) {
	c.t.Helper()
	share := moments.Float64()
	moment := time.Duration(share * share * float64(2800*time.Millisecond))
	bot := c.first
	timer := time.AfterFunc(moment, bot.kill)
	defer timer.Stop()
	id := c.tap(bot, c.undoable)
	c.reboot(id)
	r := c.check(id)
	c.t.Logf("killed after %s: %s %s", moment, r.Kind, r.State)
	switch {
	case r.State != restore.Verified && id != 0:
		c.t.Errorf("killed after %s: %s: %s", moment, r.State, r.Error)
	case r.Kind == restore.Restoring:
		c.undoable = r.ID
	case r.Kind == restore.Undoing:
		c.undoable = 0
		c.clear()
	}
}

// A refused start makes the restore revert: these are the calls that putting the old container back takes.
const revertActs = 4

func TestBotKilledWhileRevertingPutsTheOldContainerBack(t *testing.T) {
	c := newCrash(t)
	for _, before := range []bool{true, false} {
		for n := 1; n <= revertActs; n++ {
			r := c.faultyStart(c.killed(before)(), n, c.reboot)
			if r.State != restore.Reverted {
				t.Errorf("killed at call %d of the revert: %s: %s", n, r.State, r.Error)
			}
		}
	}
	c.checkTold()
	c.report("from ready to the next state")
}

// faultyStart refuses to start the replacement, and has a fault at the nth call after that.
func (c *crash) faultyStart(fault *enginefault.Fault, n int, after func(id int64)) restore.Restore {
	c.t.Helper()
	start := &enginefault.Fault{On: enginefault.Nth(restoreActs), Refuse: 500, Message: "no space left on device"}
	return c.faulty(0, restoreActs+n, fault, after, start)
}

func TestRefusedEngineCallIsReverted(t *testing.T) {
	c := newCrash(t)
	ends := c.everyAct(func() *enginefault.Fault {
		return &enginefault.Fault{Refuse: 500, Message: "an engine that refuses"}
	}, func(int64) {})
	c.expect(ends, restore.Reverted, restoreActs+undoActs)
}

func TestLostEngineAnswerIsAskedForAgain(t *testing.T) {
	c := newCrash(t)
	ends := c.everyAct(func() *enginefault.Fault { return &enginefault.Fault{Drop: true} }, func(int64) {})
	c.expect(ends, restore.Verified, restoreActs+undoActs)
}

func TestRevertSurvivesRefusals(t *testing.T) {
	c := newCrash(t)
	for n := 1; n <= revertActs; n++ {
		fault := &enginefault.Fault{Refuse: 500, Message: "an engine that refuses"}
		if r := c.faultyStart(fault, n, func(int64) {}); r.State != restore.Reverted {
			t.Errorf("call %d of the revert refused: %s: %s", n, r.State, r.Error)
		}
	}
	c.checkTold()
}

// TestEngineAwayForSecondsOnlyDelaysTheRestore has the engine away for three seconds in each phase, and at each call.
func TestEngineAwayForSecondsOnlyDelaysTheRestore(t *testing.T) {
	c := newCrash(t)
	undo := int64(0)
	for _, state := range []restore.State{restore.Preflight, restore.Prepared, restore.Swapping, restore.Started} {
		for range 2 {
			down := c.when(state, c.proxy.Down)
			id := c.tap(c.first, undo)
			<-down
			<-time.After(3 * time.Second)
			c.proxy.Up()
			up := time.Now()
			r := c.check(id)
			if r.State != restore.Verified {
				t.Errorf("engine away in %s: %s: %s", state, r.State, r.Error)
			}
			c.within("going on with an engine that is back", c.continued(id, up, up), 4*time.Second)
			if undo = r.ID; r.Kind == restore.Undoing {
				undo = 0
				c.clear()
			}
		}
	}
	c.checkTold()
	c.report("from the engine's return to the next state")
}
