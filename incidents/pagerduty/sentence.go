package pagerduty

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/outside"
)

// maxSentence is how long a summary may get: it stands in a list, and the whole text is in the details.
const maxSentence = 400

// sentence is what happened, for people.
func (e Event) sentence(d details) string {
	who := e.Agent.Name
	if who == "" {
		who = "Somebody"
	}
	return outside.Clip(who+" "+e.predicate(d)+".", maxSentence)
}

// predicate says what e's agent did. One case per type, hence its length; the rest go by their name.
func (e Event) predicate(d details) string {
	switch e.Type {
	case incidents.KindPagerDutyTriggered:
		return "opened the incident: " + e.Incident.Title
	case incidents.KindPagerDutyAcked:
		return "acknowledged the incident"
	case incidents.KindPagerDutyUnacked:
		return "took the acknowledgement back"
	case incidents.KindPagerDutyResolved:
		return "resolved the incident"
	case incidents.KindPagerDutyReopened:
		return "opened the incident again"
	case incidents.KindPagerDutyEscalated:
		return "escalated the incident to " + assignees(e.Incident.Assignees)
	case incidents.KindPagerDutyReassigned:
		return "reassigned the incident to " + assignees(e.Incident.Assignees)
	case incidents.KindPagerDutyDelegated:
		return "handed the incident to another escalation policy, to " + assignees(e.Incident.Assignees)
	case incidents.KindPagerDutyPriority:
		return "set the priority to " + cmp.Or(e.Incident.Priority, "none")
	case incidents.KindPagerDutyNoted:
		return "wrote a note: " + d.Note
	case incidents.KindPagerDutyStatusUpdate:
		return "published a status update: " + d.Message
	case incidents.KindPagerDutyResponderAdded:
		return "asked " + cmp.Or(d.Responder, "none") + " to respond"
	case incidents.KindPagerDutyResponderAnswer:
		return "told of a reply: " + cmp.Or(d.Responder, "none") + " is " + cmp.Or(d.State, "none")
	case incidents.KindPagerDutyServiceUpdated:
		return "moved the incident to the service " + cmp.Or(e.Incident.Service, "none")
	case incidents.KindPagerDutyConference:
		return "changed the conference bridge"
	case incidents.KindPagerDutyCustomFields:
		return "changed custom fields"
	case incidents.KindPagerDutyPing:
		return fmt.Sprintf("sent a test (%s)", e.Type)
	}
	return fmt.Sprintf("reported %s", e.Type)
}

// EventType is the webhook event type that says the same as a log entry of this type, empty when there is none. It
// lets the record in PagerDuty be compared with the webhooks that came.
func (l LogEntry) EventType() incidents.Kind {
	switch strings.TrimSuffix(strings.TrimSuffix(l.Type, "_reference"), "_log_entry") {
	case "trigger":
		return incidents.KindPagerDutyTriggered
	case "acknowledge":
		return incidents.KindPagerDutyAcked
	case "unacknowledge":
		return incidents.KindPagerDutyUnacked
	case "resolve":
		return incidents.KindPagerDutyResolved
	case "reopen":
		return incidents.KindPagerDutyReopened
	case "escalate":
		return incidents.KindPagerDutyEscalated
	case "assign":
		return incidents.KindPagerDutyReassigned
	case "delegate":
		return incidents.KindPagerDutyDelegated
	case "annotate":
		return incidents.KindPagerDutyNoted
	case "priority_change":
		return incidents.KindPagerDutyPriority
	case "status_update":
		return incidents.KindPagerDutyStatusUpdate
	}
	return ""
}
