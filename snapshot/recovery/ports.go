package recovery

import (
	"context"
	"encoding/json"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// Engine is what a Duplicator asks of the engine.
type Engine interface {
	DuplicateStore
	// ID is the engine's own.
	ID(ctx context.Context) (string, error)
	// HasImage says whether the exact image is there.
	HasImage(ctx context.Context, imageID string) (bool, error)
	// Tag puts our tag on an image that is there. It returns ErrGone when it is not.
	Tag(ctx context.Context, imageID, ref string) error
	// TagMounted tags the images that a document's container has mounted, for as long as our tag ref is not taken away.
	TagMounted(ctx context.Context, document json.RawMessage, ref string) error
	// Describe reads a document as Inspect read the container then. Enabled is false for one that this bot may not touch.
	Describe(document json.RawMessage) (snapshot.Inspection, error)
}

// Store is what a Duplicator asks of the database.
type Store interface {
	snapshot.Store
	// ToDuplicate lists an engine's snapshots without their documents.
	ToDuplicate(ctx context.Context, engine string) ([]snapshot.Snapshot, error)
	// Remembered picks those whose snapshot is, or was, in the database.
	Remembered(ctx context.Context, list []snapshot.Duplicate) ([]snapshot.Duplicate, error)
	// Attended lists the engines that bots reach right now, by their names.
	Attended(ctx context.Context) ([]string, error)
	// Readd writes what it does not have: snapshots by their names, and the occupants of identities that it has never seen,
	// with one entry, all or nothing. When there is no such snapshot, it writes nothing at all.
	Readd(ctx context.Context, list []snapshot.Snapshot, occupants []snapshot.Occupant, entry func(added []snapshot.Snapshot) incidents.Entry) (added []snapshot.Snapshot, err error)
}

// DuplicateStore is where an engine keeps duplicates.
type DuplicateStore interface {
	// Duplicates lists those that are there, whosever they are.
	Duplicates(ctx context.Context) ([]snapshot.Duplicate, error)
	// AddDuplicate keeps one. One of that name that is there already is the same.
	AddDuplicate(ctx context.Context, d snapshot.Duplicate) error
	// RemoveDuplicate removes one. Missing is success.
	RemoveDuplicate(ctx context.Context, name string) error
}

// Sealer encrypts what must not be readable at rest; about binds it to what it belongs to.
type Sealer interface {
	Seal(purpose, about string, text []byte) ([]byte, error)
	Open(purpose, about string, sealed []byte) ([]byte, error)
}
