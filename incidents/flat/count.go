package flat

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Count is what a source has counted of one container within a span of time. Counts of one container come in the order of
// time, so that what is made up for from the past comes first. They may overlap with earlier ones: see Split.
type Count struct {
	Key      string    // the container's identity, which outlives its deploys
	From, To time.Time // by the bot's clock, at most a minute apart
	Errors   float64   // as they were counted in what was read; a fraction where a source estimates
	Requests float64   // likewise
	Traffic  bool      // Requests is known
	Share    float64   // of the lines, how many were read; 1: all
}

// Minute is what is kept of one clock minute, or of a finer step of time. One that nobody has watched is missing.
type Minute struct {
	At       time.Time // when it began, UTC
	Errors   float64   // as they were counted in what was read
	Requests float64
	Traffic  bool    // Requests is known
	Seconds  float64 // how much of it was watched
	Share    float64 // of the lines, how many were read meanwhile
}

// Rate is errors per minute, reckoned up to a whole minute and to all lines.
func (m Minute) Rate() float64 {
	if m.Exposure() <= 0 {
		return 0
	}
	return m.Errors * 60 / m.Exposure()
}

// Exposure is how many seconds of reading all lines what was read stands for.
func (m Minute) Exposure() float64 { return m.Seconds * m.Share }

// Sampled says that not all lines were read meanwhile, so that the rate is an estimate.
func (m Minute) Sampled() bool { return m.Seconds > 0 && m.Share < 0.999 }

func (m Minute) plus(o Minute) Minute {
	read := m.Exposure() + o.Exposure()
	m.Errors, m.Requests = m.Errors+o.Errors, m.Requests+o.Requests
	m.Traffic = m.Traffic && o.Traffic
	if m.Seconds += o.Seconds; m.Seconds > 0 {
		m.Share = read / m.Seconds
	}
	return m
}

// Split sorts counts of one container into steps of time, oldest first. It drops what lies before to, up to which moment
// errors have been counted already, and returns up to which moment they are now. So whatever is counted twice, by two bots
// or after a restart, is kept once. A count over several steps is shared out by time.
func Split(counts []Count, to time.Time, step time.Duration) ([]Minute, time.Time) {
	steps := map[time.Time]Minute{}
	for _, c := range counts {
		whole := c.To.Sub(c.From)
		if whole <= 0 {
			continue
		}
		from := c.From
		if from.Before(to) {
			from = to
		}
		for from.Before(c.To) {
			at := from.UTC().Truncate(step)
			end := at.Add(step)
			if end.After(c.To) {
				end = c.To
			}
			add(steps, at, c.part(end.Sub(from), whole))
			from = end
		}
		if c.To.After(to) {
			to = c.To
		}
	}
	return slices.SortedFunc(maps.Values(steps), func(a, b Minute) int { return a.At.Compare(b.At) }), to
}

func add(steps map[time.Time]Minute, at time.Time, m Minute) {
	if earlier, ok := steps[at]; ok {
		m = earlier.plus(m)
	}
	m.At = at
	steps[at] = m
}

// part is what falls into a part of c's time.
func (c Count) part(of, whole time.Duration) Minute {
	f := of.Seconds() / whole.Seconds()
	return Minute{Errors: c.Errors * f, Requests: c.Requests * f, Traffic: c.Traffic, Seconds: of.Seconds(), Share: cmp.Or(c.Share, 1)}
}
