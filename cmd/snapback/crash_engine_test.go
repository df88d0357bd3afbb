package main

import (
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/snapshot/restore"
)

// engineEnds are the ways in which an engine goes away and comes back: in order, which stops all containers, and by SIGKILL,
// which leaves them running until the next one finds them.
var engineEnds = map[string]func(*enginetest.Daemon){"restarted": (*enginetest.Daemon).Restart, "killed": (*enginetest.Daemon).Crash}

// onOwnEngine runs a test for each way, with an engine of its own.
func onOwnEngine(t *testing.T, test func(c *crash, again func())) {
	needsCrashes(t)
	t.Parallel()
	for name, again := range engineEnds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engine := enginetest.StartDaemon(t)
			n := newNightOn(t, enginetest.On(t, engine.Host()))
			test(newCrashIn(n, n.env["DATABASE_URL"]), func() { again(engine) })
		})
	}
}

// TestEngineRestartedAtAnyCallOnlyDelaysTheRestore restarts the engine before and after each call of a restore, and of its
// undo.
func TestEngineRestartedAtAnyCallOnlyDelaysTheRestore(t *testing.T) {
	onOwnEngine(t, func(c *crash, again func()) {
		for _, fault := range []enginefault.Fault{
			{Before: func(enginefault.Call) { again() }, Swallow: true},
			{After: func(enginefault.Call) { again() }, Drop: true},
		} {
			ends := c.everyAct(func() *enginefault.Fault { one := fault; return &one }, func(int64) {})
			c.expect(ends, restore.Verified, restoreActs+undoActs)
		}
	})
}

// TestEngineRestartedInAnyStateIsNeverNeither has containers that the engine does not start again by itself. Whatever it has
// stopped meanwhile, in the end one of the two runs.
func TestEngineRestartedInAnyStateIsNeverNeither(t *testing.T) {
	onOwnEngine(t, func(c *crash, again func()) {
		c.good("V=1", "--restart", "no")
		for _, state := range []restore.State{restore.Requested, restore.Preflight, restore.Prepared, restore.Swapping, restore.Started} {
			c.replace("V=2", "--restart", "no", c.bad)
			back := make(chan time.Time, 1)
			done := c.when(state, func() { again(); back <- time.Now() })
			id := c.tap(c.first, 0)
			<-done
			r := c.over(id)
			c.within("ending a restore with an engine that is back", time.Since(<-back), 10*time.Second)
			c.oneOfTwo(state, r)
		}
		c.checkTold()
		c.report("from the engine's return to the end")
	})
}

// oneOfTwo looks for the container that the journal says should run, and for nothing else but the evidence.
func (c *crash) oneOfTwo(restarted restore.State, r restore.Restore) {
	c.t.Helper()
	runs, kept := r.Plan.NewID, 1
	if r.State == restore.Reverted {
		runs, kept = r.Plan.OldID, 0
	} else if r.State != restore.Verified {
		c.t.Errorf("engine restarted in %s: %s: %s", restarted, r.State, r.Error)
	}
	all := c.onEngine()
	if now := all[c.name]; now.ID != runs || now.State != "running" || len(all) != 1+kept {
		c.t.Errorf("engine restarted in %s, %s: %+v", restarted, r.State, all)
	}
	if evidence := all[r.Plan.KeptName]; kept == 1 && (evidence.ID != r.Plan.OldID || evidence.State != "exited" || evidence.Policy != "no") {
		c.t.Errorf("engine restarted in %s, %s: the evidence is %+v", restarted, r.State, evidence)
	}
	c.t.Logf("engine restarted in %s: %s %s", restarted, r.State, r.Error)
	c.say(r.Sentence(r.State))
	c.checkTimeline()
	if kept == 1 {
		c.Docker("rm", "-f", r.Plan.OldID)
	}
}
