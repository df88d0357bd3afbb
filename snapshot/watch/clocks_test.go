package watch_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/watch"
)

// ticksOf are all ticks of a schedule in a year of a zone's.
func ticksOf(t *testing.T, spec, zone string, year int) []time.Time {
	t.Helper()
	loc := snapshottest.Must(time.LoadLocation(zone))
	at, end := time.Date(year, 1, 1, 0, 0, 0, 0, loc).Add(-time.Second), time.Date(year+1, 1, 1, 0, 0, 0, 0, loc)
	var out []time.Time
	for {
		_, next, err := watch.LastDue(spec, at, at)
		if err != nil {
			t.Fatal(err)
		}
		if !next.Before(end) {
			return out
		}
		if !next.After(at) {
			t.Fatalf("after %s comes %s", at, next)
		}
		out, at = append(out, next), next
	}
}

// The rules of a year that is over don't change: in 2026, Cuba did without its last change.
//
// Clocks go forward over midnight in Havana, and by half an hour on Lord Howe Island. In 2011, Apia had no 30 December.
func TestDailyScheduleIsTakenOnceEachLocalDay(t *testing.T) {
	t.Parallel()
	tests := []struct {
		zone string
		year int
		hour int
		min  int
		odd  []string // those ticks that are at another time of day
	}{
		{"Europe/Berlin", 2025, 2, 30, []string{"2025-03-30 03:00 CEST"}},
		{"Europe/Berlin", 2025, 2, 0, []string{"2025-03-30 03:00 CEST"}},
		{"Europe/Berlin", 2025, 3, 0, nil},
		{"America/Havana", 2025, 0, 0, []string{"2025-03-09 01:00 CDT"}},
		{"America/Havana", 2025, 0, 30, []string{"2025-03-09 01:00 CDT"}},
		{"Australia/Lord_Howe", 2025, 2, 15, []string{"2025-10-05 02:30 +11"}},
		{"Australia/Lord_Howe", 2025, 1, 45, nil},
		{"UTC", 2025, 2, 30, nil},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s/%02d:%02d", test.zone, test.hour, test.min), func(t *testing.T) {
			t.Parallel()
			ticks := ticksOf(t, fmt.Sprintf("%d %d * * *", test.min, test.hour), test.zone, test.year)
			days := map[string]int{}
			var odd []string
			for _, tick := range ticks {
				days[tick.Format(time.DateOnly)]++
				if tick.Hour() != test.hour || tick.Minute() != test.min {
					odd = append(odd, tick.Format("2006-01-02 15:04 MST"))
				}
			}
			if len(ticks) != 365 || len(days) != 365 {
				t.Errorf("%d ticks on %d days, want one on each of 365", len(ticks), len(days))
			}
			if diff := cmp.Diff(test.odd, odd); diff != "" {
				t.Errorf("at another time of day (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatTheClockShowsTwiceIsTakenTheFirstTime(t *testing.T) {
	t.Parallel()
	for zone, want := range map[string]struct{ spec, day, at string }{
		"Europe/Berlin":       {"30 2 * * *", "2025-10-26", "00:30"},
		"America/Havana":      {"30 0 * * *", "2025-11-02", "04:30"},
		"Australia/Lord_Howe": {"45 1 * * *", "2025-04-06", "14:45"},
	} {
		var got []string
		for _, tick := range ticksOf(t, want.spec, zone, 2025) {
			if tick.Format(time.DateOnly) == want.day {
				got = append(got, tick.UTC().Format("15:04"))
			}
		}
		if !slices.Equal(got, []string{want.at}) {
			t.Errorf("%s on %s: taken at %v UTC, want once, at %s", zone, want.day, got, want.at)
		}
	}
}

// An hour that comes twice is two hours, and one that is left out is none.
func TestSchedulesOfAnHourOrLessGoByTheTimeThatPasses(t *testing.T) {
	t.Parallel()
	const hours = 365 * 24
	tests := []struct {
		spec, zone string
		ticks      int
		apart      time.Duration // at most
	}{
		{"0 * * * *", "Europe/Berlin", hours, time.Hour},
		{"15 * * * *", "Europe/Berlin", hours, time.Hour},
		{"@hourly", "America/Havana", hours, time.Hour},
		{"*/15 * * * *", "Europe/Berlin", 4 * hours, 15 * time.Minute},
		{"*/15 * * * *", "America/Havana", 4 * hours, 15 * time.Minute},
		{"*/15 * * * *", "Australia/Lord_Howe", 4 * hours, 15 * time.Minute},
		{"30 * * * *", "Australia/Lord_Howe", hours + 1, time.Hour},              // 01:30 comes twice, 02:30 ends the gap
		{"15 * * * *", "Australia/Lord_Howe", hours, time.Hour + 30*time.Minute}, // 02:15 is left out, and taken at 02:30
		{"@every 1h", "Europe/Berlin", hours, time.Hour},
		{"@every 15m", "Australia/Lord_Howe", 4 * hours, 15 * time.Minute},
	}
	for _, test := range tests {
		t.Run(test.zone+"/"+test.spec, func(t *testing.T) {
			t.Parallel()
			ticks := ticksOf(t, test.spec, test.zone, 2025)
			if len(ticks) != test.ticks {
				t.Errorf("%d ticks in 2025, want %d", len(ticks), test.ticks)
			}
			for i, tick := range ticks[1:] {
				if apart := tick.Sub(ticks[i]); apart > test.apart {
					t.Errorf("%s comes %s after the one before, want at most %s", tick, apart, test.apart)
				}
			}
		})
	}
}

func TestScheduleWithinAGapIsTakenOnceAtItsEnd(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string][]string{
		"*/20 1-3 * * *": {"01:00", "01:20", "01:40", "03:00", "03:20", "03:40"},
		"10,50 2 * * *":  {"03:00"},
		"0 2,3 30 3 *":   {"03:00"},
		"30 2 * * 0":     {"03:00"},
	} {
		var got []string
		for _, tick := range ticksOf(t, spec, "Europe/Berlin", 2025) {
			if tick.Format(time.DateOnly) == "2025-03-30" {
				got = append(got, tick.Format("15:04"))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s on 30 March (-want +got):\n%s", spec, diff)
		}
	}
}

// cron's own reckoning loses all of that Sunday.
func TestDayWithoutMidnightIsNotLost(t *testing.T) {
	t.Parallel()
	var got int
	for _, tick := range ticksOf(t, "0 * * * 0", "America/Havana", 2025) {
		if tick.Format(time.DateOnly) == "2025-03-09" {
			got++
		}
	}
	if got != 23 {
		t.Errorf("%d ticks on a Sunday of 23 hours, want 23", got)
	}
}

func TestScheduleWithAZoneOfItsOwnFollowsThatZonesClock(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	_, next, err := watch.LastDue("CRON_TZ=Europe/Berlin 30 2 * * *", at, at)
	if want := time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC); err != nil || !next.Equal(want) || next.Location() != time.UTC {
		t.Errorf("%s, %v: want %s, which is 03:00 in Berlin", next, err, want)
	}
}

func TestDayThatAZoneSkipsIsTakenAtTheNextOnesBeginning(t *testing.T) {
	t.Parallel()
	var got []string
	for _, tick := range ticksOf(t, "0 3 * * *", "Pacific/Apia", 2011)[361:] {
		got = append(got, tick.Format("02 15:04"))
	}
	if diff := cmp.Diff([]string{"28 03:00", "29 03:00", "31 00:00", "31 03:00"}, got); diff != "" {
		t.Errorf("the end of December (-want +got):\n%s", diff)
	}
}
