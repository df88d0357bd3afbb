package snapshot

import "context"

// Shelf is where snapshots are kept.
type Shelf interface {
	// Snapshot reads one of a container's by name. It returns ErrUnknownSnapshot.
	Snapshot(ctx context.Context, key, name string) (Snapshot, error)
	// SnapshotByID reads one, also when it was deleted meanwhile: a running restore goes on with what it began with.
	SnapshotByID(ctx context.Context, id int64) (Snapshot, error)
	// Snapshots lists a container's, newest first.
	Snapshots(ctx context.Context, key string) ([]Snapshot, error)
	// AddSnapshot writes one with its timeline entry. It returns ErrNameTaken.
	AddSnapshot(ctx context.Context, s Snapshot, by By) (Snapshot, error)
	// RemoveSnapshot forgets one, with its timeline entry. It returns ErrUnknownSnapshot, and ErrInUse while a restore
	// from it runs.
	RemoveSnapshot(ctx context.Context, id int64, by By) error
	// Alone runs do unless somebody is at the same thing right now, which also may be another part of this bot; then it
	// returns ErrElsewhere at once. What a bot was at when it died is free at once.
	Alone(ctx context.Context, what string, do func(context.Context) error) error
}
