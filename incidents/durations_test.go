package incidents_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
)

func at(clock string) time.Time {
	t, err := time.Parse(time.RFC3339, "2026-03-05T"+clock+"Z")
	if err != nil {
		panic(err)
	}
	return t
}

func TestDurationsCountFromTheOpening(t *testing.T) {
	t.Parallel()
	done := func(d time.Duration) incidents.Span { return incidents.Span{Took: d, Done: true} }
	for name, tc := range map[string]struct {
		in   incidents.Incident
		want incidents.Spans
	}{
		"nothing yet": {incidents.Incident{OpenedAt: at("02:42:00")}, incidents.Spans{}},
		"all of it": {
			incidents.Incident{OpenedAt: at("02:42:00"), AcknowledgedAt: at("02:43:10"), RestoredAt: at("02:46:00"), FlatAt: at("02:47:00"), ResolvedAt: at("04:00:00")},
			incidents.Spans{ToAcknowledge: done(70 * time.Second), ToRestore: done(4 * time.Minute), ToFlat: done(5 * time.Minute), ToResolve: done(78 * time.Minute)},
		},
		"a clock that is behind": {incidents.Incident{OpenedAt: at("02:42:00"), AcknowledgedAt: at("02:41:59")}, incidents.Spans{ToAcknowledge: done(0)}},
		"an unknown opening":     {incidents.Incident{AcknowledgedAt: at("02:43:00")}, incidents.Spans{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, incidents.Durations(tc.in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSpansReadWell(t *testing.T) {
	t.Parallel()
	for want, took := range map[string]time.Duration{
		"0 ms": 0, "999 ms": 999 * time.Millisecond, "1 s": time.Second, "1 min 0 s": 59*time.Second + 600*time.Millisecond,
		"3 min 12 s": 192 * time.Second, "1 h 18 min": 78 * time.Minute, "2 d 3 h": 51 * time.Hour,
	} {
		if got := (incidents.Span{Took: took, Done: true}).String(); got != want {
			t.Errorf("%s reads %q, want %q", took, got, want)
		}
	}
	if got := (incidents.Span{}).String(); got != "not yet" {
		t.Errorf("what has not happened reads %q", got)
	}
}

func TestSpansAreMillisecondsOrNull(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal(incidents.Spans{ToAcknowledge: incidents.Span{Took: 1500 * time.Millisecond, Done: true}})
	const want = `{"to_acknowledge_ms":1500,"to_restore_ms":null,"to_flat_ms":null,"to_resolve_ms":null}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}
