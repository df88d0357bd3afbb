package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginetest"
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
