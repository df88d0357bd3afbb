package enginetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/ownengine"
)

// Swarm is a scope on a Swarm of a test's own, of one node.
type Swarm struct {
	*Scope
	Daemon *Daemon
}

// StartSwarm starts one, and ends it with the test. It needs root, and skips the test without.
func StartSwarm(t testing.TB) *Swarm {
	t.Helper()
	d := StartDaemon(t)
	s := &Swarm{Scope: On(t, d.Host()), Daemon: d}
	s.Init()
	return s
}

// Init makes the Daemon the only node of a Swarm.
func (s *Swarm) Init() {
	s.t.Helper()
	s.Docker("swarm", "init", "--advertise-addr", ownengine.Address)
}

// Service creates an enabled service, and waits until its tasks run. Args are docker service create's after the name.
func (s *Swarm) Service(name string, args ...string) {
	s.t.Helper()
	s.Docker(append([]string{"service", "create", "--detach", "--quiet", "--no-resolve-image", "--name", name,
		"--label", "snapback.enable=true", "--label", s.Only()}, args...)...)
	s.AwaitTasks(name)
}

// AwaitTasks waits until as many tasks of a service run as are wanted.
func (s *Swarm) AwaitTasks(name string) {
	s.t.Helper()
	tick, deadline := time.NewTicker(200*time.Millisecond), time.After(2*time.Minute)
	defer tick.Stop()
	for {
		out := s.Docker("service", "ls", "--filter", "name="+name, "--format", "{{.Replicas}}")
		var runs, want int
		if n, _ := fmt.Sscanf(out, "%d/%d", &runs, &want); n == 2 && runs == want {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("the tasks of %s do not run: %s\n%s", name, out, s.Docker("service", "ps", "--no-trunc", name))
		}
	}
}
