package pagerduty

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/outside"
)

// Dark is how far back events may be missing when a subscription was disabled: PagerDuty disables it for a day, and drops what it had
// been trying to deliver for two.
const Dark = 73 * time.Hour

// DarkSince is from when on events may be missing now, for a bot that has listened since first, and to which a webhook came last: what
// was before the bot is none of its business, and would be told as news. Either may be zero: not known.
func DarkSince(now, first, last time.Time) time.Time {
	since := now.Add(-Dark)
	if !last.IsZero() && last.Before(since) {
		since = last
	}
	return later(since, first)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// farthest is how far back PagerDuty lists incidents: its limit is six months.
const farthest = 150 * 24 * time.Hour

// Open finds incidents that are not resolved as far as the bot knows.
type Open interface {
	OpenIncidents(ctx context.Context, services []string) ([]incidents.Incident, error)
}

// Backfill fetches from PagerDuty's record what its webhooks did not bring. It can be done twice: what is on the timeline is not written
// again.
type Backfill struct {
	Client *Client
	Intake Intake
	Open   Open
	Scopes []Scope // of the subscriptions: what they would not have brought is not fetched. Nil: the whole account
}

// Backfilled is what was missing.
type Backfilled struct{ Incidents, Events int }

// String is for people.
func (b Backfilled) String() string {
	return number(b.Events, "event") + " of " + number(b.Incidents, "incident")
}

func number(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// Since fetches what happened since then: incidents that were opened, and what became of those that were open.
func (b Backfill) Since(ctx context.Context, since time.Time) (done Backfilled, err error) {
	since = later(since, time.Now().Add(-farthest))
	list, err := b.opened(ctx, since)
	if err != nil {
		return done, err
	}
	open, err := b.Open.OpenIncidents(ctx, nil)
	if err != nil {
		return done, err
	}
	for _, known := range open {
		if slices.ContainsFunc(list, func(i Incident) bool { return i.ID == known.PagerDutyID }) {
			continue
		}
		in, err := b.Client.Incident(ctx, known.PagerDutyID)
		if hasReason(err, ReasonNotFound) || hasReason(err, ReasonRefused) { // a test alert that PagerDuty never had
			continue
		}
		if err != nil {
			return done, err
		}
		list = append(list, in)
	}
	for _, in := range list {
		n, err := b.incident(ctx, in, since)
		if err != nil {
			return done, fmt.Errorf("fetching incident %s: %w", in.ID, err)
		}
		if done.Events += n; n > 0 {
			done.Incidents++
		}
	}
	return done, nil
}

// opened are the incidents of all scopes that were opened since then, each once.
func (b Backfill) opened(ctx context.Context, since time.Time) (list []Incident, err error) {
	scopes := b.Scopes
	if len(scopes) == 0 || slices.Contains(scopes, Scope{}) {
		scopes = []Scope{{}}
	}
	for _, scope := range scopes {
		found, err := b.Client.IncidentsSince(ctx, since, scope)
		if err != nil {
			return nil, err
		}
		for _, in := range found {
			if !slices.ContainsFunc(list, func(i Incident) bool { return i.ID == in.ID }) {
				list = append(list, in)
			}
		}
	}
	return list, nil
}

// incident writes what is missing of one.
func (b Backfill) incident(ctx context.Context, in Incident, since time.Time) (missing int, err error) {
	log, err := b.Client.LogEntries(ctx, in.ID, since.Add(-incidents.SameMoment))
	if err != nil {
		return 0, err
	}
	known, err := b.entries(ctx, in.ID)
	if err != nil {
		return 0, err
	}
	for _, l := range log {
		kind := l.EventType()
		if !told(kind) {
			continue
		}
		event := l.event(in)
		_, entry, err := event.record()
		if err != nil {
			return missing, err
		}
		if slices.ContainsFunc(known, entry.SameEvent) {
			continue
		}
		if kind == incidents.KindPagerDutyTriggered && slices.ContainsFunc(known, func(e incidents.Entry) bool { return e.Kind == kind }) {
			continue // more alerts of one incident, which no webhook tells of
		}
		body := fmt.Appendf(nil, `{"record":%q}`, l.ID)
		fresh, err := b.Intake.store(ctx, incidents.Delivery{Source: "pagerduty", NativeID: event.ID, EventID: event.ID, Body: body}, event)
		if err != nil {
			return missing, err
		}
		if !fresh {
			continue // such as a note of our own; another one may have followed at once
		}
		missing++
		known = append(known, entry)
	}
	return missing, nil
}

func (b Backfill) entries(ctx context.Context, id string) ([]incidents.Entry, error) {
	known, err := b.Intake.known(ctx, id)
	if err != nil || known.ID == 0 {
		return nil, err
	}
	return b.Intake.Inbox.Entries(ctx, known.ID, 0)
}

// told are the kinds whose absence leaves people with a wrong picture.
func told(kind incidents.Kind) bool {
	return slices.Contains([]incidents.Kind{
		incidents.KindPagerDutyTriggered, incidents.KindPagerDutyAcked, incidents.KindPagerDutyUnacked, incidents.KindPagerDutyResolved,
		incidents.KindPagerDutyReopened, incidents.KindPagerDutyEscalated, incidents.KindPagerDutyNoted,
	}, kind)
}

// event is an entry of the record as the webhook that did not come.
func (l LogEntry) event(in Incident) Event {
	e := Event{ID: incidents.FromRecord + l.ID, Type: l.EventType(), ResourceType: "incident", OccurredAt: l.At, Agent: l.Agent, Incident: in, HasIncident: true, Note: l.Note}
	e.Incident.Status = leaves(e.Type)
	kept := details{Note: outside.Clip(l.Note, maxMessage), Status: e.Incident.Status, From: "record"}
	e.Summary, e.Details = e.sentence(kept), kept
	return e
}

// leaves is the status that an event leaves behind; "" when that is not known.
func leaves(kind incidents.Kind) incidents.Status {
	switch kind {
	case incidents.KindPagerDutyTriggered, incidents.KindPagerDutyUnacked, incidents.KindPagerDutyReopened:
		return incidents.Triggered
	case incidents.KindPagerDutyAcked:
		return incidents.Acknowledged
	case incidents.KindPagerDutyResolved:
		return incidents.Resolved
	}
	return ""
}

// IncidentsSince lists the incidents of a scope that were opened since then, the oldest first.
func (c *Client) IncidentsSince(ctx context.Context, since time.Time, scope Scope) ([]Incident, error) {
	const op = "listing incidents"
	var list []Incident
	err := pages(op, func(offset int) (bool, error) {
		var out struct {
			page
			Incidents []rawIncident `json:"incidents"`
		}
		err := c.rest(ctx, call{op: op, method: http.MethodGet, path: "/incidents", query: sinceQuery(offset, since, scope), out: &out})
		for _, raw := range out.Incidents {
			list = append(list, raw.incident())
		}
		return out.More, err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func sinceQuery(offset int, since time.Time, scope Scope) url.Values {
	q := listQuery(offset)
	q.Set("since", since.UTC().Format(time.RFC3339))
	q.Set("until", time.Now().Add(time.Hour).UTC().Format(time.RFC3339)) // PagerDuty's clock may be ahead
	q.Set("sort_by", "incident_number:asc")
	if scope.Service != "" {
		q.Set("service_ids[]", scope.Service)
	}
	if scope.Team != "" {
		q.Set("team_ids[]", scope.Team)
	}
	for _, s := range []incidents.Status{incidents.Triggered, incidents.Acknowledged, incidents.Resolved} {
		q.Add("statuses[]", string(s))
	}
	return q
}
