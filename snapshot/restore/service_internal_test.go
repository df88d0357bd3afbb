package restore

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// comingUp is a Swarm whose service has failures of when its spec ran before, and comes up at the third look.
type comingUp struct {
	ServiceEngine
	looks int
}

func (c *comingUp) Tasks(context.Context, json.RawMessage) (n snapshot.Tasks, id string, err error) {
	n = snapshot.Tasks{Want: 1, Failures: []string{"one", "two", "three"}}
	if c.looks++; c.looks > 2 {
		n.Running = 1
	}
	return n, "good", nil
}

// TestFailuresFromBeforeARestoreAreNotItsOwn: however often the tasks are counted.
func TestFailuresFromBeforeARestoreAreNotItsOwn(t *testing.T) {
	t.Parallel()
	r := New(Config{Engine: &comingUp{}, Window: time.Millisecond})
	of := &task{Restorer: r, lease: &lease{until: time.Now().Add(time.Hour)}, restore: Restore{State: Started}}
	svc := &service{task: of, Engine: r.Engine.(ServiceEngine)}
	if n, err := svc.await(t.Context(), nil, "good"); err != nil || n.Running != 1 {
		t.Errorf("%s: %v", n, err)
	}
}
