package load

import (
	"slices"
	"time"
)

// Buckets are the last n whole seconds, oldest first. The second that runs is left out, since it isn't over.
func (p *Prober) Buckets(n int) []Bucket {
	p.mu.Lock()
	defer p.mu.Unlock()
	whole := p.whole(p.cfg.Clock().Unix())
	return append([]Bucket{}, whole[max(0, len(whole)-n):]...)
}

// whole are the seconds that are over. The caller holds mu.
func (p *Prober) whole(now int64) []Bucket {
	if len(p.buckets) == 0 {
		return nil
	}
	p.current(now)
	return p.buckets[:len(p.buckets)-1]
}

// Between adds up the whole seconds from one moment to another.
func (p *Prober) Between(from, to time.Time) Bucket {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := Bucket{Second: from.Unix()}
	for _, b := range p.whole(p.cfg.Clock().Unix()) {
		if b.Second >= from.Unix() && b.Second < to.Unix() {
			sum.OK, sum.Errors, sum.Down = sum.OK+b.OK, sum.Errors+b.Errors, sum.Down+b.Down
		}
	}
	return sum
}

// Rate is the share of requests that failed, from 0 to 1; 0 when there were none.
func (b Bucket) Rate() float64 {
	if b.Requests() == 0 {
		return 0
	}
	return float64(b.Failed()) / float64(b.Requests())
}

// Summary is the traffic of late, for people.
type Summary struct {
	ErrorsPerMinute int      `json:"errors_per_minute"`
	Percent         int      `json:"percent"` // of requests that failed
	Over            int      `json:"over"`    // seconds that the two figures are from
	Buckets         []Bucket `json:"buckets"`
}

// Summary has the last n seconds as buckets, and sums up the last five.
func (p *Prober) Summary(n int) Summary {
	const recent = 5
	s := Summary{Buckets: p.Buckets(n)}
	var sum Bucket
	for _, b := range s.Buckets[max(0, len(s.Buckets)-recent):] {
		sum.OK, sum.Errors, sum.Down, s.Over = sum.OK+b.OK, sum.Errors+b.Errors, sum.Down+b.Down, s.Over+1
	}
	if s.Over > 0 {
		s.ErrorsPerMinute = sum.Failed() * 60 / s.Over
		s.Percent = int(sum.Rate()*100 + 0.5)
	}
	return s
}

// Gap is the longest time in which whatever was sent got no answer, of those that touch the span from one moment to
// another: how long nobody was there. A gap that hasn't ended lasts until now. Its resolution is the time between two
// requests. How long an answer took is left out of it.
func (p *Prober) Gap(from, to time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	sent := slices.SortedFunc(slices.Values(append(slices.Clone(p.answered), p.cfg.Clock())), time.Time.Compare)
	longest, last := time.Duration(0), from
	for _, at := range sent {
		if at.After(from) && !last.After(to) {
			longest = max(longest, at.Sub(last))
			last = at
		}
	}
	return longest
}
