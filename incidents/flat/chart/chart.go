// Package chart draws the errors of a container in the hours around an incident, with what happened meanwhile: as SVG for
// pages, as PNG for Slack, and in words for those who can't see it.
//
// A Chart is laid out once (layout.go, labels.go) as a scene of a few simple shapes (scene.go), which is then written as SVG
// (svg.go) or painted (paint.go), so that both show the same. It is made for a phone that is held upright: 390 points wide.
// The same Chart gives the same bytes every time: its font is part of the program.
//
// It decides nothing about errors: what a baseline and a spike are is said by package flat.
package chart

import (
	"slices"
	"time"

	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/internal/outside"
)

// Window is how much time a chart shows.
const Window = 6 * time.Hour

// Chart is what is drawn. Times are shown in Zone.
type Chart struct {
	Service  string         // whose errors: what people call the container
	From, To time.Time      // the zero From: Window before To; the zero To is no chart
	Minutes  []flat.Minute  // oldest first; those that nobody watched are missing
	Step     time.Duration  // how long one of Minutes is; 0: a minute
	Baseline *Baseline      // nil: none is known
	Events   []Event        // in any order
	Zone     *time.Location // nil: UTC
}

// Baseline is how many errors a minute are usual.
type Baseline struct {
	Rate  float64
	Upper float64 // up to how many are taken for usual
}

// Event is something that happened.
type Event struct {
	At   time.Time
	Kind Kind
	Name string // what it is called in the picture; "": as Kind has it
}

// Kind is what an event is.
type Kind int

// The kinds of events, the most important first: when there are too many, the last ones are left out.
const (
	Alert Kind = iota
	Deploy
	Restore
	Flat
	Spike
	Acknowledged
	Falling
	Resolved
)

// kinds are the words, the shapes and the colours of events. Shapes and words differ wherever colours may look alike.
var kinds = map[Kind]struct {
	word   string
	shape  shape
	colour role
}{
	Alert: {"alert", disc, red}, Deploy: {"deploy", up, blue}, Restore: {"restored", square, green}, Flat: {"flat", bar, green},
	Spike: {"spike", diamond, red}, Acknowledged: {"acknowledged", ring, violet}, Falling: {"falling", down, blue}, Resolved: {"resolved", square, muted},
}

func (e Event) name() string {
	if e.Name != "" {
		return outside.Line(e.Name)
	}
	return kinds[e.Kind].word
}

// maxEvents is how many have room.
const maxEvents = 9

func (c Chart) withDefaults() Chart {
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Step == 0 {
		c.Step = time.Minute
	}
	if c.From.IsZero() {
		c.From = c.To.Add(-Window)
	}
	c.Service = outside.Line(c.Service)
	c.Minutes = slices.DeleteFunc(slices.Clone(c.Minutes), func(m flat.Minute) bool {
		return m.At.Before(c.From) || !m.At.Before(c.To) || m.Exposure() <= 0
	})
	c.Events = chosen(c.Events, c.From, c.To)
	return c
}

// chosen are the events that are drawn, oldest first: no later ones than the picture, of those from before it only the last deploy,
// and no more than have room.
func chosen(all []Event, from, to time.Time) []Event {
	all = slices.SortedStableFunc(slices.Values(all), func(a, b Event) int { return a.At.Compare(b.At) })
	last := -1
	for i, e := range all {
		if e.Kind == Deploy && e.At.Before(from) {
			last = i
		}
	}
	var out []Event
	for i, e := range all {
		if !e.At.After(to) && (i == last || !e.At.Before(from)) {
			out = append(out, e)
		}
	}
	for len(out) > maxEvents {
		i := dispensable(out)
		out = slices.Delete(out, i, i+1)
	}
	return out
}

// dispensable is the oldest event of the kind of which there are most, when there are more than two of it, and else the one of the least
// important kind.
func dispensable(all []Event) int {
	count, first := map[Kind]int{}, map[Kind]int{}
	for i, e := range all {
		if count[e.Kind]++; count[e.Kind] == 1 {
			first[e.Kind] = i
		}
	}
	most, least := all[0].Kind, all[0].Kind
	for _, e := range all {
		if count[e.Kind] > count[most] {
			most = e.Kind
		}
		least = max(least, e.Kind)
	}
	if count[most] > 2 {
		return first[most]
	}
	return first[least]
}

// runs are the minutes that follow on each other without a gap.
func (c Chart) runs() [][]flat.Minute {
	var out [][]flat.Minute
	for i, m := range c.Minutes {
		if i == 0 || m.At.Sub(c.Minutes[i-1].At) > c.Step*3/2 {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], m)
	}
	return out
}

// gap is a span of time in which nobody counted.
type gap struct{ from, to time.Time }

// gaps leaves out what is shorter than two minutes at the end: the last minute is not over.
func (c Chart) gaps() []gap {
	var out []gap
	at := c.From
	for _, run := range c.runs() {
		if first := run[0].At; first.Sub(at) > c.Step {
			out = append(out, gap{at, first})
		}
		at = run[len(run)-1].At.Add(c.Step)
	}
	if c.To.Sub(at) > 2*c.Step {
		out = append(out, gap{at, c.To})
	}
	return out
}

// highest is the minute with the most errors.
func (c Chart) highest() (m flat.Minute) {
	for _, one := range c.Minutes {
		if one.Rate() > m.Rate() {
			m = one
		}
	}
	return m
}
