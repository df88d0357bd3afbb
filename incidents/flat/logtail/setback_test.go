package logtail_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// TestALogWhoseClockWasSetBackIsCountedOn: what it writes is older than the lines from which on it was asked, for as long as its clock was
// set back by, and neither is that silence nor are the lines from before counted again.
func TestALogWhoseClockWasSetBackIsCountedOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, f := follow(t, "shop")
		f.Start()
		back := time.Duration(0)
		errors := func(lasting time.Duration) {
			for end := time.Now().Add(lasting); time.Now().Before(end); time.Sleep(time.Second) {
				s.write("shop", snapshot.RawLine{At: time.Now().Add(-back), Text: []byte("level=error msg=boom")})
			}
		}
		begun := time.Now()
		errors(2 * time.Minute)
		back = 10 * time.Minute
		set := time.Now()
		errors(time.Minute) // in which it is found out
		since := time.Now()
		errors(2 * time.Minute)
		time.Sleep(10 * time.Second)
		if all := s.since("shop", since); all.Errors < 118 || all.Errors > 122 {
			t.Errorf("of 120 errors after the first minute, this is counted: %+v", all)
		}
		if all := s.since("shop", begun); all.Errors > 300 {
			t.Errorf("of 300 errors, %v are counted", all.Errors)
		}
		if all := s.since("shop", set); all.Errors/all.Seconds < 0.8 {
			t.Errorf("%v errors in %v s are told of the time since, in which there was one a second", all.Errors, all.Seconds)
		}
	})
}

// TestTheFirstLineAfterAClockWasSetBackCounts: of a log that is quiet for long.
func TestTheFirstLineAfterAClockWasSetBackCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, f := follow(t, "shop")
		f.Start()
		s.say("shop", "level=info msg=ready")
		time.Sleep(10 * time.Minute)
		s.write("shop", snapshot.RawLine{At: time.Now().Add(-time.Hour), Text: []byte("level=error msg=boom")})
		wrote := time.Now()
		time.Sleep(2 * time.Minute)
		s.write("shop", snapshot.RawLine{At: time.Now().Add(-time.Hour), Text: []byte("level=error msg=boom")})
		time.Sleep(10 * time.Second)
		if all := s.since("shop", wrote.Add(-time.Second)); !near(all.Errors, 2) {
			t.Errorf("of two errors, this is counted: %+v", all)
		}
	})
}
