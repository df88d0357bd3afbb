package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/store"
)

// shelved adds a snapshot.
func shelved(t *testing.T, db *store.DB, key, name string) snapshot.Snapshot {
	t.Helper()
	s, err := db.AddSnapshot(t.Context(), snapshot.Snapshot{
		Key: key, Container: key, Name: name, Reason: snapshot.Manual, CreatedAt: evening, Document: []byte("{}"),
	}, snapshot.By{Actor: incidents.Self()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wish(s snapshot.Snapshot) restore.Restore {
	return restore.Restore{
		Kind: restore.Restoring, Key: s.Key, Container: s.Container, SnapshotID: s.ID, Snapshot: s.Name,
		State: restore.Requested, RequestedAt: time.Now(), By: snapshot.By{Actor: incidents.Self()},
	}
}

func TestAKeyStandsForOneWish(t *testing.T) {
	db := setup(t)
	good, older, other := shelved(t, db, "api", "good"), shelved(t, db, "api", "older"), shelved(t, db, "web", "good")
	first, fresh, err := db.Open(t.Context(), wish(good), "key/k")
	if err != nil || !fresh {
		t.Fatalf("fresh %v, %v", fresh, err)
	}
	if again, fresh, err := db.Open(t.Context(), wish(good), "key/k"); err != nil || fresh || again.ID != first.ID {
		t.Errorf("the same wish: restore %d, fresh %v, %v", again.ID, fresh, err)
	}
	undo, withVolumes := wish(good), wish(good)
	undo.Kind, undo.UndoOf = restore.Undoing, first.ID
	withVolumes.Plan.Volumes = &restore.VolumePlan{Bot: "a"}
	for what, r := range map[string]restore.Restore{
		"another snapshot": wish(older), "another container": wish(other), "an undo": undo, "with volumes": withVolumes,
	} {
		if got, _, err := db.Open(t.Context(), r, "key/k"); !errors.Is(err, snapshot.ErrKeyReused) || got.ID != 0 {
			t.Errorf("%s: restore %d, %v", what, got.ID, err)
		}
	}
}

func TestARestoreForgetsItsKeyWithTheRequest(t *testing.T) {
	db := setup(t)
	good, other := shelved(t, db, "api", "good"), shelved(t, db, "web", "good")
	for _, s := range []struct {
		wish snapshot.Snapshot
		key  string
	}{{good, "key/k"}, {other, "slack|tap"}} {
		if _, _, err := db.Open(t.Context(), wish(s.wish), s.key); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.ForgetRequests(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, fresh, err := db.Open(t.Context(), wish(good), "key/k"); fresh || err != nil {
		t.Errorf("within the hour: fresh %v, %v", fresh, err)
	}
	if err := db.ForgetRequests(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	var running *restore.InProgressError
	if _, _, err := db.Open(t.Context(), wish(good), "key/k"); !errors.As(err, &running) {
		t.Errorf("after it: %v, want what stands in the way of any wish", err)
	}
	if _, fresh, err := db.Open(t.Context(), wish(other), "slack|tap"); fresh || err != nil {
		t.Errorf("a tap: fresh %v, %v", fresh, err)
	}
}

// TestWhatTheEngineWouldNotRemoveIsRememberedForLong: its host may not be started again for weeks. A late create ends within minutes.
func TestWhatTheEngineWouldNotRemoveIsRememberedForLong(t *testing.T) {
	db := setup(t)
	for name, unremoved := range map[string][]restore.Unremoved{"api": nil, "web": {{ID: "f", Name: "web.snapback-2", Why: "busy"}}} {
		asked := wish(shelved(t, db, name, "good"))
		asked.Plan.TempName, asked.Plan.Unremoved = name+".snapback-2", unremoved
		r, _, err := db.Open(t.Context(), asked, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Pool().Exec(t.Context(), `UPDATE restores SET state = 'reverted', entered_at = now() - interval '3 days' WHERE id = $1`, r.ID); err != nil {
			t.Fatal(err)
		}
	}
	list, err := db.Leavings(t.Context())
	if err != nil || len(list) != 1 || list[0].Container != "web" || len(list[0].Plan.Unremoved) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}
