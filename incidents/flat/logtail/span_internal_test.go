package logtail

import (
	"testing"
	"time"

	"github.com/snapback/snapback/incidents/flat"
)

// TestAClockThatIsSetIsAGap: what is counted from then on is told of the time that the clock shows, and what it has passed over of none.
func TestAClockThatIsSetIsAGap(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]time.Duration{"forward": 10 * time.Minute, "back": -10 * time.Minute} {
		now := time.Date(2026, 11, 24, 3, 42, 0, 0, time.UTC)
		var told []flat.Count
		s := newSpan(&Follower{Config: Config{}.withDefaults()}, "k/shop", now)
		s.record, s.now = func(c flat.Count) { told = append(told, c) }, func() time.Time { return now }
		s.goLive()
		minute := func() {
			for range 12 {
				now = now.Add(5 * time.Second)
				s.line(now, true, false)
				s.sign(now)
				s.tell()
			}
		}
		minute()
		first, at := len(told), now.Add(set)
		now = at
		minute()
		seconds, errors := 0.0, 0.0
		for _, c := range told[first:] {
			if c.From.Before(at) || c.To.After(now) {
				t.Errorf("%s: from %s to %s is told, where the clock was set to %s", name, c.From, c.To, at)
			}
			seconds, errors = seconds+c.To.Sub(c.From).Seconds(), errors+c.Errors
		}
		if seconds != 55 || errors != 12 {
			t.Errorf("%s: %v errors in %v s are told of the minute since", name, errors, seconds)
		}
	}
}
