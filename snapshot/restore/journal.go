package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// ErrFenced says that another bot runs the restore by now. Whoever gets it must not touch the engine any more.
var ErrFenced = errors.New("another bot has taken the restore over")

// Kind tells a restore of a snapshot from the undo of an earlier restore.
type Kind string

// The kinds of restores.
const (
	Restoring Kind = "restore"
	Undoing   Kind = "undo" // puts the container back that an earlier restore set aside
)

// Restore is one run of the machine, and its row in the journal. Times are UTC.
type Restore struct {
	ID          int64
	Kind        Kind
	UndoOf      int64 // with Undoing: the restore that is undone
	Key         string
	Container   string // the name that is restored
	SnapshotID  int64
	Snapshot    string // its name; with Undoing the kept container's name
	State       State
	Epoch       int64 // the fencing token: raised whenever a bot takes the restore over
	By          snapshot.By
	RequestedAt time.Time
	EnteredAt   time.Time // when it came into its state
	StartedAt   time.Time // when the replacement was started; zero until then
	VerifiedAt  time.Time
	Only        string // as the Config of the bot that opened it
	Seen        string // the engine's ID of the container that the person saw; "" when none was named
	Plan        Plan
	Phases      []Phase
	Differences []snapshot.Difference
	Error       string   // why it was refused, reverted or failed
	WhyNot      []string // with Refused: every reason
	Downtime    time.Duration
	KeptUntil   time.Time // when the container from before may go; zero once it is gone or back in service
	UndoneByID  int64     // the undo that has put the container from before back, or 0
	Proof       string    // how it was verified, in words
}

// passed says whether the restore has left a state behind it.
func (r Restore) passed(s State) bool {
	return slices.ContainsFunc(r.Phases, func(p Phase) bool { return p.State == s })
}

// Unexpected are those differences that should not be there.
func (r Restore) Unexpected() []snapshot.Difference {
	return slices.DeleteFunc(slices.Clone(r.Differences), func(d snapshot.Difference) bool { return d.Expected != "" })
}

// SameWish says whether o was asked for as r is: the same container to be as in the same snapshot, or the same restore to
// be undone.
func (r Restore) SameWish(o Restore) bool {
	if r.Key != o.Key || r.Kind != o.Kind || r.UndoOf != o.UndoOf {
		return false
	}
	return r.Kind == Undoing || r.SnapshotID == o.SnapshotID && (r.Plan.Volumes == nil) == (o.Plan.Volumes == nil)
}

// Plan is what preflight and prepare have found out: all that a bot needs to carry on where another one died.
type Plan struct {
	OldID       string                 `json:"old_id,omitempty"`     // "" when no container was there
	OldName     string                 `json:"old_name,omitempty"`   // "": the restored container's
	OldStarted  time.Time              `json:"old_started,omitzero"` // when it was started, by the engine's clock
	OldPolicy   snapshot.RestartPolicy `json:"old_policy"`
	OldRunning  bool                   `json:"old_running"`
	OldWasGone  bool                   `json:"old_was_gone,omitempty"`
	StopTimeout int                    `json:"stop_timeout"` // seconds
	KeptName    string                 `json:"kept_name,omitempty"`
	TempName    string                 `json:"temp_name,omitempty"`
	NewID       string                 `json:"new_id,omitempty"`
	NewPolicy   snapshot.RestartPolicy `json:"new_policy"`
	AutoRemove  bool                   `json:"auto_remove,omitempty"` // the old one vanishes when it stops; StandInID is its plain copy
	StandInID   string                 `json:"stand_in_id,omitempty"`
	StandInRef  string                 `json:"stand_in_ref,omitempty"`
	AdoptID     string                 `json:"adopt_id,omitempty"`  // with Undoing: the kept container that takes the name; "" makes one from the snapshot
	BeforeID    int64                  `json:"before_id,omitempty"` // the snapshot that the old container has become; 0 while it is a container
	Losses      []string               `json:"losses,omitempty"`
	Joined      []JoinedPlan           `json:"joined,omitempty"`
	Volumes     *VolumePlan            `json:"volumes,omitempty"`    // nil: their contents stay as they are
	HealthFor   time.Duration          `json:"health_for,omitempty"` // how long the replacement's health check is waited for; 0: it has none
}

// JoinedPlan is a container that shares a namespace with the one being replaced, and has to be made anew after it.
type JoinedPlan struct {
	Key     string `json:"key"`
	ID      string `json:"id"`
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"`
	Running bool   `json:"running,omitempty"`
}

// Phase is how long a restore was in a state.
type Phase struct {
	State State     `json:"state"`
	At    time.Time `json:"at"`
	Ms    int64     `json:"ms"`
}

// InProgressError tells whose restore is running already. It wraps ErrInProgress.
type InProgressError struct{ Running Restore }

func (e *InProgressError) Error() string {
	return fmt.Sprintf("%s is being restored to %s by %s since %s",
		e.Running.Container, e.Running.Snapshot, e.Running.By.Actor.Name, e.Running.RequestedAt.Format("15:04:05 MST"))
}

// Unwrap makes errors.Is(err, ErrInProgress) hold.
func (e *InProgressError) Unwrap() error { return snapshot.ErrInProgress }

// RefusedError carries every reason why a restore was refused. It wraps ErrNotRestorable.
type RefusedError struct{ Reasons []string }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%v: %v", snapshot.ErrNotRestorable, e.Reasons)
}

// Unwrap makes errors.Is(err, ErrNotRestorable) hold.
func (e *RefusedError) Unwrap() error { return snapshot.ErrNotRestorable }

// Journal keeps restores so that they outlive the bot that runs them.
type Journal interface {
	Restores
	Leases
	LateActs
}

// Restores opens restores, and reads them.
type Restores interface {
	// Open writes a restore in state Requested together with its audit entry, and returns it with its ID. It returns an
	// *InProgressError when another one of that container is not over, the earlier restore when idempotency was used
	// before for the same wish, and ErrKeyReused when it was for another one.
	Open(ctx context.Context, r Restore, idempotency string) (opened Restore, fresh bool, err error)
	// Restore reads one. It returns ErrUnknownRestore.
	Restore(ctx context.Context, id int64) (Restore, error)
	// Last is what was done last to a container: its newest restore that was verified, reverted or has failed. Running says
	// that another one is not over. It returns ErrUnknownRestore when there was none.
	Last(ctx context.Context, key string) (last Restore, running bool, err error)
}

// Leases let one bot at a time run a restore.
type Leases interface {
	// Claimable lists restores within reach that are not over and that nobody runs, and those that its bot ran when it died;
	// less those with contents of volumes in another bot's vault.
	Claimable(ctx context.Context, reach Reach) ([]int64, error)
	// Claim makes bot the one that runs the restore, for lease, and raises its epoch. It returns ErrFenced while
	// another bot's lease runs.
	Claim(ctx context.Context, id int64, bot string, lease time.Duration) (Restore, error)
	// Renew prolongs the lease. It returns ErrFenced when the epoch is no longer the current one.
	Renew(ctx context.Context, id, epoch int64, lease time.Duration) error
	// Advance writes r with its new state, the entry, and whatever has to be told, all or nothing. It returns ErrFenced
	// when the epoch is no longer the current one, and refuses what the transition table refuses.
	Advance(ctx context.Context, r Restore, to State, entry incidents.Entry) (Restore, error)
}

// LateActs remembers which bots may have acted on a restore when it was no longer theirs.
type LateActs interface {
	// Late lists restores within reach that are over and were taken from its bot, or longer than after ago from any.
	Late(ctx context.Context, reach Reach, after time.Duration) ([]int64, error)
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
