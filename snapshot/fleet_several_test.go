package snapshot_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/snapshot"
)

// hosting is an engine with a container api, of that ID.
type hosting struct {
	hung
	id string
}

func (e hosting) List(context.Context) ([]snapshot.Container, error) {
	return []snapshot.Container{{Key: e.id + "/name/api", ID: e.id + "-now", Name: "api", Engine: e.id, State: "running"}}, nil
}

func (e hosting) ID(context.Context) (string, error) { return e.id, nil }

// deaf is an engine that does not answer, and has said before who it is, or has not.
type deaf struct {
	hosting
	named bool
}

func (deaf) List(context.Context) ([]snapshot.Container, error) { return nil, snapshot.ErrEngineAway }

func (e deaf) ID(context.Context) (string, error) {
	if !e.named {
		return "", snapshot.ErrEngineAway
	}
	return e.id, nil
}

func several(second snapshot.Containers) snapshot.Fleet {
	return snapshot.Fleet{
		Engines: []snapshot.Reached{{Called: "web", Containers: hosting{id: "A"}}, {Called: "db", Containers: second}},
		LastSeen: remembered{
			{Key: "B/name/api", ID: "B-seen", Name: "api", Engine: "B", State: "running"},
			{Key: "A/name/old", Name: "old", Engine: "A", State: "running"},
		},
	}
}

// told is a list in words.
func told(list []snapshot.Container) string {
	var words []string
	for _, c := range list {
		state := c.State
		if c.Away {
			state += "?"
		}
		words = append(words, c.Called()+" "+state)
	}
	return strings.Join(words, ", ")
}

func TestEnginesAreListedTogetherAndThoseAwayAsLastSeen(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		second snapshot.Containers
		want   string
	}{
		"both answer":                        {hosting{id: "B"}, "web/api running, db/api running, old gone"},
		"one is away":                        {deaf{hosting{id: "B"}, true}, "web/api running, db/api running?, old gone"},
		"one was never reached":              {deaf{hosting{id: "B"}, false}, "web/api running, B/api running?, old gone"},
		"one takes calls and answers none":   {hung{}, "web/api running, B/api running?, old gone"},
		"none is that of what was last seen": {hosting{id: "C"}, "web/api running, db/api running, old gone"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			list, err := several(test.second).List(t.Context())
			if got := told(list); err != nil || got != test.want {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestIdentityLeadsToItsOwnEngine(t *testing.T) {
	t.Parallel()
	if id, err := several(hosting{id: "B"}).Resolve(t.Context(), "B/name/api"); id != "B-now" || err != nil {
		t.Errorf("it leads to %s, %v", id, err)
	}
	if _, err := several(hosting{id: "B"}).Resolve(t.Context(), "C/name/api"); !errors.Is(err, snapshot.ErrUnknownContainer) {
		t.Errorf("of no engine: %v", err)
	}
	if _, err := several(deaf{}).Resolve(t.Context(), "B/name/api"); !errors.Is(err, snapshot.ErrEngineAway) {
		t.Errorf("perhaps of an engine that is away: %v", err)
	}
	f := snapshot.Fleet{Engines: []snapshot.Reached{{Called: "db", Containers: unasked{t: t}}, {Called: "web", Containers: hosting{id: "A"}}}}
	if id, err := f.Resolve(t.Context(), "A/name/api"); id != "A-now" || err != nil {
		t.Errorf("beside an engine that hangs it leads to %s, %v", id, err)
	}
}

// unasked is an engine that hangs, and that nobody has to wait for.
type unasked struct {
	hung
	t *testing.T
}

func (e unasked) ID(ctx context.Context) (string, error) {
	if ctx.Err() == nil {
		e.t.Error("the engine that hangs was asked who it is")
	}
	return "", snapshot.ErrEngineAway
}

func TestNoEngineAtAllIsOneThatIsAway(t *testing.T) {
	t.Parallel()
	if _, err := (snapshot.Fleet{LastSeen: remembered{}}).Containers(t.Context()); !errors.Is(err, snapshot.ErrEngineAway) {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsGoneFromOneEngineIsNotFollowedByAnothersTwin(t *testing.T) {
	t.Parallel()
	now := time.Now()
	list := []snapshot.Container{
		{Key: "A/name/api", Name: "api", Service: "api", Engine: "A", State: "running", CreatedAt: now.Add(-time.Minute)},
		{Key: "B/name/api", Name: "api", Service: "api", Engine: "B", State: "gone", GoneAt: now},
	}
	if got := snapshot.Present(list); len(got) != 2 {
		t.Errorf("the name leads to %s", told(got))
	}
	if got := snapshot.GoneSince(list, now.Add(-time.Hour)); len(got) != 2 {
		t.Errorf("an alert shows %s", told(got))
	}
	list[1].GoneAt = now.Add(-11 * time.Minute)
	if got := snapshot.Present(list); len(got) != 1 || got[0].Gone() {
		t.Errorf("when it stays away, the name leads to %s", told(got))
	}
	if got := snapshot.Present(list[1:]); len(got) != 1 {
		t.Errorf("where nothing else has the name, it leads to %s", told(got))
	}
	list[1].Engine, list[1].GoneAt = "A", now
	if got := snapshot.Present(list); len(got) != 1 || got[0].Gone() {
		t.Errorf("on one engine, the name leads to %s", told(got))
	}
}

// replaced is an engine whose container is there and was not listed: it is just being replaced.
type replaced struct{ hosting }

func (replaced) List(context.Context) ([]snapshot.Container, error) { return nil, nil }

func (replaced) Inspect(_ context.Context, name string) (snapshot.Inspection, error) {
	if name != "api" {
		return snapshot.Inspection{}, snapshot.ErrUnknownContainer
	}
	return snapshot.Inspection{}, nil
}

func TestContainerThatHasLostItsLabelIsFoundAlsoByTheNameWithItsEngine(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"api", "db/api"} {
		if _, _, err := several(replaced{hosting{id: "B"}}).LabelsOf(t.Context(), "B/name/api", name); !errors.Is(err, access.ErrNotEnabled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
