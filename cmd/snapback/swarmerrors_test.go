package main

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/incidents/flat/logtail"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/snapshot/swarm"
)

// counted keeps what a follower tells, of which nothing was known before.
type counted struct {
	mu     sync.Mutex // guards errors
	errors map[string]float64
}

func (c *counted) Add(_ context.Context, n flat.Count) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errors[n.Key] += n.Errors / n.Share
	return nil
}

func (c *counted) ErrorsCountedTo(context.Context, []string) (map[string]time.Time, error) {
	return nil, nil
}

// of is how many errors were told, but for what calculating with parts of a minute has left.
func (c *counted) of(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int(c.errors[key] + 0.5)
}

// TestErrorsOfAServiceAreThoseOfAllItsTasks: what they have written before, and what they write.
func TestErrorsOfAServiceAreThoseOfAllItsTasks(t *testing.T) {
	t.Parallel()
	s := &swarmNight{night: &night{t: t}, swarm: enginetest.StartSwarm(t)}
	s.Scope = s.swarm.Scope
	name := s.Name("shop")
	s.swarm.Service(name, "--replicas", "2", "--label", "snapback.errors.pattern=^oops", "--stop-grace-period", "1s", s.Image("v1", `ENTRYPOINT ["/app"]`), "serve", "-addr=")
	tasks := strings.Fields(s.Docker("ps", "--quiet", "--filter", "label=com.docker.swarm.service.name="+name))
	if len(tasks) != 2 {
		t.Fatalf("its tasks' containers are %v", tasks)
	}
	for _, id := range tasks {
		s.Docker("exec", id, "/app", "say", "oops, once", "all is well")
	}
	p := &swarmParts{Cluster: swarm.New(swarm.Config{Manager: s.Engine()}), manager: s.Engine()}
	told := &counted{errors: map[string]float64{}}
	p.follow(logtail.Config{Recorder: told, Counted: told, Every: 100 * time.Millisecond, Look: 500 * time.Millisecond})
	p.logs.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := p.logs.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	all, err := p.List(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("services %v, %v", all, err)
	}
	key := all[0].Key
	s.await("what was written before counts", func() bool { return told.of(key) >= 2 })
	for _, id := range tasks {
		s.Docker("exec", id, "/app", "say", "oops, again", "2:oops, and again")
	}
	s.await("what is written counts", func() bool { return told.of(key) >= 6 })
	if state, ok := p.logs.State(key); told.of(key) != 6 || !ok || state.Problem != "" {
		t.Errorf("%d errors were counted, want 6; the log is read as %+v", told.of(key), state)
	}
}

// TestALogThatMissesWhatIsNobodysIsWhole: of a node that is away, only what is to run there is missed.
func TestALogThatMissesWhatIsNobodysIsWhole(t *testing.T) {
	t.Parallel()
	const complaint = "incomplete log stream. some logs could not be retrieved for the following reasons: node n2 is not available, task t9 has not been scheduled"
	here, moved, waits, there := swarm.Placed{Node: "n1", Meant: true}, swarm.Placed{Node: "n2"}, swarm.Placed{ID: "t9", Meant: true}, swarm.Placed{Node: "n2", Meant: true}
	if misses(complaint, []swarm.Placed{here, moved, waits}) {
		t.Error("what ran there before is missed")
	}
	if !misses(complaint, []swarm.Placed{here, there}) {
		t.Error("what is to run there is not missed")
	}
}
