package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
)

// hopeless is what Slack says of a call that no retry can mend.
type hopeless struct{}

func (hopeless) Error() string   { return "never" }
func (hopeless) Permanent() bool { return true }

func TestQueueTellsWhatWaitsAndWhatWasGivenUp(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	db := open(t, dsn)
	receive(t, db, "E1", incidents.Incident{PagerDutyID: "P1", Status: incidents.Triggered}, time.Now())
	admin(t, dsn, `UPDATE river_job SET created_at = now() - interval '1 minute' WHERE kind = 'slack'`)
	if q := queueOf(t, db, "slack"); q.Waiting != 1 || q.Oldest < time.Minute || q.Oldest > 2*time.Minute || q.Dead != 0 {
		t.Errorf("a message that waits: %+v", q)
	}
	if q := queueOf(t, db, "tap"); q.Waiting != 0 || q.Oldest != 0 || q.Dead != 0 {
		t.Errorf("no tap: %+v", q)
	}

	failing := func(context.Context, int64) error { return hopeless{} }
	jobs, err := db.Work(t.Context(), store.Handlers{Slack: failing, PagerDuty: failing, Tap: func(context.Context, []byte, time.Time) error { return errors.New("none") }})
	testkit.OK(t, err)
	t.Cleanup(func() { testkit.OK(t, jobs.Stop(context.Background())) })
	deadline := time.After(time.Minute)
	for q := queueOf(t, db, "slack"); q.Dead != 1 || q.Waiting != 0; q = queueOf(t, db, "slack") {
		select {
		case <-deadline:
			t.Fatalf("a job that was given up: %+v", q)
		case <-time.After(20 * time.Millisecond):
		}
	}
	admin(t, dsn, `UPDATE river_job SET finalized_at = now() - interval '25 hours'`)
	if q := queueOf(t, db, "slack"); q.Dead != 0 {
		t.Errorf("a day later: %+v", q)
	}
}

// TestFinishedJobsGo: what one has done is on the timeline. The queue's own time is a day.
func TestFinishedJobsGo(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	db := open(t, dsn)
	done := func(context.Context, int64) error { return nil }
	jobs, err := db.Work(t.Context(), store.Handlers{Slack: done, PagerDuty: done})
	testkit.OK(t, err)
	t.Cleanup(func() { testkit.OK(t, jobs.Stop(context.Background())) })
	receive(t, db, "E1", incidents.Incident{PagerDutyID: "P1", Status: incidents.Triggered}, time.Now())
	receive(t, db, "E2", incidents.Incident{PagerDutyID: "P2", Status: incidents.Triggered}, time.Now())
	completed := func() (n int) {
		testkit.OK(t, db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE state = 'completed'`).Scan(&n))
		return n
	}
	testkit.Eventually(t, "both are done", func() bool { return completed() == 2 })
	admin(t, dsn, `UPDATE river_job SET finalized_at = now() - interval '6 minutes' WHERE id = (SELECT min(id) FROM river_job)`)
	testkit.Eventually(t, "the one of six minutes ago is gone", func() bool { return completed() == 1 })
}

func queueOf(t *testing.T, db *store.DB, kind string) store.QueueState {
	t.Helper()
	states, err := db.Queue(t.Context())
	testkit.OK(t, err)
	for _, q := range states {
		if q.Kind == kind {
			return q
		}
	}
	t.Fatalf("there are no jobs of kind %s in %+v", kind, states)
	return store.QueueState{}
}
