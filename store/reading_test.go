package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/store"
)

// fill writes n entries outside any incident, as Record would, and much faster.
func fill(tb testing.TB, db *store.DB, n int) {
	tb.Helper()
	var prev []byte
	e := incidents.Entry{Kind: "deploy", Summary: "api was deployed", Actor: incidents.Self(), Source: incidents.Source{System: "engine"}, Details: json.RawMessage(`{"container":"api"}`)}
	actor, _ := json.Marshal(e.Actor)
	source, _ := json.Marshal(e.Source)
	columns := []string{"seq", "occurred_at", "recorded_at", "kind", "actor", "source", "summary", "details", "prev_hash", "hash"}
	_, err := db.Pool().CopyFrom(tb.Context(), pgx.Identifier{"timeline"}, columns, pgx.CopyFromSlice(n, func(i int) ([]any, error) {
		e.Seq, e.OccurredAt = int64(i+1), evening.Add(time.Duration(i)*time.Second)
		e.RecordedAt = e.OccurredAt
		err := e.Seal(prev)
		row := []any{e.Seq, e.OccurredAt, e.RecordedAt, e.Kind, actor, source, e.Summary, e.Details, e.PrevHash, e.Hash}
		prev = e.Hash
		return row, err
	}))
	if err == nil {
		_, err = db.Pool().Exec(tb.Context(), `ANALYZE timeline`)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

func TestAPageReadsNoMoreThanAPage(t *testing.T) {
	db := setup(t)
	fill(t, db, 5000)
	oldest, err := db.EntriesAfter(t.Context(), 0, 4000, 3)
	if err != nil {
		t.Fatal(err)
	}
	newest, err := db.EntriesBefore(t.Context(), 0, 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	older, err := db.EntriesBefore(t.Context(), 0, 4999, 2)
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	for _, e := range append(append(oldest, newest...), older...) {
		got = append(got, e.Seq)
	}
	if diff := cmp.Diff([]int64{4001, 4002, 4003, 5000, 4999, 4998, 4997}, got); diff != "" {
		t.Error(diff)
	}
	for name, sql := range map[string]string{"after": store.PageAfter(0), "before": store.PageBefore(0)} {
		if n := rowsRead(t, db, sql, 2500); n > 200 {
			t.Errorf("%s: %v rows are read for a page of 200", name, n)
		}
	}
}

// rowsRead is how many rows of the timeline a page of 200 reads.
func rowsRead(t *testing.T, db *store.DB, sql string, bound int64) float64 {
	t.Helper()
	var plan []byte
	args := pgx.NamedArgs{"incident": 0, "bound": bound, "limit": 200}
	if err := db.Pool().QueryRow(t.Context(), `EXPLAIN (ANALYZE, FORMAT JSON) `+sql, args).Scan(&plan); err != nil {
		t.Fatal(err)
	}
	type node struct {
		Rows    float64 `json:"Actual Rows"`
		Removed float64 `json:"Rows Removed by Filter"`
		Plans   []node
	}
	var out []struct{ Plan node }
	if err := json.Unmarshal(plan, &out); err != nil || len(out) != 1 {
		t.Fatal(err, string(plan))
	}
	n := out[0].Plan
	for len(n.Plans) > 0 {
		n = n.Plans[0]
	}
	return n.Rows + n.Removed
}

func TestATimelineIsReadAsItStoodAtOneMoment(t *testing.T) {
	db := setup(t)
	late := incidents.Entry{Kind: "note", Summary: "happened first", OccurredAt: evening.Add(-time.Hour)}
	for i, e := range []incidents.Entry{{Kind: "note", Summary: "a", OccurredAt: evening}, {Kind: "note", Summary: "b", OccurredAt: evening}, late} {
		if _, err := db.Record(t.Context(), e); err != nil {
			t.Fatal(i, err)
		}
	}
	read := func(pass func(func(incidents.Entry) error) error) (all []string) {
		if err := pass(func(e incidents.Entry) error { all = append(all, e.Summary); return nil }); err != nil {
			t.Error(err)
		}
		return all
	}
	err := db.ReadTimeline(t.Context(), 0, func(_ incidents.Incident, entries incidents.Entries) error {
		first := read(entries.InOrder)
		if _, err := db.Record(t.Context(), incidents.Entry{Kind: "note", Summary: "meanwhile"}); err != nil {
			return err
		}
		if diff := cmp.Diff([][]string{{"a", "b", "happened first"}, {"a", "b", "happened first"}, {"happened first", "a", "b"}},
			[][]string{first, read(entries.InOrder), read(entries.AsItHappened)}); diff != "" {
			t.Error(diff)
		}
		stop := errors.New("enough")
		if err := entries.InOrder(func(incidents.Entry) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("got %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// BenchmarkTimelinePage reads one page of 200 out of 300,000 entries, at the beginning, in the middle and at the end.
func BenchmarkTimelinePage(b *testing.B) {
	db := storetest.New(b)
	fill(b, db, 300_000)
	for _, after := range []int64{0, 150_000, 299_800} {
		b.Run(fmt.Sprint("after_", after), func(b *testing.B) {
			for b.Loop() {
				if entries, err := db.EntriesAfter(b.Context(), 0, after, 201); err != nil || len(entries) < 200 {
					b.Fatal(len(entries), err)
				}
			}
		})
	}
	b.Run("whole", func(b *testing.B) {
		for b.Loop() {
			if err := db.ReadTimeline(b.Context(), 0, func(_ incidents.Incident, e incidents.Entries) error {
				return e.InOrder(func(incidents.Entry) error { return nil })
			}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
