package main

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/snapshot/restore"
)

// TestKilledBotFinishesTheRestoreOfAService: before the Swarm was told of the spec, and with the undo, after it. Then its engine is away when
// the next bot starts.
func TestKilledBotFinishesTheRestoreOfAService(t *testing.T) {
	needsCrashes(t)
	s := newSwarmNight(t)
	c := &crash{night: s.night, direct: s.env["DATABASE_URL"], name: s.shop}
	c.proxy = enginefault.Start(t, s.swarm.Daemon.Host(), s.Only())
	s.env["SNAPBACK_ENGINES"], s.env["SNAPBACK_BASELINE_AFTER"] = "here="+c.proxy.Host(), "1h"
	s.env["SNAPBACK_SECRET_KEYS"] = "a:" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	c.openStore()
	c.first = c.boot(s.env["SNAPBACK_DATA_DIR"])
	c.snapshot()
	s.Docker("service", "update", "--detach", "--env-add", "DB_POOL=2", s.shop)

	restored := s.killedAt(c, 0, false, func(bot *process) *enginefault.Fault {
		return &enginefault.Fault{Before: func(enginefault.Call) { bot.kill() }, Swallow: true}
	})
	if got := s.pool(); restored.State != restore.Verified || got != `["DB_POOL=20"]` {
		t.Errorf("the restore is %s (%s), and it runs with %s", restored.State, restored.Error, got)
	}
	undone := s.killedAt(c, restored.ID, true, func(bot *process) *enginefault.Fault {
		return &enginefault.Fault{After: func(enginefault.Call) { bot.kill() }, Drop: true}
	})
	if got := s.pool(); undone.State != restore.Verified || got != `["DB_POOL=2"]` {
		t.Errorf("the undo is %s (%s), and it runs with %s", undone.State, undone.Error, got)
	}
}

// killedAt restores, or undoes, with a bot that is killed when it tells the Swarm, and returns what the next one makes of it, once the engine
// is back if it is away.
func (s *swarmNight) killedAt(c *crash, undo int64, away bool, fault func(*process) *enginefault.Fault) restore.Restore {
	s.t.Helper()
	f := fault(c.first)
	f.On = func(call enginefault.Call) bool {
		return call.Kind == enginefault.OtherWrite && strings.Contains(call.Of, "/services/")
	}
	c.proxy.Arm(f)
	id := c.tap(c.first, undo)
	select {
	case <-c.first.ended:
	case <-time.After(2 * time.Minute):
		s.t.Fatal("the Swarm was not told of anything")
	}
	if away {
		c.proxy.Down()
	}
	c.first = c.boot(c.first.dataDir)
	if away {
		c.proxy.Up()
	}
	return c.over(id)
}
