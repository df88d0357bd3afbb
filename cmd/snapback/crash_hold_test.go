package main

import (
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot/restore"
)

// expectHolds compares how many deploys are on hold.
func (c *crash) expectHolds(when string, want int) {
	c.t.Helper()
	all, err := c.db.AllHolds(c.t.Context())
	if err != nil || len(all) != want {
		c.t.Errorf("%s, on hold: %+v (%v), want %d", when, all, err, want)
	}
}

// TestBotKilledAsARestoreIsVerifiedHasItsHold kills the bot in the moment in which others can read that the restore is verified, and in
// the one before.
func TestBotKilledAsARestoreIsVerifiedHasItsHold(t *testing.T) {
	c := newCrash(t)
	for _, state := range []restore.State{restore.Started, restore.Verified} {
		undo := int64(0)
		for want := 1; want >= 0; want-- { // a restore, and its undo
			bot := c.first
			killed := c.when(state, bot.kill)
			id := c.tap(bot, undo)
			<-killed
			if state == restore.Verified {
				c.expectHolds("killed when verified", want)
			}
			c.reboot(0)
			r := c.check(id)
			if r.State != restore.Verified {
				t.Fatalf("killed in %s: %s: %s", state, r.State, r.Error)
			}
			c.expectHolds("killed in "+string(state), want)
			undo = r.ID
		}
		c.clear()
	}
	c.checkTold()
}

// TestHoldOutlivesACrashOfPostgres crashes Postgres while the replacement proves itself, and once more while the hold is on. What came
// back meanwhile is told.
func TestHoldOutlivesACrashOfPostgres(t *testing.T) {
	c, server, link := newCrashDB(t)
	outage := func() { link.cut(); crashServer(t, server) }
	crashed := c.when(restore.Started, outage)
	id := c.tapped(0)
	<-crashed
	c.awaitServer()
	link.mend()
	if id == 0 {
		id = c.latest()
	}
	if r := c.check(id); r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	c.expectHolds("after a crash of Postgres", 1)
	outage()
	c.replace("V=2", "--restart", "always", c.bad)
	<-time.After(time.Second) // the bot looks, and can't ask what is on hold
	c.awaitServer()
	link.mend()
	c.channel.ExpectMessage(t, "⛔", "is back: the deploy that was rolled back at", "[Restore "+crashSnapshot+"]", "[Release]")
	c.expectHolds("after the second crash", 1)
}
