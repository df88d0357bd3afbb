package swarm_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/terminal"
)

// TestTheLogOfAServiceEnds: that which the manager gathers of tasks on one node stops in the middle, with so much in it.
func TestTheLogOfAServiceEnds(t *testing.T) {
	t.Parallel()
	s := enginetest.StartSwarm(t)
	name := s.Name("shop")
	s.Service(name, "--replicas", "3", "--stop-grace-period", "1s", s.Image("shop", `ENTRYPOINT ["/app"]`), "serve", "-addr=")
	lines := make([]string, 250)
	for i := range lines {
		lines[i] = "line " + strings.Repeat("x", 1000)
	}
	tasks := strings.Fields(s.Docker("ps", "--quiet", "--filter", "label=com.docker.swarm.service.name="+name))
	for _, id := range tasks {
		s.Docker(append([]string{"exec", id, "/app", "say"}, lines...)...)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	id := s.Docker("service", "inspect", "--format", "{{.ID}}", name)
	for range 3 {
		read := map[string]int{}
		shown := func(l terminal.LogLine) error {
			if strings.HasPrefix(string(l.Text), "line ") {
				read[l.Task]++
			}
			return nil
		}
		if err := s.Engine().ServiceLogs(ctx, id, nil, false, terminal.LogOptions{Once: true, Tail: 1000}, shown); err != nil || len(read) != 3 {
			t.Fatalf("a terminal shows lines of tasks %v, %v", read, err)
		}
		for task, n := range read {
			if n != len(lines) {
				t.Errorf("a terminal shows %d lines of task %s, want %d", n, task, len(lines))
			}
		}
		clear(read)
		err := s.Engine().ReadServiceLog(ctx, id, false, snapshot.LogAsk{Last: 1000}, func(l snapshot.RawLine) error {
			if strings.HasPrefix(string(l.Text), "line ") {
				read[l.Task]++
			}
			return nil
		})
		if err != nil || len(read) != 3 {
			t.Fatalf("lines of tasks %v, %v", read, err)
		}
		for task, n := range read {
			if n != len(lines) {
				t.Errorf("%d lines of task %s, want %d", n, task, len(lines))
			}
		}
	}
}
