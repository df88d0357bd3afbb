package watch_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/watch"
)

// fleet is a store and an engine with one container whose snapshots are kept. All that is not written here ends the test.
type fleet struct {
	watch.Store
	watch.Engine
	kept []snapshot.Snapshot
	// what was asked: about the container itself, and passes over all of them
	asked, passes atomic.Int32
}

const fleetKey = "engine/name/api"

func (f *fleet) Ping(context.Context) error { return nil }

func (f *fleet) ID(context.Context) (string, error) { return "engine", nil }

func (f *fleet) Follow(ctx context.Context, _ time.Time, _ func(snapshot.Event)) error {
	<-ctx.Done()
	return ctx.Err()
}

func (f *fleet) Observe(context.Context, []snapshot.Seat) ([]snapshot.Observation, error) {
	return nil, nil
}

func (f *fleet) Changes(a, b json.RawMessage) ([]snapshot.Change, error) {
	if string(a) == string(b) {
		return nil, nil
	}
	return []snapshot.Change{{}}, nil
}

func (f *fleet) EventsSeen(context.Context, string) (time.Time, error) { return time.Time{}, nil }

func (f *fleet) Identities(context.Context, string) ([]snapshot.Identity, error) { return nil, nil }

func (f *fleet) Held(context.Context, string) ([]watch.Held, error) { return nil, nil }

func (f *fleet) TagsLeft(context.Context, string) ([]watch.LeftTag, error) { return nil, nil }

func (f *fleet) Sweep(context.Context, string, time.Duration) error {
	f.passes.Add(1)
	return nil
}

func (f *fleet) KnownContainers(context.Context, string) ([]snapshot.Container, error) {
	return []snapshot.Container{{Key: fleetKey, Name: "api", Settings: snapshot.Settings{Keep: 3}}}, nil
}

func (f *fleet) Kept(context.Context, string) (map[string][]snapshot.Snapshot, error) {
	plain := make([]snapshot.Snapshot, 0, len(f.kept))
	for _, s := range f.kept {
		s.Document = nil
		plain = append(plain, s)
	}
	return map[string][]snapshot.Snapshot{fleetKey: plain}, nil
}

func (f *fleet) Alone(ctx context.Context, _ string, do func(context.Context) error) error {
	f.asked.Add(1)
	return do(ctx)
}

func (f *fleet) Snapshots(context.Context, string) ([]snapshot.Snapshot, error) { return f.kept, nil }

func (f *fleet) Referred(context.Context, string) (map[int64]bool, error) { return nil, nil }

func (f *fleet) LeftBehind(context.Context, string) ([]string, error) { return nil, nil }

func (f *fleet) Occupant(context.Context, string) (snapshot.Occupant, error) {
	return snapshot.Occupant{}, snapshot.ErrUnknownContainer
}

// TestTidyingAsksNothingOfContainersThatHaveNothingToRemove: it asks about hundreds every three minutes otherwise, which is a good part
// of what an idle bot costs.
func TestTidyingAsksNothingOfContainersThatHaveNothingToRemove(t *testing.T) {
	t.Parallel()
	state := func(document string) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) { s.Document = json.RawMessage(document) }
	}
	for name, c := range map[string]struct {
		kept []snapshot.Snapshot
		most int32 // how often it is asked about, however many passes there are
	}{
		"a baseline alone":       {[]snapshot.Snapshot{kept("a", snapshot.Baseline, 1)}, 0},
		"states that differ":     {[]snapshot.Snapshot{kept("a", snapshot.PreDeploy, 1, state(`1`)), kept("b", snapshot.PreDeploy, 2, state(`2`))}, 1},
		"nothing at all is kept": {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fleet{kept: c.kept}
			w := watch.New(watch.Config{Engine: f, Store: f, TidyEvery: time.Millisecond})
			w.Start()
			for until := time.After(time.Minute); f.passes.Load() < 5; {
				select {
				case <-time.After(time.Millisecond):
				case <-until:
					t.Fatal("nothing is tidied")
				}
			}
			if err := w.Stop(context.Background()); err != nil {
				t.Error(err)
			}
			if n := f.asked.Load(); n > c.most {
				t.Errorf("%d passes asked %d times about it, want %d at most", f.passes.Load(), n, c.most)
			}
		})
	}
}

// TestWhatTidyingLeavesOutHasNothingToRemove has lists and rules by chance: what the rules that go by the list alone let stay, taking all
// for the same, stays by all rules.
func TestWhatTidyingLeavesOutHasNothingToRemove(t *testing.T) {
	t.Parallel()
	dice := rand.New(rand.NewPCG(1, 2))
	chance := func(of int) bool { return dice.IntN(of) == 0 }
	left := 0
	for range 50_000 {
		list := someKept(dice)
		plain := watch.RetentionRules{Keep: 1 + dice.IntN(4), Now: noon, Gone: chance(4), Same: func(a, b snapshot.Snapshot) bool { return true }}
		if chance(2) {
			plain.MaxAge = time.Duration(dice.IntN(10)) * time.Hour
		}
		if len(watch.Surplus(list, plain)) > 0 {
			continue
		}
		left++
		full := plain
		full.LongRun, full.Referred = time.Hour, map[int64]bool{int64(1000 + dice.IntN(9)): true}
		full.Same = func(a, b snapshot.Snapshot) bool { return a.Note == b.Note }
		full.Running = func(s snapshot.Snapshot) bool { return s.Note == "now" }
		if gone := watch.Surplus(list, full); len(gone) > 0 {
			t.Fatalf("%+v of %+v would have been left out, by %+v", gone, list, plain)
		}
	}
	if left < 1000 {
		t.Errorf("only %d lists were left out: nothing is tested", left)
	}
}

func someKept(dice *rand.Rand) (list []snapshot.Snapshot) {
	reasons := []snapshot.Reason{snapshot.PreDeploy, snapshot.Baseline, snapshot.Manual, snapshot.Scheduled}
	for i := range dice.IntN(6) {
		s := kept("s", reasons[dice.IntN(4)], i, holding([]string{"now", "x", "y"}[dice.IntN(3)], dice.IntN(120)))
		for _, option := range []func(*snapshot.Snapshot){pinned, expires(1), expires(-1), missing(1), missing(1000)} {
			if dice.IntN(8) == 0 {
				option(&s)
			}
		}
		list = append(list, s)
	}
	return list
}
