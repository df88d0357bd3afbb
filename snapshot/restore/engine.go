package restore

import (
	"context"
	"encoding/json"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// Engine is everything that a restore asks of a container engine. Every act can be done twice: doing what is done already
// is a success. Acts on a container that is gone return ErrGone; every error that comes from an engine that can't be
// reached, is starting or shutting down wraps ErrEngineAway; one that denies a call, ErrEngineDenied.
type Engine interface {
	snapshot.Containers
	Maker
	Runner
	Committer
	Describer
}

// Maker makes and removes containers.
type Maker interface {
	// Check is the preflight: can spec be created and started under name, now?
	Check(ctx context.Context, name string, spec snapshot.Spec) (snapshot.Finding, error)
	// Create makes a container from spec under name, with all its networks, and does not start it. A container of
	// that name that is there already is taken for the one from an earlier try, and completed.
	Create(ctx context.Context, name string, spec snapshot.Spec) (id string, err error)
	// Remove removes the container, running or not, and leaves its volumes.
	Remove(ctx context.Context, id string) error
}

// Runner changes what runs, and under which name.
type Runner interface {
	SetRestartPolicy(ctx context.Context, id string, policy snapshot.RestartPolicy) error
	// Stop asks the container to end, and kills it after timeout. A paused one is resumed first. Stop and Remove return
	// ErrCarriesBot for what the bot depends on.
	Stop(ctx context.Context, id string, timeout time.Duration) error
	Start(ctx context.Context, id string) error
	Rename(ctx context.Context, id, name string) error
}

// Committer makes images of containers that would otherwise be gone.
type Committer interface {
	// Commit makes an image of the container's own layer under our tag, and returns the image's ID and the layer's size.
	Commit(ctx context.Context, id, ref string, pause bool) (imageID string, bytes int64, err error)
	// Untag removes our tag, and the image with it if nothing else needs it. Missing is success.
	Untag(ctx context.Context, ref string) error
}

// Describer reads documents, which are the engine's own form, for people.
type Describer interface {
	// Compare lists what a restored container has otherwise than the document of its snapshot says.
	Compare(want json.RawMessage, spec snapshot.Spec, got json.RawMessage) ([]snapshot.Difference, error)
	// AsBefore is the document of a container that a restore has renamed and disarmed, with the name and the restart policy
	// that it had.
	AsBefore(document json.RawMessage, name string, policy snapshot.RestartPolicy) (json.RawMessage, error)
	// Changes lists what differs between two documents, secrets masked.
	Changes(before, after json.RawMessage) ([]snapshot.Change, error)
	// Tail returns the last lines that a container wrote, secrets of its environment masked.
	Tail(ctx context.Context, id string, lines int) (string, error)
}
