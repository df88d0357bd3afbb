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
