package restore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// unreached is an engine that has never answered.
type unreached struct{ restore.Engine }

func (unreached) ID(context.Context) (string, error) { return "", snapshot.ErrEngineAway }

// TestWhatNoBotTakesIsRefusedByAnyOther, so that somebody is told, and may ask again.
func TestWhatNoBotTakesIsRefusedByAnyOther(t *testing.T) {
	t.Parallel()
	db := storetest.New(t)
	wish := func(key string, at time.Time) restore.Restore {
		by := snapshot.By{Actor: incidents.Self()}
		s, err := db.AddSnapshot(t.Context(), snapshot.Snapshot{Key: key, Container: key, Name: at.String(), Reason: snapshot.Manual, CreatedAt: at, Document: []byte("{}")}, by)
		if err != nil {
			t.Fatal(err)
		}
		r, fresh, err := db.Open(t.Context(), restore.Restore{
			Kind: restore.Restoring, Key: key, Container: key, SnapshotID: s.ID, Snapshot: s.Name, State: restore.Requested, RequestedAt: at, By: by,
		}, "")
		if err != nil || !fresh {
			t.Fatalf("fresh %v, %v", fresh, err)
		}
		return r
	}
	now := time.Now()
	taken, recent, left := wish("C/name/taken", now.Add(-time.Hour)), wish("C/name/recent", now), wish("C/name/left", now.Add(-time.Hour))
	if _, err := db.Claim(t.Context(), taken.ID, "far", time.Hour); err != nil {
		t.Fatal(err)
	}
	r := restore.New(restore.Config{Engine: unreached{}, Journal: db, Snapshots: db, Bot: "any"})
	r.Start()
	t.Cleanup(func() { _ = r.Stop(context.Background()) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	over, err := r.Wait(ctx, left.ID)
	if err != nil || over.State != restore.Refused || len(over.WhyNot) != 1 || !strings.HasPrefix(over.Error, "no bot has taken it in time") {
		t.Errorf("it is %s: %s, %v", over.State, over.Error, err)
	}
	for _, other := range []restore.Restore{taken, recent} {
		if r, err := db.Restore(t.Context(), other.ID); err != nil || r.State != restore.Requested {
			t.Errorf("%s is %s: %s, %v", r.Key, r.State, r.Error, err)
		}
	}
	wish("C/name/left", now)
}
