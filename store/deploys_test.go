package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/store"
)

const otherKey = "E1/name/web"

// fiveDeploys is a database with four deploys of api, a day apart but for the two newest, and one of web.
func fiveDeploys(t *testing.T) (db *store.DB, dsn string, newest time.Time) {
	t.Helper()
	dsn = storetest.URL(t)
	newest = time.Now().UTC().Truncate(time.Second)
	admin(t, dsn, `INSERT INTO deploys (key, at, noted_at, before_id, after_id, before, after, snapshot, changes) SELECT '`+key+`', at::timestamptz, at::timestamptz, 'x', id, 'shop:1', 'shop:2', 'good',
		'[{"attribute":"image","before":"shop:1","after":"shop:2"}]' FROM (VALUES ('a', now() - interval '3 days'), ('b', now() - interval '2 days'),
		('c', '`+newest.Format(time.RFC3339)+`'), ('a', '`+newest.Format(time.RFC3339)+`')) AS v (id, at)`,
		`INSERT INTO deploys (key, at, before_id, after_id, before, after) VALUES ('`+otherKey+`', now() - interval '1 day', 'v', 'w', '', '')`)
	return open(t, dsn), dsn, newest
}

func TestDeployPagesFollowEachOther(t *testing.T) {
	t.Parallel()
	db, _, newest := fiveDeploys(t)
	read := func(p snapshot.DeployPage) (ids []int64, last snapshot.Past) {
		t.Helper()
		list, err := db.DeployPage(t.Context(), p)
		testkit.OK(t, err)
		for _, d := range list {
			ids, last = append(ids, d.ID), d
		}
		return ids, last
	}
	both := []string{key, otherKey}
	first, last := read(snapshot.DeployPage{Keys: both, Limit: 1})
	rest, oldest := read(snapshot.DeployPage{Keys: both, Limit: 10, Before: last.At, ID: last.ID})
	if diff := cmp.Diff([]int64{4, 3, 5, 2, 1}, slices.Concat(first, rest)); diff != "" {
		t.Errorf("page by page (-want +got):\n%s", diff)
	}
	if len(oldest.Changes) != 1 || oldest.Snapshot != "good" || oldest.AfterID != "a" || oldest.RolledBack != nil || !last.At.Equal(newest) {
		t.Errorf("it is read as %+v, and the newest as %+v", oldest, last)
	}
	if ids, _ := read(snapshot.DeployPage{Keys: []string{key}, Since: newest, Limit: 10}); !slices.Equal(ids, []int64{4, 3}) {
		t.Errorf("since the newest: %v", ids)
	}
	if ids, _ := read(snapshot.DeployPage{Limit: 10}); ids != nil {
		t.Errorf("of no container: %v", ids)
	}
}

// TestDeployIsRolledBackUntilItsContainerIsStartedAgain: a's first deploy was undone, and its second came after that, whatever time the
// engine's clock shows.
func TestDeployIsRolledBackUntilItsContainerIsStartedAgain(t *testing.T) {
	t.Parallel()
	db, dsn, _ := fiveDeploys(t)
	_, _, err := db.Open(t.Context(), restore.Restore{
		Kind: restore.Restoring, Key: key, Container: "api", SnapshotID: shelve(t, db, "before"), Snapshot: "before", State: restore.Requested,
		RequestedAt: time.Now(), By: snapshot.By{Actor: incidents.Self()}, Plan: restore.Plan{OldID: "a"},
	}, "")
	testkit.OK(t, err)
	rolledBack := func() (ids []int64) {
		list, err := db.DeployPage(t.Context(), snapshot.DeployPage{Keys: []string{key}, Limit: 10})
		testkit.OK(t, err)
		for _, d := range list {
			if d.RolledBack != nil && d.RolledBack.By == "before" && !d.RolledBack.At.IsZero() {
				ids = append(ids, d.ID)
			}
		}
		return ids
	}
	for _, step := range []struct {
		change string
		want   []int64
	}{
		{`SELECT 1`, nil},
		{`UPDATE restores SET state = 'verified', verified_at = now() - interval '1 day', entered_at = now() - interval '1 day'`, []int64{1}},
		{`UPDATE deploys SET at = at + interval '7 days'`, []int64{1}},
		{`UPDATE deploys SET at = at - interval '14 days'`, []int64{1}},
		{`UPDATE deploys SET at = at + interval '7 days', noted_at = NULL`, []int64{1}}, // of a release before
		{`UPDATE restores SET undone_by = id`, nil},
	} {
		admin(t, dsn, step.change)
		if got := rolledBack(); !slices.Equal(got, step.want) {
			t.Errorf("after %s: %v were rolled back, want %v", step.change, got, step.want)
		}
	}
}

// TestDeployBeforeIsFoundWhateverTheClockOfItsEngineShows: the engine is 50 minutes ahead.
func TestDeployBeforeIsFoundWhateverTheClockOfItsEngineShows(t *testing.T) {
	t.Parallel()
	db, dsn, newest := fiveDeploys(t)
	admin(t, dsn, `UPDATE deploys SET at = at + interval '50 minutes'`)
	for at, want := range map[time.Time]int64{newest: 4, newest.Add(-time.Minute): 2, newest.Add(-49 * time.Hour): 1} {
		if d, found, err := db.DeployBefore(t.Context(), []string{key}, at); err != nil || !found || d.ID != want || d.Came().After(at) {
			t.Errorf("before %v: %+v, %t, %v; want %d", at, d, found, err, want)
		}
	}
	list, err := db.DeployPage(t.Context(), snapshot.DeployPage{Keys: []string{key}, Limit: 5})
	testkit.OK(t, err)
	for _, d := range list {
		if ahead := d.At.Sub(d.Came()); ahead != 50*time.Minute {
			t.Errorf("deploy %d is %v ahead", d.ID, ahead)
		}
	}
	admin(t, dsn, `UPDATE deploys SET noted_at = NULL`)
	if d, _, err := db.DeployBefore(t.Context(), []string{key}, newest.Add(time.Hour)); err != nil || !d.Noted.IsZero() || !d.Came().Equal(d.At) {
		t.Errorf("of a release before it is %+v, %v", d, err)
	}
}
