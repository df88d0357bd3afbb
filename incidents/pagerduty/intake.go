package pagerduty

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/mask"
)

// Inbox keeps what came in, and reads what it is about.
type Inbox interface {
	// ReceiveEvent stores a delivery, brings its incident up to date as of at, and appends the entry, all or nothing. It returns
	// false when the delivery or its event was here before. Without an incident, the delivery is kept by itself.
	ReceiveEvent(ctx context.Context, d incidents.Delivery, in incidents.Incident, at time.Time, e incidents.Entry) (fresh bool, err error)
	// FindIncident looks up by PagerDuty's ID. It returns incidents.ErrUnknown.
	FindIncident(ctx context.Context, ref string) (incidents.Incident, error)
	// Entries lists those of an incident from after that sequence number.
	Entries(ctx context.Context, incident, after int64) ([]incidents.Entry, error)
}

// KeptSecrets are those of the subscriptions that the bot has made itself. They change while it runs.
type KeptSecrets interface {
	// WebhookSecrets are all of them. What can't be read is told of in the error, which comes beside the others.
	WebhookSecrets(ctx context.Context) ([]incidents.WebhookSecret, error)
	// WebhookCame notes that something has just come which a subscription's secret has signed.
	WebhookCame(ctx context.Context, subscription string) error
}

// Intake takes PagerDuty's webhooks in: verified, de-duplicated and stored before they are answered.
type Intake struct {
	Inbox    Inbox
	Verifier Verifier                                        // has the secrets of the settings
	Kept     KeptSecrets                                     // nil: there are none
	Ended    func(ctx context.Context, incident int64) error // ends what must not outlive an incident
	Logger   *slog.Logger
}

// Receive takes one in. It returns incidents.ErrUnsigned or incidents.ErrBadSignature, and incidents.ErrMalformed for a body
// that is PagerDuty's and no event that can be read; it is stored all the same, as a delivery without an incident. Any other
// error means that nothing was stored.
func (w Intake) Receive(ctx context.Context, header http.Header, body []byte) error {
	if err := w.verify(ctx, header.Get(SignatureHeader), body); err != nil {
		return err
	}
	event, malformed := ParseWebhook(body, time.Now())
	d := incidents.Delivery{Source: "pagerduty", NativeID: header.Get("X-Webhook-Id"), Body: []byte(mask.Text(string(body), nil))}
	d.EventID = event.ID
	if d.NativeID == "" {
		d.NativeID = "event " + event.ID
	}
	if malformed != nil {
		d.NativeID = fmt.Sprintf("%s malformed %x", d.NativeID, time.Now().UnixNano())
	}
	fresh, err := w.store(ctx, d, event)
	if err != nil {
		return err
	}
	w.Logger.Info("webhook stored", "event_type", event.Type, "pagerduty_id", event.Incident.ID, "fresh", fresh, "malformed", malformed != nil)
	return malformed
}

// verify tries the secrets of the settings, and then those that are kept. What a kept one could not be read for may be right: that is
// no bad signature, and has to be delivered again.
func (w Intake) verify(ctx context.Context, signature string, body []byte) error {
	err := w.Verifier.Verify(signature, body)
	if w.Kept == nil || !errors.Is(err, ErrBadSignature) {
		return err
	}
	kept, lost := w.Kept.WebhookSecrets(ctx)
	for _, s := range kept {
		if (Verifier{Secrets: []string{s.Secret}}).Verify(signature, body) == nil {
			if err := w.Kept.WebhookCame(ctx, s.Subscription); err != nil {
				w.Logger.Warn("noting that a webhook came", "subscription", s.Subscription, "err", err)
			}
			return nil
		}
	}
	if lost != nil {
		return fmt.Errorf("reading the webhook secrets: %w", lost)
	}
	return err
}

// store keeps an event, once, with the incident that it leaves behind.
func (w Intake) store(ctx context.Context, d incidents.Delivery, event Event) (fresh bool, err error) {
	in, entry, err := event.record()
	if err != nil {
		return false, err
	}
	echo, err := w.echo(ctx, event)
	if err != nil {
		return false, err
	}
	if echo {
		in = incidents.Incident{} // the delivery is kept; the timeline says it already
	}
	fresh, err = w.Inbox.ReceiveEvent(ctx, d, in, event.OccurredAt, entry)
	fresh = fresh && !echo
	if err == nil && fresh && event.Type == incidents.KindPagerDutyResolved {
		w.over(ctx, in.PagerDutyID)
	}
	return fresh, err
}

// echo says whether an event tells of a note that the bot has written itself.
func (w Intake) echo(ctx context.Context, event Event) (bool, error) {
	if event.Type != incidents.KindPagerDutyNoted || !event.HasIncident {
		return false, nil
	}
	in, err := w.known(ctx, event.Incident.ID)
	if err != nil || in.ID == 0 {
		return false, err
	}
	entries, err := w.Inbox.Entries(ctx, in.ID, 0)
	return slices.ContainsFunc(entries, func(e incidents.Entry) bool {
		return e.Kind.Call() != incidents.NoCall && (event.Echoes(e.Summary) || event.Echoes(noteFor(e)))
	}), err
}

// known is what is kept of an incident; the zero one when it is new.
func (w Intake) known(ctx context.Context, pagerDutyID string) (incidents.Incident, error) {
	in, err := w.Inbox.FindIncident(ctx, pagerDutyID)
	if errors.Is(err, incidents.ErrUnknown) {
		return incidents.Incident{}, nil
	}
	return in, err
}

// over ends what must not outlive the incident. What can't be ended now is found by the sessions' own checks.
func (w Intake) over(ctx context.Context, pagerDutyID string) {
	in, err := w.Inbox.FindIncident(ctx, pagerDutyID)
	if err == nil && !in.Open() {
		err = w.Ended(ctx, in.ID)
	}
	if err != nil {
		w.Logger.Warn("ending terminals", "incident_id", in.ID, "err", err)
	}
}

// record is an event as the incident that it leaves behind, and the entry that says so.
func (e Event) record() (incidents.Incident, incidents.Entry, error) {
	entry := incidents.Entry{
		OccurredAt: e.OccurredAt,
		Kind:       e.Type,
		Actor:      e.Agent,
		Source:     incidents.Source{System: "pagerduty", NativeID: e.ID, URL: e.Incident.URL},
		Summary:    e.Summary,
	}
	if !e.HasIncident {
		return incidents.Incident{}, entry, nil
	}
	details, err := incidents.Details(e.Details)
	entry.Details = details
	in := e.Incident.Record()
	if in.OpenedAt.IsZero() {
		in.OpenedAt = e.OccurredAt
	}
	switch e.Type {
	case incidents.KindPagerDutyAcked:
		in.AcknowledgedAt, in.AcknowledgedBy = e.OccurredAt, e.Agent.Name
	case incidents.KindPagerDutyResolved:
		in.ResolvedAt, in.ResolvedBy = e.OccurredAt, e.Agent.Name
	}
	return in, entry, err
}
