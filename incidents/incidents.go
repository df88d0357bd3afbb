// Package incidents holds what a night consists of: the incident that PagerDuty opened, and its timeline, which
// becomes the post-mortem. It knows how incidents change, how entries are chained, and how a timeline is exported.
//
// It does not talk to PagerDuty (incidents/pagerduty does), nor to Slack (bot), nor to Postgres (store).
package incidents

import (
	"encoding/json"
	"errors"
	"time"
)

// ErrUnknown says that no incident has the ID that was asked for.
var ErrUnknown = errors.New("no such incident")

// Status is where an incident stands, in PagerDuty's words.
type Status string

// The statuses of an incident. PagerDuty has no others.
const (
	Triggered    Status = "triggered"
	Acknowledged Status = "acknowledged"
	Resolved     Status = "resolved"
)

// Incident is one incident of PagerDuty's, as far as it is known here. Times are UTC; the zero time means "not yet".
type Incident struct {
	ID             int64     `json:"id"`
	PagerDutyID    string    `json:"pagerduty_id"`
	Number         int64     `json:"number"`
	Title          string    `json:"title"`
	ServiceID      string    `json:"service_id"`
	Service        string    `json:"service"`
	Status         Status    `json:"status"`
	Urgency        string    `json:"urgency"`
	Priority       string    `json:"priority,omitempty"`
	URL            string    `json:"url,omitempty"`
	OpenedAt       time.Time `json:"opened_at,omitzero"`
	AcknowledgedAt time.Time `json:"acknowledged_at,omitzero"`
	AcknowledgedBy string    `json:"acknowledged_by,omitempty"`

	// Who has acknowledged it last: somebody else than at first when that was taken back, or when two have. Empty in rows from
	// before it was kept; LastAcknowledgement is what to show.
	LastAcknowledgedAt time.Time `json:"last_acknowledged_at,omitzero"`
	LastAcknowledgedBy string    `json:"last_acknowledged_by,omitempty"`

	RestoredAt time.Time `json:"restored_at,omitzero"`
	FlatAt     time.Time `json:"flat_at,omitzero"`
	ResolvedAt time.Time `json:"resolved_at,omitzero"`
	ResolvedBy string    `json:"resolved_by,omitempty"`
}

// Open says whether somebody may still have to act.
func (i Incident) Open() bool { return i.Status != Resolved }

// LastAcknowledgement is who has acknowledged it last, and when. Where only the first is known, that is the last.
func (i Incident) LastAcknowledgement() (by string, at time.Time) {
	if i.LastAcknowledgedAt.IsZero() {
		return i.AcknowledgedBy, i.AcknowledgedAt
	}
	return i.LastAcknowledgedBy, i.LastAcknowledgedAt
}

// Since says that something at t came after the alert, which was opened then; false when opened is zero. PagerDuty tells whole
// seconds: what lies within the same one counts as before the alert, or the deploy that set it off at once would be no cause of it.
func Since(opened, t time.Time) bool { return !opened.IsZero() && t.Sub(opened) >= time.Second }

// ActorKind says what sort of being acted.
type ActorKind string

// The kinds of actors.
const (
	Person    ActorKind = "person"
	Bot       ActorKind = "bot"
	PagerDuty ActorKind = "pagerduty" // a service, a rule or an integration of PagerDuty's
	Token     ActorKind = "token"     // an API token; Name is the token's
	Engine    ActorKind = "engine"
)

// Actor is who did something. IDs are those of the named system; empty when unknown.
type Actor struct {
	Kind        ActorKind `json:"kind"`
	SlackID     string    `json:"slack_id,omitempty"`
	PagerDutyID string    `json:"pagerduty_id,omitempty"`
	Name        string    `json:"name,omitempty"`
}

// Self is the bot as an actor.
func Self() Actor { return Actor{Kind: Bot, Name: "snapback"} }

// Source is where an entry comes from: the system, its own ID for it, and a link for people.
type Source struct {
	System   string `json:"system"` // pagerduty, slack, engine, api, snapback
	NativeID string `json:"native_id,omitempty"`
	URL      string `json:"url,omitempty"`
}

// Entry is one line of a timeline. Entries are never changed: each carries the hash of the one before it.
//
// IncidentID is 0 for what happened outside any incident, such as a restore that nobody was paged for: those
// entries form one chain of their own.
type Entry struct {
	ID         int64           `json:"id"`
	IncidentID int64           `json:"incident_id"`
	Seq        int64           `json:"seq"` // 1, 2, 3 … within its chain
	OccurredAt time.Time       `json:"occurred_at"`
	RecordedAt time.Time       `json:"recorded_at"`
	Kind       Kind            `json:"kind"`
	Actor      Actor           `json:"actor"`
	Source     Source          `json:"source"`
	Summary    string          `json:"summary"` // one sentence for people, without secrets
	Details    json.RawMessage `json:"details,omitempty"`
	PrevHash   []byte          `json:"prev_hash,omitempty"` // base64 in JSON; empty in the first entry
	Hash       []byte          `json:"hash"`
	Signature  Signature       `json:"-"` // not part of what is hashed: it is made of the hash
}
