package flat

import (
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/mathext"
)

// State is what is said of the errors after a restore.
type State string

// The states of errors after a restore.
const (
	Watching   State = "watching" // nothing is to be said yet
	Falling    State = "falling"
	Flat       State = "flat"
	NotFlat    State = "not-flat"
	Quiet      State = "quiet"      // not enough traffic to tell
	Unclear    State = "unclear"    // neither usual nor clearly not
	Uncompared State = "uncompared" // there is no baseline
	Unseen     State = "unseen"     // nobody counts the errors any more
	Back       State = "back"       // they were flat, and are no more
)

// next is the one table of what may be said after what.
var next = map[State][]State{
	Watching: {Falling, Flat, NotFlat, Quiet, Unclear, Unseen, Uncompared},
	Falling:  {Flat, NotFlat, Quiet, Unclear, Unseen},
	NotFlat:  {Flat}, // and not Falling: the two would take turns for as long as errors are between their limits
	Quiet:    {Flat, NotFlat},
	Unclear:  {Flat, NotFlat},
	Unseen:   {Flat, NotFlat},
	Flat:     {Back},
	Back:     {Falling, Flat, NotFlat},
}

// May says whether to may be told after s.
func (s State) May(to State) bool {
	return slices.Contains(next[s], to)
}

// Verdict is a state with its figures.
type Verdict struct {
	State   State
	Rate    float64 // errors per minute now: of the last minutes since the restore; when Unseen, of the last that were counted
	Traffic bool    // whether there is traffic is known
	Sampled bool    // Rate is an estimate: not all lines were read
}

// After judges what has been counted since a restore, in fine steps, with what was before it.
type After struct {
	Baseline   Baseline
	NoBaseline bool   // Baseline is not known
	Before     Minute // what was counted in the hour before the alert, added up
	Spike      Spike
	Since      time.Time // the restore, or when errors came back
	Moments    []Minute
	Last       Last      // that was counted
	Woken      time.Time // when the clock was set forward last, from when on waiting counts; the zero time: it was not
	Young      bool      // who judges has begun to only lately: what was written before may not be counted yet
	Now        time.Time
}

// Last is the end of what was counted since a restore.
type Last struct {
	Until time.Time // the zero time: nothing was
	Rate  float64   // errors per minute in the last minutes of it
}

// last is the end of what was counted.
func (d Definition) last(counted []Minute, step time.Duration) Last {
	if len(counted) == 0 {
		return Last{}
	}
	until := counted[len(counted)-1].At.Add(step)
	return Last{Until: until, Rate: sum(between(counted, until.Add(-d.minutes(recentMinutes)), until)).Rate()}
}

// Judge says what is to be said at a.Now. It looks twice, a fine step apart, before it says flat.
func (d Definition) Judge(a After) Verdict {
	a.Moments = between(a.Moments, a.Since, a.Now)
	recent := a.last(d.minutes(recentMinutes))
	v := Verdict{State: Watching, Rate: recent.Rate(), Traffic: a.Baseline.Traffic && recent.Traffic, Sampled: recent.Sampled()}
	limit := d.usualUpTo(a.Baseline.Rate)
	switch {
	case a.NoBaseline && a.Young:
	case a.NoBaseline:
		v.State = Uncompared
	case v.Rate < limit && d.calm(a) && d.calm(a.until(a.Now.Add(-d.minutes(1.0/6)))):
		v.State = Flat
	case recent.Seconds == 0:
		if a.waited() >= d.minutes(recentMinutes) && !a.Young {
			v.State, v.Rate = Unseen, a.Last.Rate
		}
	case a.waited() >= d.minutes(patience):
		v.State = d.impatient(a, v.Rate, limit)
	}
	if v.State == Watching && d.falling(a, recent) {
		v.State = Falling
	}
	return v
}

// impatient is what is said when errors should be flat by now and are not.
func (d Definition) impatient(a After, rate, limit float64) State {
	last := a.last(d.minutes(patience))
	switch {
	case rate > limit && last.Rate() > limit && unusual(a.Baseline, last, 1) < notFlatLevel:
		return NotFlat
	case traffic(last, a.Baseline) < leastTraffic*last.Exposure()/60:
		return Quiet
	case a.waited() >= d.minutes(lastPatience):
		return Unclear
	}
	return Watching
}

// until is a as it was at an earlier moment.
func (a After) until(now time.Time) After {
	a.Now, a.Moments = now, between(a.Moments, a.Since, now)
	return a
}

func (a After) took() time.Duration { return a.Now.Sub(a.Since) }

// waited is how long there was a chance to count something.
func (a After) waited() time.Duration {
	if a.Woken.After(a.Since) {
		return a.Now.Sub(a.Woken)
	}
	return a.took()
}

// last is what was counted in the last so long.
func (a After) last(so time.Duration) Minute { return sum(between(a.Moments, a.Now.Add(-so), a.Now)) }

// traffic is how many minutes of the baseline's traffic m stands for: at most as many as it has. Where the baseline's traffic is
// not known, time has to do. Where it is known and m's is not, m stands for none: a log that has told of requests and does not
// any more is most likely that of a container that gets none.
func traffic(m Minute, b Baseline) float64 {
	minutes := m.Exposure() / 60
	switch {
	case !b.Traffic || b.Requests <= 0:
		return minutes
	case !m.Traffic:
		return 0
	}
	return min(minutes, m.Requests/b.Requests)
}

// falling rejects that errors are still that part of the way up, by the exact Poisson test on the last minutes.
func (d Definition) falling(a After, recent Minute) bool {
	if !a.Spike.Is || a.Spike.Rate <= a.Baseline.Rate {
		return false
	}
	up := a.Baseline.Rate + fallingWay*(a.Spike.Rate-a.Baseline.Rate)
	expected := up * traffic(recent, a.Baseline)
	if expected <= 0 {
		return false
	}
	by := a.Baseline.Dispersion
	return mathext.GammaIncRegComp(recent.Errors/by+1, expected/by) < level
}

// calm rejects that the rate is at the limit of what is usual, or above it. It is a sequential test, which may be looked at as
// often as one likes: a mixture of likelihood ratios that begin at the restore and at later moments, so that errors of the
// first seconds are not held against what follows. doc.go says why its level holds.
func (d Definition) calm(a After) bool {
	since := a.Since.Add(a.took().Truncate(d.minutes(horizon)))
	r0 := d.usualUpTo(a.Baseline.Rate)
	r1 := max(a.Baseline.Rate, r0/8)
	var evidence, ratio float64
	start := len(a.Moments)
	last := int(horizon * 2)
	for k := last; k >= 0; k-- { // from the latest beginning to the restore
		begin := since.Add(d.minutes(float64(k) / 2))
		for start > 0 && !a.Moments[start-1].At.Before(begin) {
			start--
			m := a.Moments[start]
			ratio += ((r0-r1)*traffic(m, a.Baseline) - m.Errors*math.Log(r0/r1)) / a.Baseline.Dispersion
		}
		evidence += weight(k, last) * math.Exp(ratio)
	}
	return evidence >= 1/level
}

// weight of a beginning: half for the restore, and half for the others, of which the early ones have more. They add up to 1.
func weight(k, of int) float64 {
	if k == 0 {
		return 0.5
	}
	early := float64(of+1) / float64(of) / float64(k) / float64(k+1) // adds up to 1 over 1 to of
	return 0.25*early + 0.25/float64(of)
}
