package flat

import (
	"slices"
	"time"

	"gonum.org/v1/gonum/mathext"
)

// Spike is what the last minutes before a moment are, beside a baseline.
type Spike struct {
	Is    bool      // it is one, by the definition
	Rate  float64   // errors per minute in these minutes
	Since time.Time // when the errors rose; the zero time when it is none, or they rose before the baseline's end
}

// Spike looks at the last five minutes before at, and at the last two of them.
func (d Definition) Spike(b Baseline, minutes []Minute, at time.Time) Spike {
	window := between(minutes, at.Add(-d.minutes(spikeMinutes)), at)
	s := Spike{Rate: sum(window).Rate()}
	if !d.rises(b, window) && !d.rises(b, between(window, at.Add(-d.minutes(recentMinutes)), at)) {
		return s
	}
	s.Is, s.Since = true, d.rise(b, between(minutes, b.To, at), at.Add(-d.minutes(spikeMinutes)))
	s.Rate = sum(between(window, s.Since, at)).Rate()
	return s
}

// rises says whether errors are unusual by one of two looks, which share the level. What could be called flat afterwards without
// any change is no spike, however unlikely it is.
func (d Definition) rises(b Baseline, window []Minute) bool {
	all := sum(window)
	return all.Errors >= spikeErrors && d.inTwo(window) && all.Rate() > d.usualUpTo(b.Rate) && unusual(b, all, usual) < spikeLevel/2
}

// inTwo says that not all errors are in one minute: a single burst is no spike yet. The steps may be finer than a minute.
func (d Definition) inTwo(steps []Minute) bool {
	var first time.Time
	for _, m := range steps {
		if m.Errors > 0 && first.IsZero() {
			first = m.At
		}
		if m.Errors > 0 && m.At.Sub(first) >= d.minutes(1) {
			return true
		}
	}
	return false
}

// unusual is how likely that many errors are at so many times the baseline's rate: the exact conditional binomial test of two
// Poisson rates (Przyborowski and Wilenski, 1940). Both counts are divided by the dispersion, which widens it.
func unusual(b Baseline, m Minute, times float64) float64 {
	now, before := times*m.Exposure()/60, b.Minutes
	errors := m.Errors / b.Dispersion
	if errors <= 0 || now <= 0 {
		return 1
	}
	return mathext.RegIncBeta(errors, b.Errors/b.Dispersion+1, now/(now+before))
}

// rise is the beginning of the last stretch in which errors were not usual. It ends from from on, so that an earlier burst is not
// taken for it. One quieter minute within it is passed over.
func (d Definition) rise(b Baseline, minutes []Minute, from time.Time) (since time.Time) {
	for _, m := range slices.Backward(minutes) {
		if m.At.Before(from) {
			break
		}
		if m.Rate() > d.usualUpTo(b.Rate) {
			since, from = m.At, m.At.Add(-d.minutes(2))
		}
	}
	return since
}
