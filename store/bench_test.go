package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
)

// manyEntries is how many a timeline has that has grown for years: as many outside incidents as in them.
const manyEntries = 1_000_000

// BenchmarkTimeline is what an entry costs, and what the net under lost jobs costs every fifteen seconds, on an empty timeline
// and on one that has grown for years. An entry may cost two milliseconds more on a large one at most.
func BenchmarkTimeline(b *testing.B) {
	empty := map[string]time.Duration{} // what an entry costs there, by what it is called
	costs := func(b *testing.B, name string, size int) {
		b.Helper()
		each := b.Elapsed() / time.Duration(b.N)
		if size == 0 {
			empty[name] = each
		} else if more := each - empty[name]; more > 2*time.Millisecond {
			b.Errorf("an entry costs %s more than on an empty timeline", more)
		}
	}
	for _, size := range []int{0, manyEntries} {
		db := storetest.New(b)
		incident := grown(b, db, size)
		for name, chain := range map[string]int64{"incident": incident, "outside": 0} {
			b.Run(fmt.Sprintf("append/%s/entries=%d", name, size), func(b *testing.B) {
				for b.Loop() {
					_, err := db.Record(b.Context(), incidents.Entry{IncidentID: chain, Kind: "note", Summary: "another one"})
					testkit.OK(b, err)
				}
				costs(b, "append/"+name, size)
			})
			b.Run(fmt.Sprintf("append-once/%s/entries=%d", name, size), func(b *testing.B) {
				for n := 0; b.Loop(); n++ {
					_, err := db.RecordOnce(b.Context(), incidents.Entry{
						IncidentID: chain, Kind: "note", Summary: "another one",
						Source: incidents.Source{System: "slack", NativeID: fmt.Sprint("once ", n/2)}, // every second one is there already
					})
					testkit.OK(b, err)
				}
				costs(b, "append-once/"+name, size)
			})
		}
		b.Run(fmt.Sprintf("tell-again/entries=%d", size), func(b *testing.B) {
			for b.Loop() {
				testkit.OK(b, db.QueueMissedNews(b.Context()))
			}
		})
	}
}

// grown gives the timeline about size entries: half of them outside incidents, the rest in incidents of a hundred entries
// each, of which the newest is returned. Their hashes are none.
func grown(tb testing.TB, db *store.DB, size int) (incident int64) {
	tb.Helper()
	for _, fill := range []struct {
		sql  string
		args []any
	}{
		{`INSERT INTO incidents (pagerduty_id, status, status_at, opened_at)
			SELECT 'P' || n, CASE WHEN n < $1 THEN 'resolved' ELSE 'triggered' END, at, at
			FROM (SELECT n, now() - ($1 - n) * interval '1 hour' AS at FROM generate_series(0, $1::int) n) i`, []any{size / 200}},
		{entries(`n / 100 + 1`, `n % 100 + 1`), []any{size / 2}},
		{entries(`NULL`, `n + 1`), []any{size / 2}},
		{`INSERT INTO slack_messages (incident_id, seq) SELECT coalesce(incident_id, 0), max(seq) FROM timeline GROUP BY 1`, nil},
		{`INSERT INTO deploys (key, at, before_id, after_id, before, after)
			SELECT 'E1/name/api', now() - n * interval '5 seconds', n - 1, n, 'shop:1', 'shop:2' FROM generate_series(1, $1::int) n`, []any{size / 10}},
		{`ANALYZE`, nil},
	} {
		_, err := db.Pool().Exec(tb.Context(), fill.sql, fill.args...)
		testkit.OK(tb, err)
	}
	testkit.OK(tb, db.Pool().QueryRow(tb.Context(), `SELECT max(id) FROM incidents`).Scan(&incident))
	return incident
}

func entries(incident, seq string) string {
	return `INSERT INTO timeline (incident_id, seq, occurred_at, recorded_at, kind, actor, source, summary, details, hash)
		SELECT ` + incident + `, ` + seq + `, at, at, 'deploy', '{"kind":"bot","name":"snapback"}',
			json_build_object('system', 'engine', 'native_id', 'E1/' || n, 'url', 'https://snapback.example.com/containers/api/snapshots'),
			'api was deployed: image 1.41 became 1.42', '{"container":"api","snapshot":"pre-deploy-2255"}', '\x00'
		FROM (SELECT n, now() - ($1 - n) * interval '36 seconds' AS at FROM generate_series(0, $1::int - 1) n) e`
}
