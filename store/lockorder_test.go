package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/store"
)

// twoHolds is a database with two open incidents, each with a hold on the same container's deploys. The older incident has the newer hold
// when turned is true.
func twoHolds(t *testing.T, turned bool) (*store.DB, string) {
	t.Helper()
	dsn := storetest.URL(t)
	db := open(t, dsn)
	for _, id := range []string{"P1", "P2"} {
		receive(t, db, "E"+id, incidents.Incident{PagerDutyID: id, Status: incidents.Triggered, ServiceID: "S" + id}, time.Now())
	}
	admin(t, dsn, `INSERT INTO snapshots (key, container, name, reason, note, created_at, pinned, size_bytes, image_id, image_ref, committed, container_id, document, changes, unwell)
		VALUES ('e/api', 'api', 'good', 'manual', '', now(), false, 0, '', '', false, '', '', '[]', '')`)
	for i := range 2 {
		incident := i + 1
		if turned {
			incident = 2 - i
		}
		admin(t, dsn, fmt.Sprintf(`WITH r AS (INSERT INTO restores (kind, key, container, snapshot_id, snapshot, state, incident_id, requested_by, requested_at, entered_at, record)
			VALUES ('restore', 'e/api', 'api', (SELECT max(id) FROM snapshots), 'good', 'verified', %[1]d, '{}', now(), now(), '{}') RETURNING id)
			INSERT INTO holds (restore_id, key, incident_id, since, image, image_id, changes, document) SELECT id, 'e/api', %[1]d, now(), 'api:1', 'i', '[]', '' FROM r`, incident))
	}
	return db, dsn
}

// TestTimelinesAreLockedInOneOrder: two that write to the same two timelines must not wait for each other. Whoever waits for the older
// incident's has not locked the newer one's.
func TestTimelinesAreLockedInOneOrder(t *testing.T) {
	t.Parallel()
	back := snapshot.Deployed{
		Deploy: snapshot.Deploy{Key: "e/api", At: time.Now(), AfterID: "after"}, Services: []string{"SP2"},
		Entry: incidents.Entry{Kind: incidents.KindDeploy},
		Back:  &snapshot.Back{Entry: incidents.Entry{Kind: incidents.KindDeployBack}},
	}
	back.Occupant.Key = "e/api"
	back.Back.Hold.Incident = 1
	for name, act := range map[string]func(context.Context, *store.DB) error{
		"a deploy that is back": func(ctx context.Context, db *store.DB) error { _, err := db.AddDeployed(ctx, back); return err },
		"a release": func(ctx context.Context, db *store.DB) error {
			_, err := db.ReleaseHolds(ctx, "e/api", snapshot.By{})
			return err
		},
	} {
		for _, turned := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ", turned), func(t *testing.T) {
				t.Parallel()
				db, dsn := twoHolds(t, turned)
				conn, err := pgx.Connect(t.Context(), dsn)
				testkit.OK(t, err)
				t.Cleanup(func() { _ = conn.Close(context.Background()) })
				tx, err := conn.Begin(t.Context())
				testkit.OK(t, err)
				_, err = tx.Exec(t.Context(), `SELECT FROM incidents WHERE id = 1 FOR NO KEY UPDATE`)
				testkit.OK(t, err)
				done := make(chan error, 1)
				go func() { done <- act(t.Context(), db) }()
				awaitWaiting(t, db)
				if _, err := tx.Exec(t.Context(), `SELECT FROM incidents WHERE id = 2 FOR NO KEY UPDATE NOWAIT`); err != nil {
					t.Errorf("the newer one is locked first: %v", err)
				}
				testkit.OK(t, tx.Rollback(t.Context()))
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestAVerifiedRestoreLocksOnlyTheHoldsThatItConcerns: of a container with many that are over, it waits for whoever has one that is on.
func TestAVerifiedRestoreLocksOnlyTheHoldsThatItConcerns(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	db := open(t, dsn)
	r, _, err := db.Open(t.Context(), wish(shelved(t, db, "e/api", "good")), "")
	testkit.OK(t, err)
	admin(t, dsn, `WITH r AS (INSERT INTO restores (kind, key, container, snapshot_id, snapshot, state, requested_by, requested_at, entered_at, record)
			SELECT 'restore', 'e/api', 'api', (SELECT max(id) FROM snapshots), 'good', 'verified', '{}', now(), now(), '{}' FROM generate_series(1, 2000) RETURNING id)
		INSERT INTO holds (restore_id, key, since, until, ended_at, image, image_id, changes, document)
			SELECT id, 'e/api', now(), now() + interval '1 hour' * (CASE WHEN id % 2 = 0 THEN 1 ELSE -1 END), CASE WHEN id % 2 = 0 THEN now() END, 'api:1', 'i', '[]', '' FROM r`)
	conn, err := pgx.Connect(t.Context(), dsn)
	testkit.OK(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	tx, err := conn.Begin(t.Context())
	testkit.OK(t, err)
	_, err = tx.Exec(t.Context(), `SELECT FROM holds FOR UPDATE`)
	testkit.OK(t, err)
	r = started(t, db, r)
	r.Hold = &snapshot.Hold{Restore: r.ID, Key: r.Key, Image: snapshot.Image{ID: "i"}, Since: time.Now(), Until: time.Now().Add(time.Hour), Changes: []snapshot.Change{}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err = db.Advance(ctx, r, restore.Verified, verifiedEntry); err != nil {
		t.Fatalf("while somebody has those that are over: %v", err)
	}
	testkit.OK(t, tx.Rollback(t.Context()))

	last := r
	for _, want := range []int{0, 1} { // the undo, and the undo of that, for which the hold has ended
		undo := undoing(t, db, last)
		waitsForHold(t, db, conn, r.ID, undo)
		if on, err := db.Holds(t.Context(), r.Key); err != nil || len(on) != want {
			t.Errorf("after an undo, on hold: %v, %v; want %d", on, err, want)
		}
		last = undo
	}
}

// TestUndoEndsAllHoldsOnWhatItBringsBack: the deploy was rolled back in an incident that was resolved, came back in another one and was
// rolled back again; then PagerDuty opens the first one again.
func TestUndoEndsAllHoldsOnWhatItBringsBack(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	db := open(t, dsn)
	conn, err := pgx.Connect(t.Context(), dsn)
	testkit.OK(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	good := shelved(t, db, "e/api", "good")
	rollBack := func(pagerDuty string) restore.Restore {
		in, _ := receive(t, db, "E"+pagerDuty, incidents.Incident{PagerDutyID: pagerDuty, Status: incidents.Triggered, ServiceID: "S"}, time.Now())
		r, _, err := db.Open(t.Context(), wish(good), "")
		testkit.OK(t, err)
		r = started(t, db, r)
		r.Hold = &snapshot.Hold{
			Restore: r.ID, Key: r.Key, Image: snapshot.Image{ID: "i"}, Incident: in.ID, Since: time.Now(), Until: time.Now().Add(time.Hour), Changes: []snapshot.Change{},
		}
		return r
	}
	first := rollBack("P1")
	_, err = db.Advance(t.Context(), first, restore.Verified, verifiedEntry)
	testkit.OK(t, err)
	admin(t, dsn, `UPDATE incidents SET status = 'resolved'`)
	second := rollBack("P2")
	waitsForHold(t, db, conn, first.ID, second)
	admin(t, dsn, `UPDATE incidents SET status = 'triggered'`)
	if on, err := db.Holds(t.Context(), "e/api"); err != nil || len(on) != 1 || on[0].Restore != second.ID {
		t.Errorf("after both restores, on hold: %+v, %v", on, err)
	}
	_, err = db.Advance(t.Context(), undoing(t, db, second), restore.Verified, verifiedEntry)
	testkit.OK(t, err)
	if on, err := db.Holds(t.Context(), "e/api"); err != nil || len(on) > 0 {
		t.Errorf("after the undo, on hold: %+v, %v", on, err)
	}
}

// undoing is the undo of a restore, which has only to be verified.
func undoing(t *testing.T, db *store.DB, r restore.Restore) restore.Restore {
	t.Helper()
	undo := wish(snapshot.Snapshot{Key: r.Key, Container: r.Container, ID: r.SnapshotID, Name: r.Snapshot})
	undo.Kind, undo.UndoOf = restore.Undoing, r.ID
	undo, _, err := db.Open(t.Context(), undo, "")
	testkit.OK(t, err)
	return started(t, db, undo)
}

// waitsForHold verifies a restore while somebody has the hold of another one: it waits, and has not locked its timeline by then.
func waitsForHold(t *testing.T, db *store.DB, conn *pgx.Conn, of int64, r restore.Restore) {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	testkit.OK(t, err)
	_, err = tx.Exec(t.Context(), `SELECT FROM holds WHERE restore_id = $1 FOR UPDATE`, of)
	testkit.OK(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := db.Advance(t.Context(), r, restore.Verified, verifiedEntry)
		done <- err
	}()
	awaitWaiting(t, db)
	var free bool
	testkit.OK(t, tx.QueryRow(t.Context(), `SELECT pg_try_advisory_xact_lock(hashtext('snapback timeline'))`).Scan(&free))
	if !free {
		t.Error("the timeline is locked before the holds")
	}
	testkit.OK(t, tx.Rollback(t.Context()))
	if err := <-done; err != nil {
		t.Error(err)
	}
}

var verifiedEntry = incidents.Entry{Kind: incidents.KindRestoreVerified, Actor: incidents.Self()}

// started takes a restore to where it has only to be verified.
func started(t *testing.T, db *store.DB, r restore.Restore) restore.Restore {
	t.Helper()
	r, err := db.Claim(t.Context(), r.ID, "bot", time.Minute)
	testkit.OK(t, err)
	for _, to := range []restore.State{restore.Preflight, restore.Prepared, restore.Swapping, restore.Started} {
		r, err = db.Advance(t.Context(), r, to, incidents.Entry{Kind: incidents.KindRestoreState, Actor: incidents.Self()})
		testkit.OK(t, err)
	}
	r.VerifiedAt = time.Now()
	return r
}

// awaitWaiting waits until somebody in this database waits for a lock.
func awaitWaiting(t *testing.T, db *store.DB) {
	t.Helper()
	for until := time.After(time.Minute); ; {
		var n int
		testkit.OK(t, db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n))
		if n > 0 {
			return
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-until:
			t.Fatal("nobody waits")
		}
	}
}
