package flat

import (
	"math"
	"time"
)

// The numbers of the definition. Minutes are those of a Definition.
const (
	baselineMinutes = 60    // of the baseline, at most
	leastMinutes    = 3     // of it, at least
	spikeMinutes    = 5     // that are looked at for a spike
	spikeErrors     = 5     // that a spike has, at least
	spikeLevel      = 0.001 // of the test for a spike
	usual           = 2     // how many times the baseline is still usual,
	usualMore       = 3     // or how many errors a minute more than the baseline, if that is higher
	fallingWay      = 0.25  // of the way from the baseline to the spike: below it errors are falling
	level           = 0.05  // of the tests for falling and flat
	notFlatLevel    = 0.01  // of the test for not flat
	recentMinutes   = 2     // that the rate of now is taken from
	settingMinutes  = 0.25  // by which a clock is set that counts as set
	patience        = 5     // minutes until it is said that errors are not flat
	leastTraffic    = 0.2   // of the usual requests: with fewer, it can't be told
	lastPatience    = 15    // minutes until it is said that it can't be told
	horizon         = 30    // minutes for which the level of flat holds
)

// Definition is what spike, falling and flat mean; doc.go says it in words. The zero Definition has real minutes.
type Definition struct {
	Minute time.Duration // how long a minute of the definition takes; 0: a minute. A demo has no hour for a baseline.
}

func (d Definition) minutes(n float64) time.Duration {
	if d.Minute == 0 {
		d.Minute = time.Minute
	}
	return time.Duration(n * float64(d.Minute))
}

// usualUpTo is the rate below which errors are flat, for a baseline's rate.
func (d Definition) usualUpTo(b float64) float64 {
	return max(usual*b, b+usualMore/d.minutes(1).Minutes())
}

// UsualUpTo is the rate below which errors are flat.
func (d Definition) UsualUpTo(b Baseline) float64 { return d.usualUpTo(b.Rate) }

// Baseline is how many errors are usual: what was counted before the deploy, or before the alert.
type Baseline struct {
	From, To     time.Time // what is there lies between them
	BeforeDeploy bool      // else before the alert
	Short        bool      // there is less than an hour of it
	Errors       float64   // that were counted
	Minutes      float64   // of reading all lines in which they were; real ones
	Rate         float64   // errors per minute
	Dispersion   float64   // how many times the variance of a Poisson process they vary; at least 1
	Traffic      bool      // Requests is known
	Requests     float64   // per minute
}

// Baseline reads up to an hour of minutes that end with until. It returns false when that is less than three minutes.
func (d Definition) Baseline(minutes []Minute, until time.Time) (Baseline, bool) {
	minutes = between(minutes, until.Add(-d.minutes(baselineMinutes)), until.Add(-d.minutes(1)).Add(1))
	all := sum(minutes)
	b := Baseline{Errors: all.Errors, Minutes: all.Exposure() / 60, Rate: all.Rate()}
	watched := all.Seconds / d.minutes(1).Seconds()
	if watched < leastMinutes-0.01 || b.Minutes <= 0 {
		return b, false
	}
	b.From, b.To = minutes[0].At, minutes[len(minutes)-1].At.Add(d.minutes(1))
	b.Short = watched < 0.9*baselineMinutes
	b.Dispersion = max(1+6/watched, pearson(minutes, b.Rate), pearson(joined(minutes, 5), b.Rate))
	b.Requests, b.Traffic = d.requests(minutes)
	return b, true
}

// requests is the requests per minute of those minutes whose requests are known; there have to be as many of them as a baseline
// has at least. The others, such as those before a log's first request, are left out and don't spoil the hour.
func (d Definition) requests(minutes []Minute) (perMinute float64, known bool) {
	var requests, seconds, exposure float64
	for _, m := range minutes {
		if m.Traffic {
			requests, seconds, exposure = requests+m.Requests, seconds+m.Seconds, exposure+m.Exposure()
		}
	}
	if seconds/d.minutes(1).Seconds() < leastMinutes-0.01 || exposure <= 0 {
		return 0, false
	}
	return requests * 60 / exposure, true
}

// Usual is the baseline of an incident: from before the deploy (the zero time: none is known), or else from up to ten minutes
// before the alert, which leaves out what led to it. With less history than that it is what there is until errors rose.
func (d Definition) Usual(minutes []Minute, deployed, opened time.Time) (Baseline, bool) {
	if !deployed.IsZero() && deployed.Before(opened) {
		if b, ok := d.Baseline(minutes, deployed); ok {
			b.BeforeDeploy = true
			return b, true
		}
	}
	if b, ok := d.Baseline(minutes, opened.Add(-d.minutes(2*spikeMinutes))); ok {
		return b, true
	}
	return d.untilTheRise(minutes, opened)
}

// untilTheRise is a baseline from a short history. It ends where errors rose above the first three minutes of it. Where they have not
// risen, what there is may all be the spike: then it is a baseline only if the errors at the alert are flat for any container.
func (d Definition) untilTheRise(minutes []Minute, opened time.Time) (Baseline, bool) {
	history := d.beforeAlert(minutes, opened)
	if len(history) == 0 {
		return Baseline{}, false
	}
	first, ok := d.Baseline(history, history[0].At.Add(d.minutes(leastMinutes)))
	if !ok {
		return first, false
	}
	if rise := d.rise(first, between(history, first.To, opened), opened.Add(-d.minutes(spikeMinutes))); !rise.IsZero() {
		return d.Baseline(history, rise)
	}
	lately := sum(between(history, opened.Add(-d.minutes(spikeMinutes)), opened))
	if lately.Exposure() <= 0 || lately.Rate() > d.usualUpTo(0) {
		return first, false
	}
	return d.Baseline(history, opened)
}

// beforeAlert is what was counted in the hour before an alert, in which a baseline is looked for.
func (d Definition) beforeAlert(minutes []Minute, opened time.Time) []Minute {
	return between(minutes, opened.Add(-d.minutes(baselineMinutes)), opened)
}

// between picks the minutes that begin from from on and before to.
func between(minutes []Minute, from, to time.Time) []Minute {
	lo, hi := len(minutes), len(minutes)
	for i := len(minutes) - 1; i >= 0; i-- {
		if !minutes[i].At.Before(to) {
			hi = i
		}
		if !minutes[i].At.Before(from) {
			lo = i
		}
	}
	return minutes[min(lo, hi):hi]
}

// sum adds minutes up. Its requests are those that are known, so a minute without them counts as one that had none.
func sum(minutes []Minute) (all Minute) {
	for i, m := range minutes {
		if i == 0 {
			all = m
			continue
		}
		known := all.Traffic || m.Traffic
		all = all.plus(m)
		all.Traffic = known
	}
	return all
}

// joined makes blocks of n minutes. Bursts that last longer than a minute show in them.
func joined(minutes []Minute, n int) (out []Minute) {
	for len(minutes) >= n {
		out = append(out, sum(minutes[:n]))
		minutes = minutes[n:]
	}
	return out
}

// pearson is the statistic of that name over its degrees of freedom: 1 on average for a Poisson process of that rate, and
// higher for one that bursts.
func pearson(minutes []Minute, rate float64) float64 {
	var chi, n float64
	for _, m := range minutes {
		if want := rate * m.Exposure() / 60; want > 0 {
			chi += math.Pow(m.Errors-want, 2) / want
			n++
		}
	}
	if n < 2 {
		return 1
	}
	return chi / (n - 1)
}
