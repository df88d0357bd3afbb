package logtail

import (
	"testing"
	"time"
)

// TestMoreThanWasReadOfATaskBeginsWhereThatDoes: the other task's lines from before are left out.
func TestMoreThanWasReadOfATaskBeginsWhereThatDoes(t *testing.T) {
	t.Parallel()
	opened := time.Date(2026, 11, 28, 3, 42, 0, 0, time.UTC)
	ago := func(minutes int) time.Time { return opened.Add(-time.Duration(minutes) * time.Minute) }
	h := history{step: time.Minute, from: ago(90), to: opened, most: 3}
	for task, lines := range map[string][]int{"sparse": {60, 30}, "dense": {9, 8, 7}} {
		for _, at := range lines {
			h.line(seen{at: ago(at), task: task, isError: true})
		}
	}
	checkCounts(t, h.counts(ago(500)), ago(9), opened, 3)
}

// TestNothingIsKnownOfTasksThatWereNotReadToTheEnd: their lines come in no order.
func TestNothingIsKnownOfTasksThatWereNotReadToTheEnd(t *testing.T) {
	t.Parallel()
	opened := time.Date(2026, 11, 28, 3, 42, 0, 0, time.UTC)
	h := history{step: time.Minute, from: opened.Add(-time.Hour), to: opened, most: 1000}
	h.line(seen{at: opened.Add(-time.Minute), task: "one"})
	if got := h.readTo(); !got.Equal(opened.Add(-time.Minute)) {
		t.Errorf("of one task, it is known up to %s", got)
	}
	h.line(seen{at: opened.Add(-30 * time.Minute), task: "another"})
	if got := h.readTo(); !got.Equal(h.from) {
		t.Errorf("of two tasks, it is known up to %s", got)
	}
}

// TestASampleStandsForEachTaskByItself: half of the time of one that has written more than was read, and all that the other one has written.
func TestASampleStandsForEachTaskByItself(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		most int
		cut  map[string]int
	}{
		"of as many lines as were asked for":           {most: 101},
		"of long lines, that were not read to the end": {most: 1_000, cut: map[string]int{"loud": 4_000, "quiet": 1}},
	} {
		opened := time.Date(2026, 11, 28, 3, 42, 0, 0, time.UTC)
		h := history{step: time.Hour, from: opened.Add(-10 * time.Second), to: opened, most: test.most}
		for i := range 101 {
			h.line(seen{at: opened.Add(-5*time.Second + time.Duration(i)*50*time.Millisecond), task: "loud", isError: true})
		}
		h.line(seen{at: opened.Add(-9 * time.Second), task: "quiet", isError: true})
		c := h.sampled(test.cut)
		if errors := c.Errors / c.Share; errors < 202.9 || errors > 203.1 || c.Share >= 0.51 {
			t.Errorf("%s: it stands for %.1f errors, of which a share of %.2f was read", name, errors, c.Share)
		}
	}
}
