package pagerduty

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

// Outbox has what is to be carried, and who it is of.
type Outbox interface {
	// CarryToPagerDuty hands the incident's entries that PagerDuty has to hear of to carry, in order, each until it returns nil.
	// It stops at the first error, to go on from there at the next call.
	CarryToPagerDuty(ctx context.Context, incident int64, carry func(context.Context, incidents.Incident, incidents.Entry) error) error
	// Person finds somebody by their Slack ID; false when they are not known.
	Person(ctx context.Context, slackID string) (access.Person, bool, error)
	// Record appends an entry and returns it sealed.
	Record(ctx context.Context, e incidents.Entry) (incidents.Entry, error)
}

// Carrier brings to PagerDuty what people asked of it in Slack, and what the night has come to.
type Carrier struct {
	Outbox Outbox
	Client *Client
	Logger *slog.Logger
}

// Carry brings one incident's wishes to PagerDuty, in order. A second run goes on where the first one stopped.
func (c Carrier) Carry(ctx context.Context, incident int64) error {
	return c.Outbox.CarryToPagerDuty(ctx, incident, c.one)
}

// one carries one entry. It returns an error only for what is worth trying again; what PagerDuty refuses for good is
// written onto the timeline.
func (c Carrier) one(ctx context.Context, in incidents.Incident, e incidents.Entry) error {
	err := c.call(ctx, in, e)
	var pd *Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &pd): // such as a database that is away: PagerDuty has not been heard
		return err
	case pd.Retry:
		return err
	}
	c.Logger.Warn("PagerDuty refuses", "incident_id", in.ID, "kind", e.Kind, "err", err)
	_, recordErr := c.Outbox.Record(ctx, refusal(in, e, err))
	return recordErr
}

// call acts as the person whom the entry names, if PagerDuty knows their e-mail address, and as PAGERDUTY_FROM otherwise.
func (c Carrier) call(ctx context.Context, in incidents.Incident, e incidents.Entry) error {
	email := ""
	if e.Actor.SlackID != "" {
		person, _, err := c.Outbox.Person(ctx, e.Actor.SlackID)
		if err != nil {
			return err
		}
		email = person.Email
	}
	err := c.as(ctx, in, e, email)
	if errors.Is(err, ErrNoUser) && email != "" {
		return c.as(ctx, in, e, "")
	}
	return err
}

// as makes the call as the PagerDuty user with that e-mail address; "" is PAGERDUTY_FROM.
func (c Carrier) as(ctx context.Context, in incidents.Incident, e incidents.Entry, email string) error {
	switch e.Kind.Call() {
	case incidents.CallAcknowledge:
		return c.Client.Acknowledge(ctx, in.PagerDutyID, email)
	case incidents.CallResolve:
		return c.Client.Resolve(ctx, in.PagerDutyID, email)
	}
	text := e.Summary
	if email == "" {
		text = noteFor(e)
	}
	_, err := c.Client.Note(ctx, in.PagerDutyID, email, text)
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
	switch {
	case errors.Is(err, ErrAlreadyResolved):
		why = "the incident is resolved already"
	case errors.Is(err, ErrMayNotWrite):
		why = "PAGERDUTY_API_TOKEN may not write (is it a read-only key?)"
	case hasReason(err, ReasonUnauthorized):
		why = "it does not take PAGERDUTY_API_TOKEN"
	}
	return incidents.Entry{
		IncidentID: in.ID, Kind: meaning.IfRefused, Actor: incidents.Self(),
		Source:  incidents.Source{System: "pagerduty", NativeID: fmt.Sprintf("entry/%d", e.ID), URL: in.URL},
		Summary: fmt.Sprintf("PagerDuty did not %s: %s. Do it in PagerDuty", what, why),
	}
}
