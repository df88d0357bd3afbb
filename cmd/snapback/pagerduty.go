package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/pagerduty"
	"github.com/snapback/snapback/internal/mask"
	"github.com/snapback/snapback/store"
)

// webhooks takes PagerDuty's webhooks in: verified, de-duplicated and stored before they are answered.
type webhooks struct {
	db       *store.DB
	verifier pagerduty.Verifier
	ended    func(ctx context.Context, incident int64) error // ends what must not outlive an incident
	log      *slog.Logger
}

// Receive implements api.WebhookReceiver.
func (w webhooks) Receive(ctx context.Context, header http.Header, body []byte) error {
	if err := w.verifier.Verify(header.Get(pagerduty.SignatureHeader), body); err != nil {
		if errors.Is(err, pagerduty.ErrNoSignature) {
			return fmt.Errorf("%w: %w", api.ErrWebhookUnsigned, err)
		}
		return fmt.Errorf("%w: %w", api.ErrWebhookBadSignature, err)
	}
	d := store.Delivery{Source: "pagerduty", NativeID: header.Get("X-Webhook-Id"), Body: []byte(mask.Text(string(body), nil))}
	event, malformed := pagerduty.ParseWebhook(body)
	d.EventID = event.ID
	if d.NativeID == "" {
		d.NativeID = "event " + event.ID
	}
	if malformed != nil {
		d.NativeID = fmt.Sprintf("%s malformed %x", d.NativeID, time.Now().UnixNano())
	}
	in, entry, err := w.read(event)
	if err != nil {
		return err
	}
	echo, err := w.echo(ctx, event)
	if err != nil {
		return err
	}
	if echo {
		in = incidents.Incident{} // the delivery is kept; the timeline says it already
	}
	fresh, err := w.db.ReceiveEvent(ctx, d, in, event.OccurredAt, entry)
	if err != nil {
		return err
	}
	w.log.Info("webhook stored", "event_type", event.Type, "pagerduty_id", in.PagerDutyID, "fresh", fresh, "malformed", malformed != nil)
	if malformed != nil {
		return fmt.Errorf("%w: %w", api.ErrWebhookMalformed, malformed)
	}
	if fresh && event.Type == incidents.KindPagerDutyResolved {
		w.over(ctx, in.PagerDutyID)
	}
	return nil
}

// echo says whether an event tells of a note that the bot has written itself.
func (w webhooks) echo(ctx context.Context, event pagerduty.Event) (bool, error) {
	if event.Type != incidents.KindPagerDutyNoted || !event.HasIncident {
		return false, nil
	}
	in, err := w.db.FindIncident(ctx, event.Incident.ID)
	if errors.Is(err, incidents.ErrUnknown) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	entries, err := w.db.Entries(ctx, in.ID, 0)
	return slices.ContainsFunc(entries, func(e incidents.Entry) bool {
		return e.Kind.Call() != incidents.NoCall && (event.Echoes(e.Summary) || event.Echoes(noteFor(e)))
	}), err
}

// over ends what must not outlive the incident. What can't be ended now is found by the sessions' own checks.
func (w webhooks) over(ctx context.Context, pagerDutyID string) {
	in, err := w.db.FindIncident(ctx, pagerDutyID)
	if err == nil && !in.Open() {
		err = w.ended(ctx, in.ID)
	}
	if err != nil {
		w.log.Warn("ending terminals", "incident_id", in.ID, "err", err)
	}
}

// read turns an event into the incident as it is after it, and the entry that says so.
func (w webhooks) read(event pagerduty.Event) (incidents.Incident, incidents.Entry, error) {
	entry := incidents.Entry{
		OccurredAt: event.OccurredAt,
		Kind:       event.Type,
		Actor:      event.Agent,
		Source:     incidents.Source{System: "pagerduty", NativeID: event.ID, URL: event.Incident.URL},
		Summary:    event.Summary,
	}
	if !event.HasIncident {
		return incidents.Incident{}, entry, nil
	}
	details, err := incidents.Details(event.Details)
	entry.Details = details
	in := event.Incident.Record()
	if in.OpenedAt.IsZero() {
		in.OpenedAt = event.OccurredAt
	}
	switch event.Type {
	case incidents.KindPagerDutyAcked:
		in.AcknowledgedAt, in.AcknowledgedBy = event.OccurredAt, event.Agent.Name
	case incidents.KindPagerDutyResolved:
		in.ResolvedAt, in.ResolvedBy = event.OccurredAt, event.Agent.Name
	}
	return in, entry, err
}

// carrier brings to PagerDuty what people asked of it in Slack, and what the night has come to.
type carrier struct {
	db     *store.DB
	client *pagerduty.Client
	log    *slog.Logger
}

// Carry brings one incident's wishes to PagerDuty, in order. A second run goes on where the first one stopped.
func (c carrier) Carry(ctx context.Context, incident int64) error {
	return c.db.CarryToPagerDuty(ctx, incident, c.one)
}

// one carries one entry. It returns an error only for what is worth trying again; what PagerDuty refuses for good is
// written onto the timeline.
func (c carrier) one(ctx context.Context, in incidents.Incident, e incidents.Entry) error {
	err := c.call(ctx, in, e)
	var pd *pagerduty.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &pd): // such as a database that is away: PagerDuty has not been heard
		return err
	case pd.Retry:
		return retryLater{err, pd.After}
	}
	c.log.Warn("PagerDuty refuses", "incident_id", in.ID, "kind", e.Kind, "err", err)
	_, recordErr := c.db.Record(ctx, refusal(in, e, err))
	return recordErr
}

// call acts as the person whom the entry names, if PagerDuty knows their e-mail address, and as PAGERDUTY_FROM otherwise.
func (c carrier) call(ctx context.Context, in incidents.Incident, e incidents.Entry) error {
	email := ""
	if e.Actor.SlackID != "" {
		person, _, err := c.db.Person(ctx, e.Actor.SlackID)
		if err != nil {
			return err
		}
		email = person.Email
	}
	err := c.as(ctx, in, e, email)
	if errors.Is(err, pagerduty.ErrNoUser) && email != "" {
		return c.as(ctx, in, e, "")
	}
	return err
}

// as makes the call as the PagerDuty user with that e-mail address; "" is PAGERDUTY_FROM.
func (c carrier) as(ctx context.Context, in incidents.Incident, e incidents.Entry, email string) error {
	switch e.Kind.Call() {
	case incidents.CallAcknowledge:
		return c.client.Acknowledge(ctx, in.PagerDutyID, email)
	case incidents.CallResolve:
		return c.client.Resolve(ctx, in.PagerDutyID, email)
	}
	text := e.Summary
	if email == "" {
		text = noteFor(e)
	}
	_, err := c.client.Note(ctx, in.PagerDutyID, email, text)
	return err
}

// noteFor is what an entry reads like in a note that its author can't write themselves.
func noteFor(e incidents.Entry) string {
	if e.Actor.Kind == incidents.Person && e.Actor.Name != "" {
		return e.Actor.Name + ": " + e.Summary
	}
	return e.Summary
}

func refusal(in incidents.Incident, e incidents.Entry, err error) incidents.Entry {
	meaning, _ := e.Kind.Meaning()
	what := map[incidents.Call]string{
		incidents.CallAcknowledge: "acknowledge", incidents.CallResolve: "resolve", incidents.CallNote: "add a note",
	}[meaning.Call]
	why := "it refused"
	if errors.Is(err, pagerduty.ErrAlreadyResolved) {
		why = "the incident is resolved already"
	}
	return incidents.Entry{
		IncidentID: in.ID, Kind: meaning.IfRefused, Actor: incidents.Self(),
		Source:  incidents.Source{System: "pagerduty", NativeID: fmt.Sprintf("entry/%d", e.ID), URL: in.URL},
		Summary: fmt.Sprintf("PagerDuty did not %s: %s. Do it in PagerDuty", what, why),
	}
}

// retryLater is an error after which a job is to be tried again.
type retryLater struct {
	error
	after time.Duration
}

func (r retryLater) Unwrap() error             { return r.error }
func (r retryLater) RetryAfter() time.Duration { return r.after }
