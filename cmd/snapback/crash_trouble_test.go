package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/snapshot/restore"
)

func TestContainerThatDiesWhileItIsToldNotToRestartIsRestored(t *testing.T) {
	c := newCrash(t)
	r := c.faulty(0, 3, &enginefault.Fault{Refuse: 500, Message: "cannot update a stopped container: unknown"}, func(int64) {})
	if r.State != restore.Verified {
		t.Errorf("%s: %s", r.State, r.Error)
	}
}

func TestFullDiskLeavesNothingOfASnapshot(t *testing.T) {
	c := newCrash(t)
	c.Docker("exec", c.name, "/app", "touch", "/tmp/written")
	c.proxy.Arm(&enginefault.Fault{On: enginefault.Of(enginefault.Commit), Refuse: 500, Message: "no space left on device"})
	status, answer, err := c.first.call("POST", "/containers/"+c.name+"/snapshots", `{"name":"full"}`)
	if err != nil || status != http.StatusUnprocessableEntity || !strings.Contains(string(answer), `"disk_full"`) {
		t.Errorf("answered %d %s %v", status, answer, err)
	}
	status, _, err = c.first.call("GET", "/containers/"+c.name+"/snapshots/full", "")
	if err != nil || status != http.StatusNotFound {
		t.Errorf("the snapshot is there: %d %v", status, err)
	}
	c.compare("a commit without space")
	c.checkTimeline()
}

// TestAutoRemoveContainerSurvivesCrashes kills the bot before and after each call, and refuses each, when the broken
// container removes itself as soon as it stops: untag, commit and create of its copy; create, connect, stop, rename and
// start.
func TestAutoRemoveContainerSurvivesCrashes(t *testing.T) {
	const acts = 8
	faults := map[string]func(c *crash) *enginefault.Fault{
		"killed before": func(c *crash) *enginefault.Fault { return c.killed(true)() },
		"killed after":  func(c *crash) *enginefault.Fault { return c.killed(false)() },
		"refused": func(*crash) *enginefault.Fault {
			return &enginefault.Fault{Refuse: 500, Message: "no space left on device"}
		},
		"answer lost": func(*crash) *enginefault.Fault { return &enginefault.Fault{Drop: true} },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			c := newCrash(t)
			for n := 1; n <= acts; n++ {
				c.replace("V=2", "--rm", c.bad)
				c.autoRemove(n, fault(c), strings.HasPrefix(name, "killed"), name == "refused")
				c.clear()
				if _, err := c.Try("rmi", c.standInRef()); err == nil && name == "refused" && n < 6 {
					t.Errorf("call %d: the copy's image was left", n)
				}
			}
		})
	}
}

// autoRemove restores with a fault. A copy of the old container runs in its place when that was told to stop.
func (c *crash) autoRemove(n int, fault *enginefault.Fault, reboots, refused bool) {
	c.t.Helper()
	c.proxy.Forget()
	fault.On = enginefault.Nth(n)
	c.proxy.Arm(fault)
	id := c.tap(c.first, 0)
	if reboots {
		c.reboot(id)
	}
	r := c.over(id)
	want := restore.Verified
	if refused {
		want = restore.Reverted
	}
	if r.State != want {
		c.t.Errorf("%+v: %s: %s", c.proxy.Calls(), r.State, r.Error)
	}
	// A stop that was answered with an error may take effect yet, so it is done again.
	switch stopped := n >= 6; {
	case r.State == restore.Verified:
		c.runs, c.policy[r.Plan.NewID] = r.Plan.NewID, "unless-stopped"
		c.kept[r.Plan.KeptName] = r.Plan.StandInID
	case stopped:
		c.runs, c.policy[r.Plan.StandInID] = r.Plan.StandInID, "no"
	}
	got := c.onEngine()
	for name, id := range c.kept { // it never ran
		if now := got[name]; now.ID != id || now.State != "created" || now.Policy != "no" {
			c.t.Errorf("call %d: %s is %+v", n, name, now)
		}
	}
	if now := got[c.name]; now.ID != c.runs || now.State != "running" || len(got) != 1+len(c.kept) {
		c.t.Errorf("call %d (%s): %+v", n, r.State, got)
	}
	c.proxy.Forget()
}

// standInRef is the tag of the image of the latest restore's copy, "" when there is none.
func (c *crash) standInRef() string {
	c.t.Helper()
	id := c.latest()
	var r restore.Restore
	c.reads(func(ctx context.Context) (err error) {
		r, err = c.db.Restore(ctx, id)
		return err
	})
	return r.Plan.StandInRef
}

func TestPortTakenDuringTheSwapIsReverted(t *testing.T) {
	c := newCrash(t)
	c.good("V=1", "--publish", "127.0.0.1:39471:80")
	thief := func(enginefault.Call) {
		if out, err := c.Try("run", "--detach", "--name", c.Name("thief"), "--label", c.Only(), "--publish", "127.0.0.1:39471:80", c.Name("bad")); err != nil {
			t.Errorf("taking the port: %v: %s", err, out)
		}
	}
	c.proxy.Forget()
	c.proxy.Arm(&enginefault.Fault{On: enginefault.Of(enginefault.Stop), Before: thief})
	r := c.check(c.tap(c.first, 0))
	if r.State != restore.Reverted || !strings.Contains(r.Error, "port is already allocated") {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	r = c.check(c.tap(c.first, 0)) // and now that it is known, nothing is begun
	if r.State != restore.Refused || !strings.Contains(r.Error, "is taken by container") {
		t.Errorf("%s: %s", r.State, r.Error)
	}
}

func TestImagePrunedAfterThePreflightChangesNothing(t *testing.T) {
	c := newCrash(t)
	prune := func(enginefault.Call) { c.Docker("rmi", "-f", "snapback/"+c.name+":"+crashSnapshot, c.Name("good")) }
	c.proxy.Forget()
	c.proxy.Arm(&enginefault.Fault{On: enginefault.Of(enginefault.Create), Before: prune})
	r := c.check(c.tap(c.first, 0))
	if r.State != restore.Reverted {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	r = c.check(c.tap(c.first, 0))
	if r.State != restore.Refused || !strings.Contains(r.Error, "image") {
		t.Errorf("%s: %s", r.State, r.Error)
	}
}

// TestBadReplacementIsRevertedThroughCrashes: it ends at once, or says that it is sick, and the bot is killed while it puts
// the old one back.
func TestBadReplacementIsRevertedThroughCrashes(t *testing.T) {
	bad := map[string][]string{
		"ends at once": {"--restart", "no"},
		"sick":         {"--health-cmd", "/app no-such-check", "--health-interval", "1s", "--health-retries", "1"},
	}
	for name, args := range bad {
		t.Run(name, func(t *testing.T) {
			c := newCrash(t)
			c.good("V=1", args...)
			if name == "ends at once" {
				c.goodThatEnds()
			}
			killed := c.when(restore.Reverting, c.first.kill)
			id := c.tap(c.first, 0)
			<-killed
			c.reboot(id)
			if r := c.check(id); r.State != restore.Reverted {
				t.Errorf("%s: %s", r.State, r.Error)
			}
			c.checkTold()
		})
	}
}

// goodThatEnds has the snapshot be of a container that has ended.
func (c *crash) goodThatEnds() {
	c.t.Helper()
	c.Docker("rm", "-f", c.name)
	c.deploy("V=1", c.Name("good"), "/app", "no-such-command")
	c.awaitState("exited")
	if status, answer, err := c.first.call("DELETE", "/containers/"+c.name+"/snapshots/"+crashSnapshot, ""); err != nil || status >= 300 {
		c.t.Fatalf("deleting a snapshot: %d %s %v", status, answer, err)
	}
	c.snapshot()
	c.replace("V=2", "--restart", "always", c.bad)
}
