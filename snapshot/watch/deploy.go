package watch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// arrived handles a container that is new under an identity, or is there again. It may have waited for its turn, so it looks again
// first.
func (w *Watcher) arrived(ctx context.Context, s snapshot.Observation, again bool) error {
	now, err := w.inspect(ctx, s.ID)
	if errors.Is(err, snapshot.ErrUnknownContainer) || err == nil && (!now.Enabled || now.Key != s.Key || snapshot.OurName(now.Name)) {
		return nil // gone or moved on meanwhile: there was an event, so another look comes
	}
	if err != nil {
		return err
	}
	if wait := w.unstarted(now); wait > 0 {
		w.lookIn(wait)
		return nil
	}
	return w.succeeds(ctx, arrival{now, s.Leaves, again})
}

// arrival is a container that has come into a place.
type arrival struct {
	snapshot.Inspection
	leaves string // the key that it gives up; "": none
	again  bool   // it stood there before: it was started again, and not made anew
}

// succeeds waits for the end of a restore that is under way: until then nobody knows which of the two will stay. What ran
// before is read after that, since the restore's end says it.
func (w *Watcher) succeeds(ctx context.Context, now arrival) error {
	running, err := w.Store.Restoring(ctx, now.Key)
	if err != nil {
		return err
	}
	if running {
		w.lookIn(500 * time.Millisecond)
		return nil
	}
	before, err := w.Store.Occupant(ctx, now.Key)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return w.setOccupant(ctx, now.Inspection)
	}
	if err != nil {
		return err
	}
	if before.ID == now.ID {
		return w.setOccupant(ctx, now.Inspection) // it was renamed
	}
	return w.replaced(ctx, before, now)
}

func (w *Watcher) replaced(ctx context.Context, before snapshot.Occupant, now arrival) error {
	if err := w.dissolve(ctx, now.leaves, snapshot.Observation{Name: before.Name}, now.ID); err != nil {
		return err
	}
	if err := w.beginSchedule(ctx, before, now.Inspection); err != nil {
		return err
	}
	ours, err := w.Store.MadeByRestore(ctx, before.Key, now.ID)
	if err != nil {
		return err
	}
	switch {
	case ours:
		return w.setOccupant(ctx, now.Inspection)
	case w.alike(before, now.Inspection):
		if err := w.Store.FollowHolds(ctx, before.Key, before.ID, now.ID); err != nil {
			return err
		}
		return w.setOccupant(ctx, now.Inspection)
	}
	return w.deployed(ctx, before, now)
}

// dissolve forgets the place that a container had of its own before it turned out to be another one's successor, with its
// baseline. A bot that is interrupted then finds one that nobody knows, which is its successor as well.
func (w *Watcher) dissolve(ctx context.Context, key string, heir snapshot.Observation, id string) error {
	if key == "" {
		return nil
	}
	w.postpone(id, time.Now()) // in its new place it needs one at once
	return w.Store.Alone(ctx, key, func(ctx context.Context) error {
		list, err := w.Store.Snapshots(ctx, key)
		if err != nil {
			return err
		}
		for _, s := range list {
			if s.Reason != snapshot.Baseline { // somebody wants it
				return nil
			}
			if err := w.drop(ctx, s, "its container stands for another one: "+heir.Name); err != nil {
				return err
			}
		}
		return w.Store.Dissolve(ctx, key)
	})
}

// alike says that a container was made like the one whose place it takes, under another number or name of its own: scaling and
// restarts do that, and it is no deploy.
func (w *Watcher) alike(before snapshot.Occupant, now snapshot.Inspection) bool {
	if before.Own == "" || before.Own == now.Own || len(before.Document) == 0 || len(now.Document) == 0 {
		return false
	}
	changes, err := w.Engine.Changes(before.Document, now.Document)
	return err == nil && len(changes) == 0
}

// unstarted is how long to wait for a container that was created and not started yet. A container whose start has failed is
// a deploy, and so is one that nobody starts in time.
func (w *Watcher) unstarted(now snapshot.Inspection) time.Duration {
	if !now.StartedAt.IsZero() || now.ExitCode != 0 {
		return 0
	}
	return max(0, w.Settle-time.Since(now.CreatedAt))
}

func (w *Watcher) setOccupant(ctx context.Context, now snapshot.Inspection) error {
	if err := w.Store.SetOccupant(ctx, occupantOf(now)); err != nil {
		return err
	}
	w.lookSoon() // its baseline may be due
	return nil
}

func occupantOf(now snapshot.Inspection) snapshot.Occupant {
	return snapshot.Occupant{Container: now.Container, Labels: now.Labels, Document: now.Document}
}

// deployed keeps the state from before and writes the deploy down. When it is interrupted, the next run finds the
// snapshot that this one has kept.
func (w *Watcher) deployed(ctx context.Context, before snapshot.Occupant, now arrival) error {
	d := snapshot.Deployed{Occupant: occupantOf(now.Inspection), Services: now.Settings.PagerDutyServices, Deploy: snapshot.Deploy{
		Key: before.Key, At: w.began(before.Container, came(before, now)), BeforeID: before.ID, AfterID: now.ID, Before: before.Image, After: now.Image,
	}}
	if err := w.markBefore(ctx, before, d.Deploy); err != nil {
		return err
	}
	kept, found, err := w.stateBefore(ctx, before, d.Deploy)
	if err != nil && (ctx.Err() != nil || w.mayTryAgain(now.ID)) {
		return fmt.Errorf("keeping the state from before a deploy of %s: %w", now.Name, err)
	}
	if err != nil { // the deploy has happened all the same, and people must hear of it
		w.Logger.Error("the state from before a deploy could not be kept", "container", now.Name, "err", err)
	}
	if now.Tasks != nil {
		if err := w.keepReplaced(ctx, before, d.Deploy); err != nil {
			w.Logger.Warn("the spec that a deploy has replaced could not be kept", "container", now.Name, "err", err)
		}
	}
	w.compareWith(&d, before, kept, now.Inspection)
	if found {
		d.Snapshot, d.SnapshotID = kept.Name, kept.ID
	}
	return w.writeDown(ctx, d, before, now.Inspection)
}

const takeTries = 3

func (w *Watcher) mayTryAgain(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tries[id]++
	return w.tries[id] < takeTries
}

func (w *Watcher) writeDown(ctx context.Context, d snapshot.Deployed, was snapshot.Occupant, now snapshot.Inspection) (err error) {
	if d.Entry, err = w.deployEntry(ctx, d.Deploy, now); err != nil {
		return err
	}
	if err := w.hold(ctx, &d, was, now); err != nil {
		return err
	}
	fresh, err := w.Deploys.AddDeployed(ctx, d)
	if err != nil {
		return err
	}
	if fresh {
		w.Logger.Info("deploy seen", "container", now.Name, "before", d.Before, "after", d.After, "snapshot", d.Snapshot,
			"took_ms", time.Since(d.At).Milliseconds())
		w.Observe(d.Deploy)
	}
	w.lookSoon()
	return nil
}

// came is when a container began to stand in for the one before: one that is older, or stood there before, has been started again.
func came(before snapshot.Occupant, now arrival) time.Time {
	if (now.again || now.CreatedAt.Before(before.CreatedAt)) && !now.StartedAt.IsZero() {
		return now.StartedAt
	}
	return now.CreatedAt
}

// earlyStop is how long before its successor's creation a container's end still is part of the same deploy.
const earlyStop = 10 * time.Minute

// renaming is a name that a container was given while it stood under an identity.
type renaming struct {
	to string
	at time.Time
}

// began is when a deploy began: when the old container ended or made room, or the new one was created, whichever was first.
// It made room when it was given another name. The one that it was known by it may have been given as it came, by a tool that
// renames into place: that was the beginning of the deploy before.
func (w *Watcher) began(before snapshot.Container, created time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := created
	within := func(t time.Time) bool { return t.Before(at) && created.Sub(t) < earlyStop }
	if ended, ok := w.ended[before.ID]; ok && within(ended) {
		at = ended
	}
	if r, ok := w.renamed[before.ID]; ok && r.to != before.Name && within(r.at) {
		at = r.at
	}
	return at
}
