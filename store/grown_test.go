package store_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/store"
)

// TestNothingReadsAGrownTimelineThrough looks at Postgres' own statistics: on tables that have grown, what is done all day
// may not scan any of them.
func TestNothingReadsAGrownTimelineThrough(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	incident := grown(t, open(t, dsn), 20_000)
	watching, err := pgx.Connect(t.Context(), dsn)
	testkit.OK(t, err)
	t.Cleanup(func() { _ = watching.Close(context.Background()) })
	before := scans(t, watching)
	liveADay(t, dsn, incident)
	patience := time.After(time.Minute) // Postgres counts when a session ends
	for !slices.ContainsFunc(scans(t, watching), func(s scanned) bool {
		return s.Table == "timeline" && s.Rows > before[indexOf(before, "timeline")].Rows
	}) {
		select {
		case <-patience:
			t.Fatal("the statistics never told of the entries that were written")
		case <-time.After(20 * time.Millisecond):
		}
	}
	for i, s := range scans(t, watching) {
		if s.Whole != before[i].Whole {
			t.Errorf("%s was read through %d times", s.Table, s.Whole-before[i].Whole)
		}
	}
}

// liveADay does what is done all day, on connections that are closed afterwards.
func liveADay(t *testing.T, dsn string, incident int64) {
	t.Helper()
	ring := testkit.Ring(t)
	db, err := store.Open(t.Context(), store.Config{URL: dsn, Keys: ring})
	testkit.OK(t, err)
	defer db.Close()
	for range 10 { // Postgres plans anew for the first five
		for _, chain := range []int64{0, incident} {
			e := incidents.Entry{IncidentID: chain, Kind: "note", Summary: "x"}
			e, err := db.Record(t.Context(), e)
			testkit.OK(t, err)
			_, err = db.Entries(t.Context(), chain, e.Seq-1)
			testkit.OK(t, err)
			e.Source = incidents.Source{System: "slack", NativeID: "1"}
			_, err = db.RecordOnce(t.Context(), e)
			testkit.OK(t, err)
		}
		testkit.OK(t, db.QueueMissedNews(t.Context()))
		testkit.OK(t, db.ForgetRequests(t.Context(), 48*time.Hour))
		_, err = db.Deploys(t.Context(), nil, 50)
		testkit.OK(t, err)
		_, err = db.Deploys(t.Context(), []string{key, "E1/name/web"}, 5)
		testkit.OK(t, err)
		_, err = db.DeployPage(t.Context(), snapshot.DeployPage{Keys: []string{key, "E1/name/web"}, Since: evening.Add(-time.Hour), Before: evening, ID: 9, Limit: 5})
		testkit.OK(t, err)
		_, _, err = db.DeployBefore(t.Context(), []string{key, "E1/name/web"}, evening)
		testkit.OK(t, err)
	}
}

// scanned is how often a table was read through, and how many rows were written to it.
type scanned struct {
	Table       string
	Whole, Rows int64
}

func indexOf(list []scanned, table string) int {
	return slices.IndexFunc(list, func(s scanned) bool { return s.Table == table })
}

func scans(t *testing.T, conn *pgx.Conn) []scanned {
	t.Helper()
	rows, err := conn.Query(t.Context(), `SELECT relname, seq_scan, n_tup_ins FROM pg_stat_user_tables
		WHERE relname IN ('timeline', 'deploys') ORDER BY relname`)
	testkit.OK(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[scanned])
	testkit.OK(t, err)
	return list
}
