package snapshot

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Inspection is what the engine says of one container, enabled or not. Document is its raw inspect document.
type Inspection struct {
	Container
	Enabled       bool
	Document      json.RawMessage
	ExitCode      int
	Restarts      int // how often the engine has restarted it since it was started by hand
	RestartPolicy RestartPolicy
	StopTimeout   int // seconds, its own; -1 when it has none
	AutoRemove    bool
	HasCheck      bool          // a health check is configured
	CheckFor      time.Duration // with one: how long after its start its settings may leave it without a verdict
	Labels        map[string]string
	FinishedAt    time.Time // when it last ended, by the engine's clock; zero when it never did

	// Up is for how long it has been running, by any clock: the engine's may be another one than the bot's. 0 when it doesn't.
	Up time.Duration
}

// steady is how long a container that the engine had to restart must have been up since not to be taken for crashing.
const steady = 10 * time.Minute

// Unwell says what speaks against going back to a container as it is at that moment; "" when nothing does. One that was
// stopped has ended by a signal that asked it to.
func (i Inspection) Unwell(at time.Time) string {
	switch ended := i.State == "exited" || i.State == "created"; {
	case i.State == "restarting", i.Restarts > 0 && at.Sub(i.StartedAt) < steady:
		return "it was crashing: the engine had to restart it"
	case i.State == "dead":
		return "it was dead"
	case ended && !slices.Contains(stopped, i.ExitCode):
		return fmt.Sprintf("it had ended with exit code %d", i.ExitCode)
	case i.State == "running" && i.Health == "unhealthy": // the engine also calls those so that were stopped
		return "it was unhealthy"
	}
	return ""
}

// stopped are the exit codes of a container that somebody stopped: of its own accord, and by SIGINT, SIGKILL and SIGTERM.
var stopped = []int{0, 128 + 2, 128 + 9, 128 + 15}

// RestartPolicy is when the engine restarts a container by itself, in Docker's words.
type RestartPolicy struct {
	Name       string `json:"Name"` // no, always, on-failure, unless-stopped
	MaxRetries int    `json:"MaximumRetryCount"`
}

// Spec is what a replacement is made from: a snapshot's document and the exact image.
type Spec struct {
	Document json.RawMessage
	ImageID  string
	ImageRef string // our tag on that image, for when the deploy's own name for it has moved on
	Replaces string // the engine's ID of the running container whose place it will take; "" when there is none
	Plain    bool   // without auto-remove and without a restart policy: a copy that must not go away by itself
}

// Finding is what preflight found. Problems stop a restore; Losses are what will not come back, for people to
// know beforehand; Joined are containers that share a namespace with the one to be replaced.
type Finding struct {
	Problems []string
	Losses   []string
	Joined   []Container
}

// Containers finds what runs.
type Containers interface {
	// Ping asks the engine for a sign of life.
	Ping(ctx context.Context) error
	// ID is the engine's own, with which the Key of each of its containers begins.
	ID(ctx context.Context) (string, error)
	// List returns all enabled containers, whatever their state, without those that a restore has set aside.
	List(ctx context.Context) ([]Container, error)
	// Inspect looks a container up by ID or exact name. Both say what carries the bot. It returns ErrUnknownContainer when there is none.
	Inspect(ctx context.Context, idOrName string) (Inspection, error)
}

// Images keeps and forgets the state of a container's files.
type Images interface {
	// Written says whether anything was written to the container's own layer since it was created.
	Written(ctx context.Context, id string) (bool, error)
	// Tag puts our tag on an image that is there. It returns ErrGone when it is not.
	Tag(ctx context.Context, imageID, ref string) error
	// Commit makes an image of the container's own layer under our tag, and returns the image's ID and the layer's size.
	Commit(ctx context.Context, id, ref string, pause bool) (imageID string, bytes int64, err error)
	// KeepMounted tags the images that a document's container has mounted, for as long as our tag ref is not taken away.
	KeepMounted(ctx context.Context, document json.RawMessage, ref string) error
	// HasImage says whether the exact image is there.
	HasImage(ctx context.Context, imageID string) (bool, error)
	// Untag removes our tag, and the image with it if nothing else needs it. Missing is success.
	Untag(ctx context.Context, ref string) error
}

// Swapper does the single acts that a restore consists of. Every act can be done twice: doing what is done already
// is a success. Acts on a container that is gone return ErrGone; every error that comes from an engine that can't
// be reached, is starting or shutting down wraps ErrEngineAway; one that denies a call, ErrEngineDenied.
type Swapper interface {
	// Check is the preflight: can spec be created and started under name, now?
	Check(ctx context.Context, name string, spec Spec) (Finding, error)
	// Create makes a container from spec under name, with all its networks, and does not start it. A container of
	// that name that is there already is taken for the one from an earlier try, and completed.
	Create(ctx context.Context, name string, spec Spec) (id string, err error)
	SetRestartPolicy(ctx context.Context, id string, policy RestartPolicy) error
	// Stop asks the container to end, and kills it after timeout. A paused one is resumed first. Stop and Remove return
	// ErrCarriesBot for what the bot depends on.
	Stop(ctx context.Context, id string, timeout time.Duration) error
	Start(ctx context.Context, id string) error
	Rename(ctx context.Context, id, name string) error
	// Remove removes the container, running or not, and leaves its volumes.
	Remove(ctx context.Context, id string) error
}

// Describer reads documents, which are the engine's own form, for people.
type Describer interface {
	// Compare lists what a restored container has otherwise than the document of its snapshot says.
	Compare(want json.RawMessage, spec Spec, got json.RawMessage) ([]Difference, error)
	// AsBefore is the document of a container that a restore has renamed and disarmed, with the name and the restart policy
	// that it had.
	AsBefore(document json.RawMessage, name string, policy RestartPolicy) (json.RawMessage, error)
	// Changes lists what differs between two documents, secrets masked.
	Changes(before, after json.RawMessage) ([]Change, error)
	// Tail returns the last lines that a container wrote, secrets of its environment masked.
	Tail(ctx context.Context, id string, lines int) (string, error)
}

// Engine is everything that this package asks of a container engine.
type Engine interface {
	Containers
	Images
	Swapper
	Describer
}
