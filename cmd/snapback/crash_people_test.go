package main

import (
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/snapshot/restore"
)

// meanwhile restores, kills the bot at the nth call that changes the engine, or after the last one, has something
// happen, and starts the bot again.
func (c *crash) meanwhile(n int, happens func()) restore.Restore {
	c.t.Helper()
	if n > restoreActs {
		c.when(restore.Started, c.first.kill)
	}
	c.proxy.Forget()
	f := c.killed(true)()
	f.On = enginefault.Nth(n)
	c.proxy.Arm(f)
	id := c.tap(c.first, 0)
	<-c.first.ended
	happens()
	c.first = c.boot(c.first.dataDir)
	began := time.Now()
	r := c.over(id)
	c.within("coming to an end", time.Since(began), 8*time.Second)
	return r
}

// TestDeployWhileTheBotIsDownIsLeftAlone has a deploy replace the container at each point of a restore whose bot is dead.
func TestDeployWhileTheBotIsDownIsLeftAlone(t *testing.T) {
	deploys := map[string]func(c *crash){
		"removed and run": func(c *crash) {
			_, _ = c.Try("rm", "-f", c.name) // in the middle of a swap nothing has the name
			c.runs = c.deploy("V=3", c.bad)
		},
		"renamed and run": func(c *crash) {
			if _, err := c.Try("rename", c.name, c.Name("aside")); err == nil {
				c.Docker("stop", c.Name("aside"))
			}
			c.runs = c.deploy("V=3", c.bad)
		},
	}
	for name, deploy := range deploys {
		for what, n := range map[string]int{"prepared": 2, "swapping": 6, "named": 7, "started": restoreActs + 1} {
			t.Run(name+"/"+what, func(t *testing.T) {
				c := newCrash(t)
				r := c.meanwhile(n, func() { deploy(c) })
				if r.State != restore.Failed || !strings.Contains(r.Error, "left alone") {
					t.Errorf("%s: %s", r.State, r.Error)
				}
				c.onlyTheDeployRuns(r)
			})
		}
	}
}

// onlyTheDeployRuns: beside it there may be the container from before, stopped.
func (c *crash) onlyTheDeployRuns(r restore.Restore) {
	c.t.Helper()
	c.say(r.Sentence(r.State))
	for name, now := range c.onEngine() {
		switch {
		case name == c.name && now.ID == c.runs && now.State == "running":
		case name == r.Plan.KeptName && now.ID == r.Plan.OldID && now.State == "exited" && now.Policy == "no":
		default:
			c.t.Errorf("%s is %+v", name, now)
		}
	}
	c.checkTimeline()
}

func TestOldContainerRemovedWhileTheBotIsDown(t *testing.T) {
	for what, n := range map[string]int{"prepared": 2, "disarmed": 4, "aside": 6} {
		t.Run(what, func(t *testing.T) {
			c := newCrash(t)
			r := c.meanwhile(n, func() { c.Docker("rm", "-f", c.runs) })
			if r.State != restore.Verified {
				t.Fatalf("%s: %s", r.State, r.Error)
			}
			c.runs, c.policy[r.Plan.NewID] = r.Plan.NewID, "unless-stopped"
			c.compare("a restore without an old container")
		})
	}
}

// TestReplacementStaysWhenItIsAllThereIs: it is sick, but somebody has removed the container from before.
func TestReplacementStaysWhenItIsAllThereIs(t *testing.T) {
	c := newCrash(t)
	c.good("V=1", "--health-cmd", "/app no-such-check", "--health-interval", "1s", "--health-retries", "2")
	old := c.runs
	removed := c.when(restore.Started, func() { c.Docker("rm", "-f", old) })
	id := c.tap(c.first, 0)
	<-removed
	r := c.over(id)
	if r.State != restore.Failed || !strings.Contains(r.Error, "the replacement stays") {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	if now := c.onEngine()[c.name]; now.ID != r.Plan.NewID || now.State != "running" {
		t.Errorf("%s is %+v", c.name, now)
	}
}

// good takes the snapshot anew, from another good container, and breaks it again.
func (c *crash) good(env string, args ...string) {
	c.t.Helper()
	c.replace(env, append(args, c.Name("good"))...)
	if status, answer, err := c.first.call("DELETE", "/containers/"+c.name+"/snapshots/"+crashSnapshot, ""); err != nil || status >= 300 {
		c.t.Fatalf("deleting a snapshot: %d %s %v", status, answer, err)
	}
	c.snapshot()
	c.replace("V=2", "--restart", "always", c.bad)
}

func TestCrashLoopingContainerIsRestoredThroughCrashes(t *testing.T) {
	c := newCrash(t)
	for n := 3; n <= 5; n++ { // policy, stop, rename of a container that the engine keeps restarting
		c.replace("V=2", "--restart", "always", c.bad, "/app", "no-such-command")
		c.awaitState("restarting")
		c.proxy.Forget()
		f := c.killed(false)()
		f.On = enginefault.Nth(n)
		c.proxy.Arm(f)
		id := c.tap(c.first, 0)
		c.reboot(id)
		if r := c.check(id); r.State != restore.Verified {
			t.Errorf("killed after call %d: %s: %s", n, r.State, r.Error)
		}
		c.clear()
	}
}

// awaitState waits until the container is in a state.
func (c *crash) awaitState(state string) {
	c.t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for c.onEngine()[c.name].State != state {
		select {
		case <-tick.C:
		case <-deadline:
			c.t.Fatalf("%s is not %s", c.name, state)
		}
	}
}
