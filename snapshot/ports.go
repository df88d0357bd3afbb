package snapshot

import "context"

// What several rooms ask of the engine and of the database. What only one of them asks stands there.

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

// Inspector looks a container up by ID or exact name. It returns ErrUnknownContainer when there is none.
type Inspector interface {
	Inspect(ctx context.Context, idOrName string) (Inspection, error)
}

// Store is where snapshots are kept.
type Store interface {
	// Snapshot reads one of a container's by name. It returns ErrUnknownSnapshot.
	Snapshot(ctx context.Context, key, name string) (Snapshot, error)
	// SnapshotByID reads one, also when it was deleted meanwhile: a running restore goes on with what it began with.
	SnapshotByID(ctx context.Context, id int64) (Snapshot, error)
	// Snapshots lists a container's, newest first.
	Snapshots(ctx context.Context, key string) ([]Snapshot, error)
	// BeginTag notes that the tag of one is about to be put on the engine, until AddSnapshot has written it, or Untagged.
	BeginTag(ctx context.Context, s Snapshot) error
	// AddSnapshot writes one with its timeline entry. It returns ErrNameTaken.
	AddSnapshot(ctx context.Context, s Snapshot, by By) (Snapshot, error)
	// RemoveSnapshot forgets one, with its timeline entry, but for its tag: see Untagged. It returns ErrUnknownSnapshot, and ErrInUse
	// while a restore from it runs.
	RemoveSnapshot(ctx context.Context, id int64, by By) error
	// Untagged notes that the engine does not have the tag any more of one that is not kept.
	Untagged(ctx context.Context, key, ref string) error
}

// Lock keeps bots, and the parts of one bot, from doing the same thing at the same time.
type Lock interface {
	// Alone runs do unless somebody is at the same thing right now, which also may be another part of this bot; then it
	// returns ErrElsewhere at once. What a bot was at when it died is free at once.
	Alone(ctx context.Context, what string, do func(context.Context) error) error
}
