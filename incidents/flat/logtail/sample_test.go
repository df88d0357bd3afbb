package logtail_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback/snapback/incidents/flat/logtail"
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

func TestAnErrorOnBothOutputsCountsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, f := follow(t, "shop")
		f.Start()
		time.Sleep(time.Minute)
		s.write("shop", snapshot.RawLine{At: time.Now(), Stderr: true, Text: []byte("PHP Fatal error:  Uncaught Exception: boom in /app/index.php:3")})
		s.write("shop", snapshot.RawLine{At: time.Now(), Text: []byte("Fatal error: Uncaught Exception: boom in /app/index.php:3")})
		time.Sleep(time.Minute)
		s.mu.Lock()
		defer s.mu.Unlock()
		errors := 0.0
		for _, c := range s.counts {
			errors += c.Errors
		}
		if errors < 0.99 || errors > 1.01 {
			t.Errorf("one error counts as %.2f", errors)
		}
	})
}

func TestAContainerThatWritesTooMuchIsToldFromOthers(t *testing.T) {
	t.Parallel()
	short, long := []byte("x"), bytes.Repeat([]byte("x"), 8<<10)
	for name, c := range map[string]struct {
		text  []byte
		every time.Duration
		ended time.Duration // how long ago
		want  bool
	}{
		"much":                 {short, time.Second / 3_000, 0, true},
		"few, but long ones":   {long, time.Second / 200, 0, true},
		"as much as is read":   {short, time.Second / 1_500, 0, false},
		"little":               {long, time.Second, 0, false},
		"much, until just now": {short, time.Second / 3_000, 10 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, _ := follow(t, "shop")
				if much, err := logtail.Oversteps(t.Context(), s, "shop"); much || err != nil {
					t.Errorf("of an empty log it says %v: %v", much, err)
				}
				for end := time.Now().Add(8 * time.Second); time.Now().Before(end); time.Sleep(c.every) {
					s.write("shop", snapshot.RawLine{At: time.Now(), Text: c.text})
				}
				time.Sleep(c.ended)
				if much, err := logtail.Oversteps(t.Context(), s, "shop"); much != c.want || err != nil {
					t.Errorf("it says %v: %v", much, err)
				}
			})
		})
	}
}
