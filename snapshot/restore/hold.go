package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// hold finds out what the restore has rolled back, which is on hold from the moment that it is verified, and which holds it has
// ended. What an undo means for holds, the journal knows. Only deploys are held: what a restore had made, and another one
// replaces, was never deployed like that.
func (ctr *container) hold(ctx context.Context) error {
	if ctr.restore.Kind != Restoring || ctr.restore.Plan.Anew {
		return nil
	}
	err := ctr.findHolds(ctx)
	if retryable(err) || ctx.Err() != nil {
		return err
	}
	if err != nil { // the restore itself has worked
		ctr.Logger.Error("what was rolled back can't be put on hold", "restore_id", ctr.restore.ID, "container", ctr.restore.Container, "err", err)
	}
	return nil
}

func (ctr *container) findHolds(ctx context.Context) error {
	snap, err := ctr.Snapshots.SnapshotByID(ctx, ctr.restore.SnapshotID)
	if err != nil {
		return err
	}
	held, err := ctr.Journal.Holds(ctx, ctr.restore.Key)
	if err != nil {
		return err
	}
	ctr.restore.Lifted = nil
	for _, h := range held {
		differs, err := ctr.Engine.Changes(h.Document, snap.Document)
		if err == nil && len(differs) == 0 {
			ctr.restore.Lifted = append(ctr.restore.Lifted, h)
		}
	}
	ctr.restore.Hold, err = ctr.rolledBack(ctx, snap)
	return err
}

// rolledBack is nil when nothing was that a deploy had brought.
func (ctr *container) rolledBack(ctx context.Context, snap snapshot.Snapshot) (*snapshot.Hold, error) {
	if ctr.restore.Plan.OldID != "" {
		_, err := ctr.Journal.MadeBy(ctx, ctr.restore.Key, ctr.restore.Plan.OldID)
		if !errors.Is(err, snapshot.ErrUnknownRestore) {
			return nil, err
		}
	}
	old, found, err := ctr.replacedOne(ctx)
	if err != nil || !found {
		return nil, err
	}
	changes, err := ctr.Engine.Changes(snap.Document, old.Document)
	if err != nil || len(changes) == 0 {
		return nil, err
	}
	image, err := ctr.Engine.ImageOf(old.Document)
	if err != nil {
		return nil, err
	}
	r := ctr.restore
	return &snapshot.Hold{
		Key: r.Key, Container: r.Container, Restore: r.ID, Snapshot: r.Snapshot, Incident: r.By.Incident, By: r.By.Actor,
		Since: r.VerifiedAt, Until: r.VerifiedAt.Add(ctr.Keep), Ref: old.Image, Image: image, Changes: changes, Document: old.Document,
	}, nil
}

// replacedOne is the container that the restore has replaced, as it was when it ran; found is false when nothing is known of it.
// One that the watch had not seen yet is still there to be looked at.
func (ctr *container) replacedOne(ctx context.Context) (old snapshot.Occupant, found bool, err error) {
	p := ctr.restore.Plan
	old, err = ctr.Journal.Occupant(ctx, ctr.restore.Key)
	if err != nil && !errors.Is(err, snapshot.ErrUnknownContainer) {
		return old, false, err
	}
	if err == nil && len(old.Document) > 0 && (p.OldID == "" || old.ID == p.OldID) && old.ID != p.NewID {
		return old, true, nil
	}
	if p.OldID == "" {
		return old, false, nil
	}
	in, err := ctr.glance(ctx, p.OldID)
	if errors.Is(err, snapshot.ErrUnknownContainer) || err == nil && len(in.Document) == 0 {
		return old, false, nil
	}
	if err != nil {
		return old, false, fmt.Errorf("looking at what was replaced: %w", err)
	}
	document, err := ctr.Engine.AsBefore(in.Document, ctr.restore.Container, p.OldPolicy)
	return snapshot.Occupant{Container: in.Container, Document: document}, err == nil, err
}

// glanceFor is how long a look may take that the restore can do without: it has worked, and people wait to hear that.
const glanceFor = 10 * time.Second

// errNoAnswer says that the engine did not answer about a container in time.
var errNoAnswer = errors.New("the engine does not answer about it")

// glance inspects. It returns errNoAnswer where the engine never would: it may answer about all containers but one that hangs.
func (ctr *container) glance(ctx context.Context, id string) (in snapshot.Inspection, err error) {
	err = soon(ctx, func(ctx context.Context) error { in, err = ctr.Engine.Inspect(ctx, id); return err })
	return in, err
}

// soon returns errNoAnswer when do has failed for want of time, and not that the engine is away, which would be waited for.
func soon(ctx context.Context, do func(ctx context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, glanceFor)
	defer cancel()
	if err := do(limited); err == nil || limited.Err() == nil || ctx.Err() != nil {
		return err
	}
	return errNoAnswer
}
