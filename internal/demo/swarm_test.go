package demo_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/docker/docker/client"

	"github.com/snapback/snapback/internal/enginetest"
)

// swarmSetting turns the nights on that are played on a Swarm, a minute each: make swarm runs them, and make test does not.
const swarmSetting = "SNAPBACK_SWARM"

func needsSwarm(t *testing.T) {
	t.Helper()
	if os.Getenv(swarmSetting) == "" {
		t.Skip("plays for a minute: run make swarm")
	}
}

// TestNightOnASwarmOfItsOwn: the machine's engine manages none, so it stays as it is.
func TestNightOnASwarmOfItsOwn(t *testing.T) {
	needsSwarm(t)
	cli, tmp := engineClient(t), scratch(t)
	out, err := play(t, tmp, "--swarm")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	playedThrough(t, out)
	if !strings.Contains(out, "tasks: 3 of 3") || !strings.Contains(out, "an engine of its own") {
		t.Errorf("it was not played on a Swarm of its own:\n%s", out)
	}
	nothingOf(t, cli, out, tmp)
	if info, err := cli.Info(t.Context()); err != nil || info.Swarm.ControlAvailable {
		t.Errorf("the machine's engine manages a Swarm: %v, %v", info.Swarm, err)
	}
}

// TestNightOnTheMachinesSwarm: the machine's engine manages one, which has nothing of it afterwards. The demo runs in that engine's network, as
// it does on a machine.
func TestNightOnTheMachinesSwarm(t *testing.T) {
	needsSwarm(t)
	s, tmp := enginetest.StartSwarm(t), scratch(t)
	cmd := exec.Command("nsenter", "--net", "--target", strconv.Itoa(s.Daemon.Process()), filepath.Join(programs(t), "snapback-demo"), "--swarm")
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+s.Daemon.Host())
	out, err := perform(t, cmd, tmp)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	playedThrough(t, out)
	cli, err := client.NewClientWithOpts(client.WithHost(s.Daemon.Host()), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	nothingOf(t, cli, out, tmp)
	if left := s.Docker("service", "ls", "--quiet"); left != "" {
		t.Errorf("services are left: %s", left)
	}
}
