package logtail

import (
	"testing"
	"time"

	"github.com/snapback/snapback/incidents/flat"
)

func TestHistoryIsKnownFromWhereTheLogBegins(t *testing.T) {
	t.Parallel()
	opened := time.Date(2026, 11, 28, 3, 42, 30, 0, time.UTC)
	ago := func(minutes float64) time.Time { return opened.Add(-time.Duration(minutes * float64(time.Minute))) }
	for name, c := range map[string]struct {
		from, started time.Time
		lines         []time.Time
		most          int
		begins        time.Time
	}{
		"a short break":                      {from: ago(1), started: ago(500), lines: []time.Time{ago(0.5)}, begins: ago(1)},
		"a short break with a restart in it": {from: ago(1), started: ago(0.2), begins: ago(1)},
		"a long break":                       {from: ago(90), started: ago(500), lines: []time.Time{ago(60), ago(2)}, begins: ago(60)},
		"a start within it":                  {from: ago(90), started: ago(30), lines: []time.Time{ago(20)}, begins: ago(30)},
		"a restart within it":                {from: ago(90), started: ago(30), lines: []time.Time{ago(80), ago(20)}, begins: ago(80)},
		"silence":                            {from: ago(90), started: ago(500), begins: ago(90)},
		"silence since the start":            {from: ago(90), started: ago(10), begins: ago(10)},
		"more than was read":                 {from: ago(1), started: ago(500), lines: []time.Time{ago(0.5), ago(0.4)}, most: 2, begins: ago(0.5)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := history{step: time.Minute, from: c.from, to: opened, most: 1000}
			if c.most > 0 {
				h.most = c.most
			}
			for _, at := range c.lines {
				h.line(seen{at: at, isError: true, isRequest: true})
			}
			counts := h.counts(c.started)
			checkCounts(t, counts, c.begins, opened, len(c.lines))
		})
	}
}

// checkCounts sees that counts follow each other without a gap, a minute at most each.
func checkCounts(t *testing.T, counts []flat.Count, from, to time.Time, want int) {
	t.Helper()
	if len(counts) == 0 || !counts[0].From.Equal(from) || !counts[len(counts)-1].To.Equal(to) {
		t.Fatalf("want from %v to %v, got %+v", from, to, counts)
	}
	sum := 0.0
	for i, c := range counts {
		if c.To.Sub(c.From) <= 0 || c.To.Sub(c.From) > time.Minute || i > 0 && !c.From.Equal(counts[i-1].To) {
			t.Errorf("%v to %v does not follow what was before", c.From, c.To)
		}
		sum += c.Errors
	}
	if int(sum) != want {
		t.Errorf("%v errors, want %d", sum, want)
	}
}

func TestLinesThatComeWhileTheLogIsOpenedCount(t *testing.T) {
	t.Parallel()
	opened := time.Date(2026, 11, 28, 3, 42, 0, 0, time.UTC)
	h := history{step: time.Minute, from: opened.Add(-time.Minute), to: opened, most: 1000}
	h.line(seen{at: opened.Add(time.Millisecond), isError: true})
	h.line(seen{at: opened.Add(-time.Hour), isError: true})
	checkCounts(t, h.counts(time.Time{}), opened.Add(-time.Minute), opened, 2)
}

func TestWhatIsToldIsInMinutesAtMostAndWhole(t *testing.T) {
	t.Parallel()
	told := time.Date(2026, 11, 28, 3, 42, 0, 0, time.UTC)
	var counts []flat.Count
	s := &span{key: "k", told: told, record: func(c flat.Count) { counts = append(counts, c) }, patience: time.Hour, now: time.Now}
	s.goLive()
	for range 9 {
		s.line(told, true, false)
	}
	s.alive = told.Add(150 * time.Second)
	s.tell()
	checkCounts(t, counts, told, told.Add(150*time.Second), 9)
	s.rest()
	n := len(counts)
	s.sign(time.Now().Add(time.Hour))
	s.tell()
	if len(counts) != n {
		t.Error("what nobody reads is told")
	}
}

func TestBudgetIsForSomeSeconds(t *testing.T) {
	t.Parallel()
	p := newPace(1000)
	p.reset()
	for i := range 5000 {
		if !p.allows(100) {
			t.Fatalf("line %d is too much", i)
		}
	}
	if p.allows(100) {
		t.Error("there is no budget")
	}
	p.since = p.since.Add(-paceOver)
	if !p.allows(100) {
		t.Error("what was spent over a longer time is too much")
	}
	p.reset()
	for range 500 {
		p.allows(10 << 10)
	}
	if p.allows(10 << 10) {
		t.Error("the length of lines costs nothing")
	}
}
