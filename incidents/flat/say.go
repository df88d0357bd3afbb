package flat

import (
	"fmt"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
)

// kinds are the timeline's words for what is said.
var kinds = map[State]incidents.Kind{
	Falling: incidents.KindErrorsFalling, Flat: incidents.KindErrorsFlat, NotFlat: incidents.KindErrorsNotFlat, Back: incidents.KindErrorsBack,
	Quiet: incidents.KindErrorsUnknown, Unclear: incidents.KindErrorsUnknown, Unseen: incidents.KindErrorsUnknown, Uncompared: incidents.KindErrorsUnknown,
}

// Told are the details of an entry about errors: figures are errors per minute.
type Told struct {
	Restore   int64   `json:"restore_id"`
	Container string  `json:"container"`
	Key       string  `json:"key"` // is the same whatever the container is called after later deploys
	State     State   `json:"state"`
	Rate      float64 `json:"rate"`
	Was       float64 `json:"was,omitempty"` // at the spike
	Baseline  float64 `json:"baseline"`
	Short     string  `json:"short"` // the summary for the message, whose other lines say the rest
}

func (j *Judge) entry(r Restored, a After, v Verdict) incidents.Entry {
	short := j.short(r, a, v)
	told := Told{Restore: r.ID, Container: r.Container, Key: r.Key, State: v.State, Rate: v.Rate, Baseline: a.Baseline.Rate, Short: short}
	if a.Spike.Is {
		told.Was = a.Spike.Rate
	}
	details, _ := incidents.Details(told) // a plain struct: always encodable
	return incidents.Entry{
		IncidentID: r.Incident, OccurredAt: a.Now, Kind: kindOf(r, v.State), Actor: incidents.Self(),
		Source:  incidents.Source{System: "snapback", NativeID: fmt.Sprintf("restore-%d-errors-%s-%d", r.ID, v.State, a.Now.Unix())},
		Summary: short + j.long(r, a, v), Details: details,
	}
}

// kindOf is the timeline's word for a state. Errors that come and go are loudly flat once.
func kindOf(r Restored, s State) incidents.Kind {
	if s == Flat && r.WasFlat {
		return incidents.KindErrorsFlatAgain
	}
	return kinds[s]
}

// short is one line for the incident's message.
func (j *Judge) short(r Restored, a After, v Verdict) string {
	now, usually := PerMinute(v.Rate, v.Sampled), "baseline "+Rate(a.Baseline.Rate)
	switch v.State {
	case Falling:
		return fmt.Sprintf("Falling: %s, was %s, %s", now, Rate(a.Spike.Rate), usually) + j.redeployed(r)
	case Flat:
		return fmt.Sprintf("Flat since %s, %s: %s, %s%s", j.clock(a.Now, r.Verified), j.after(r, a), now, usually, caveat(v))
	case NotFlat:
		return fmt.Sprintf("Not flat %s: still %s, %s%s", j.after(r, a), now, usually, suspicion(r))
	case Back:
		return fmt.Sprintf("Errors are back: %s, %s", now, usually) + j.redeployed(r)
	case Quiet:
		return fmt.Sprintf("Not enough traffic to tell whether errors are flat: %s, %s", now, usually)
	case Uncompared:
		return "Whether errors are flat can't be told: there is no baseline, since " + uncompared(a.Before)
	case Unseen:
		return "Whether errors are flat can't be told: " + j.unseen(r, a)
	}
	return fmt.Sprintf("Whether errors are flat can't be told: %s, %s", now, usually)
}

// after is how long ago what runs now began, and with what: with the restore, or with a deploy that came after it.
func (j *Judge) after(r Restored, a After) string {
	took := span(a.Now.Sub(r.begin()))
	if r.Redeployed.After(r.Verified) {
		return fmt.Sprintf("%s after the deploy at %s", took, j.clock(r.Redeployed, r.Verified))
	}
	return took + " after the restore"
}

// suspicion is what errors that a restore has not mended say of the deploy that it took back.
func suspicion(r Restored) string {
	if r.Redeployed.After(r.Verified) {
		return ""
	}
	return ". The deploy may not be the cause"
}

// redeployed names a deploy that came after the restore, so that what it does is not laid to the restore.
func (j *Judge) redeployed(r Restored) string {
	if !r.Redeployed.After(r.Verified) {
		return ""
	}
	return "; there was a deploy at " + j.clock(r.Redeployed, r.Verified)
}

// uncompared says what there is instead of a baseline, in the hour before the alert.
func uncompared(before Minute) string {
	if before.Seconds < 1 {
		return "they were not counted before the alert"
	}
	return fmt.Sprintf("they were counted for only %s before the alert, at %s a minute", span(time.Duration(before.Seconds*float64(time.Second))), Rate(before.Rate()))
}

// unseen says since when nothing is counted. A container that has ended, and an engine or a Prometheus that hangs, look alike from here.
func (j *Judge) unseen(r Restored, a After) string {
	if a.Last.Until.IsZero() {
		return fmt.Sprintf("nothing of %s has been counted since the restore: look whether it runs", r.Container)
	}
	return fmt.Sprintf("nothing of %s has been counted since %s (%s a minute until then): look whether it runs", r.Container,
		j.clock(a.Last.Until, r.Verified), Rate(a.Last.Rate))
}

func caveat(v Verdict) string {
	if v.Traffic {
		return ""
	}
	return " (how much traffic there is, is not known)"
}

// long is what the thread, the channel and PagerDuty are told beside it.
func (j *Judge) long(r Restored, a After, v Verdict) string {
	switch v.State {
	case Flat:
		if r.WasFlat {
			return "" // the story was told the first time
		}
		return ". " + j.story(r, a)
	case NotFlat:
		return ". Look for an older snapshot under Details, look at the logs in the terminal, or escalate"
	case Quiet:
		return ". " + j.deed(r) + ". Look at it again when there is traffic"
	case Unclear, Unseen, Uncompared:
		return ". " + j.deed(r)
	}
	return ""
}

// story is the night in plain words, for people who only hear of its end.
func (j *Judge) story(r Restored, a After) string {
	var s strings.Builder
	if a.Spike.Is {
		fmt.Fprintf(&s, "Errors of %s were at %s a minute", r.Container, Rate(a.Spike.Rate))
		if !a.Spike.Since.IsZero() {
			fmt.Fprintf(&s, " since %s", j.clock(a.Spike.Since, r.Verified))
		}
		s.WriteString(". ")
	}
	s.WriteString(j.deed(r))
	if a.Baseline.Short {
		fmt.Fprintf(&s, ". The baseline is from %s only", span(time.Duration(a.Baseline.Minutes*float64(time.Minute))))
	}
	return s.String()
}

// deed is what was done, and by whom.
func (j *Judge) deed(r Restored) string {
	var s strings.Builder
	fmt.Fprintf(&s, "It was restored to %s at %s", r.Snapshot, j.clock(r.Verified, r.Verified))
	if r.By != "" {
		fmt.Fprintf(&s, " by %s", r.By)
	}
	if r.Volumes {
		s.WriteString(", with the contents of its volumes")
	} else {
		s.WriteString("; data in its volumes was not touched")
	}
	return s.String() + j.redeployed(r)
}

// Rate is errors per minute for people: 21, 1.1, 0.
func Rate(r float64) string {
	if r >= 9.95 || r < 0.05 {
		return fmt.Sprintf("%.0f", r)
	}
	return fmt.Sprintf("%.1f", r)
}

// PerMinute is Rate with its unit, and says so where it is an estimate from a part of the lines.
func PerMinute(r float64, sampled bool) string {
	if sampled {
		return Rate(r) + " a minute (from a sample)"
	}
	return Rate(r) + " a minute"
}

// clock is a time of day, with the day when it is not that of beside.
func (j *Judge) clock(t, beside time.Time) string {
	return incidents.Clock(t, beside, j.Zone)
}

func span(d time.Duration) string { return incidents.Span{Took: d, Done: true}.String() }
