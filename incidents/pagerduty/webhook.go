package pagerduty

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
)

// ErrMalformed says that a body is not a V3 webhook. The text behind it says why, without quoting the body.
//
// Whoever answers the request should know that PagerDuty drops an event for good on a 4xx other than 429, and that
// three such drops in a row disable the subscription for a day.
var ErrMalformed = incidents.ErrMalformed

// Event is one event of PagerDuty's, as a V3 webhook carries it.
type Event struct {
	ID           string         // the same in every delivery of this event
	Type         incidents.Kind // PagerDuty adds new ones: those have no row in the table of kinds
	ResourceType string         // incident, service, pagey
	OccurredAt   time.Time      // UTC
	Agent        incidents.Actor
	Incident     Incident // zero unless HasIncident
	HasIncident  bool
	Summary      string // one sentence for people
	Details      any    // marshals to a small JSON object, or is nil

	Note        string // of incident.annotated: what it says
	NoteTrimmed bool   // PagerDuty sends but the beginning of it
}

// Echoes says whether e tells of a note with this text: one that Note has written comes back as an event. Its ID can't
// tell, since the event may be here before PagerDuty's answer with the ID is.
func (e Event) Echoes(text string) bool {
	text = said(text, maxNote)
	if e.Note == "" || text == "" {
		return false
	}
	return e.Note == text || e.NoteTrimmed && strings.HasPrefix(text, strings.TrimRight(e.Note, ".… "))
}

// Ping says whether e is PagerDuty's test of the subscription.
func (e Event) Ping() bool { return e.Type == incidents.KindPagerDutyPing }

// details is what is kept of an event beyond the incident. Left out on purpose: conference bridges (pass codes),
// custom field values and workflow inputs (anything), custom headers.
type details struct {
	Status        incidents.Status `json:"status,omitempty"`
	Urgency       string           `json:"urgency,omitempty"`
	Priority      string           `json:"priority,omitempty"`
	Assignees     []User           `json:"assignees,omitempty"`
	ResolveReason string           `json:"resolve_reason,omitempty"`
	Note          string           `json:"note,omitempty"`
	NoteID        string           `json:"note_id,omitempty"`
	Message       string           `json:"message,omitempty"`
	Responder     string           `json:"responder,omitempty"`
	State         string           `json:"state,omitempty"`
	Client        string           `json:"client,omitempty"`
	From          string           `json:"from,omitempty"` // record: no webhook brought it, and it was fetched later
}

// rawEvent is the envelope. Data differs between types.
type rawEvent struct {
	ID           string          `json:"id"`
	Type         string          `json:"event_type"`
	ResourceType string          `json:"resource_type"`
	OccurredAt   moment          `json:"occurred_at"`
	Agent        *named          `json:"agent"`
	Client       *rawClient      `json:"client"`
	Data         json.RawMessage `json:"data"`
}

type rawClient struct {
	Name string `json:"name"`
}

// rawData are the fields of those shapes of data that are not an incident: notes, status updates, responders.
type rawData struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Incident *rawIncident `json:"incident"`
	Content  string       `json:"content"`
	Trimmed  bool         `json:"trimmed"`
	Message  string       `json:"message"`
	State    string       `json:"state"`
	User     *object      `json:"user"`
	Policy   *object      `json:"escalation_policy"`
	Reason   *struct {
		Type string `json:"type"`
	} `json:"resolve_reason"`
}

// ParseWebhook reads a webhook whose signature was verified, and which was received just now. Events of unknown types are kept,
// with their incident if they name one; what an incident's envelope lacks is made up for. It returns an error that wraps
// ErrMalformed for anything that is not an event.
func ParseWebhook(body []byte, received time.Time) (Event, error) {
	var envelope struct {
		Event *rawEvent `json:"event"`
	}
	if _, err := decodeObject(body, &envelope); err != nil {
		return Event{}, err
	}
	raw := envelope.Event
	if raw == nil {
		return Event{}, fmt.Errorf("%w: it has no event", ErrMalformed)
	}
	e := Event{
		ID:           raw.ID,
		Type:         incidents.Kind(raw.Type),
		ResourceType: clean(raw.ResourceType, maxName),
		OccurredAt:   raw.OccurredAt.UTC(),
		Agent:        raw.Agent.actor(),
	}
	data, err := e.readIncident(raw)
	if err != nil {
		return Event{}, err
	}
	if e.HasIncident {
		e = e.complete(raw, body, received)
	} else if err := raw.check(); err != nil {
		return Event{}, err
	}
	return e.withData(raw, data), nil
}

// check is for events without an incident.
func (r *rawEvent) check() error {
	switch {
	case !usable(r.ID):
		return fmt.Errorf("%w: the event's ID is missing or odd", ErrMalformed)
	case !usable(r.Type):
		return fmt.Errorf("%w: the event's type is missing or odd", ErrMalformed)
	case r.OccurredAt.IsZero():
		return fmt.Errorf("%w: the event has no time", ErrMalformed)
	}
	return nil
}

// readIncident finds the incident that raw's data is, or the one that it refers to. It returns an error when there is none
// and something that can't be read could be one.
func (e *Event) readIncident(raw *rawEvent) (data rawData, err error) {
	odd, err := decodeObject(raw.Data, &data)
	if err != nil {
		return data, err
	}
	found := data.Incident
	if data.isIncident(raw.Type) {
		found = &rawIncident{}
		if _, err := decodeObject(raw.Data, found); err != nil {
			return data, err
		}
	}
	if found == nil {
		return data, odd
	}
	if !idGrammar.MatchString(found.ID) {
		return data, cmp.Or(odd, fmt.Errorf("%w: the incident's ID is missing or odd", ErrMalformed))
	}
	e.Incident, e.HasIncident = found.incident(), true
	return data, nil
}

// aboutWhole are the events whose data are the incident itself.
var aboutWhole = []incidents.Kind{
	incidents.KindPagerDutyTriggered, incidents.KindPagerDutyAcked, incidents.KindPagerDutyUnacked, incidents.KindPagerDutyResolved,
	incidents.KindPagerDutyReopened, incidents.KindPagerDutyEscalated, incidents.KindPagerDutyReassigned, incidents.KindPagerDutyDelegated,
	incidents.KindPagerDutyPriority, incidents.KindPagerDutyServiceUpdated,
}

// isIncident says whether data are an incident themselves. Where they don't say what they are, the event's type does.
func (d rawData) isIncident(eventType string) bool {
	switch d.Type {
	case "incident", "incident_reference":
		return true
	case "":
		return d.Incident == nil && idGrammar.MatchString(d.ID) && slices.Contains(aboutWhole, incidents.Kind(eventType))
	}
	return false
}

// withData is e with what raw's data says.
func (e Event) withData(raw *rawEvent, data rawData) Event {
	if data.Type == "incident_note" {
		e.Note, e.NoteTrimmed = said(data.Content, maxNote), data.Trimmed
	}
	kept := e.keep(raw, data)
	e.Summary = e.sentence(kept)
	if !isEmpty(kept) {
		e.Details = kept
	}
	return e
}

func (e Event) keep(raw *rawEvent, data rawData) details {
	kept := details{
		Message: said(data.Message, maxMessage),
		State:   clean(data.State, maxName),
		Note:    said(data.Content, maxMessage),
	}
	if e.HasIncident && data.Incident == nil {
		kept.Status, kept.Urgency, kept.Priority = e.Incident.Status, e.Incident.Urgency, e.Incident.Priority
		kept.Assignees = e.Incident.Assignees
	}
	if data.Type == "incident_note" {
		kept.NoteID = clean(data.ID, maxName)
	}
	if data.Incident != nil {
		kept.Responder = nameOf(data.User, data.Policy)
	}
	if data.Reason != nil {
		kept.ResolveReason = clean(data.Reason.Type, maxName)
	}
	if raw.Client != nil {
		kept.Client = clean(raw.Client.Name, maxName)
	}
	return kept
}

func nameOf(objects ...*object) string {
	for _, o := range objects {
		if o != nil && o.Summary != "" {
			return clean(o.Summary, maxName)
		}
	}
	return ""
}

func isEmpty(d details) bool {
	return len(d.Assignees) == 0 && d.Status == "" && d.Urgency == "" && d.Priority == "" && d.ResolveReason == "" &&
		d.Note == "" && d.NoteID == "" && d.Message == "" && d.Responder == "" && d.State == "" && d.Client == ""
}

// assignees names the people that an incident went to.
func assignees(users []User) string {
	names := make([]string, 0, len(users))
	for _, u := range users {
		names = append(names, u.Name)
	}
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}
