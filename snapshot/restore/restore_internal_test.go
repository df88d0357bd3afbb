package restore

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
)

// secretive is an engine that has a name once it was told.
type secretive struct {
	Engine
	name string
}

func (s *secretive) ID(context.Context) (string, error) {
	if s.name == "" {
		return "", snapshot.ErrEngineAway
	}
	return s.name, nil
}

// wished is a journal with one restore, of a Swarm's service, that counts how often it is begun.
type wished struct {
	Journal
	begun atomic.Int32
}

func (*wished) Open(_ context.Context, r Restore, _ string) (Restore, bool, error) {
	r.ID = 8
	return r, true, nil
}

func (*wished) Claimable(_ context.Context, scope Scope) (ids []int64, err error) {
	if scope.Engine == "swarm" {
		ids = []int64{8}
	}
	return ids, nil
}

func (*wished) Untaken(context.Context, time.Duration) ([]Restore, error) { return nil, nil }

func (w *wished) Claim(context.Context, int64, string, time.Duration) (Restore, error) {
	w.begun.Add(1)
	return Restore{}, ErrFenced
}

func (*wished) WithLateActs(context.Context, Scope, time.Duration) ([]int64, error) { return nil, nil }

// TestWhatMayBeAnotherEnginesIsNotBegun: a restore of a service that is asked for while the engine has not told who it is waits for the
// Swarm's own Restorer, and would be refused by that of containers.
func TestWhatMayBeAnotherEnginesIsNotBegun(t *testing.T) {
	t.Parallel()
	journal := &wished{}
	var begun []int32
	for _, name := range []string{"engine", "swarm"} {
		of := &secretive{}
		r := New(Config{Engine: of, Journal: journal, Bot: "bot"})
		if _, err := r.open(t.Context(), Restore{Key: "swarm/shop"}, ""); err != nil {
			t.Fatal(err)
		}
		r.wg.Wait()
		begun = append(begun, journal.begun.Load())
		of.name = name
		r.adopt(&snapshot.Refrain{})
		r.wg.Wait()
		begun = append(begun, journal.begun.Load())
	}
	if want := []int32{0, 0, 0, 1}; !slices.Equal(begun, want) {
		t.Errorf("it was begun so often, before and after each of two engines was known: %v, want %v", begun, want)
	}
}

// What waited for its engine here may come back from another bot much later: it has not waited since.
func TestARestoreThatAnotherBotHasTakenWaitsNoMore(t *testing.T) {
	t.Parallel()
	r := &Restorer{known: map[int64]*notes{}, running: map[int64]*capture.Meter{3: {}}}
	for id := range int64(5) {
		r.note(id, func(n *notes) { n.waitsSince, n.notified = time.Now(), true })
	}
	r.note(4, func(n *notes) { n.late = true })
	r.leave([]int64{2})
	want := map[int64]bool{2: true, 3: true, 4: false}
	if len(r.known) != len(want) {
		t.Errorf("%d are known, want %d", len(r.known), len(want))
	}
	for id, waits := range want {
		if n := r.note(id, func(*notes) {}); n.waitsSince.IsZero() == waits || n.notified != waits {
			t.Errorf("restore %d: %+v", id, n)
		}
	}
}
