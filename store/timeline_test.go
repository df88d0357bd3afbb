package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/snapback/snapback/incidents"
)

func TestTimelineCannotBeChanged(t *testing.T) {
	db := setup(t)
	if _, err := db.Record(t.Context(), incidents.Entry{Kind: "note", Summary: "hello"}); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{`UPDATE timeline SET summary = 'bye'`, `DELETE FROM timeline`, `TRUNCATE timeline CASCADE`} {
		_, err := db.Pool().Exec(t.Context(), sql)
		if err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func TestForgedTimelineIsFound(t *testing.T) {
	db := setup(t)
	for i := range 4 {
		details, err := incidents.Details(map[string]any{"n": i, "text": "<b>&amp;\u2028é"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Record(t.Context(), incidents.Entry{Kind: "note", Summary: fmt.Sprint("line ", i), Details: details, OccurredAt: evening}); err != nil {
			t.Fatal(err)
		}
	}
	read := func() []incidents.Entry {
		entries, err := db.Entries(t.Context(), 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return entries
	}
	if err := incidents.Verify(read()); err != nil {
		t.Fatalf("as it was written: %v", err)
	}
	forgeries := map[string]func([]incidents.Entry) []incidents.Entry{
		"summary": func(e []incidents.Entry) []incidents.Entry { e[1].Summary = "other"; return e },
		"time":    func(e []incidents.Entry) []incidents.Entry { e[1].OccurredAt = e[1].OccurredAt.Add(1000); return e },
		"details": func(e []incidents.Entry) []incidents.Entry {
			e[2].Details = bytes.ReplaceAll(e[2].Details, []byte("2"), []byte("3"))
			return e
		},
		"actor":     func(e []incidents.Entry) []incidents.Entry { e[0].Actor.Name = "Eve"; return e },
		"missing":   func(e []incidents.Entry) []incidents.Entry { return append(e[:1], e[2:]...) },
		"reordered": func(e []incidents.Entry) []incidents.Entry { e[1], e[2] = e[2], e[1]; return e },
	}
	for name, forge := range forgeries {
		if err := incidents.Verify(forge(read())); !errors.Is(err, incidents.ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestManyWritersMakeOneChain(t *testing.T) {
	db := setup(t)
	in, _ := receive(t, db, "E1", incidents.Incident{PagerDutyID: "P1", Status: incidents.Triggered}, evening)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if _, err := db.Record(t.Context(), incidents.Entry{IncidentID: in.ID * int64(i%2), Kind: "note", Summary: "x"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for id, want := range map[int64]int{0: 10, in.ID: 11} {
		entries, err := db.Entries(t.Context(), id, 0)
		if err != nil || len(entries) != want {
			t.Fatalf("chain %d has %d entries, %v", id, len(entries), err)
		}
		if err := incidents.Verify(entries); err != nil {
			t.Errorf("chain %d: %v", id, err)
		}
	}
}

func TestEntryOfAnUnknownIncidentIsRefused(t *testing.T) {
	db := setup(t)
	if _, err := db.Record(t.Context(), incidents.Entry{IncidentID: 99, Kind: "note"}); !errors.Is(err, incidents.ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

func TestSameWishIsRecordedOnce(t *testing.T) {
	db := setup(t)
	e := incidents.Entry{Kind: "note", Source: incidents.Source{System: "slack", NativeID: "tap-1"}, Summary: "x"}
	first, err := db.RecordOnce(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	again, err := db.RecordOnce(t.Context(), e)
	if err != nil || again.ID != first.ID {
		t.Errorf("entry %d, %v; the first was %d", again.ID, err, first.ID)
	}
}
