package watch

import (
	"context"
	"encoding/json"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// Engine is what the watch asks of the engine.
type Engine interface {
	snapshot.Inspector
	Observer
	Images
	// Ping asks for a sign of life.
	Ping(ctx context.Context) error
	// ID is the engine's own.
	ID(ctx context.Context) (string, error)
	// List asks about every enabled container, and remembers about which ones the engine does not answer.
	List(ctx context.Context) ([]snapshot.Container, error)
	// Changes lists what differs between two documents, secrets masked.
	Changes(before, after json.RawMessage) ([]snapshot.Change, error)
	// FormerKey reads the container of a document, and the key that earlier releases gave it; its Key where that is the same.
	FormerKey(document json.RawMessage) (former string, c snapshot.Container, err error)
}

// Observer shows what is there, and what happens.
type Observer interface {
	// Follow hands over what happens from since on, and returns when ctx is over or the engine has gone.
	Follow(ctx context.Context, since time.Time, see func(snapshot.Event)) error
	// Observe lists the enabled containers that stand for an identity, given what is on record, and those that wait beside
	// them; also those that other bots are for, without those that a restore has set aside.
	Observe(ctx context.Context, record []snapshot.Seat) ([]snapshot.Observation, error)
}

// Images says which images are there.
type Images interface {
	// HasImage says whether the exact image is there.
	HasImage(ctx context.Context, imageID string) (bool, error)
}

// Taker takes snapshots and removes them.
type Taker interface {
	// Take keeps the state of a container. It returns ErrCommitsBusy when others are taken for too long.
	Take(ctx context.Context, c snapshot.Container, ask snapshot.TakeRequest) (snapshot.Snapshot, error)
	// Copy keeps what a snapshot holds under another name. It returns ErrGone when the image is not there any more.
	Copy(ctx context.Context, from snapshot.Snapshot, ask snapshot.TakeRequest) (snapshot.Snapshot, error)
	// Delete removes one. It returns ErrUnknownSnapshot, and ErrInUse while a restore from it runs.
	Delete(ctx context.Context, key, name string, by snapshot.By) error
	// RemoveTag removes the tag of one that is not kept. It returns ErrElsewhere while another one has the name, or takes it, and ErrInUse
	// while the tag is the only name of an image that a container uses.
	RemoveTag(ctx context.Context, key, name, ref string) error
}

// Store is what the watch asks of the database.
type Store interface {
	snapshot.Lock
	Snapshots
	Identities
	Events
	Restores
	Ticks
	Retention
	MissingImages
	LeftTags
}

// Snapshots reads what is kept, and notes that it was seen again.
type Snapshots interface {
	// SeeWell notes that a container runs well at a moment, and for how long it has: its baseline holds that state.
	SeeWell(ctx context.Context, key, containerID string, at time.Time, ran time.Duration) error
	// MarkSpiked notes that errors were at a spike's rate while a container ran of which there are snapshots, unless it has run
	// well for as long as proved before: it was started again since.
	MarkSpiked(ctx context.Context, key, containerID string, proved time.Duration) error
	// SeenAs notes of a snapshot what was seen of another one that holds the same and goes.
	SeenAs(ctx context.Context, id int64, at time.Time, ran time.Duration) error
	// Snapshots lists a container's, newest first.
	Snapshots(ctx context.Context, key string) ([]snapshot.Snapshot, error)
}

// Identities remembers what ran under each identity, so that a bot that was away can tell what has changed.
type Identities interface {
	// Identities lists all identities of an engine.
	Identities(ctx context.Context, engine string) ([]snapshot.Identity, error)
	// Occupant reads which container an identity stands for. It returns ErrUnknownContainer.
	Occupant(ctx context.Context, key string) (snapshot.Occupant, error)
	// SetOccupant writes down which container it stands for now.
	SetOccupant(ctx context.Context, s snapshot.Occupant) error
	// Rekey moves all that is known of an identity to the container's own Key, all or nothing: snapshots, deploys, restores, ticks
	// and errors. Where that Key is on record already, its container stays, and the moved one counts as one before it. It returns
	// ErrInProgress while a restore of either runs, and an error when a snapshot can't be opened, which then stays with all others.
	Rekey(ctx context.Context, was string, c snapshot.Container) error
	// Dissolve forgets an identity that has no snapshots.
	Dissolve(ctx context.Context, key string) error
	// NotePresent notes which identities of an engine are there; all others are gone. Of those that are there, it notes which
	// ones are within the scope, and that the others are not.
	NotePresent(ctx context.Context, engine string, keys []string, scope string, within []string) error
}

// Events remembers up to when the engine's events have been seen.
type Events interface {
	EventsSeen(ctx context.Context, engine string) (time.Time, error)
	SeeEvents(ctx context.Context, engine string, to time.Time) error
}

// Restores is what restores have had to do with an identity.
type Restores interface {
	// Restoring says whether a restore of an identity is under way.
	Restoring(ctx context.Context, key string) (bool, error)
	// MadeByRestore says whether a restore has made the container, or put it back.
	MadeByRestore(ctx context.Context, key, containerID string) (bool, error)
	// Undone is the deploy that the last restore of an identity has undone; false when there is none, or when that
	// restore was undone itself.
	Undone(ctx context.Context, key string) (snapshot.Undone, bool, error)
	// Holds lists the holds on an identity's deploys, newest first, with their documents.
	Holds(ctx context.Context, key string) ([]snapshot.Hold, error)
	// FollowHolds notes that what came back of a hold runs as another container, which was made alike.
	FollowHolds(ctx context.Context, key, from, to string) error
	// RestoredTo is the snapshot that a restore has made the container from; false when none has, or when it is not kept any more.
	RestoredTo(ctx context.Context, key, containerID string) (snapshot.Snapshot, bool, error)
	// LeftBehind lists, by the engine's IDs, the containers that restores were made away from, less those that were put back.
	LeftBehind(ctx context.Context, key string) ([]string, error)
}

// Ticks is where it is written down which ticks of a schedule have been taken, and what else must be done once.
type Ticks interface {
	// Once notes that what was done for the moment at, and returns false when that was noted before.
	Once(ctx context.Context, what string, at time.Time) (bool, error)
	// LastTick is the latest moment noted; zero when there is none.
	LastTick(ctx context.Context, what string) (time.Time, error)
}

// Retention is what the database knows of what may go.
type Retention interface {
	// KnownContainers lists the containers of an engine as they were last seen, also those that are gone.
	KnownContainers(ctx context.Context, engine string) ([]snapshot.Container, error)
	// Kept lists the snapshots of an engine by key, newest first, without what is sealed in them and what has changed.
	Kept(ctx context.Context, engine string) (map[string][]snapshot.Snapshot, error)
	// Referred lists the snapshots of an identity that an open incident refers to, by ID.
	Referred(ctx context.Context, key string) (map[int64]bool, error)
	// Sweep forgets containers that have been gone for a week, or for as long as they are shown, and left no snapshot; what was
	// sealed in removed snapshots; and ticks of long ago.
	Sweep(ctx context.Context, engine string, shown time.Duration) error
}

// MissingImages notes which snapshots have lost their image.
type MissingImages interface {
	// Held lists all snapshots of an engine, without what is sealed in them.
	Held(ctx context.Context, engine string) ([]Held, error)
	// MarkMissing notes whether a snapshot's image is gone. It returns whether that was news.
	MarkMissing(ctx context.Context, id int64, missing bool) (news bool, err error)
	// MarkGone notes that the images of snapshots are gone, with the entry unless all of that was known.
	MarkGone(ctx context.Context, ids []int64, e incidents.Entry) error
}

// LeftTags knows which tags are still on the engine of snapshots that are not kept.
type LeftTags interface {
	// TagsLeft lists the tags of an engine's snapshots that were removed, or begun a day ago and never written down, less those that
	// another snapshot bears by now, or is about to.
	TagsLeft(ctx context.Context, engine string) ([]LeftTag, error)
}
