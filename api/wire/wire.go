// Package wire holds the shapes that the HTTP API speaks: what api writes and api/client reads. It has no behaviour.
//
// Times are RFC 3339 in UTC, and left out while they are not known. Lists are never null. Timeline entries travel as
// incidents.Entry, unchanged, so that whoever reads them can recompute their hashes.
package wire

import (
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// How long the bot may take before it answers.
const (
	CommitLimit  = 15 * time.Minute // for a commit, which takes as long as a layer is large
	ArchiveLimit = 6 * time.Hour    // on top, for the contents of volumes, however large they are
)

// Container is an enabled container as it is now.
type Container struct {
	ID      string `json:"id"` // the engine's own: what If-Match takes
	Name    string `json:"name"`
	Service string `json:"service"`
	Engine  string `json:"engine"`
	Image   string `json:"image"`
	State   string `json:"state"`
	Tasks   *Tasks `json:"tasks,omitempty"` // of a service of a Swarm; left out: it is a container

	// Archiving is how far a snapshot is with its volumes; left out: this bot archives none of them at this moment.
	Archiving *snapshot.Progress `json:"archiving,omitempty"`
}

// Tasks are those of a service, counted against the spec that it has now.
type Tasks struct {
	Want    int `json:"want"`
	Running int `json:"running"`
	Old     int `json:"old"` // of another spec, which still run
}

// Services is a page of services, the newest first.
type Services struct {
	Services   []Container `json:"services"`
	NextCursor string      `json:"next_cursor,omitempty"` // empty on the last page
}

// Containers is a page of containers, the newest first.
type Containers struct {
	Containers []Container `json:"containers"`
	NextCursor string      `json:"next_cursor,omitempty"` // empty on the last page
}

// Errors is how many errors a container made, in the order of time.
type Errors struct {
	Container string        `json:"container"`
	Since     time.Time     `json:"since"`
	Minutes   []ErrorMinute `json:"minutes"` // those that nobody watched are missing
}

// ErrorMinute is one minute of it.
type ErrorMinute struct {
	At       time.Time `json:"at"`                 // when it began
	Errors   float64   `json:"errors"`             // as they were counted in what was read
	Rate     float64   `json:"rate"`               // errors per minute, reckoned up to a whole minute and to all lines
	Requests *float64  `json:"requests,omitempty"` // left out: they are not known
	Seconds  float64   `json:"seconds"`            // how much of it was watched
	Share    float64   `json:"share"`              // of the lines, how many were read; 1: all
}

// Snapshot is a kept state of a container.
type Snapshot struct {
	Name       string              `json:"name"`
	Container  string              `json:"container"`
	Reason     snapshot.Reason     `json:"reason"`
	Note       string              `json:"note,omitempty"`
	Unwell     string              `json:"unwell,omitempty"` // what was wrong with the container when it was taken
	CreatedAt  time.Time           `json:"created_at"`
	LastSeenAt time.Time           `json:"last_seen_at"`        // when a container was last seen running well in that state, at least when it was taken
	ExpiresAt  time.Time           `json:"expires_at,omitzero"` // left out: as snapback.keep has it
	Pinned     bool                `json:"pinned"`
	SizeBytes  int64               `json:"size_bytes"`
	Restorable bool                `json:"restorable"`
	WhyNot     []string            `json:"why_not"`
	Running    bool                `json:"running"`             // it is what runs now: a restore would change nothing, but perhaps files that the container has written
	Doubt      string              `json:"doubt,omitempty"`     // why it is not known to be a good state, to follow its name
	Changes    []snapshot.Change   `json:"changes"`             // what a restore would change from what runs now; of a new one, nothing
	Volumes    *Volumes            `json:"volumes,omitempty"`   // left out: it has none
	Placement  *snapshot.Placement `json:"placement,omitempty"` // of a Swarm's service; left out: nobody knows
}

// Volumes are the contents of a snapshot's volumes.
type Volumes struct {
	TakenAt     time.Time            `json:"taken_at"`
	Consistency snapshot.Consistency `json:"consistency,omitempty"` // stopped, paused or crash-consistent
	Paths       []string             `json:"paths"`                 // where the container has them
	SizeBytes   int64                `json:"size_bytes"`            // compressed
	Restorable  bool                 `json:"restorable"`
	WhyNot      []string             `json:"why_not"`
	Left        []string             `json:"left"` // what is not in them
}

// Snapshots is a page of a container's snapshots, the newest first.
type Snapshots struct {
	Snapshots  []Snapshot `json:"snapshots"`
	NextCursor string     `json:"next_cursor,omitempty"`
}

// Deploy is one replacement of a container.
type Deploy struct {
	ID         int64             `json:"id"`
	Container  string            `json:"container"` // as it is called now
	Service    string            `json:"service"`
	Engine     string            `json:"engine"`
	At         time.Time         `json:"at"`     // when it began, by the clock of its engine
	Before     string            `json:"before"` // the images, as they were named
	After      string            `json:"after"`
	Snapshot   string            `json:"snapshot,omitempty"` // the state from before; left out: none was kept. It may have been removed since
	Changes    []snapshot.Change `json:"changes"`            // what the deploy brought, secrets masked
	RolledBack *RolledBack       `json:"rolled_back,omitempty"`
	Together   []DeployedWith    `json:"together_with,omitempty"` // what the same deploy of the Compose project or stack has changed; left out: it was deployed alone
}

// DeployedWith is another container's part in a deploy of several.
type DeployedWith struct {
	ID        int64  `json:"id"` // the Deploy's
	Container string `json:"container"`
}

// RolledBack is the restore that has undone a deploy.
type RolledBack struct {
	Snapshot string    `json:"snapshot"` // that was restored
	At       time.Time `json:"at"`
}

// Deploys is a page of deploys, the newest first.
type Deploys struct {
	Deploys    []Deploy `json:"deploys"`
	NextCursor string   `json:"next_cursor,omitempty"`
}

// NewSnapshot is the wish for a snapshot. Every field is optional.
type NewSnapshot struct {
	Name      string `json:"name,omitempty"`       // empty: after the reason and the time
	Reason    string `json:"reason,omitempty"`     // pre-deploy or manual; empty: manual
	Note      string `json:"note,omitempty"`       // a sentence for people, without secrets
	ExpiresIn string `json:"expires_in,omitempty"` // such as 90m, 72h or 14d; empty: as snapback.keep has it
	Pinned    bool   `json:"pinned,omitempty"`
	Deploying string `json:"deploying,omitempty"` // with pre-deploy: the image that is to be deployed, by its tag, digest or ID
	Override  bool   `json:"override,omitempty"`  // with pre-deploy: also while a deploy is on hold; it takes the scope restore
}

// Holds are the deploys of a container that are on hold, the newest first.
type Holds struct {
	Container string `json:"container"`
	Holds     []Hold `json:"holds"`
}

// Hold is a deploy that a restore has rolled back, and that must not come back unseen.
type Hold struct {
	Summary    string            `json:"summary"` // what is held, since when, why and for how long, in one sentence
	Deploy     string            `json:"deploy"`  // in a few words, such as api 1.42
	Since      time.Time         `json:"since"`
	Until      time.Time         `json:"until,omitzero"` // left out: until the incident is resolved
	By         incidents.Actor   `json:"by"`             // who asked for the restore
	RestoreID  int64             `json:"restore_id"`
	Snapshot   string            `json:"snapshot"`              // that was restored
	IncidentID int64             `json:"incident_id,omitempty"` // our ID; left out: none
	Image      string            `json:"image"`                 // as the deploy named it
	ImageID    string            `json:"image_id"`
	Digests    []string          `json:"digests"`          // by which registries know the image
	Changes    []snapshot.Change `json:"changes"`          // what the deploy had brought, secrets masked
	BackAt     time.Time         `json:"back_at,omitzero"` // when it last came back all the same
}

// Rebuilt is what was found of lost snapshots.
type Rebuilt struct {
	Found   int          `json:"found"`    // on the engine
	Known   int          `json:"known"`    // of them, those that the database knew of
	Added   []Kept       `json:"added"`    // those that it knows now
	LeftOut []KeptButNot `json:"left_out"` // those of which nothing could be made
}

// Kept names a snapshot.
type Kept struct {
	Container string          `json:"container"`
	Name      string          `json:"name"`
	Reason    snapshot.Reason `json:"reason"`
	CreatedAt time.Time       `json:"created_at"`
}

// KeptButNot names one that could not be read, or must not be.
type KeptButNot struct {
	Container string `json:"container"`
	Name      string `json:"name"`
	Why       string `json:"why"`
}

// RestoreAsk is the wish for a restore or an undo. Every field is optional.
type RestoreAsk struct {
	Reason   string `json:"reason,omitempty"`   // a sentence for people
	Volumes  bool   `json:"volumes,omitempty"`  // restores only: with the contents of its volumes; an undo puts back what its restore replaced
	Replicas bool   `json:"replicas,omitempty"` // restores of a Swarm's service only: with as many tasks as the snapshot's spec has; left out: as there are now
	Incident any    `json:"incident,omitempty"` // our ID or the number, PagerDuty's ID; nil: the only open one, if there is just one
}

// Restore is one restore, or the undo of one.
type Restore struct {
	ID          int64                 `json:"id"`
	Kind        restore.Kind          `json:"kind"`
	UndoOf      int64                 `json:"undo_of,omitempty"`
	Container   string                `json:"container"`
	Snapshot    string                `json:"snapshot"`
	State       restore.State         `json:"state"`
	Summary     string                `json:"summary"` // the state in one sentence
	RequestedBy incidents.Actor       `json:"requested_by"`
	Reason      string                `json:"reason"`
	RequestedAt time.Time             `json:"requested_at"`
	StartedAt   time.Time             `json:"started_at,omitzero"`
	VerifiedAt  time.Time             `json:"verified_at,omitzero"`
	DowntimeMs  int64                 `json:"downtime_ms"`
	Phases      []restore.Phase       `json:"phases"`
	Differences []snapshot.Difference `json:"differences"`
	WhyNot      []string              `json:"why_not"`
	Kept        string                `json:"kept,omitempty"` // the name under which the container from before stays
	Error       string                `json:"error"`
	Progress    *snapshot.Progress    `json:"progress,omitempty"` // with the contents of volumes; left out: this bot moves none for it at this moment
	Incident    int64                 `json:"incident,omitempty"` // our ID of the one that it belongs to
	Terminal    *Link                 `json:"terminal,omitempty"` // to what it has left, once, for whoever waited for it
}

// Incident is one of PagerDuty's incidents.
type Incident struct {
	ID             int64            `json:"id"`
	PagerDutyID    string           `json:"pagerduty_id"`
	Number         int64            `json:"number"`
	Title          string           `json:"title"`
	Service        string           `json:"service"`
	Status         incidents.Status `json:"status"`
	Urgency        string           `json:"urgency"`
	OpenedAt       time.Time        `json:"opened_at,omitzero"`
	AcknowledgedAt time.Time        `json:"acknowledged_at,omitzero"`
	RestoredAt     time.Time        `json:"restored_at,omitzero"`
	FlatAt         time.Time        `json:"flat_at,omitzero"`
	ResolvedAt     time.Time        `json:"resolved_at,omitzero"`
}

// Incidents is a page of incidents, the newest first.
type Incidents struct {
	Incidents  []Incident `json:"incidents"`
	NextCursor string     `json:"next_cursor,omitempty"`
}

// Entries is a page of a timeline.
type Entries struct {
	Entries    []incidents.Entry `json:"entries"`
	NextCursor string            `json:"next_cursor,omitempty"`
}

// Note is a remark for the timeline.
type Note struct {
	Text string `json:"text"`
}

// Person is whom a terminal link is for. IDs are those of the named system.
type Person struct {
	SlackID     string `json:"slack_id,omitempty"`
	PagerDutyID string `json:"pagerduty_id,omitempty"`
	Name        string `json:"name,omitempty"`
}

// LinkAsk is the wish for a terminal link.
type LinkAsk struct {
	Container string  `json:"container,omitempty"`  // empty: the only one that names the incident's service
	Mode      string  `json:"mode,omitempty"`       // logs or shell; empty: logs
	Person    *Person `json:"person,omitempty"`     // nil: the token itself
	ExpiresIn string  `json:"expires_in,omitempty"` // at most 10m; empty: 5m

	LogsSince time.Time `json:"logs_since,omitzero"` // logs begin there; zero: a little before the terminal is opened
}

// Link is a signed link, to be handed to the person that it is for.
type Link struct {
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Health says that the program runs.
type Health struct {
	Status string `json:"status"`
}

// Readiness says what the bot can reach.
type Readiness struct {
	Status string            `json:"status"` // ready or not ready
	Checks map[string]string `json:"checks"`
}

// Stored says that a webhook was taken in.
type Stored struct {
	Status string `json:"status"`
	Detail string `json:"detail,omitempty"` // what is odd about it
}

// Problem is a refusal, as application/problem+json (RFC 9457).
type Problem struct {
	Type      string   `json:"type"` // urn:snapback:problem: and the code
	Title     string   `json:"title"`
	Status    int      `json:"status"`
	Detail    string   `json:"detail"` // a sentence that says what to do
	Code      string   `json:"code"`   // stable
	RequestID string   `json:"request_id"`
	Reasons   []string `json:"reasons,omitempty"` // every reason why it can't be restored
	Names     []string `json:"names,omitempty"`   // those that exist, or that are meant
	Restore   *Restore `json:"restore,omitempty"` // the one that runs, or that did not work out
}
