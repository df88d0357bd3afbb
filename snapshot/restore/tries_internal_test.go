package restore

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback/snapback/snapshot"
)

var errInternal = errors.New("500 internal server error")

// refusals has an engine refuse an act on a container so many times in a row.
func refusals(n int, what, id string) func(ctx context.Context, act, id string) error {
	return func(_ context.Context, act, of string) error {
		if act != what || of != id || n == 0 {
			return nil
		}
		n--
		return errInternal
	}
}

const forever = 1000

// TestAReplacementThatRunsIsNotRevertedForOneAnswer of the engine that says nothing of it.
func TestAReplacementThatRunsIsNotRevertedForOneAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		n       int
		id      string
		verdict bool
	}{
		"one look at it": {1, "new", false}, "some": {5, "new", false}, "all": {forever, "new", true},
		"all looks at the old one": {forever, "old", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := swapped(refusals(c.n, "inspect", c.id))
			s.all["new"].Up = time.Minute
			ctr := reverting(s)
			ctr.restore.State = Started
			how, err := ctr.proof(t.Context())
			if c.verdict != errors.Is(err, errInternal) || !c.verdict && !strings.Contains(how, "running for") {
				t.Errorf("%s: %q, %v", name, how, err)
			}
		})
	}
}

// TestASwapThatCannotBeMeasuredEnds: the replacement has been started.
func TestASwapThatCannotBeMeasuredEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		started := false
		s := swapped(func(_ context.Context, act, id string) error {
			if started = started || act == "start"; started && act == "inspect" {
				return errInternal
			}
			return nil
		})
		s.all["new"].Name, s.all["new"].State = "api.snapback-12", "created"
		ctr := reverting(s)
		ctr.restore.State = Swapping
		if err := ctr.Swap(t.Context()); err != nil || s.all["new"].State != "running" {
			t.Errorf("the replacement is %s: %v", s.all["new"].State, err)
		}
	})
}

// TestOneFailedLookAtWhatWasReplacedLosesNoHold nor what runs since.
func TestOneFailedLookAtWhatWasReplacedLosesNoHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		if in, err := reverting(swapped(refusals(1, "inspect", "old"))).glance(t.Context(), "old"); err != nil || in.ID != "old" {
			t.Errorf("%s: %v", in.ID, err)
		}
	})
}

// grumpy is a Swarm whose service does well, and whose manager fails so many times in a row: to look, and to update.
type grumpy struct {
	ServiceEngine
	Snapshots
	looks, updates int
	taken          bool // somebody else has deployed it
}

func (*grumpy) SnapshotByID(context.Context, int64) (snapshot.Snapshot, error) {
	return snapshot.Snapshot{Document: json.RawMessage("{}")}, nil
}

func (g *grumpy) Tasks(context.Context, json.RawMessage) (snapshot.Tasks, string, error) {
	if g.looks > 0 {
		g.looks--
		return snapshot.Tasks{}, "", errInternal
	}
	return snapshot.Tasks{Want: 3, Running: 3}, "good", nil
}

func (g *grumpy) Update(context.Context, json.RawMessage, []string, bool) error {
	switch {
	case g.taken:
		return snapshot.ErrReplaced
	case g.updates > 0:
		g.updates--
		return errInternal
	}
	return nil
}

func (g *grumpy) service() *service {
	r := New(Config{Engine: g, Snapshots: g, Window: time.Millisecond})
	plan := Plan{Service: true, BeforeID: 7, OldID: "good", NewID: "new", OldRunning: true}
	return &service{task: &task{Restorer: r, lease: &lease{until: time.Now().Add(24 * time.Hour)}, restore: Restore{State: Reverting, Plan: plan}}, Engine: g}
}

// TestAServiceIsPutBackWithThePatienceOfAContainer: one answer that says nothing of it must not end the way back.
func TestAServiceIsPutBackWithThePatienceOfAContainer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		manager grumpy
		state   State
		says    string
	}{
		"one update fails": {grumpy{updates: 1}, Reverted, ""},
		"some do":          {grumpy{updates: 5}, Reverted, ""},
		"all do":           {grumpy{updates: forever}, Failed, "its spec from before could not be put back: 500"},
		"some looks fail":  {grumpy{looks: 5}, Reverted, ""},
		"all do, later":    {grumpy{looks: forever}, Failed, "not all of its tasks run: 500"},
		"it was deployed":  {grumpy{taken: true}, Failed, "somebody has deployed"},
	} {
		synctest.Test(t, func(t *testing.T) {
			svc, began := c.manager.service(), time.Now()
			state, err := svc.Revert(t.Context())
			if state != c.state || err != nil || !strings.Contains(svc.restore.Error, c.says) || c.manager.taken && time.Since(began) > 0 {
				t.Errorf("%s: %s after %s: %v, %s", name, state, time.Since(began), err, svc.restore.Error)
			}
		})
	}
}

// TestAServiceThatRunsIsNotRevertedForOneAnswer of the manager that says nothing of it.
func TestAServiceThatRunsIsNotRevertedForOneAnswer(t *testing.T) {
	t.Parallel()
	for looks, verdict := range map[int]bool{1: false, 5: false, forever: true} {
		synctest.Test(t, func(t *testing.T) {
			svc := (&grumpy{looks: looks}).service()
			svc.restore.State = Started
			if _, err := svc.await(t.Context(), nil, "good"); verdict != errors.Is(err, errInternal) {
				t.Errorf("%d looks fail: %v", looks, err)
			}
		})
	}
}
