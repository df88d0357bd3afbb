package restore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// passing is a subject that nothing speaks against.
type passing struct{ subject }

func (passing) Preflight(context.Context) ([]string, error) { return nil, nil }

// compared is an engine whose container is as every snapshot says, and the snapshots. Meanwhile is called during each look at the container.
type compared struct {
	Engine
	Snapshots
	meanwhile func(context.Context) error
}

func (c *compared) Inspect(ctx context.Context, _ string) (snapshot.Inspection, error) {
	if err := c.meanwhile(ctx); err != nil {
		return snapshot.Inspection{}, err
	}
	return snapshot.Inspection{Container: snapshot.Container{ID: "good", State: "running"}, Document: json.RawMessage("{}")}, nil
}

func (*compared) Changes(json.RawMessage, json.RawMessage) ([]snapshot.Change, error) {
	return []snapshot.Change{{Attribute: "image"}}, nil
}

func (*compared) SnapshotByID(context.Context, int64) (snapshot.Snapshot, error) {
	return snapshot.Snapshot{Document: json.RawMessage("{}")}, nil
}

// askedAfar is a machine in the preflight of what was asked for at another bot.
func askedAfar(e *compared) *machine {
	r := &Restorer{Config: Config{Engine: e, Snapshots: e, Journal: &standing{}, Stale: time.Hour}}
	rest := Restore{State: Preflight, RequestedAt: time.Now(), Plan: Plan{Afar: true, OldID: "good"}}
	return &machine{task: &task{Restorer: r, lease: &lease{until: time.Now().Add(time.Hour)}, restore: rest}, subject: passing{}}
}

func TestABotThatStopsDoesNotRefuseWhatWasAskedForAfar(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	m := askedAfar(&compared{meanwhile: func(ctx context.Context) error {
		cancel()
		return ctx.Err()
	}})
	if next, err := m.preflight(ctx); next != Prepared || err != nil {
		t.Errorf("it goes to %q, because of %v: %v", next, m.restore.WhyNot, err)
	}
}

// TestAnEngineThatHangsIsWaitedForLater as in the rest of the preflight: the lease is let go of, and people are told.
func TestAnEngineThatHangsIsWaitedForLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		m := askedAfar(&compared{meanwhile: func(ctx context.Context) error {
			<-ctx.Done()
			return fmt.Errorf("%w: %w", snapshot.ErrEngineAway, ctx.Err())
		}})
		if next, err := m.preflight(ctx); next != "" || !errors.Is(err, snapshot.ErrEngineAway) || ctx.Err() != nil {
			t.Errorf("it goes to %q, because of %v: %v", next, m.restore.WhyNot, err)
		}
	})
}

// known has the snapshots whose spec a service has already.
type known struct{ Snapshots }

func (known) SnapshotByID(context.Context, int64) (snapshot.Snapshot, error) {
	return snapshot.Snapshot{Name: "good", Document: json.RawMessage("{}")}, nil
}

// plain is a container that is as every snapshot says.
type plain struct{ Engine }

func (plain) Inspect(context.Context, string) (snapshot.Inspection, error) {
	return (&standing{state: "running"}).Inspect(context.Background(), "")
}

func (plain) Changes(json.RawMessage, json.RawMessage) ([]snapshot.Change, error) { return nil, nil }

// TestWhatRunsAlreadyIsPutBackFromAfarAsItIsHere: a service never, and a container when that is forced, which is noted.
func TestWhatRunsAlreadyIsPutBackFromAfarAsItIsHere(t *testing.T) {
	t.Parallel()
	service := []string{(&AlreadyThereError{Container: "shop", Service: true}).Anew()}
	for name, c := range map[string]struct {
		engine Engine
		force  bool
		why    []string
		anew   bool
	}{
		"a service":                    {&standing{state: "running"}, false, service, false},
		"a service, forced":            {&standing{state: "running"}, true, service, false},
		"a service that is not well":   {&standing{state: "exited"}, false, service, false},
		"one that is not well, forced": {&standing{state: "exited"}, true, service, false},
		"a container":                  {plain{}, false, []string{"shop runs good already"}, false},
		"a container, forced":          {plain{}, true, nil, true},
	} {
		j := &ending{}
		r := &Restorer{Config: Config{Journal: j}}
		rest, err := r.requestAfar(t.Context(), Ask{Force: c.force}, Restore{Key: "C/name/shop", Container: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		rest.Plan.OldID = "good"
		far := &Restorer{Config: Config{Engine: c.engine, Journal: &standing{}, Snapshots: known{}}}
		m := &machine{task: &task{Restorer: far, restore: rest}}
		if why, err := m.changesNothing(t.Context()); err != nil || !slices.Equal(why, c.why) || m.restore.Plan.Anew != c.anew {
			t.Errorf("%s: refused with %q, made anew %v: %v", name, why, m.restore.Plan.Anew, err)
		}
	}
}

// ending is a journal whose running restore ends just before another one is opened.
type ending struct {
	Journal
	away   bool
	opened []Restore
}

func (*ending) Answered(context.Context, string, string) (bool, error) { return true, nil }

func (e *ending) AttendedFor(context.Context, string) (string, error) {
	if e.away {
		return "", snapshot.ErrEngineAway
	}
	return "team=c", nil
}

func (e *ending) Open(_ context.Context, r Restore, _ string) (Restore, bool, error) {
	e.opened = append(e.opened, r)
	return r, true, nil
}

// TestWhatIsAskedForWhileAnotherOneEndsIsForTheBotThatIsThere: with no label, a bot that has one would never take it.
func TestWhatIsAskedForWhileAnotherOneEndsIsForTheBotThatIsThere(t *testing.T) {
	t.Parallel()
	j := &ending{}
	r := &Restorer{Config: Config{Journal: j}}
	if _, err := r.requestAfar(t.Context(), Ask{}, Restore{Key: "C/name/api"}); err != nil || len(j.opened) != 1 || j.opened[0].Only != "team=c" {
		t.Errorf("opened was %+v: %v", j.opened, err)
	}
	j.away = true // the journal has the answer all the same
	if _, err := r.requestAfar(t.Context(), Ask{}, Restore{Key: "C/name/api"}); err != nil || len(j.opened) != 2 {
		t.Errorf("opened was %+v: %v", j.opened, err)
	}
}
