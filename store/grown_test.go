package store_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/internal/pgtest"
	"github.com/snapback/snapback/store"
)

// TestNothingReadsAGrownTimelineThrough looks at Postgres' own statistics: on tables that have grown, what is done all day
// may not scan any of them.
func TestNothingReadsAGrownTimelineThrough(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t, migrate)
	incident := grown(t, open(t, dsn), 20_000)
	watching, err := pgx.Connect(t.Context(), dsn)
	check(t, err)
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
	ring, err := keyring.Parse("a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	check(t, err)
	db, err := store.Open(t.Context(), store.Config{URL: dsn, Keys: ring})
	check(t, err)
	defer db.Close()
	for range 10 { // Postgres plans anew for the first five
		for _, chain := range []int64{0, incident} {
			e := incidents.Entry{IncidentID: chain, Kind: "note", Summary: "x"}
			e, err := db.Record(t.Context(), e)
			check(t, err)
			_, err = db.Entries(t.Context(), chain, e.Seq-1)
			check(t, err)
			e.Source = incidents.Source{System: "slack", NativeID: "1"}
			_, err = db.RecordOnce(t.Context(), e)
			check(t, err)
		}
		check(t, db.TellAgain(t.Context()))
		check(t, db.ForgetRequests(t.Context(), 48*time.Hour))
		_, err = db.Deploys(t.Context(), nil, 50)
		check(t, err)
		_, err = db.Deploys(t.Context(), []string{key, "E1/name/web"}, 5)
		check(t, err)
		_, _, err = db.DeployBefore(t.Context(), []string{key, "E1/name/web"}, evening)
		check(t, err)
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
	check(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[scanned])
	check(t, err)
	return list
}
