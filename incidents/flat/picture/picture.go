// Package picture puts together what the chart of an incident shows: whose errors, which are usual, and what happened
// meanwhile. Package chart draws it; package flat says what is usual and what a spike is.
package picture

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/incidents/flat/chart"
)

// ErrNone says that there is no picture: it is not known which container the incident is about, or nobody has counted its errors in
// the time that would be shown.
var ErrNone = errors.New("no errors were counted that belong to this incident")

// Config is what a Painter asks. Errors, Subjects and Timeline are required.
type Config struct {
	Errors     Errors
	Subjects   Subjects
	Timeline   Timeline
	Definition flat.Definition
	Zone       *time.Location          // of the times that people read; nil: UTC
	Uncounted  func(key string) string // why a container's errors can't be counted, "": nothing keeps anybody from it; nil: that is not known
	Now        func() time.Time        // nil: time.Now
}

// Errors reads what was counted.
type Errors interface {
	// ErrorMinutes lists what is kept of a container from since on, oldest first. Nobody knows of the container: none.
	ErrorMinutes(ctx context.Context, key string, since time.Time, fine bool) ([]flat.Minute, error)
}

// Subjects finds the container that an incident is about.
type Subjects interface {
	// Subject returns its identity, its name, and when it was last deployed before the alert (the zero time: that is not known).
	// restored is the key of the container that was restored in the incident, or its name; "": none was. An empty key says that it is not known.
	Subject(ctx context.Context, in incidents.Incident, restored string) (key, name string, deployed time.Time, err error)
	// Deployed is when a container was last deployed before a moment; the zero time when that is not known.
	Deployed(ctx context.Context, key string, before time.Time) (time.Time, error)
}

// Timeline reads incidents, and what happened in them.
type Timeline interface {
	// Incident returns incidents.ErrUnknown.
	Incident(ctx context.Context, id int64) (incidents.Incident, error)
	// News lists, oldest first, the incident's entries from after the one with that sequence number, those recorded since, and all
	// of the given kinds.
	News(ctx context.Context, id, after int64, since time.Time, kinds ...incidents.Kind) ([]incidents.Entry, error)
}

// Painter makes the charts of incidents. Its methods may be called from several goroutines.
type Painter struct{ Config }

// New makes a Painter.
func New(c Config) Painter {
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Uncounted == nil {
		c.Uncounted = func(string) string { return "" }
	}
	return Painter{c}
}

// marked are the kinds of entries that a chart shows; the rest of its events stand in the incident itself.
var marked = []incidents.Kind{
	incidents.KindDeploy, incidents.KindDeployReturned, incidents.KindDeployBack, incidents.KindRestoreVerified,
	incidents.KindErrorsFalling, incidents.KindErrorsFlat, incidents.KindErrorsFlatAgain, incidents.KindErrorsBack,
}

// Chart is what there is to see of an incident now. It returns ErrNone.
func (p Painter) Chart(ctx context.Context, in incidents.Incident) (chart.Chart, error) {
	entries, err := p.Timeline.News(ctx, in.ID, math.MaxInt64, time.Unix(1<<40, 0), marked...)
	if err != nil {
		return chart.Chart{}, fmt.Errorf("reading a timeline for its chart: %w", err)
	}
	s := subject{incident: in, entries: entries}
	s.key, s.name, s.deployed, err = p.Subjects.Subject(ctx, in, restored(entries))
	if err != nil || s.key == "" {
		return chart.Chart{}, errors.Join(err, ErrNone)
	}
	from, to := p.window(in)
	c, _, err := p.chart(ctx, s, from, to)
	return c, err
}

// subject is whose errors are drawn, and what happened meanwhile.
type subject struct {
	key, name string
	deployed  time.Time // the zero time: that is not known
	incident  incidents.Incident
	entries   []incidents.Entry
}

// chart draws a span of time, and returns all minutes that it has read for that. It returns ErrNone.
func (p Painter) chart(ctx context.Context, s subject, from, to time.Time) (chart.Chart, []flat.Minute, error) {
	c := chart.Chart{Service: s.name, Zone: p.Zone, Step: p.step(), From: from, To: to}
	since, deployed := c.From, s.deployed
	if !deployed.IsZero() && deployed.Before(since) {
		since = deployed
	}
	minutes, err := p.Errors.ErrorMinutes(ctx, s.key, since.Add(-60*c.Step), false) // an hour more, for the baseline
	if err != nil {
		return c, nil, fmt.Errorf("reading errors for a chart: %w", err)
	}
	for _, m := range minutes {
		if !m.At.Before(c.From) && m.At.Before(c.To) {
			c.Minutes = append(c.Minutes, m)
		}
	}
	if len(c.Minutes) == 0 {
		return c, minutes, ErrNone
	}
	c.Events = happened(s.incident, about(s.entries, s.key, s.name))
	c.Events = append(c.Events, p.usual(&c, s, minutes)...)
	return c, minutes, nil
}

// Picture is the chart for an export. It implements incidents.Pictures.
func (p Painter) Picture(ctx context.Context, in incidents.Incident) (incidents.Picture, error) {
	c, err := p.Chart(ctx, in)
	if errors.Is(err, ErrNone) {
		return incidents.Picture{}, nil
	}
	if err != nil {
		return incidents.Picture{}, err
	}
	return incidents.Picture{SVG: c.SVG(chart.Auto), Words: c.AltText()}, nil
}

func (p Painter) step() time.Duration {
	if p.Definition.Minute > 0 {
		return p.Definition.Minute
	}
	return time.Minute
}

// window ends now, or shortly after the incident was resolved, and never shows less than an hour before the alert of one that is over.
func (p Painter) window(in incidents.Incident) (from, to time.Time) {
	minute := p.step()
	to = p.Now().UTC()
	if !in.Open() {
		end := in.ResolvedAt.Add(10 * minute)
		if last := in.OpenedAt.Add(300 * minute); last.Before(end) {
			end = last
		}
		if end.Before(to) {
			to = end
		}
	}
	to = to.Truncate(time.Second)
	return to.Add(-p.shown()), to
}

// usual finds the baseline, and the deploy and the spike that the timeline does not tell.
func (p Painter) usual(c *chart.Chart, s subject, minutes []flat.Minute) []chart.Event {
	var out []chart.Event
	if !s.deployed.IsZero() && !hasDeploy(c.Events) {
		out = append(out, chart.Event{At: s.deployed, Kind: chart.Deploy})
	}
	opened := s.incident.OpenedAt
	if opened.IsZero() {
		opened = c.To
	}
	b, ok := p.Definition.Usual(minutes, s.deployed, opened)
	if !ok {
		return out
	}
	c.Baseline = &chart.Baseline{Rate: b.Rate, Upper: p.Definition.UsualUpTo(b)}
	for _, at := range []time.Time{opened, c.To} {
		if spike := p.Definition.Spike(b, minutes, at); spike.Is && !spike.Since.IsZero() {
			return append(out, chart.Event{At: spike.Since, Kind: chart.Spike})
		}
	}
	return out
}

func hasDeploy(all []chart.Event) bool {
	for _, e := range all {
		if e.Kind == chart.Deploy {
			return true
		}
	}
	return false
}

// told is what details of entries tell.
type told struct {
	Container string `json:"container"`
	Key       string `json:"key"`   // the container's; "": only its name is known
	Short     string `json:"short"` // what was said of the errors after a restore
	Kind      string `json:"kind"`  // of a restore
	Before    string `json:"before"`
	After     string `json:"after"`
}

func tell(e incidents.Entry) (t told) {
	_ = json.Unmarshal(e.Details, &t) // details of another shape tell nothing
	return t
}

// restored is the container of the last restore: its key, or where only that is known its name.
func restored(entries []incidents.Entry) (name string) {
	for _, e := range entries {
		if e.Kind == incidents.KindRestoreVerified {
			name = cmp.Or(tell(e).Key, tell(e).Container)
		}
	}
	return name
}

// about leaves out what other containers' entries tell. The name may come after its engine's.
func about(entries []incidents.Entry, key, name string) (own []incidents.Entry) {
	for _, e := range entries {
		if tell(e).of(key, name) {
			own = append(own, e)
		}
	}
	return own
}

func (t told) of(key, name string) bool {
	if t.Key != "" {
		return t.Key == key
	}
	return t.Container == "" || t.Container == name || strings.HasSuffix(name, "/"+t.Container)
}

// happened are the events of the incident and its timeline.
func happened(in incidents.Incident, entries []incidents.Entry) []chart.Event {
	var out []chart.Event
	add := func(at time.Time, kind chart.Kind, name string) {
		if !at.IsZero() {
			out = append(out, chart.Event{At: at, Kind: kind, Name: name})
		}
	}
	add(in.OpenedAt, chart.Alert, "")
	add(in.AcknowledgedAt, chart.Acknowledged, "")
	add(in.ResolvedAt, chart.Resolved, "")
	for _, e := range entries {
		switch e.Kind {
		case incidents.KindDeploy, incidents.KindDeployReturned, incidents.KindDeployBack:
			add(e.OccurredAt, chart.Deploy, deploy(tell(e)))
		case incidents.KindRestoreVerified:
			add(e.OccurredAt, chart.Restore, map[bool]string{true: "undone"}[tell(e).Kind == "undo"])
		case incidents.KindErrorsFalling:
			add(e.OccurredAt, chart.Falling, "")
		case incidents.KindErrorsFlat, incidents.KindErrorsFlatAgain:
			add(e.OccurredAt, chart.Flat, "")
		case incidents.KindErrorsBack:
			add(e.OccurredAt, chart.Spike, "errors are back")
		}
	}
	return out
}

// deploy names what was deployed, when that is short: a tag, and not a digest.
func deploy(t told) string {
	i := strings.LastIndexByte(t.After, ':')
	if i < 0 || strings.ContainsAny(t.After[i:], "/@") || len(t.After)-i > 14 || t.Before == t.After || strings.Contains(t.After, "@") {
		return ""
	}
	return "deploy " + t.After[i+1:]
}
