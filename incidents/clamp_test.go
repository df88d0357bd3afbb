package incidents_test

import (
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
)

func TestTimesFromOutsideAreClamped(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 3, 42, 0, 0, time.UTC)
	for at, want := range map[time.Time]time.Time{
		now: now, now.Add(-48 * time.Hour): now.Add(-48 * time.Hour), now.Add(time.Minute): now.Add(time.Minute), {}: {},
		now.Add(time.Hour): now, now.AddDate(973, 0, 0): now, now.AddDate(-100, 0, 0): now,
	} {
		if got := incidents.Clamp(at, now); !got.Equal(want) {
			t.Errorf("%s: %s, want %s", at, got, want)
		}
	}
}
