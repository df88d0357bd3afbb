package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
)

func TestNewsAreWhatFollowsWhatIsRecentAndWhatIsAskedFor(t *testing.T) {
	db := setup(t)
	in, _ := receive(t, db, "E1", incidents.Incident{PagerDutyID: "P1", Status: incidents.Triggered}, evening)
	write := func(kind incidents.Kind) incidents.Entry {
		t.Helper()
		e, err := db.Record(t.Context(), incidents.Entry{IncidentID: in.ID, Kind: kind, Summary: "x"})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	write(incidents.KindDeploy)
	write(incidents.KindNote)
	last := write(incidents.KindNote)
	if _, err := db.Record(t.Context(), incidents.Entry{Kind: incidents.KindDeploy, Summary: "of no incident"}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		after int64
		since time.Time
		kinds []incidents.Kind
		want  []int64
	}{
		"all":              {0, time.Now(), nil, []int64{1, 2, 3, 4}},
		"what follows":     {3, time.Now(), nil, []int64{4}},
		"nothing":          {4, time.Now(), nil, nil},
		"what is recent":   {4, last.RecordedAt.Add(-time.Microsecond), nil, []int64{4}},
		"of a kind":        {4, time.Now(), []incidents.Kind{incidents.KindDeploy}, []int64{2}},
		"that, and of two": {3, time.Now(), []incidents.Kind{incidents.KindDeploy, incidents.KindSlackPosted}, []int64{2, 4}},
	} {
		news, err := db.News(t.Context(), in.ID, c.after, c.since, c.kinds...)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, e := range news {
			got = append(got, e.Seq)
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %v, want %v", name, got, c.want)
			}
		}
	}
}

func TestWhatItsTellerRecordsQueuesNothingAndIsFoundAfterACrash(t *testing.T) {
	db := setup(t)
	in, _ := receive(t, db, "E1", incidents.Incident{PagerDutyID: "P1", Status: incidents.Triggered}, evening)
	jobs := func() (n int) {
		t.Helper()
		if err := db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE kind = 'slack'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := jobs()
	e := incidents.Entry{IncidentID: in.ID, Kind: incidents.KindSlackPosted, Summary: "x", Source: incidents.Source{System: "slack", NativeID: "C1/1.1"}}
	first, err := db.RecordUntold(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	again, err := db.RecordUntold(t.Context(), e)
	if err != nil || again.Seq != first.Seq || first.Seq != 2 || jobs() != before {
		t.Errorf("entries %d and %d, %d jobs more, %v", first.Seq, again.Seq, jobs()-before, err)
	}
	if _, err := db.Pool().Exec(t.Context(), `DELETE FROM river_job`); err != nil { // the teller has ended without telling
		t.Fatal(err)
	}
	if err := db.QueueMissedNews(t.Context()); err != nil || jobs() != 1 {
		t.Errorf("%d jobs, %v", jobs(), err)
	}
}

// A bot that died while it posted an alert leaves a job that runs.
func TestNewsOfADeadBotAreQueuedWithinSeconds(t *testing.T) {
	db := setup(t)
	receive(t, db, "E1", incidents.Incident{PagerDutyID: "P1", Status: incidents.Triggered}, evening)
	for _, c := range []struct {
		running time.Duration // for how long the job has run
		want    int
	}{{time.Second, 1}, {5 * time.Second, 2}, {5 * time.Second, 2}} { // the second one is queued once
		if _, err := db.Pool().Exec(t.Context(), `UPDATE river_job SET state = 'running', attempted_at = now() - make_interval(secs => $1)
			WHERE id = (SELECT min(id) FROM river_job)`, c.running.Seconds()); err != nil {
			t.Fatal(err)
		}
		err := db.QueueMissedNews(t.Context())
		var n int
		if err := db.Pool().QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE kind = 'slack'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n != c.want || err != nil {
			t.Errorf("after %s: %d jobs, %v", c.running, n, err)
		}
	}
}

// TestMissedNewsWaitForNoRemoval: somebody may be waiting for an alert, while a removal waits for a lock.
func TestMissedNewsWaitForNoRemoval(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), store.Config{URL: storetest.URL(t), Keys: testkit.Ring(t), Recordings: store.Removal{Keep: time.Hour}})
	testkit.OK(t, err)
	t.Cleanup(db.Close)
	in, _ := receive(t, db, "E1", incidents.Incident{PagerDutyID: "P1", Status: incidents.Triggered}, time.Now())
	tx, err := db.Pool().Begin(t.Context())
	testkit.OK(t, err)
	defer func() { testkit.OK(t, tx.Rollback(context.WithoutCancel(t.Context()))) }()
	_, err = tx.Exec(t.Context(), `LOCK TABLE recordings, recording_keeps`)
	testkit.OK(t, err)
	defer func(stop func(context.Context) error) { testkit.OK(t, stop(t.Context())) }(db.Housekeep())
	count := func(sql string, args ...any) (n int) {
		testkit.OK(t, db.Pool().QueryRow(t.Context(), sql, args...).Scan(&n))
		return n
	}
	await := func(what string, there func() bool) {
		t.Helper()
		for deadline := time.After(time.Minute); !there(); {
			select {
			case <-deadline:
				t.Fatalf("never: %s", what)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	await("the removal waits", func() bool {
		return count(`SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'recordings'::regclass`) > 0
	})
	queued(t, db)
	await("the news are queued", func() bool {
		return count(`SELECT count(*) FROM river_job WHERE kind = 'slack' AND (args->>'incident_id')::bigint = $1`, in.ID) > 0
	})
}
