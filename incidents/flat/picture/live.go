package picture

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/incidents/flat/chart"
)

// Live is what the errors of a container are now, drawn as those of an incident (0: of none). Dark says that the page around the
// picture is dark, whatever its reader's system has.
func (p Painter) Live(ctx context.Context, incident int64, key, name string, dark bool) (incidents.ErrorsNow, error) {
	s, err := p.following(ctx, incident, key, name)
	if err != nil {
		return incidents.ErrorsNow{}, err
	}
	to := p.Now().UTC().Truncate(p.step()).Add(p.step()) // so that it is drawn alike for as long as nothing happens
	c, minutes, err := p.chart(ctx, s, to.Add(-p.shown()), to)
	if errors.Is(err, ErrNone) {
		return incidents.ErrorsNow{Figures: p.nothing(s)}, nil
	}
	if err != nil {
		return incidents.ErrorsNow{}, err
	}
	now := incidents.ErrorsNow{Said: lastSaid(s.entries), SVG: c.SVG(theme(dark))}
	now.Figures, err = p.figures(ctx, s, minutes)
	return now, err
}

func theme(dark bool) chart.Theme {
	if dark {
		return chart.Dark
	}
	return chart.Auto
}

// following is a container in an incident, with what the incident's timeline tells of it; the name may come after its engine's. Without
// an incident it stands for itself, as of now.
func (p Painter) following(ctx context.Context, incident int64, key, name string) (s subject, err error) {
	s = subject{key: key, name: name}
	before := p.Now().UTC()
	if incident != 0 {
		if s.incident, err = p.Timeline.Incident(ctx, incident); err != nil {
			return s, fmt.Errorf("reading the incident of a chart: %w", err)
		}
		if s.entries, err = p.Timeline.News(ctx, incident, math.MaxInt64, time.Unix(1<<40, 0), append(slices.Clone(marked), toldLast...)...); err != nil {
			return s, fmt.Errorf("reading a timeline for its chart: %w", err)
		}
		s.entries = slices.DeleteFunc(s.entries, func(e incidents.Entry) bool {
			return !tell(e).of(key, name)
		})
		before = s.incident.OpenedAt
	}
	s.deployed, err = p.Subjects.Deployed(ctx, key, before)
	return s, err
}

// toldLast are, with those that are marked, what may be said of errors after a restore.
var toldLast = []incidents.Kind{incidents.KindErrorsNotFlat, incidents.KindErrorsUnknown}

// lastSaid is what was said last of the errors. After another restore, nothing was yet.
func lastSaid(entries []incidents.Entry) (said string) {
	for _, e := range entries {
		switch {
		case e.Kind == incidents.KindRestoreVerified:
			said = ""
		case e.Kind.IsErrors():
			said = tell(e).Short
		}
	}
	return said
}

// nothing says why there is no picture.
func (p Painter) nothing(s subject) string {
	if why := p.Uncounted(s.key); why != "" {
		return "Errors can't be counted: " + why
	}
	return fmt.Sprintf("The errors of %s have not been counted in the last hours. They are counted from its log, or by Prometheus, while it runs.", s.name)
}

// figures are errors a minute in words.
func (p Painter) figures(ctx context.Context, s subject, minutes []flat.Minute) (string, error) {
	now := p.Now().UTC()
	moments, err := p.Errors.ErrorMinutes(ctx, s.key, now.Add(-flat.KeepMoments), true)
	if err != nil {
		return "", fmt.Errorf("reading the last errors of a container: %w", err)
	}
	opened := s.incident.OpenedAt
	if opened.IsZero() {
		opened = now
	}
	usual, compared := p.Definition.Usual(minutes, s.deployed, opened)
	text, counted := "", false
	if last, ok := p.Definition.Recent(moments, now); ok {
		text, counted = flat.PerMinute(last.Rate(), last.Sampled()), true
		if was, spiked := p.worst(s, usual, compared, minutes); spiked && was > last.Rate() {
			text += ", was " + flat.Rate(was)
		}
	}
	if !counted {
		text = "Not known: nothing has been counted since " + incidents.Clock(minutes[len(minutes)-1].At.Add(p.step()), now, p.Zone)
		if why := p.Uncounted(s.key); why != "" {
			text += ", " + why
		}
	}
	if !compared {
		return text + "; not counted for long enough to say what is usual", nil
	}
	return text + ", baseline " + flat.Rate(usual.Rate), nil
}

// worst is the highest spike of the incident so far.
func (p Painter) worst(s subject, usual flat.Baseline, compared bool, minutes []flat.Minute) (rate float64, spiked bool) {
	if !compared {
		return 0, false
	}
	at := []time.Time{s.incident.OpenedAt}
	for _, e := range s.entries {
		if e.Kind == incidents.KindRestoreVerified || e.Kind == incidents.KindErrorsBack {
			at = append(at, e.OccurredAt)
		}
	}
	for _, one := range at {
		if spike := p.Definition.Spike(usual, minutes, one); spike.Is && !one.IsZero() {
			rate, spiked = max(rate, spike.Rate), true
		}
	}
	return rate, spiked
}

// shown is how much time a chart shows.
func (p Painter) shown() time.Duration { return time.Duration(chart.Window/time.Minute) * p.step() }
