package store_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/store"
)

// TestRekeyMovesRestoresAndHoldsAndWaitsForWhatRuns has a restore from an earlier build, which is running at first.
func TestRekeyMovesRestoresAndHoldsAndWaitsForWhatRuns(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	db := open(t, dsn)
	testkit.OK(t, db.SetOccupant(t.Context(), seat("a")))
	id := shelve(t, db, "before")
	r, _, err := db.Open(t.Context(), restore.Restore{
		Kind: restore.Restoring, Key: key, Container: "api", SnapshotID: id, Snapshot: "before", State: restore.Requested,
		RequestedAt: time.Now(), By: snapshot.By{Actor: incidents.Self()}, Plan: restore.Plan{OldID: "a"},
	}, "")
	testkit.OK(t, err)
	moved := seat("a").Container
	moved.Key, moved.Own = "E1/kamal/shop/web", "E1/kamal/shop/web"
	if err := db.Rekey(t.Context(), key, moved); !errors.Is(err, snapshot.ErrInProgress) {
		t.Fatalf("while a restore runs: %v, want ErrInProgress", err)
	}
	sealed, err := testkit.Ring(t).Seal("inspect document", key, []byte(`{"held":true}`))
	testkit.OK(t, err)
	admin(t, dsn, `UPDATE restores SET state = 'verified', verified_at = now()`, fmt.Sprintf(`INSERT INTO holds (restore_id, key, since, until, image, image_id, changes, document)
		VALUES (%d, '%s', now(), now() + interval '1 hour', 'shop:2', 'sha256:b', '[]', '\x%s')`, r.ID, key, hex.EncodeToString(sealed)))
	recorded(t, store.NewTerminalStore(db.Pool(), testkit.Ring(t)), "ONE", 0, key, evening, "shown")
	for range 2 { // the second time there is nothing left to do
		testkit.OK(t, db.Rekey(t.Context(), key, moved))
	}
	if held, err := db.Holds(t.Context(), moved.Key); err != nil || len(held) != 1 || string(held[0].Document) != `{"held":true}` {
		t.Errorf("on hold: %+v, %v", held, err)
	}
	if got, err := db.Restore(t.Context(), r.ID); err != nil || got.Key != moved.Key {
		t.Errorf("the restore is %s's, %v", got.Key, err)
	}
	if shells, err := db.ShellsIn(t.Context(), moved.Key, 5); err != nil || len(shells) != 1 || shells[0].Container != moved.Key {
		t.Errorf("its shells: %+v, %v", shells, err)
	}
	if left, err := db.LeftBehind(t.Context(), moved.Key); err != nil || len(left) != 1 {
		t.Errorf("restored away from %v, %v", left, err)
	}
	if _, err := db.Occupant(t.Context(), key); !errors.Is(err, snapshot.ErrUnknownContainer) {
		t.Errorf("the former key is on record still: %v", err)
	}
	if on, err := db.Occupant(t.Context(), moved.Key); err != nil || on.ID != "a" || on.Document == nil || on.Key != moved.Key {
		t.Errorf("on record: %+v, %v", on.Container, err)
	}
}

func TestRekeyLeavesEverythingWhereASnapshotCannotBeOpened(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	db := open(t, dsn)
	testkit.OK(t, db.SetOccupant(t.Context(), seat("a")))
	shelve(t, db, "one")
	two := shelve(t, db, "two")
	admin(t, dsn, fmt.Sprintf(`UPDATE snapshots SET document = '\x00' WHERE id = %d`, two))
	moved := seat("a").Container
	moved.Key = "E1/kamal/shop/web"
	if err := db.Rekey(t.Context(), key, moved); err == nil {
		t.Error("it was moved")
	}
	if list, err := db.Snapshots(t.Context(), key); err != nil || len(list) != 2 {
		t.Errorf("left: %+v, %v", list, err)
	}
}
