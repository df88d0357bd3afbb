package restore

import (
	"context"
	"encoding/json"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// Engine is what a restore asks of an engine, whatever is restored. It is a ContainerEngine or a ServiceEngine as well.
//
// Every act can be done twice: doing what is done already is a success. Acts on what is gone return ErrGone; every error that
// comes from an engine that can't be reached, is starting or shutting down wraps ErrEngineAway; one that denies a call,
// ErrEngineDenied.
type Engine interface {
	snapshot.Containers
	Describer
}

// ContainerEngine restores containers.
type ContainerEngine interface {
	Engine
	Maker
	Runner
	Committer
	Comparer
	Coroner
}

// ServiceEngine restores the services of a Swarm: the IDs of its containers are those of specs that a service has, or has had.
type ServiceEngine interface {
	Engine
	// Check says in words what speaks against a restore of a document, now, and what would not come back. It changes nothing.
	Check(ctx context.Context, document json.RawMessage) (snapshot.Finding, error)
	// OnNodes says in words what of a document no node has that has to be there already, and what of that nobody knows; "": nothing.
	OnNodes(ctx context.Context, document json.RawMessage) (why []string, doubt string, err error)
	// RevisionOf is the ID that the service of a document has once it is as the document says. It returns ErrGone when it was removed.
	RevisionOf(ctx context.Context, document json.RawMessage) (id string, err error)
	// Update makes a service as a document says, if it is one of from: with as many tasks as there are, or with replicas as the document
	// has it. It returns ErrReplaced when it is something else, ErrGone, and ErrMoved when it has to be asked again.
	Update(ctx context.Context, document json.RawMessage, from []string, replicas bool) error
	// Again begins the update to a document's spec anew, which the service has. It returns what Update does.
	Again(ctx context.Context, document json.RawMessage) error
	// PlacementOf is where the tasks of a document's service stood then, and may stand; nil where nobody knows.
	PlacementOf(document json.RawMessage) (*snapshot.Placement, error)
	// Tasks counts the tasks of a document's service, and says what it is now. It returns ErrGone when it was removed.
	Tasks(ctx context.Context, document json.RawMessage) (n snapshot.Tasks, id string, err error)
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

// Comparer proves afterwards that a restored container is what was asked for.
type Comparer interface {
	// Compare lists what a restored container has otherwise than the document of its snapshot says.
	Compare(want json.RawMessage, spec snapshot.Spec, got json.RawMessage) ([]snapshot.Difference, error)
}

// Describer reads documents, which are the engine's own form, for people.
type Describer interface {
	// AsBefore is the document of a container that a restore has renamed and disarmed, with the name and the restart policy
	// that it had.
	AsBefore(document json.RawMessage, name string, policy snapshot.RestartPolicy) (json.RawMessage, error)
	// Changes lists what differs between two documents, secrets masked.
	Changes(before, after json.RawMessage) ([]snapshot.Change, error)
	// ImageOf is the image of a document's container, as it was known then.
	ImageOf(document json.RawMessage) (snapshot.Image, error)
	// Tail returns the last lines that a container wrote, secrets of its environment masked.
	Tail(ctx context.Context, id string, lines int) (string, error)
}

// Coroner knows how containers ended.
type Coroner interface {
	// LastExit is the exit code with which a container ended last, also when the engine has restarted it since; told is false when
	// the engine does not remember. In is what Inspect has just returned.
	LastExit(ctx context.Context, in snapshot.Inspection) (code int, told bool, err error)
}

// Journal keeps restores so that they outlive the bot that runs them.
type Journal interface {
	Restores
	Past
	Leases
	LateActs
}

// Restores opens restores, and reads them.
type Restores interface {
	// Open writes a restore in state Requested together with its audit entry, and returns it with its ID. It returns an
	// *InProgressError when another one of that container is not over, the earlier restore when idempotency was used
	// before for the same wish, and ErrKeyReused when it was for another one.
	Open(ctx context.Context, r Restore, idempotency string) (opened Restore, fresh bool, err error)
	// Answered says whether Open would make no new restore: the wish was opened before, or another restore of the container
	// is not over.
	Answered(ctx context.Context, key, idempotency string) (bool, error)
	// RestoresAttended says whether a bot was heard of lately that takes up restores of the container with that key, and for that label.
	RestoresAttended(ctx context.Context, key, only string) (bool, error)
	// AttendedFor is the label of a bot that was heard of lately and looks after the container with that key. It returns
	// snapshot.ErrEngineAway when none does.
	AttendedFor(ctx context.Context, key string) (only string, err error)
	// Restore reads one. It returns ErrUnknownRestore.
	Restore(ctx context.Context, id int64) (Restore, error)
	// Last is what was done last to a container: its newest restore that was verified, reverted or has failed. Running says
	// that another one is not over. It returns ErrUnknownRestore when there was none.
	Last(ctx context.Context, key string) (last Restore, running bool, err error)
}

// Leases let one bot at a time run a restore.
type Leases interface {
	// Claimable lists restores within scope that are not over and that nobody runs, and those that its bot ran when it died;
	// less those with contents of volumes in another bot's vault.
	Claimable(ctx context.Context, scope Scope) ([]int64, error)
	// Untaken lists those in state Requested that nobody runs and that were asked for longer than after ago, of all engines.
	Untaken(ctx context.Context, after time.Duration) ([]Restore, error)
	// Claim makes bot the one that runs the restore, for lease, and raises its epoch. It returns ErrFenced while
	// another bot's lease runs.
	Claim(ctx context.Context, id int64, bot string, lease time.Duration) (Restore, error)
	// Renew prolongs the lease. It returns ErrFenced when the epoch is no longer the current one.
	Renew(ctx context.Context, id, epoch int64, lease time.Duration) error
	// Advance writes r with its new state, its occupant, the entry, and whatever has to be told, all or nothing. It returns ErrFenced
	// when the epoch is no longer the current one, and refuses what the transition table refuses.
	Advance(ctx context.Context, r Restore, to State, entry incidents.Entry) (Restore, error)
}

// LateActs remembers which bots may have acted on a restore when it was no longer theirs.
type LateActs interface {
	// WithLateActs lists restores within scope that are over and were taken from its bot, or longer than after ago from any.
	WithLateActs(ctx context.Context, scope Scope, after time.Duration) ([]int64, error)
	// WasLate says that bot has acted on a restore that was another one's by then.
	WasLate(ctx context.Context, id int64, bot string) error
	// Settled forgets that a restore was taken from bot, and from the others when that is longer than after ago.
	Settled(ctx context.Context, id int64, bot string, after time.Duration) error
}

// Snapshots reads what is to be restored.
type Snapshots interface {
	// Snapshot reads one of a container's by name. It returns ErrUnknownSnapshot.
	Snapshot(ctx context.Context, key, name string) (snapshot.Snapshot, error)
	// SnapshotByID reads one, also when it was deleted meanwhile: a running restore goes on with what it began with.
	SnapshotByID(ctx context.Context, id int64) (snapshot.Snapshot, error)
}

// LeftoverEngine is what Leftovers ask of the engine.
type LeftoverEngine interface {
	snapshot.Inspector
	// Untag removes our tag. It returns ErrInUse while the tag is the only name of an image that a container uses.
	Untag(ctx context.Context, ref string) error
	// Remove removes the container, running or not, and leaves its volumes. Missing is success.
	Remove(ctx context.Context, id string) error
}

// LeftoverStore is what the journal knows of what restores have left.
type LeftoverStore interface {
	// KeptOver lists restores whose container from before may go: its time is over and its incident is resolved.
	KeptOver(ctx context.Context) ([]Restore, error)
	// KeptGone notes that the container from before is not kept any more, with its entry.
	KeptGone(ctx context.Context, id int64, e incidents.Entry) error
	// KeptLeft lists recent restores whose container from before is no longer kept, and that were not undone.
	KeptLeft(ctx context.Context) ([]Restore, error)
	// Leavings lists recent restores that are over and may have left a replacement under its first name, or a copy's image.
	Leavings(ctx context.Context) ([]Restore, error)
	// Restoring says whether a restore of an identity is under way.
	Restoring(ctx context.Context, key string) (bool, error)
}
