package incidents

import (
	"encoding/json"
	"fmt"
	"time"
)

// Span is how long something took. The zero Span is one that has not happened.
type Span struct {
	Took time.Duration
	Done bool
}

// MarshalJSON gives milliseconds, or null for what has not happened.
func (s Span) MarshalJSON() ([]byte, error) {
	if !s.Done {
		return []byte("null"), nil
	}
	return json.Marshal(s.Took.Milliseconds())
}

// String is s for people, such as "3 min 12 s", or "not yet".
func (s Span) String() string {
	if !s.Done {
		return "not yet"
	}
	d := s.Took.Round(time.Second)
	switch {
	case s.Took < time.Second:
		return fmt.Sprintf("%d ms", s.Took.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// Clock is t's time of day in zone, with the day when it is not that of beside.
func Clock(t, beside time.Time, zone *time.Location) string {
	t = t.In(zone)
	if t.Format(time.DateOnly) == beside.In(zone).Format(time.DateOnly) {
		return t.Format("15:04")
	}
	return t.Format("Jan 2 15:04")
}

// Spans are the durations that a post-mortem asks for, each counted from when the incident was opened.
type Spans struct {
	ToAcknowledge Span `json:"to_acknowledge_ms"`
	ToRestore     Span `json:"to_restore_ms"`
	ToFlat        Span `json:"to_flat_ms"`
	ToResolve     Span `json:"to_resolve_ms"`
}

// Durations works i's spans out. The moments come from several clocks: one that seems to lie before the opening counts
// as zero. Without an opening nothing can be counted.
func Durations(i Incident) Spans {
	return Spans{
		ToAcknowledge: span(i.OpenedAt, i.AcknowledgedAt),
		ToRestore:     span(i.OpenedAt, i.RestoredAt),
		ToFlat:        span(i.OpenedAt, i.FlatAt),
		ToResolve:     span(i.OpenedAt, i.ResolvedAt),
	}
}

func span(from, to time.Time) Span {
	if from.IsZero() || to.IsZero() {
		return Span{}
	}
	return Span{Took: max(0, to.Sub(from)), Done: true}
}
