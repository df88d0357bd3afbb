package main

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/snapshot/restore"
)

// swarmNight is a night whose engine is a Swarm of one node, with a service that has two tasks.
type swarmNight struct {
	*night
	swarm *enginetest.Swarm
	shop  string
}

// newBareSwarmNight is one without a service.
func newBareSwarmNight(t *testing.T) *swarmNight {
	t.Helper()
	t.Parallel()
	s := &swarmNight{swarm: enginetest.StartSwarm(t)}
	s.night = newNightOn(t, s.swarm.Scope)
	s.env["SNAPBACK_ENGINES"], s.env["SNAPBACK_BASELINE_AFTER"] = "here="+s.swarm.Daemon.Host(), "1s"
	return s
}

func newSwarmNight(t *testing.T) *swarmNight {
	t.Helper()
	s := newBareSwarmNight(t)
	s.shop = s.Name("shop")
	s.swarm.Service(s.shop, s.labels("--replicas", "2", "--stop-grace-period", "1s", "--env", "DB_POOL=20", s.Image("v1", `ENTRYPOINT ["/app"]`), "serve", "-addr=")...)
	return s
}

// await waits until it is so.
func (s *swarmNight) await(what string, so func() bool) {
	s.t.Helper()
	tick, deadline := time.NewTicker(500*time.Millisecond), time.After(2*time.Minute)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("not within two minutes: %s", what)
		}
	}
}

// reasons are why the service's snapshots were taken, as the API tells them.
func (s *swarmNight) reasons() (list []string) {
	s.t.Helper()
	_, answer := s.call("GET", "/containers/"+s.shop+"/snapshots", "")
	all, _ := answer["snapshots"].([]any)
	for _, one := range all {
		list = append(list, one.(map[string]any)["reason"].(string))
	}
	return list
}

func (s *swarmNight) pool() string {
	s.t.Helper()
	return s.Docker("service", "inspect", s.shop, "--format", "{{json .Spec.TaskTemplate.ContainerSpec.Env}}")
}

// TestNightOnASwarm: a service's deploy is seen, the alert tells what it has changed, a tap restores the spec from before it, and another
// one undoes that.
func TestNightOnASwarm(t *testing.T) {
	s := newSwarmNight(t)
	s.start()
	s.await("its spec is kept as a good one", func() bool { return len(s.reasons()) == 1 })
	s.Docker("service", "update", "--detach", "--env-add", "DB_POOL=2", s.shop)
	s.await("the deploy is seen", func() bool { return slices.Contains(s.reasons(), "pre-deploy") })

	_, services := s.call("GET", "/services", "")
	if list, _ := services["services"].([]any); len(list) != 1 || list[0].(map[string]any)["name"] != s.shop || list[0].(map[string]any)["tasks"] == nil {
		t.Errorf("the services are %v", services)
	}
	incident := s.service.Trigger("High error rate on shop")
	alert := s.channel.ExpectMessage(t, "High error rate on shop", "DB_POOL", "20 → 2", "Restore pre-deploy-")
	if answer := s.maria.Tap(alert.Button("Restore pre-deploy-")); answer.Status != http.StatusOK {
		t.Fatalf("tapping Restore: %+v", answer)
	}
	alert = alert.ExpectUpdate(t, "is back on pre-deploy-", "2 of 2 tasks run", "Undo")
	if got := s.pool(); got != `["DB_POOL=20"]` {
		t.Errorf("after the restore it runs with %s", got)
	}
	if answer := s.maria.Tap(alert.Button("Undo")); answer.Status != http.StatusOK {
		t.Fatalf("tapping Undo: %+v", answer)
	}
	alert.ExpectUpdate(t, "was undone")
	if got := s.pool(); got != `["DB_POOL=2"]` {
		t.Errorf("after the undo it runs with %s", got)
	}
	_, answer := s.call("GET", "/incidents/"+incident.ID()+"/export?format=md", "")
	story, _ := answer["text"].(string)
	for _, word := range []string{"replacement", "container from before", "the container"} {
		if strings.Contains(story, word) {
			t.Errorf("the timeline speaks of a container (%q):\n%s", word, story)
		}
	}
}

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
