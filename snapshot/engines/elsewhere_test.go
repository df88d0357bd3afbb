package engines_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/engines"
	"github.com/snapback/snapback/snapshot/restore"
)

// named is an engine that does nothing but say who it is: whatever else is asked of it panics.
type named struct {
	restore.Engine
	id string
}

func (n named) ID(context.Context) (string, error) { return n.id, nil }

// past is a journal with one restore, of a container of engine C, and one snapshot of that.
type past struct {
	restore.Journal
	attended bool
	opened   []restore.Restore
}

func (p *past) RestoresAttended(_ context.Context, key, only string) (bool, error) {
	return p.attended && key == "C/name/api" && only == "team=c", nil
}

func (p *past) AttendedFor(_ context.Context, key string) (string, error) {
	if !p.attended || key != "C/name/api" {
		return "", snapshot.ErrEngineAway
	}
	return "team=c", nil
}

func (*past) Snapshot(context.Context, string, string) (snapshot.Snapshot, error) {
	return snapshot.Snapshot{ID: 3, Key: "C/name/api", Name: "good"}, nil
}

func (*past) SnapshotByID(context.Context, int64) (snapshot.Snapshot, error) {
	return snapshot.Snapshot{ID: 3, Key: "C/name/api", Name: "good"}, nil
}

func (*past) Answered(_ context.Context, _, idempotency string) (bool, error) {
	return idempotency == "again", nil
}

func (*past) Restore(context.Context, int64) (restore.Restore, error) {
	return restore.Restore{
		ID: 7, Key: "C/name/api", Container: "api", State: restore.Verified, Only: "team=c", KeptUntil: time.Now().Add(time.Hour), Plan: restore.Plan{OldID: "old"},
	}, nil
}

func (p *past) Open(_ context.Context, r restore.Restore, _ string) (restore.Restore, bool, error) {
	p.opened = append(p.opened, r)
	r.ID = 8
	return r, true, nil
}

// Claim is the first thing that whoever begins a restore does.
func (*past) Claim(context.Context, int64, string, time.Duration) (restore.Restore, error) {
	panic("a restore of another engine's container was begun here")
}

func (*past) Snapshots(context.Context, string) ([]snapshot.Snapshot, error) {
	return []snapshot.Snapshot{{ID: 3, Key: "C/name/api", Name: "good"}}, nil
}

func (*past) Deploys(context.Context, []string, int) ([]snapshot.Deploy, error) { return nil, nil }

func (*past) LeftBehind(context.Context, string) ([]string, error) { return nil, nil }

// TestWhatAnotherBotHasIsAskedOfAnyEngine is about a bot with two engines, and a container on a third one that another bot reaches.
func TestWhatAnotherBotHasIsAskedOfAnyEngine(t *testing.T) {
	t.Parallel()
	journal := &past{}
	set := engines.Set{Journal: journal}
	for _, id := range []string{"A", "B"} {
		r := restore.New(restore.Config{Engine: named{id: id}, Journal: journal, Snapshots: journal, Bot: "a", Only: "team=a"})
		t.Cleanup(func() { _ = r.Stop(context.Background()) })
		set.Engines = append(set.Engines, engines.Engine{Name: id, Asked: asked{id: id}, Restorer: r})
	}
	c := snapshot.Container{Key: "C/name/api", Name: "api", Engine: "C", State: "running", Elsewhere: true}
	offers, err := set.Offers(t.Context(), c, time.Time{}, 0)
	if err != nil || len(offers) != 1 || offers[0].Snapshot.Name != "good" {
		t.Errorf("what is kept of it is %+v, %v", offers, err)
	}
	if o, err := set.Offer(t.Context(), c, offers[0].Snapshot); err != nil || o.Doubt == "" || o.WayOut() {
		t.Errorf("whether it can be restored is not known here: %+v, %v", o, err)
	}
	ask := restore.Ask{Container: c, Snapshot: "good"}
	if _, err := set.Request(t.Context(), ask); !errors.Is(err, snapshot.ErrEngineAway) || len(journal.opened) != 0 {
		t.Errorf("restoring it while no bot reaches its engine: %v, and %d were opened", err, len(journal.opened))
	}
	if _, err := set.Undo(t.Context(), 7, snapshot.By{}, ""); !errors.Is(err, snapshot.ErrEngineAway) || len(journal.opened) != 0 {
		t.Errorf("undoing a restore of it while no bot reaches its engine: %v, and %d were opened", err, len(journal.opened))
	}
	if undo, err := set.Undo(t.Context(), 7, snapshot.By{}, "again"); err != nil || undo.ID != 8 {
		t.Errorf("the same wish once more, meanwhile: %+v, %v", undo, err)
	}
	journal.attended, journal.opened = true, nil
	undo, err := set.Undo(t.Context(), 7, snapshot.By{}, "")
	if err != nil || undo.ID != 8 || len(journal.opened) != 1 {
		t.Fatalf("undoing a restore of it: %+v, %v", undo, err)
	}
	if only := journal.opened[0].Only; only != "team=c" {
		t.Errorf("the undo is for bots with %q", only)
	}
	if got, err := set.Request(t.Context(), ask); err != nil || got.ID != 8 || len(journal.opened) != 2 {
		t.Fatalf("restoring it: %+v, %v", got, err)
	}
	if got := journal.opened[1]; got.Only != "team=c" || !got.Plan.Afar || got.Container != "api" {
		t.Errorf("the restore is %+v", got)
	}
}

// TestABotWithoutEnginesSaysSo: what another bot has may be asked of it before it has found any.
func TestABotWithoutEnginesSaysSo(t *testing.T) {
	t.Parallel()
	set := engines.Set{Journal: &past{}, Now: func() []engines.Engine { return nil }}
	c := snapshot.Container{Key: "C/name/api", Name: "api", Engine: "C", Elsewhere: true}
	for what, try := range map[string]func() error{
		"offers":  func() error { _, err := set.Offers(t.Context(), c, time.Time{}, 0); return err },
		"offer":   func() error { _, err := set.Offer(t.Context(), c, snapshot.Snapshot{}); return err },
		"request": func() error { _, err := set.Request(t.Context(), restore.Ask{Container: c}); return err },
		"undo":    func() error { _, err := set.Undo(t.Context(), 7, snapshot.By{}, ""); return err },
		"wait":    func() error { _, err := set.Wait(t.Context(), 7); return err },
	} {
		if err := try(); !errors.Is(err, snapshot.ErrEngineAway) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// asked is what the set asks of an engine.
type asked struct {
	engines.Asked
	id string
}

func (a asked) ID(context.Context) (string, error) { return a.id, nil }
