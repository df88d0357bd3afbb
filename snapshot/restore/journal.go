package restore

import (
	"errors"
	"fmt"
	"slices"
	"time"

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

	// Occupant is what runs under the identity once it is verified. The journal writes it down together with that state, and
	// never reads it back; nil leaves to the watch what runs.
	Occupant *snapshot.Occupant

	// Hold is the deploy that it has rolled back, and Lifted are the holds that it has ended by bringing back what they held. They
	// are written down with that state as well.
	Hold   *snapshot.Hold
	Lifted []snapshot.Hold
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
	return r.Kind == Undoing || r.SnapshotID == o.SnapshotID && (r.Plan.Volumes == nil) == (o.Plan.Volumes == nil) && r.Plan.Replicas == o.Plan.Replicas
}

// Plan is what has been found out: all that a bot needs to carry on where another one died.
type Plan struct {
	Service     bool                   `json:"service,omitempty"`    // it is a service of a Swarm
	Replicas    bool                   `json:"replicas,omitempty"`   // of a service: with as many tasks as the snapshot's spec has, not as there are now
	Anew        bool                   `json:"anew,omitempty"`       // it was what ran already, and was asked for all the same
	Afar        bool                   `json:"afar,omitempty"`       // asked for at a bot that could not see whether it would change anything
	Force       bool                   `json:"force,omitempty"`      // with Afar: asked for also if it would change nothing
	Undoes      string                 `json:"undoes,omitempty"`     // with Undoing: the name of the snapshot whose restore is undone
	Brings      string                 `json:"brings,omitempty"`     // with Undoing: the image that runs again, as its deploy named it
	OldRef      string                 `json:"old_ref,omitempty"`    // the old container's image, as its deploy named it
	OldID       string                 `json:"old_id,omitempty"`     // "" when no container was there
	OldName     string                 `json:"old_name,omitempty"`   // "": the restored container's
	OldStarted  time.Time              `json:"old_started,omitzero"` // when it was started, by the engine's clock
	OldImage    string                 `json:"old_image,omitempty"`  // the ID of its image
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
	Doubt       string                 `json:"doubt,omitempty"`  // of a service: what the preflight could not find out, as what follows "but not"; "": nothing
	Unheld      string                 `json:"unheld,omitempty"` // why what was rolled back could not be put on hold; "": it could, or nothing was to be
	Joined      []JoinedPlan           `json:"joined,omitempty"`
	Place       snapshot.Place         `json:"place,omitzero"`       // what the old one's tool finds it by; zero when it was gone
	Beside      []string               `json:"beside,omitempty"`     // names of those of the same line that run beside it, and are left alone
	Volumes     *VolumePlan            `json:"volumes,omitempty"`    // nil: their contents stay as they are
	Unretired   string                 `json:"unretired,omitempty"`  // why the container from before still is one of Compose's; "": it is not
	Unremoved   []Unremoved            `json:"unremoved,omitempty"`  // what Leftovers try again
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

// left is r with the phase that it leaves now.
func (r Restore) left() Restore {
	r.Phases = append(slices.Clone(r.Phases), Phase{r.State, r.EnteredAt, time.Since(r.EnteredAt).Milliseconds()})
	return r
}

// InProgressError tells whose restore is running already. It wraps ErrInProgress.
type InProgressError struct{ Running Restore }

func (e *InProgressError) Error() string {
	return fmt.Sprintf("%s is being restored to %s by %s since %s",
		e.Running.Container, e.Running.Snapshot, e.Running.By.Actor.Name, e.Running.RequestedAt.Format("15:04:05 MST"))
}

// Unwrap makes errors.Is(err, ErrInProgress) hold.
func (e *InProgressError) Unwrap() error { return snapshot.ErrInProgress }

// AlreadyThereError says that a restore would change nothing. It wraps ErrAlreadyThere.
type AlreadyThereError struct {
	Container, Snapshot string
	Service             bool // of a Swarm
}

func (e *AlreadyThereError) Error() string {
	return fmt.Sprintf("%s runs %s already", e.Container, e.Snapshot)
}

// Anew says what does start it anew, where it can't be forced: a Swarm that is told of the spec that it has does nothing. "" of a
// container, which can be.
func (e *AlreadyThereError) Anew() string {
	if !e.Service {
		return ""
	}
	return fmt.Sprintf("the service %s has that spec already, and a restore starts no tasks anew: docker service update --force %[1]s does", e.Container)
}

// Unwrap makes errors.Is(err, ErrAlreadyThere) hold.
func (e *AlreadyThereError) Unwrap() error { return snapshot.ErrAlreadyThere }

// RefusedError carries every reason why a restore was refused. It wraps ErrNotRestorable.
type RefusedError struct{ Reasons []string }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%v: %v", snapshot.ErrNotRestorable, e.Reasons)
}

// Unwrap makes errors.Is(err, ErrNotRestorable) hold.
func (e *RefusedError) Unwrap() error { return snapshot.ErrNotRestorable }
