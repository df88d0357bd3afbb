package pagerduty

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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
}

// rawEvent is the envelope. Data differs between types.
type rawEvent struct {
	ID           string          `json:"id"`
	Type         string          `json:"event_type"`
	ResourceType string          `json:"resource_type"`
	OccurredAt   time.Time       `json:"occurred_at"`
	Agent        *object         `json:"agent"`
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

// ParseWebhook reads a webhook whose signature was verified. Events of unknown types are kept, with their incident if
// they name one. It returns an error that wraps ErrMalformed for anything that is not an event.
func ParseWebhook(body []byte) (Event, error) {
	var envelope struct {
		Event *rawEvent `json:"event"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return Event{}, malformed(err)
	}
	raw := envelope.Event
	if err := raw.check(); err != nil {
		return Event{}, err
	}
	e := Event{
		ID:           raw.ID,
		Type:         incidents.Kind(raw.Type),
		ResourceType: clean(raw.ResourceType, maxName),
		OccurredAt:   raw.OccurredAt.UTC(),
		Agent:        raw.Agent.actor(),
	}
	return e.withData(raw)
}

func (r *rawEvent) check() error {
	switch {
	case r == nil:
		return fmt.Errorf("%w: it has no event", ErrMalformed)
	case r.ID == "" || r.ID != clean(r.ID, maxName):
		return fmt.Errorf("%w: the event's ID is missing or odd", ErrMalformed)
	case r.Type == "" || r.Type != clean(r.Type, maxName):
		return fmt.Errorf("%w: the event's type is missing or odd", ErrMalformed)
	case r.OccurredAt.IsZero():
		return fmt.Errorf("%w: the event has no time", ErrMalformed)
	}
	return nil
}

// withData is e with what raw's data says.
func (e Event) withData(raw *rawEvent) (Event, error) {
	var data rawData
	if err := decodeObject(raw.Data, &data); err != nil {
		return e.withEssentials(raw, err)
	}
	found, err := incidentOf(raw.Data, data)
	if err != nil {
		return e.withEssentials(raw, err)
	}
	if found != nil {
		e.Incident, e.HasIncident = found.incident(), true
	}
	if data.Type == "incident_note" {
		e.Note, e.NoteTrimmed = said(data.Content, maxNote), data.Trimmed
	}
	kept := e.keep(raw, data)
	e.Summary = e.sentence(kept)
	if !isEmpty(kept) {
		e.Details = kept
	}
	return e, nil
}

// withEssentials reads of an incident what can be read: an alert must not be lost because something beside it has another
// shape than PagerDuty's documentation says. It returns cause when there is no incident in it.
func (e Event) withEssentials(raw *rawEvent, cause error) (Event, error) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw.Data, &fields) != nil {
		return Event{}, cause
	}
	var r rawIncident
	for name, to := range map[string]any{
		"id": &r.ID, "type": &r.Type, "summary": &r.Summary, "html_url": &r.HTMLURL, "number": &r.Number, "title": &r.Title,
		"status": &r.Status, "urgency": &r.Urgency, "service": &r.Service, "created_at": &r.CreatedAt,
	} {
		if json.Unmarshal(fields[name], to) != nil {
			continue // it stays empty
		}
	}
	if r.Type != "incident" && r.Type != "incident_reference" || !idGrammar.MatchString(r.ID) {
		return Event{}, cause
	}
	e.Incident, e.HasIncident = r.incident(), true
	e.Summary = e.sentence(details{})
	return e, nil
}

// incidentOf finds the incident that data is, or the one that it refers to; nil when there is none.
func incidentOf(doc json.RawMessage, data rawData) (*rawIncident, error) {
	found := data.Incident
	if data.Type == "incident" || data.Type == "incident_reference" {
		found = &rawIncident{}
		if err := decodeObject(doc, found); err != nil {
			return nil, err
		}
	}
	if found != nil && !idGrammar.MatchString(found.ID) {
		return nil, fmt.Errorf("%w: the incident's ID is missing or odd", ErrMalformed)
	}
	return found, nil
}

// decodeObject decodes a JSON object; none at all and null count as an empty one.
func decodeObject(doc json.RawMessage, into any) error {
	doc = bytes.TrimSpace(doc)
	if len(doc) == 0 || bytes.Equal(doc, []byte("null")) {
		return nil
	}
	if err := json.Unmarshal(doc, into); err != nil {
		return malformed(err)
	}
	return nil
}

// malformed says what is wrong without quoting the body, as encoding/json's own texts and time's do.
func malformed(err error) error {
	var wrong *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &wrong):
		return fmt.Errorf("%w: %s is of the wrong type", ErrMalformed, clean(wrong.Field, maxName))
	case errors.As(err, &syntax):
		return fmt.Errorf("%w: not JSON at byte %d", ErrMalformed, syntax.Offset)
	}
	return fmt.Errorf("%w: a value can't be read", ErrMalformed)
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
