package pagerduty

import (
	"fmt"
	"strings"

	"github.com/snapback/snapback/incidents"
)

// maxSentence is how long a summary may get: it stands in a list, and the whole text is in the details.
const maxSentence = 400

// sentence is what happened, for people.
func (e Event) sentence(d details) string {
	who := e.Agent.Name
	if who == "" {
		who = "Somebody"
	}
	return clip(who+" "+e.predicate(d)+".", maxSentence)
}

// predicate says what e's agent did. One case per type, hence its length; the rest go by their name.
func (e Event) predicate(d details) string {
	switch strings.TrimPrefix(e.Type, "incident.") {
	case "triggered":
		return "opened the incident: " + e.Incident.Title
	case "acknowledged":
		return "acknowledged the incident"
	case "unacknowledged":
		return "took the acknowledgement back"
	case "resolved":
		return "resolved the incident"
	case "reopened":
		return "opened the incident again"
	case "escalated":
		return "escalated the incident to " + assignees(e.Incident.Assignees)
	case "reassigned":
		return "reassigned the incident to " + assignees(e.Incident.Assignees)
	case "delegated":
		return "handed the incident to another escalation policy, to " + assignees(e.Incident.Assignees)
	case "priority_updated":
		return "set the priority to " + orNone(e.Incident.Priority)
	case "annotated":
		return "wrote a note: " + d.Note
	case "status_update_published":
		return "published a status update: " + d.Message
	case "responder.added":
		return "asked " + orNone(d.Responder) + " to respond"
	case "responder.replied":
		return "told of a reply: " + orNone(d.Responder) + " is " + orNone(d.State)
	case "service_updated":
		return "moved the incident to the service " + orNone(e.Incident.Service)
	case "conference_bridge.updated":
		return "changed the conference bridge"
	case "custom_field_values.updated":
		return "changed custom fields"
	case PingType:
		return "sent a test (" + PingType + ")"
	}
	return fmt.Sprintf("reported %s", e.Type)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// EventType is the webhook event type that says the same as a log entry of this type, empty when there is none. It
// lets the record in PagerDuty be compared with the webhooks that came.
func (l LogEntry) EventType() string {
	switch strings.TrimSuffix(strings.TrimSuffix(l.Type, "_reference"), "_log_entry") {
	case "trigger":
		return incidents.KindPagerDutyTriggered
	case "acknowledge":
		return incidents.KindPagerDutyAcked
	case "unacknowledge":
		return "incident.unacknowledged"
	case "resolve":
		return incidents.KindPagerDutyResolved
	case "reopen":
		return "incident.reopened"
	case "escalate":
		return "incident.escalated"
	case "assign":
		return "incident.reassigned"
	case "delegate":
		return "incident.delegated"
	case "annotate":
		return "incident.annotated"
	case "priority_change":
		return "incident.priority_updated"
	case "status_update":
		return "incident.status_update_published"
	}
	return ""
}
