package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/swarm"
	"github.com/snapback/snapback/terminal"
)

// TestAShellOfAServiceIsInOneOfItsTasks: by the engine of the task's node, also when another bot has started it, and as long as the service
// is enabled.
func TestAShellOfAServiceIsInOneOfItsTasks(t *testing.T) {
	t.Parallel()
	s := enginetest.StartSwarm(t)
	name, image := s.Name("shop"), s.Image("v1", `ENTRYPOINT ["/app"]`)
	s.Service(name, "--stop-grace-period", "1s", image, "serve", "-addr=")
	alone := s.Docker("run", "--detach", image, "serve", "-addr=") // which is nobody's
	cluster := swarm.New(swarm.Config{Manager: s.Engine()})
	both := terminalsOf(s, cluster)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	all, err := cluster.List(ctx)
	if err != nil || len(all) != 1 {
		t.Fatalf("services %v, %v", all, err)
	}
	target, err := both.Resolve(ctx, all[0].Key)
	testkit.OK(t, err)
	place, err := both.Place(ctx, target)
	if own := s.Docker("ps", "--quiet", "--no-trunc", "--filter", "label=com.docker.swarm.service.name="+name); err != nil || place.ID != own || !strings.HasPrefix(place.Task, name+".1 on ") {
		t.Fatalf("a shell would be in %+v, and its task's container is %s: %v", place, own, err)
	}
	well := terminal.ExecSpec{Cmd: []string{"/app", "check"}}
	shell, err := both.Exec(ctx, place.ID, well)
	testkit.OK(t, err)
	testkit.OK(t, shell.Close())
	if _, err := terminalsOf(s, cluster).Run(ctx, place.ID, well); err != nil {
		t.Errorf("a command by a bot that has not started the shell: %v", err)
	}
	if _, err := both.Run(ctx, alone, well); !errors.Is(err, terminal.ErrNotEnabled) {
		t.Errorf("a command in a container without the label: %v", err)
	}
	nowhere := terminalsOf(s, cluster)
	nowhere.engines = nil
	_, err = nowhere.Resolve(ctx, all[0].Key)
	testkit.OK(t, err)
	if _, err := nowhere.Place(ctx, target); err == nil || !strings.Contains(err.Error(), "docker exec: "+place.Task) {
		t.Errorf("where no engine is its node's: %v", err)
	}
	s.Docker("service", "update", "--detach", "--label-add", "snapback.enable=false", name)
	if _, err := both.Exec(ctx, place.ID, well); !errors.Is(err, terminal.ErrNotEnabled) {
		t.Errorf("a shell of a service that is not enabled any more: %v", err)
	}
	for who, of := range map[string]*terminals{"the bot that has started it": both, "another bot": terminalsOf(s, cluster)} {
		if _, err := of.Run(ctx, place.ID, well); err != nil {
			t.Errorf("the end of a shell that was started before, by %s: %v", who, err)
		}
	}
}

// TestAShellEndsWhileTheManagerIsAway: its processes are there, and the engine of the task's node answers.
func TestAShellEndsWhileTheManagerIsAway(t *testing.T) {
	t.Parallel()
	s := enginetest.StartSwarm(t)
	s.Service(s.Name("shop"), "--stop-grace-period", "1s", s.Image("v1", `ENTRYPOINT ["/app"]`), "serve", "-addr=")
	proxy := enginefault.Start(t, s.Daemon.Host(), "")
	manager, err := docker.New(t.Context(), docker.Config{Host: proxy.Host()})
	testkit.OK(t, err)
	t.Cleanup(func() { _ = manager.Close() })
	cluster := swarm.New(swarm.Config{Manager: manager})
	both := terminalsOf(s, cluster)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	all, err := cluster.List(ctx)
	if err != nil || len(all) != 1 {
		t.Fatalf("services %v, %v", all, err)
	}
	target, err := both.Resolve(ctx, all[0].Key)
	testkit.OK(t, err)
	place, err := both.Place(ctx, target)
	testkit.OK(t, err)
	proxy.Down()
	well := terminal.ExecSpec{Cmd: []string{"/app", "check"}}
	if _, err := both.Exec(ctx, place.ID, well); err == nil {
		t.Error("a shell was started, and nobody says whether its service is enabled")
	}
	if _, err := both.Run(ctx, place.ID, well); err != nil {
		t.Errorf("the end of a shell: %v", err)
	}
}

// TestATaskWhoseContainerIsToHaveNoShellHasNone: also when the service's own labels enable it, and say nothing of shells.
func TestATaskWhoseContainerIsToHaveNoShellHasNone(t *testing.T) {
	t.Parallel()
	s := enginetest.StartSwarm(t)
	name := s.Name("shop")
	s.Service(name, "--container-label", "snapback.terminal.allow=none", "--stop-grace-period", "1s", s.Image("v1", `ENTRYPOINT ["/app"]`), "serve", "-addr=")
	cluster := swarm.New(swarm.Config{Manager: s.Engine()})
	both := terminalsOf(s, cluster)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	all, err := cluster.List(ctx)
	if err != nil || len(all) != 1 {
		t.Fatalf("services %v, %v", all, err)
	}
	target, err := both.Resolve(ctx, all[0].Key)
	testkit.OK(t, err)
	if place, err := both.Place(ctx, target); !errors.Is(err, terminal.ErrNotAllowed) {
		t.Errorf("a shell would be in %+v, %v", place, err)
	}
	own := s.Docker("ps", "--quiet", "--no-trunc", "--filter", "label=com.docker.swarm.service.name="+name)
	if _, err := both.Exec(ctx, own, terminal.ExecSpec{Cmd: []string{"/app", "check"}}); !errors.Is(err, terminal.ErrNotAllowed) {
		t.Errorf("a shell in its task: %v", err)
	}
}
