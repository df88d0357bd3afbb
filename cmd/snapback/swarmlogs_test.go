package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/swarm"
	"github.com/snapback/snapback/terminal"
)

// terminalsOf are terminals on a Swarm whose only engine is the manager.
func terminalsOf(s *enginetest.Swarm, cluster *swarm.Cluster) *terminals {
	parts := &swarmParts{Cluster: cluster, manager: s.Engine()}
	return newTerminals([]*docker.Engine{s.Engine()}, func(context.Context, string) (string, error) { return "", errors.New("no container is asked for") },
		func() []*swarmParts { return []*swarmParts{parts} })
}

// TestTheTerminalOfAServiceIsTheLogOfItsTasks: each line with its task, and without the secrets of its environment.
func TestTheTerminalOfAServiceIsTheLogOfItsTasks(t *testing.T) {
	t.Parallel()
	s := enginetest.StartSwarm(t)
	name := s.Name("shop")
	s.Service(name, "--replicas", "2", "--stop-grace-period", "1s", "--env", "DB_PASSWORD=hunter2hunter2", s.Image("v1", `ENTRYPOINT ["/app"]`), "flood", "2", "signing in with hunter2hunter2")
	cluster := swarm.New(swarm.Config{Manager: s.Engine()})
	both := terminalsOf(s, cluster)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	all, err := cluster.List(ctx)
	if err != nil || len(all) != 1 {
		t.Fatalf("services %v, %v", all, err)
	}
	target, err := both.Resolve(ctx, all[0].Key)
	if err != nil || target.Name != name || target.NoShell || target.ID != all[0].ID {
		t.Fatalf("it is %+v, %v", target, err)
	}
	enough := errors.New("enough was read")
	lines, tasks := 0, map[string]bool{}
	err = both.Logs(ctx, target.ID, terminal.LogOptions{Tail: 10}, func(l terminal.LogLine) error {
		text := string(l.Text)
		task, text, _ := strings.Cut(text, " | ")
		tasks[task] = true
		if strings.Contains(text, "hunter2") || !strings.HasPrefix(text, "signing in with") || l.At.IsZero() {
			t.Errorf("its log has %q, at %s", text, l.At)
		}
		if lines++; lines >= 6 && len(tasks) == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("%d lines of its log were read, and then: %v", lines, err)
	}
	if !tasks[name+".1"] || !tasks[name+".2"] {
		t.Errorf("its lines are of %v", tasks)
	}
	placed, err := both.Tasks(ctx, target)
	if err != nil || len(placed) != 2 || placed[0].Name != name+".1" || placed[1].Name != name+".2" || placed[0].On == "" || placed[0].State != "running" {
		t.Errorf("its tasks are told as %+v, %v", placed, err)
	}
	s.Docker("service", "update", "--detach", "--label-add", "snapback.enable=false", name)
	if err := both.Logs(ctx, target.ID, terminal.LogOptions{Once: true}, func(terminal.LogLine) error { return nil }); !errors.Is(err, terminal.ErrNoContainer) {
		t.Errorf("the log of what is another spec by now: %v", err)
	}
	if _, err := both.Resolve(ctx, all[0].Key); !errors.Is(err, terminal.ErrNoContainer) {
		t.Errorf("a service that lost its label is %v", err)
	}
}

// TestOfTasksOfOneNameTheNewestIsTold and ten comes after nine.
func TestOfTasksOfOneNameTheNewestIsTold(t *testing.T) {
	t.Parallel()
	got := newestOfEach([]swarm.Placed{
		{Name: "shop.10", Host: "b", State: "running"}, {Name: "shop.9", Host: "a", State: "starting"}, {Name: "shop.9", Host: "b", State: "failed"}, {Name: "shop.1", State: "pending"},
	})
	want := []terminal.Task{{Name: "shop.1", State: "pending"}, {Name: "shop.9", On: "a", State: "starting"}, {Name: "shop.10", On: "b", State: "running"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the tasks are (-want +got):\n%s", diff)
	}
}

// TestTheLogOfAServiceHidesWhatWasASecretBefore: its tasks from before have written to it, too. Who follows it begins anew with each deploy.
func TestTheLogOfAServiceHidesWhatWasASecretBefore(t *testing.T) {
	t.Parallel()
	s := enginetest.StartSwarm(t)
	name := s.Name("shop")
	s.Service(name, "--stop-grace-period", "1s", "--env", "DB_PASSWORD=hunter2hunter2", s.Image("v1", `ENTRYPOINT ["/app"]`), "flood", "2", "signing in with hunter2hunter2")
	cluster := swarm.New(swarm.Config{Manager: s.Engine()})
	both := terminalsOf(s, cluster)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for _, next := range []string{"DB_PASSWORD=swordfish99", "POOL=3", "POOL=4"} {
		all, err := cluster.List(ctx)
		if err != nil || len(all) != 1 {
			t.Fatalf("services %v, %v", all, err)
		}
		target, err := both.Resolve(ctx, all[0].Key)
		if err != nil {
			t.Fatal(err)
		}
		deploy := sync.OnceFunc(func() { s.Docker("service", "update", "--detach", "--env-add", next, name) })
		if err := both.Logs(ctx, target.ID, terminal.LogOptions{Tail: 10}, func(l terminal.LogLine) error {
			if strings.Contains(string(l.Text), "hunter2") {
				t.Errorf("before %s, its log has %q", next, l.Text)
			}
			deploy()
			return nil
		}); err != nil || ctx.Err() != nil {
			t.Fatalf("following its log until %s: %v, %v", next, err, ctx.Err())
		}
	}
}

// TestCommandsWithoutABotSeeServices: doctor, and test-alert. A service with a slip in its labels is named.
func TestCommandsWithoutABotSeeServices(t *testing.T) {
	t.Parallel()
	s := enginetest.StartSwarm(t)
	name, image := s.Name("shop"), s.Image("v1", `ENTRYPOINT ["/app"]`)
	s.Service(name, "--label", "snapback.pagerduty.service=PSHOP01", image, "serve", "-addr=")
	s.Docker("service", "create", "--detach", "--quiet", "--no-resolve-image", "--name", s.Name("slip"), "--label", s.Only(), "--label", "snapback.enabled=true", image, "serve", "-addr=")
	at := engineAt{name: "here", where: s.Daemon.Host()}
	c := config{Only: s.Only(), Engines: []engineAt{at, {name: "again", where: s.Daemon.Host()}}}
	if _, err := checkContainers(t.Context(), c, at); err == nil || !strings.Contains(err.Error(), s.Name("slip")+": ") || strings.Contains(err.Error(), "no container") {
		t.Errorf("doctor says: %v", err)
	}
	s.Docker("service", "rm", s.Name("slip"))
	if found, err := checkContainers(t.Context(), c, at); err != nil || found != name+" " {
		t.Errorf("doctor finds %q, %v", found, err)
	}
	if got, err := alertedContainer(t.Context(), c, name); err != nil || got.Tasks == nil {
		t.Errorf("an alert would be about %+v, %v", got, err)
	}
}

// TestEnginesAreAskedForTheirSwarmsSideBySide: neither of two managers answers before the other was asked. The answers are in order.
func TestEnginesAreAskedForTheirSwarmsSideBySide(t *testing.T) {
	t.Parallel()
	var both sync.WaitGroup
	both.Add(2)
	var list []*docker.Engine
	for _, id := range []string{"one", "two"} {
		once := sync.OnceFunc(both.Done)
		manager := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Api-Version", "1.41")
			if strings.HasSuffix(r.URL.Path, "/info") {
				once()
				both.Wait()
				fmt.Fprintf(w, `{"Swarm":{"ControlAvailable":true,"Cluster":{"ID":%q}}}`, id)
			}
		}))
		t.Cleanup(manager.Close)
		t.Cleanup(once) // lets the other one end, also when this one was not asked
		engine, err := docker.New(t.Context(), docker.Config{Host: "tcp://" + manager.Listener.Addr().String()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { engine.Close() })
		list = append(list, engine)
	}
	if got := managedBy(t.Context(), list); got[0] != (asked{cluster: "one"}) || got[1] != (asked{cluster: "two"}) {
		t.Errorf("they manage %+v", got)
	}
}
