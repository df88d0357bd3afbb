// Package pagerduty is where the domain meets PagerDuty: it checks and reads the webhooks that come in (V3), and makes
// the REST and change-event calls that go out.
//
// It stores nothing and retries nothing: a failed call returns an *Error that says whether and when to try again, and
// the caller's queue does so. Of the client library it uses the request preparation (Client.Do) and the types only,
// because the library's own methods lose response headers and the chain of transport errors.
package pagerduty

import (
	"regexp"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/mask"
	"github.com/snapback/snapback/internal/outside"
)

// How much of what PagerDuty says is kept, in characters.
const (
	maxTitle   = 1024
	maxName    = 200
	maxMessage = 2000
)

// idGrammar is what an ID must look like before it becomes part of a path.
var idGrammar = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Incident is an incident as PagerDuty describes it. When an event merely refers to one (notes, responders, status
// updates), only ID, Title and URL are set.
type Incident struct {
	ID        string           `json:"id"`
	Number    int64            `json:"number,omitempty"`
	Title     string           `json:"title,omitempty"`
	Status    incidents.Status `json:"status,omitempty"` // empty when it is not known
	Urgency   string           `json:"urgency,omitempty"`
	Priority  string           `json:"priority,omitempty"`
	URL       string           `json:"url,omitempty"` // http or https, for people
	ServiceID string           `json:"service_id,omitempty"`
	Service   string           `json:"service,omitempty"`
	PolicyID  string           `json:"escalation_policy_id,omitempty"`
	Assignees []User           `json:"assignees,omitempty"`
	CreatedAt time.Time        `json:"created_at,omitzero"` // UTC
}

// Record is i in the domain's terms. Who acknowledged and resolved it, and when, is for the caller to add.
func (i Incident) Record() incidents.Incident {
	return incidents.Incident{
		PagerDutyID: i.ID,
		Number:      i.Number,
		Title:       i.Title,
		ServiceID:   i.ServiceID,
		Service:     i.Service,
		Status:      i.Status,
		Urgency:     i.Urgency,
		Priority:    i.Priority,
		URL:         i.URL,
		OpenedAt:    i.CreatedAt,
	}
}

// User is a person in PagerDuty. Email is empty where PagerDuty sends a reference only.
type User struct {
	ID    string `json:"id"`
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
}

// object is what PagerDuty's objects and references have in common.
type object struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Summary string `json:"summary"`
	HTMLURL string `json:"html_url"`
}

func (o object) user() User { return User{ID: clean(o.ID, maxName), Name: clean(o.Summary, maxName)} }

// actor is o as who did something. PagerDuty names nobody (null) for what it does by itself.
func (o *object) actor() incidents.Actor {
	if o == nil || o.ID == "" && o.Summary == "" {
		return incidents.Actor{Kind: incidents.PagerDuty, Name: "PagerDuty"}
	}
	actor := incidents.Actor{Kind: incidents.PagerDuty, PagerDutyID: clean(o.ID, maxName), Name: clean(o.Summary, maxName)}
	if o.Type == "user_reference" || o.Type == "user" {
		actor.Kind = incidents.Person
	}
	return actor
}

// rawIncident is an incident on the wire, in webhooks (number, assignees) and in REST answers (incident_number,
// assignments) alike.
type rawIncident struct {
	object
	Number         count    `json:"number"`
	IncidentNumber count    `json:"incident_number"`
	Title          string   `json:"title"`
	Status         string   `json:"status"`
	Urgency        string   `json:"urgency"`
	Priority       *object  `json:"priority"`
	Service        *object  `json:"service"`
	Policy         *object  `json:"escalation_policy"`
	Assignees      []object `json:"assignees"`
	CreatedAt      moment   `json:"created_at"`
	Assignments    []struct {
		Assignee object `json:"assignee"`
	} `json:"assignments"`
}

// statusOf is "" for a status that is none of those known: what stands is left as it is then.
func statusOf(s string) incidents.Status {
	switch known := incidents.Status(s); known {
	case incidents.Triggered, incidents.Acknowledged, incidents.Resolved:
		return known
	}
	return ""
}

func (r rawIncident) incident() Incident {
	i := Incident{
		ID:        r.ID,
		Number:    int64(max(r.Number, r.IncidentNumber)),
		Title:     said(r.Title, maxTitle),
		Status:    statusOf(r.Status),
		Urgency:   clean(r.Urgency, maxName),
		URL:       outside.URL(r.HTMLURL),
		Assignees: r.users(),
		CreatedAt: r.CreatedAt.UTC(),
	}
	if i.Title == "" {
		i.Title = said(r.Summary, maxTitle)
	}
	if r.Priority != nil {
		i.Priority = said(r.Priority.Summary, maxName)
	}
	if r.Service != nil {
		i.ServiceID, i.Service = clean(r.Service.ID, maxName), said(r.Service.Summary, maxName)
	}
	if r.Policy != nil {
		i.PolicyID = clean(r.Policy.ID, maxName)
	}
	return i
}

func (r rawIncident) users() []User {
	var users []User
	for _, a := range r.Assignees {
		users = append(users, a.user())
	}
	for _, a := range r.Assignments {
		users = append(users, a.Assignee.user())
	}
	return users
}

// clean makes one line of s, at most limit characters long: a webhook that Postgres can't store, for a NUL in it, would be
// retried for two days.
func clean(s string, limit int) string { return outside.Clip(outside.Line(s), limit) }

// said is clean for what somebody or a monitoring tool has written: secrets in it are hidden before anything is kept of it.
// What lies far behind the limit is not looked at.
func said(s string, limit int) string {
	s = clean(s, 4*limit)
	return outside.Clip(mask.Text(s, nil), limit)
}
