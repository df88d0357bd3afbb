package logtail_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// TestWhatOneTaskSaysEndsNoTraceOfAnother: a service's tasks write side by side.
func TestWhatOneTaskSaysEndsNoTraceOfAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, f := follow(t, "shop")
		f.Start()
		time.Sleep(time.Second)
		for _, l := range [][2]string{
			{"one", "Traceback (most recent call last):"}, {"two", "all is well"}, {"one", `  File "shop.py", line 3, in pay`}, {"two", "still"}, {"one", "ValueError: no money"},
		} {
			s.write("shop", snapshot.RawLine{At: time.Now(), Task: l[0], Text: []byte(l[1])})
		}
		time.Sleep(time.Minute)
		s.mu.Lock()
		defer s.mu.Unlock()
		sum := 0.0
		for _, c := range s.counts {
			sum += c.Errors
		}
		if sum != 1 {
			t.Errorf("one trace counts as %v errors", sum)
		}
	})
}

// TestLinesOfANodeWhoseClockIsBehindAreCountedOnce: they look older than what another task has written, and the log is read anew in between.
func TestLinesOfANodeWhoseClockIsBehindAreCountedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, f := follow(t, "shop")
		f.Start()
		time.Sleep(2 * time.Minute)
		say := func(task string, behind time.Duration) {
			s.write("shop", snapshot.RawLine{At: time.Now().Add(-behind), Task: task, Text: []byte("level=error msg=boom")})
		}
		say("ahead", 0)
		say("behind", 20*time.Second)
		time.Sleep(time.Second)
		s.goAway(true)
		time.Sleep(time.Second)
		say("behind", 20*time.Second)
		say("new", 30*time.Second)
		s.goAway(false)
		time.Sleep(2 * time.Minute)
		if all := s.since("shop", time.Time{}); !near(all.Errors, 4) {
			t.Errorf("of 4 errors, this is counted: %+v", all)
		}
	})
}
