package logtail_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// TestOneErrorIsOneBesideATaskThatWritesLongLines: a sample ends early then, and what it has of the other task is a single line.
func TestOneErrorIsOneBesideATaskThatWritesLongLines(t *testing.T) {
	t.Parallel()
	long := append([]byte("level=info "), bytes.Repeat([]byte("x"), 1<<20)...)
	synctest.Test(t, func(t *testing.T) {
		s, f := follow(t, "shop")
		f.Start()
		flood := func(lines int) {
			for range lines {
				s.write("shop", snapshot.RawLine{At: time.Now(), Task: "loud", Text: long})
				time.Sleep(50 * time.Millisecond)
			}
		}
		time.Sleep(time.Minute)
		flood(12)
		s.write("shop", snapshot.RawLine{At: time.Now(), Task: "quiet", Text: []byte("level=error no money")})
		flood(30)
		time.Sleep(time.Minute)
		s.mu.Lock()
		defer s.mu.Unlock()
		errors, least := 0.0, 1.0
		for _, c := range s.counts {
			errors, least = errors+c.Errors/c.Share, min(least, c.Share)
		}
		if errors < 0.99 || errors > 1.01 || least > 0.5 {
			t.Errorf("one error counts as %.2f, with a share of %.2f read", errors, least)
		}
	})
}
