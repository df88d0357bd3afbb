package restore

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
)

// Config is what a Restorer needs. Engine, Journal, Snapshots and Bot are required.
type Config struct {
	Engine    Engine // a ContainerEngine or a ServiceEngine
	Journal   Journal
	Snapshots Snapshots
	Taker     *capture.Taker   // nil: containers that share a namespace with a restored one are named, and not made anew
	Volumes   *capture.Volumes // nil: contents of volumes stay as they are; else the Taker's
	Bot       string           // this bot's name in the journal: the same after a restart, different for every bot
	Only      string           // the label that narrows the Engine's containers down, if one does: bots with another one leave these restores alone
	Logger    *slog.Logger
	Zone      *time.Location // for names such as api.before-0347; nil: UTC

	Lease       time.Duration // how long a dead bot's restore waits for another bot; 0: 6 s
	Window      time.Duration // how long a container without a health check must stay up; 0: 1.5 s
	Health      time.Duration // how long its health check may take to say healthy, whatever start period it gives itself; 0: 30 min
	Keep        time.Duration // how long the container from before is kept; 0: 24 h
	Stale       time.Duration // a restore that has not begun to swap by then is given up; 0: 15 min
	Tries       int           // how often putting the old one back is tried; 0: 6
	ActLimit    time.Duration // how long the engine may take to create, start or remove a container; 0: 1 min
	NotifyAfter time.Duration // after what time people are told that a restore waits for the engine; 0: 10 s

	Proves time.Duration // how long a container has to run before its state counts as good, as the watch has it; 0: that is not asked

	Observe func(Restore) // hears of each restore that is over, for metrics; nil: nobody does
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.Lease, 6*time.Second)
	set(&c.Window, 1500*time.Millisecond)
	set(&c.Health, 30*time.Minute)
	set(&c.Keep, 24*time.Hour)
	set(&c.Stale, 15*time.Minute)
	set(&c.ActLimit, time.Minute)
	set(&c.NotifyAfter, 10*time.Second)
	if c.Tries == 0 {
		c.Tries = 6
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Observe == nil {
		c.Observe = func(Restore) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Restorer runs restores: those that are asked of it, those that it was running when it died, and those of bots that
// died. Start it once; it stops with Stop.
type Restorer struct {
	Config
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup

	mu      sync.Mutex               // guards all below
	running map[int64]*capture.Meter // how far each that this one is at is with contents of volumes
	known   map[int64]*notes         // what this bot knows of a restore that the journal does not
	changed chan struct{}            // closed, and replaced, whenever a restore here changes state
}

// New returns a Restorer that does nothing until Start.
func New(c Config) *Restorer {
	r := &Restorer{Config: c.withDefaults(), running: map[int64]*capture.Meter{}, known: map[int64]*notes{}, changed: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	return r
}

// Start carries on at once with what this bot was doing when it died, and looks for orphaned restores from then on.
func (r *Restorer) Start() {
	r.wg.Go(func() {
		tick := time.NewTicker(r.Lease / 6)
		defer tick.Stop()
		for looking := (snapshot.Refrain{}); ; {
			r.adopt(&looking)
			select {
			case <-r.ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// Stop interrupts what runs, between two acts, and waits for it until ctx ends. It can be called twice.
func (r *Restorer) Stop(ctx context.Context) error {
	r.cancel(snapshot.ErrStopping)
	done := make(chan struct{})
	go func() { r.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for restores: %w", ctx.Err())
	}
}

// Scope is what a bot may look after: the containers of its own engine, and of these the ones that it is for.
type Scope struct {
	Bot    string
	Engine string // the engine's ID
	Only   string // as the Config of the restore's bot has it
}

func (r *Restorer) adopt(looking *snapshot.Refrain) {
	refusing := r.refuseUntaken()
	engine, err := r.Engine.ID(r.ctx)
	var ids []int64
	scope := Scope{Bot: r.Bot, Engine: engine, Only: r.Only}
	if err == nil {
		ids, err = r.Journal.Claimable(r.ctx, scope)
	}
	if r.ctx.Err() != nil {
		return
	}
	if looking.Log(r.Logger, "looking for restores", cmp.Or(err, refusing)); err != nil {
		return
	}
	r.leave(ids)
	for _, id := range ids {
		r.begin(id)
	}
	r.reconcileLateActs(scope)
}

func (r *Restorer) begin(id int64) { r.background(id, r.run) }

// background does something about a restore, unless this Restorer is at it already.
func (r *Restorer) background(id int64, do func(id int64) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running[id] != nil || r.ctx.Err() != nil {
		return
	}
	r.running[id] = &capture.Meter{}
	r.wg.Go(func() {
		err := do(id)
		if err != nil && r.ctx.Err() == nil {
			r.Logger.Error("restore interrupted", "restore_id", id, "err", err)
		}
		r.noteWaiting(id, err)
		r.forget(id)
		r.mu.Lock()
		delete(r.running, id)
		r.mu.Unlock()
		r.announce()
	})
}

// meterOf is the meter of a restore which this Restorer is at.
func (r *Restorer) meterOf(id int64) *capture.Meter {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running[id]
}

// Progress is how far a restore is with the contents of volumes, where this Restorer runs it; nil: it moves none at this moment, or another
// bot runs it.
func (r *Restorer) Progress(id int64) *snapshot.Progress {
	meter := r.meterOf(id)
	if meter == nil {
		return nil
	}
	return meter.Progress()
}

func (r *Restorer) announce() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.changed)
	r.changed = make(chan struct{})
}

// Ask is a wish to restore.
type Ask struct {
	Container   snapshot.Container // as it is now, or as it was last seen when none runs
	Snapshot    string
	Force       bool   // also when it would change nothing: the container is made anew; of a service, that is refused
	Volumes     bool   // with the contents of its volumes; what they hold now is kept for the undo
	Replicas    bool   // of a Swarm's service: with as many tasks as the snapshot's spec has; else, as there are now
	Seen        string // the engine's ID of the container that the person saw, at least 12 digits; "": any
	By          snapshot.By
	Idempotency string // the same wish delivered twice has the same, and no other wish; "": none
}

// Request records the wish and its audit entry, and starts on it. Nothing has been done to the engine when it
// returns. It returns ErrUnknownSnapshot, an *AlreadyThereError, a *RefusedError, an *InProgressError, ErrReplaced, ErrKeyReused, or what the journal says: when
// the audit entry can't be written, nothing is done. What another bot looks after is that one's to begin; ErrEngineAway says that none does.
func (r *Restorer) Request(ctx context.Context, ask Ask) (Restore, error) {
	snap, err := r.Snapshots.Snapshot(ctx, ask.Container.Key, ask.Snapshot)
	if err != nil {
		return Restore{}, err
	}
	if ask.Seen != "" && !snapshot.SameOrShort(ask.Container.ID, ask.Seen) {
		return Restore{}, snapshot.ErrReplaced
	}
	rest := Restore{
		Kind: Restoring, Key: ask.Container.Key, Container: nameFor(ask.Container, snap),
		SnapshotID: snap.ID, Snapshot: snap.Name, Seen: ask.Seen, By: ask.By, Plan: Plan{Replicas: ask.Replicas},
	}
	if ask.Container.Elsewhere {
		return r.requestAfar(ctx, ask, rest)
	}
	if ask.Volumes {
		if rest.Plan.Volumes, err = r.volumePlan(snap); err != nil {
			return Restore{}, err
		}
	}
	if err := r.alreadyThere(ctx, ask, snap, &rest); err != nil {
		return Restore{}, err
	}
	return r.open(ctx, rest, ask.Idempotency)
}

// nameFor is what the restored container is called: as the one is called, or was, whose place it takes. Its tool expects that.
func nameFor(now snapshot.Container, snap snapshot.Snapshot) string {
	return cmp.Or(now.Name, snap.Container)
}

// Undo asks for the container from before restore id to be put back. It returns ErrUnknownRestore, ErrNothingToUndo
// when that container is gone or was put back already, ErrEngineAway when no bot reaches its engine, and what Request returns.
func (r *Restorer) Undo(ctx context.Context, id int64, by snapshot.By, idempotency string) (Restore, error) {
	undone, err := r.Journal.Restore(ctx, id)
	if err != nil {
		return Restore{}, err
	}
	p := undone.Plan
	if undone.State != Verified || p.keptID() == "" || undone.KeptUntil.IsZero() {
		return Restore{}, fmt.Errorf("%w: the container from before restore %d is not kept", snapshot.ErrNothingToUndo, id)
	}
	undo := Restore{
		Kind: Undoing, UndoOf: id, Key: undone.Key, Container: undone.Container,
		SnapshotID: undone.SnapshotID, Snapshot: p.KeptName, Seen: p.NewID, By: by, Only: undone.Only,
		Plan: Plan{AdoptID: p.keptID(), Undoes: undone.Snapshot, Brings: p.OldRef, Replicas: p.Replicas},
	}
	if p.BeforeID != 0 {
		undo.SnapshotID, undo.Plan.AdoptID = p.BeforeID, ""
	}
	if undo.Plan.Volumes, err = r.undoPlan(undone); err != nil {
		return Restore{}, err
	}
	return r.open(ctx, undo, idempotency)
}

// open begins what is for this Restorer's engine. What is for another one waits for whoever reaches that, and what is asked for before this
// one has told who it is, until somebody has found out whose it is: it may be a Swarm's.
func (r *Restorer) open(ctx context.Context, rest Restore, idempotency string) (Restore, error) {
	rest.State, rest.RequestedAt = Requested, time.Now().UTC()
	ours, known := r.owns(ctx, rest.Key)
	if r.isOthers(ctx, rest) {
		ours = false
	} else if ours || !known {
		rest.Only = r.Only
	} else if err := r.someoneReaches(ctx, rest, idempotency); err != nil {
		return Restore{}, err
	}
	opened, fresh, err := r.Journal.Open(ctx, rest, idempotency)
	if err != nil {
		return Restore{}, err
	}
	if fresh && ours {
		r.begin(opened.ID)
	}
	return opened, nil
}

// someoneReaches returns ErrEngineAway for a new wish that nobody would take up.
func (r *Restorer) someoneReaches(ctx context.Context, rest Restore, idempotency string) error {
	answered, err := r.Journal.Answered(ctx, rest.Key, idempotency)
	if err != nil || answered {
		return err
	}
	attended, err := r.Journal.RestoresAttended(ctx, rest.Key, rest.Only)
	if err == nil && !attended {
		err = fmt.Errorf("%w: no bot reaches the engine of %s", snapshot.ErrEngineAway, rest.Container)
	}
	return err
}

// owns says whether a container is this Restorer's engine's. It does not wait for one that has not told yet who it is: that is not known.
func (r *Restorer) owns(ctx context.Context, key string) (ours, known bool) {
	over, cancel := context.WithCancel(ctx)
	cancel()
	engine, err := r.Engine.ID(over)
	return err == nil && strings.HasPrefix(key, engine+"/"), err == nil
}

// Wait returns the restore once it is over, whichever bot runs it, or what it is when ctx ends, with ctx's error.
func (r *Restorer) Wait(ctx context.Context, id int64) (Restore, error) {
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		rest, err := r.Journal.Restore(ctx, id)
		if err != nil || rest.State.Final() {
			return rest, err
		}
		select {
		case <-changed:
		case <-time.After(500 * time.Millisecond): // another bot may be the one that runs it
		case <-ctx.Done():
			return rest, context.Cause(ctx)
		}
	}
}
