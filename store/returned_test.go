package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// TestARestoreSaysNothingOfWhatADeployHasBroughtSince: a service's spec has the same ID whenever it comes back. A restore went from b to
// a; after that, b and a are deployed again. The engine's clock, days from the database's, says nothing of that.
func TestARestoreSaysNothingOfWhatADeployHasBroughtSince(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	db := open(t, dsn)
	_, _, err := db.Open(t.Context(), restore.Restore{
		Kind: restore.Restoring, Key: key, Container: "api", SnapshotID: shelve(t, db, "before"), Snapshot: "before", State: restore.Requested,
		RequestedAt: time.Now(), By: snapshot.By{Actor: incidents.Self()}, Plan: restore.Plan{OldID: "b", NewID: "a", Service: true},
	}, "")
	testkit.OK(t, err)
	deploy := func(before, after, at string) string {
		return `INSERT INTO deploys (key, at, noted_at, before_id, after_id, before, after) VALUES ('` + key + `', now() + interval '3 days', now() - interval '` + at + `', '` + before + `', '` + after + `', '', '')`
	}
	admin(t, dsn, `UPDATE restores SET state = 'verified', verified_at = now() - interval '1 day', entered_at = now() - interval '1 day'`, deploy("a", "b", "2 days"))
	see := func(when string, made, known, left, undone bool) {
		t.Helper()
		ours, err := db.MadeByRestore(t.Context(), key, "a")
		testkit.OK(t, err)
		_, by := db.MadeBy(t.Context(), key, "a")
		if ours != made || errors.Is(by, snapshot.ErrUnknownRestore) == known {
			t.Errorf("%s: a was made by the restore: %t, and %v", when, ours, by)
		}
		behind, err := db.LeftBehind(t.Context(), key)
		testkit.OK(t, err)
		if (len(behind) == 1) != left {
			t.Errorf("%s: left behind %v", when, behind)
		}
		list, err := db.Deploys(t.Context(), []string{key}, 1)
		testkit.OK(t, err)
		if _, is, err := db.RolledBack(t.Context(), list[0]); err != nil || is != undone {
			t.Errorf("%s: the newest deploy is rolled back: %t, %v", when, is, err)
		}
	}
	see("after the restore", true, true, true, true)
	admin(t, dsn, deploy("a", "b", "5 hours"))
	see("b is deployed again", false, true, false, false)
	admin(t, dsn, deploy("b", "a", "4 hours"))
	see("and a as well", false, false, false, false)
}

// TestTheClockOfAnEngineSaysNothingOfARestore: a container's engine is minutes ahead of the database, so that the deploy that a restore has
// rolled back seems to be later than it.
func TestTheClockOfAnEngineSaysNothingOfARestore(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	db := open(t, dsn)
	_, _, err := db.Open(t.Context(), restore.Restore{
		Kind: restore.Restoring, Key: key, Container: "api", SnapshotID: shelve(t, db, "before"), Snapshot: "before", State: restore.Requested,
		RequestedAt: time.Now(), By: snapshot.By{Actor: incidents.Self()}, Plan: restore.Plan{OldID: "b", NewID: "c"},
	}, "")
	testkit.OK(t, err)
	deploy := `INSERT INTO deploys (key, at, before_id, after_id, before, after) VALUES ('` + key + `', now() + interval '5 minutes', 'a', 'b', '', '')`
	admin(t, dsn, `UPDATE restores SET state = 'reverted', entered_at = now()`, deploy)
	if ours, err := db.MadeByRestore(t.Context(), key, "b"); err != nil || !ours {
		t.Errorf("b is where it is by the restore that was reverted: %t, %v", ours, err)
	}
	admin(t, dsn, `UPDATE restores SET state = 'verified', verified_at = now()`)
	if behind, err := db.LeftBehind(t.Context(), key); err != nil || len(behind) != 1 {
		t.Errorf("left behind: %v, %v", behind, err)
	}
	list, err := db.Deploys(t.Context(), []string{key}, 1)
	testkit.OK(t, err)
	if undone, is, err := db.RolledBack(t.Context(), list[0]); err != nil || !is || undone.By != "before" {
		t.Errorf("the deploy is rolled back: %t by %q, %v", is, undone.By, err)
	}
}
