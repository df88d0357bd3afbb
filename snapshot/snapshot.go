/*
Package snapshot says what a snapshot is, and what belongs to it: a container and its identity, a deploy, a change, the
contents of volumes. It reads a container's labels (settings.go, labels.go) and has the errors that callers tell apart.

What is done with snapshots is in rooms of their own, which know this package and not each other, but for the restore,
which takes snapshots too:

	capture   takes snapshots, and archives volumes
	watch     sees deploys, takes and removes snapshots by itself
	restore   puts a snapshot back
	recovery  finds snapshots again when the database is lost
	docker    speaks to the engine, for all of them

What several of them ask of the engine and the database is in ports.go; what one of them asks stands there. This package
knows nothing of Docker, of Postgres, or of who asks.
*/
package snapshot

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
)

// Errors that callers tell apart. api maps them to an HTTP status, bot to a sentence.
var (
	ErrUnknownContainer = errors.New("no such container")
	ErrAmbiguous        = errors.New("several containers answer to that name")
	ErrNotEnabled       = errors.New("the container is not labelled snapback.enable=true")
	// ErrCarriesBot says that the bot depends on the container, and would end halfway whatever it does to it.
	ErrCarriesBot      = errors.New("the container is left alone")
	ErrUnknownSnapshot = errors.New("no such snapshot")
	ErrUnknownRestore  = errors.New("no such restore")
	ErrBadName         = errors.New("a snapshot's name is 1 to 64 of a-z, 0-9, '.', '_' and '-', and starts with a letter or digit")
	ErrNameTaken       = errors.New("a snapshot of that name exists")
	ErrInProgress      = errors.New("a restore of this container is running")
	ErrReplaced        = errors.New("the container is no longer the one that was seen")
	ErrNotRestorable   = errors.New("the snapshot can't be restored now")
	ErrAlreadyThere    = errors.New("that is what runs already")
	ErrNothingToUndo   = errors.New("there is nothing to undo")
	ErrEngineAway      = errors.New("the container engine does not answer")
	ErrEngineDenied    = errors.New("the container engine denies it")
	ErrGone            = errors.New("the engine does not have it any more")
	ErrInUse           = errors.New("it is in use")
	ErrMoved           = errors.New("it has changed since it was looked at")
	ErrKeyReused       = errors.New("the idempotency key was used for another request")
	ErrKeyInFlight     = errors.New("the request with that idempotency key is not over")

	// ErrJournalAway says that the journal, or what else the database holds, can't be reached now. It is no verdict on a restore.
	ErrJournalAway = errors.New("the database does not answer")
	// ErrStopping is the cause with which Stop interrupts what runs; the next Start carries on.
	ErrStopping = errors.New("the bot is stopping")
	// ErrElsewhere says that another bot, or another part of this one, is at the same thing right now.
	ErrElsewhere = errors.New("another bot is at it")
)

// Retryable says that err is no verdict on what was tried: it has to be tried again.
func Retryable(err error) bool {
	return errors.Is(err, ErrEngineAway) || errors.Is(err, ErrJournalAway) || errors.Is(err, ErrStopping)
}

// DeniedError is an ErrEngineDenied: the engine, or a proxy before it, does not let the bot do a call.
type DeniedError struct {
	Call   string // as the engine's API documents it, such as "POST /containers/{id}/stop"
	Status int    // 401, 403 and the like
	Said   string // in the engine's own words; "" when it was a proxy that said something
}

func (d *DeniedError) Error() string {
	if d.Said != "" {
		return fmt.Sprintf("the container engine denies %s (%d): %s", d.Call, d.Status, d.Said)
	}
	return fmt.Sprintf("the container engine, or a proxy before it, denies %s (%d)", d.Call, d.Status)
}

// Is makes errors.Is(err, ErrEngineDenied) true.
func (d *DeniedError) Is(target error) bool { return target == ErrEngineDenied }

// Container is an enabled container as the engine shows it now. Times are UTC.
type Container struct {
	Key       string    `json:"key"`  // identity: outlives every deploy; see docker.Key
	ID        string    `json:"id"`   // the engine's own, 64 hexadecimal digits: changes at every deploy
	Name      string    `json:"name"` // without the leading slash
	Engine    string    `json:"engine"`
	Service   string    `json:"service"` // what people call it
	Image     string    `json:"image"`   // as the deploy named it, such as shop:1.42
	ImageID   string    `json:"image_id"`
	GoneAt    time.Time `json:"-"`                // with State "gone": since when, as far as that is known
	State     string    `json:"state"`            // created, running, paused, restarting, removing, exited, dead; gone
	Health    string    `json:"health,omitempty"` // "" (no health check), starting, healthy, unhealthy
	CreatedAt time.Time `json:"created_at"`
	StartedAt time.Time `json:"started_at,omitzero"`
	Own       string    `json:"own,omitempty"`     // the key that its labels and its name tell: not Key where it has another one's place
	Config    string    `json:"config,omitempty"`  // as Member has it
	Project   string    `json:"project,omitempty"` // the Compose project, or the stack of a Swarm, that it is a part of; "": none
	Settings  Settings  `json:"-"`
	Beside    []string  `json:"-"` // names of those that run beside it in its place, or are about to take it
	On        string    `json:"-"` // what people call its engine; "": there is one only, or another bot's
	Twin      bool      `json:"-"` // a container of another engine has the same name
	Away      bool      `json:"-"` // its engine does not answer, and others do: it is as it was last seen
	Elsewhere bool      `json:"-"` // another bot looks after it, and this one can't: see ElsewhereError
	Tasks     *Tasks    `json:"-"` // of a service of a Swarm; nil: it is a container

	// Carries says why nothing is done to the container: the bot runs in it, or depends on it as much; "" when it does not.
	Carries string `json:"-"`
}

// ElsewhereError says that another bot has to do it: one that reaches the container.
type ElsewhereError struct{ Key string }

func (e *ElsewhereError) Error() string { return "another bot looks after " + e.Key }

// Reason is why a snapshot was taken.
type Reason string

// The reasons for a snapshot.
const (
	PreDeploy Reason = "pre-deploy"
	Scheduled Reason = "scheduled"
	Manual    Reason = "manual"
	Baseline  Reason = "baseline"
	Before    Reason = "before" // what a restore was made away from, for its undo
)

// Snapshot is a kept state of a container. Document is the raw inspect document from that moment, in the clear: it
// holds the environment and must be shown to nobody. Times are UTC.
type Snapshot struct {
	ID           int64           `json:"-"`
	Key          string          `json:"-"` // whose
	Container    string          `json:"container"`
	Name         string          `json:"name"`
	Reason       Reason          `json:"reason"`
	Note         string          `json:"note,omitempty"`
	Unwell       string          `json:"unwell,omitempty"` // what was wrong with the container then, such as "it was unhealthy"; "": nothing to be seen
	Spiked       bool            `json:"spiked,omitempty"` // errors were at a spike's rate then
	CreatedAt    time.Time       `json:"created_at"`
	LastSeenAt   time.Time       `json:"last_seen_at,omitzero"` // when a container was last seen running well in that state; zero: when it was taken
	ExpiresAt    time.Time       `json:"expires_at,omitzero"`   // zero: as snapback.keep has it
	Pinned       bool            `json:"pinned"`
	SizeBytes    int64           `json:"size_bytes"` // of the committed layer; 0 when nothing had been written
	ImageID      string          `json:"-"`          // the exact image that a restore starts from
	ImageRef     string          `json:"-"`          // our tag on it
	Committed    bool            `json:"-"`
	ContainerID  string          `json:"-"` // the engine's ID of the container it was taken from
	Document     json.RawMessage `json:"-"`
	Locked       bool            `json:"-"` // there is a document, and none of the keys opens it: Document is empty
	RanFor       time.Duration   `json:"-"` // for how long a container was seen up and well in that state, at most
	MissingSince time.Time       `json:"-"` // when its image was found to be gone; zero while it is there
	Changes      []Change        `json:"changes"`
	Volumes      *VolumeSet      `json:"volumes,omitempty"` // nil: they were not asked for, or there are none
}

// Seen is when a container was last seen running well in that state: it was when the snapshot was taken.
func (s Snapshot) Seen() time.Time {
	if s.LastSeenAt.After(s.CreatedAt) {
		return s.LastSeenAt
	}
	return s.CreatedAt
}

// LacksVolumes says that the contents of its volumes were to be archived, and could not be.
func (s Snapshot) LacksVolumes() bool { return s.Volumes != nil && s.Volumes.ID == "" }

// Change is one attribute that differs between two states of a container, in words for people and with secrets
// masked. Either side is empty when the attribute was not there.
type Change struct {
	Attribute string `json:"attribute"` // such as image, env DB_POOL, mount /data, port 80/tcp
	Before    string `json:"before,omitempty"`
	After     string `json:"after,omitempty"`
	Masked    bool   `json:"masked,omitempty"` // the values are not shown
}

// ImageDetail says whether the change is of the image, but not of its name.
func (c Change) ImageDetail() bool {
	return c.Attribute == "image digest" || c.Attribute == "image built" || c.Attribute == "image ID"
}

// Brief leaves out what tells once more that the image is another one: its name is enough, or else what comes first of the
// rest.
func Brief(changes []Change) []Change {
	said := slices.ContainsFunc(changes, func(c Change) bool { return c.Attribute == "image" })
	var out []Change
	for _, c := range changes {
		if !c.ImageDetail() || !said {
			out = append(out, c)
		}
		said = said || c.ImageDetail()
	}
	return out
}

// String is the change in one line, such as "env DB_POOL: 20 → 2".
func (c Change) String() string {
	switch {
	case c.Masked && c.Before == "" && c.After == "":
		return c.Attribute + ": changed"
	case c.Before == "":
		return c.Attribute + ": added " + c.After
	case c.After == "":
		return c.Attribute + ": removed " + c.Before
	}
	return c.Attribute + ": " + c.Before + " → " + c.After
}

// Deploy is one replacement of a container under its identity. Times are UTC.
type Deploy struct {
	ID       int64     `json:"id"`
	Key      string    `json:"-"`
	At       time.Time `json:"at"` // when it began, by the engine's clock
	Noted    time.Time `json:"-"`  // when it was written down, by the database's clock; zero: that is not known
	BeforeID string    `json:"-"`  // the engine's IDs of both containers
	AfterID  string    `json:"-"`
	Before   string    `json:"before"` // their images, as they were named
	After    string    `json:"after"`
	Snapshot string    `json:"snapshot"` // the state from before, "" when there was none to keep
	Changes  []Change  `json:"changes"`
}

// Came is when a deploy had come for certain: what was written down came before, also when the engine's clock is ahead. It may have been
// written down long after it came, as by a bot that was away, and then the engine's clock is all there is to go by.
func (d Deploy) Came() time.Time {
	if !d.Noted.IsZero() && d.Noted.Before(d.At) {
		return d.Noted
	}
	return d.At
}

// Difference is one attribute in which a restored container is not what the snapshot recorded. Values are masked.
type Difference struct {
	Attribute string `json:"attribute"`
	Want      string `json:"want"`
	Got       string `json:"got"`
	Expected  string `json:"expected,omitempty"` // why it can't be the same; empty when it should have been
}

var nameGrammar = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// CheckName returns ErrBadName unless name may be a snapshot's.
func CheckName(name string) error {
	if !nameGrammar.MatchString(name) {
		return fmt.Errorf("%w: %q", ErrBadName, name)
	}
	return nil
}

// reserved are the names that restores give to snapshots of their own, and find them by.
var reserved = regexp.MustCompile(`^(joined-\d+|before-\d{4}(-\d+)+)$`)

// Reserved says that a name can't be asked for, since a restore might take the snapshot for its own.
func Reserved(name string) bool { return reserved.MatchString(name) }

// Both kinds of name belong to a restore: the container from before it, and the replacement until the swap.
var ours = regexp.MustCompile(`^.+\.(before-\d{4}|snapback-\d+)(-\d+)?$`)

// OurName says whether a container's name is one that only a restore gives. Such containers are evidence or work
// in progress, and are never themselves watched, listed or restored.
func OurName(name string) bool { return ours.MatchString(name) }

// KeptName is the name under which the container from before a restore stays; at is in the zone that people read.
func KeptName(container string, at time.Time, n int) string {
	name := container + ".before-" + at.Format("1504")
	if n > 1 {
		name += fmt.Sprintf("-%d", n)
	}
	return name
}

// DefaultName is the name of a snapshot that nobody named, such as pre-deploy-2255; at is in the zone that people read.
func DefaultName(reason Reason, at time.Time) string {
	return string(reason) + "-" + at.Format("1504")
}

// SameOrShort says whether id is full or a prefix of it of at least 12 digits, which is how people and tools
// write an engine's IDs.
func SameOrShort(full, id string) bool {
	return id != "" && (full == id || len(id) >= 12 && strings.HasPrefix(full, id))
}

// By is who asked for something, why, and within which incident (0: none).
type By struct {
	Actor    incidents.Actor
	Incident int64
	Reason   string
	Source   incidents.Source
}

// Because is the reason in brackets, for the end of a sentence; "" when there is none.
func (b By) Because() string {
	if b.Reason == "" {
		return ""
	}
	return " (" + b.Reason + ")"
}
