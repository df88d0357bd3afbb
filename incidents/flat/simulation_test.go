package flat_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/snapback/snapback/incidents/flat"
)

var update = flag.Bool("update", false, "write the figures in simulation.md anew")

// process makes errors at a rate per minute.
type process struct {
	name  string
	base  float64 // the rate before the deploy
	burst float64 // the dispersion: variance over mean of a minute; 1: Poisson
	// spoil changes what was counted as a fault in the counting does. nil: nothing.
	spoil   func(rng *rand.Rand, m []flat.Minute) []flat.Minute
	forward bool // nobody looks while nothing is counted: by the clock, that time never was
}

func processes() []process {
	return []process{
		{name: "Poisson", base: 1.1, burst: 1},
		{name: "bursty", base: 2, burst: 4},
		{name: "sparse", base: 0.05, burst: 1},
		{name: "none before", base: 0, burst: 1},
		{name: "many", base: 40, burst: 1},
		{name: "many, bursty", base: 40, burst: 6},
		{name: "minutes missing", base: 1.1, burst: 1, spoil: missing},
		{name: "a counter that restarts", base: 1.1, burst: 1, spoil: restarting},
		{name: "a clock set back", base: 1.1, burst: 1, spoil: jumping},
		{name: "a clock set forward", base: 1.1, burst: 1, spoil: jumping, forward: true},
	}
}

// missing drops a third of the steps, as when nobody watched.
func missing(rng *rand.Rand, m []flat.Minute) (out []flat.Minute) {
	for _, one := range m {
		if rng.Float64() > 1.0/3 {
			out = append(out, one)
		}
	}
	return out
}

// restarting loses what was counted in a step, and how long that was, as a source does whose counter begins again at zero.
func restarting(rng *rand.Rand, m []flat.Minute) []flat.Minute {
	for i := range m {
		if rng.Float64() < 0.1 {
			lost := rng.Float64()
			m[i].Seconds *= 1 - lost
			m[i].Errors = math.Round(m[i].Errors * (1 - lost))
		}
	}
	return m
}

// jumping leaves ten minutes out, from some moment on. By the clock, one that is set forward passes over them, and after one that is set
// back, what was counted already is not counted again.
func jumping(rng *rand.Rand, m []flat.Minute) []flat.Minute {
	from := m[rng.IntN(len(m))].At
	return slices.DeleteFunc(m, func(one flat.Minute) bool { return !one.At.Before(from) && one.At.Before(from.Add(10*time.Minute)) })
}

// counts makes steps of errors at a rate.
func (p process) counts(rng *rand.Rand, from time.Time, lasts, step time.Duration, rate float64) (out []flat.Minute) {
	for at := from; at.Before(from.Add(lasts)); at = at.Add(step) {
		out = append(out, flat.Minute{At: at, Errors: p.draw(rng, rate*step.Minutes(), p.burst), Seconds: step.Seconds(), Share: 1})
	}
	if p.spoil != nil {
		out = p.spoil(rng, out)
	}
	return out
}

// draw is negative binomial: a Poisson count whose mean varies by a gamma distribution.
func (p process) draw(rng *rand.Rand, mean, burst float64) float64 {
	if mean == 0 {
		return 0
	}
	if burst > 1 {
		mean = distuv.Gamma{Alpha: mean / (burst - 1), Beta: 1 / (burst - 1), Src: rng}.Rand()
	}
	if mean < 1e-9 {
		return 0
	}
	return distuv.Poisson{Lambda: mean, Src: rng}.Rand()
}

// runs of every simulation. Under the race detector there are fewer, and the figures are only held against the limits.
const (
	allRuns = 1000
	window  = 15 * time.Minute // after a restore
)

// power is what came out of the runs of a process, each a share of them.
type power struct {
	spikeUsual, spikeTwice, spikeOne, spikeTwo float64 // a spike was said: at the usual rate, at twice, one and two minutes after a rise
	falseFlat, falseFalling, notFlat           float64 // what must not be said
	quarterFalling, fifthsFalling              float64 // falling was said at a quarter and at two fifths of the way up, which is its limit and above
	falling, flat                              [3]float64
}

// fallingAfter and flatAfter are the moments of power's last columns.
var (
	fallingAfter = [3]time.Duration{40 * time.Second, time.Minute, 2 * time.Minute}
	flatAfter    = [3]time.Duration{2 * time.Minute, 3 * time.Minute, 5 * time.Minute}
)

func (p process) spikeRate() float64 { return max(21, 4*p.base) }

// up is a rate on the way from the usual one to the spike's.
func (p process) up(way float64) float64 { return p.base + way*(p.spikeRate()-p.base) }

// simulate runs p so many times.
func (p process) simulate(n int) (w power) {
	rng := rand.New(rand.NewPCG(uint64(p.base*1000), uint64(len(p.name))))
	one := 1 / float64(n)
	for range n {
		count(&w.spikeUsual, one, p.spikes(rng, p.base, 5*time.Minute))
		count(&w.spikeTwice, one, p.spikes(rng, 2*p.base, 5*time.Minute))
		count(&w.spikeOne, one, p.spikes(rng, p.spikeRate(), time.Minute))
		count(&w.spikeTwo, one, p.spikes(rng, p.spikeRate(), 2*time.Minute))
		count(&w.falseFlat, one, p.after(rng, max(2*p.base, p.base+3)).within(flat.Flat, window))
		count(&w.falseFalling, one, p.after(rng, p.spikeRate()).within(flat.Falling, window))
		count(&w.quarterFalling, one, p.after(rng, p.up(0.25)).within(flat.Falling, window))
		count(&w.fifthsFalling, one, p.after(rng, p.up(0.4)).within(flat.Falling, window))
		usual := p.after(rng, p.base)
		count(&w.notFlat, one, usual.within(flat.NotFlat, window))
		for i := range 3 {
			count(&w.falling[i], one, usual.within(flat.Falling, fallingAfter[i]) || usual.within(flat.Flat, fallingAfter[i]))
			count(&w.flat[i], one, usual.within(flat.Flat, flatAfter[i]))
		}
	}
	return w
}

func count(share *float64, one float64, yes bool) {
	if yes {
		*share += one
	}
}

// spikes says whether a spike is said when the rate has been another one for so long.
func (p process) spikes(rng *rand.Rand, rate float64, lasts time.Duration) bool {
	var d flat.Definition
	minutes := p.counts(rng, night.Add(-65*time.Minute), 65*time.Minute-lasts, time.Minute, p.base)
	minutes = append(minutes, p.counts(rng, night.Add(-lasts), lasts, time.Minute/6, rate)...)
	b, ok := d.Baseline(minutes, night.Add(-5*time.Minute))
	return ok && d.Spike(b, minutes, night).Is
}

// firsts are when something was first said after a restore.
type firsts map[flat.State]time.Duration

func (f firsts) within(s flat.State, d time.Duration) bool {
	at, said := f[s]
	return said && at <= d
}

// after simulates what is said after a restore, at looks that are ten seconds apart. It ends with flat.
func (p process) after(rng *rand.Rand, rate float64) firsts {
	var d flat.Definition
	first := firsts{}
	b, ok := d.Baseline(p.counts(rng, night.Add(-time.Hour), time.Hour, time.Minute, p.base), night)
	if !ok {
		return first
	}
	a := flat.After{Baseline: b, Spike: flat.Spike{Is: true, Rate: p.spikeRate()}, Since: night, Moments: p.counts(rng, night, window, 10*time.Second, rate)}
	for t := 10 * time.Second; t <= window; t += 10 * time.Second {
		a.Now = night.Add(t)
		if p.forward && !slices.ContainsFunc(a.Moments, func(m flat.Minute) bool { return m.At.Add(10 * time.Second).Equal(a.Now) }) {
			continue
		}
		v := d.Judge(a)
		if _, said := first[v.State]; !said {
			first[v.State] = t
		}
		if v.State == flat.Flat {
			break
		}
	}
	return first
}

func TestSaysNothingThatIsNotSoMoreOftenThanPromised(t *testing.T) {
	t.Parallel()
	all := processes()
	results := make([]power, len(all))
	t.Run("processes", func(t *testing.T) {
		for i, p := range all {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				w := p.simulate(runs)
				results[i] = w
				if slack := 1.5 / float64(runs) * float64(allRuns-runs) / allRuns; w.spikeUsual > 0.005+slack || w.spikeTwice > 0.005+slack {
					t.Errorf("a spike is said in %.2f %% of the usual, in %.2f %% at twice the rate", 100*w.spikeUsual, 100*w.spikeTwice)
				}
				if w.falseFlat > 0.05 || w.falseFalling > 0.01 {
					t.Errorf("flat is said of what is not in %.2f %%, falling in %.2f %%", 100*w.falseFlat, 100*w.falseFalling)
				}
			})
		}
	})
	if runs == allRuns && !t.Failed() {
		golden(t, all, results)
	}
}

const (
	page  = "simulation.md"
	begin = "<!-- Generated by go test ./incidents/flat -update -->\n"
	end   = "<!-- End of what is generated -->\n"
)

// golden holds the page's tables against the figures, or writes them.
func golden(t *testing.T, all []process, results []power) {
	t.Helper()
	text, err := os.ReadFile(page)
	must(t, err)
	head, rest, ok := strings.Cut(string(text), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the tables", page)
	}
	want := head + begin + tables(all, results) + end + tail
	if *update {
		must(t, os.WriteFile(page, []byte(want), 0o644))
	} else if diff := cmp.Diff(string(text), want); diff != "" {
		t.Errorf("the figures have changed; run with -update (-page +now):\n%s", diff)
	}
}

// tables has the wrong words of the worst process for each, and all that is found too late.
func tables(all []process, results []power) string {
	var s strings.Builder
	s.WriteString("\nWrong, in percent of 1,000 runs, of the worst kind of errors:\n\n| said | though errors are | wrong |\n|---|---|---|\n")
	for _, one := range []struct {
		said, though string
		share        func(power) float64
	}{
		{"spike", "as usual", func(w power) float64 { return w.spikeUsual }},
		{"spike", "twice the usual", func(w power) float64 { return w.spikeTwice }},
		{"falling", "as in the spike", func(w power) float64 { return w.falseFalling }},
		{"falling", "a quarter of the way up, its limit", func(w power) float64 { return w.quarterFalling }},
		{"falling", "two fifths of the way up", func(w power) float64 { return w.fifthsFalling }},
		{"flat", "at the limit", func(w power) float64 { return w.falseFlat }},
		{"not flat", "as usual", func(w power) float64 { return w.notFlat }},
	} {
		worst := 0.0
		for _, w := range results {
			worst = max(worst, one.share(w))
		}
		fmt.Fprintf(&s, "| %s | %s | %s |\n", one.said, one.though, percent(worst))
	}
	s.WriteString("\nFound, in percent of 1,000 runs:\n\n| errors (a minute → at the spike) | spike in 2 min | falling in 1 min | in 2 min | flat in 3 min | in 5 min |\n|---|---|---|---|---|---|\n")
	for i, p := range all {
		w := results[i]
		fmt.Fprintf(&s, "| %s (%g → %g) | %s | %s | %s | %s | %s |\n", p.name, p.base, p.spikeRate(), percent(w.spikeTwo),
			percent(w.falling[1]), percent(w.falling[2]), percent(w.flat[1]), percent(w.flat[2]))
	}
	return s.String() + "\n"
}

func percent(share float64) string { return fmt.Sprintf("%.1f", 100*share) }
