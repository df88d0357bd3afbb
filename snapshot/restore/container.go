package restore

import (
	"context"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// container is a subject: one container. It is replaced by one that is made from a snapshot, or for an undo by the one that
// was set aside.
type container struct {
	*task
	Engine ContainerEngine // the Restorer's, which is no less
	down   time.Time       // when the old container was told to stop, if this run saw it
}

// Preflight looks at everything that can fail, while the broken container still runs.
func (ctr *container) Preflight(ctx context.Context) (why []string, err error) {
	err = ctr.peek(ctx, 20*time.Second, func(ctx context.Context) (err error) {
		why, err = ctr.plan(ctx)
		return err
	})
	if err != nil || len(why) > 0 {
		return why, err
	}
	err = ctr.act(ctx, verifyLimit, func(ctx context.Context) (err error) {
		why, err = ctr.checkVolumes(ctx)
		return err
	})
	return why, err
}

// Prepare creates the replacement beside the running container, unless it is there already: an undo adopts the container
// that was set aside.
func (ctr *container) Prepare(ctx context.Context) error {
	err := ctr.act(ctx, joinedLimit, ctr.takeJoined)
	if err != nil || ctr.restore.Plan.AdoptID != "" {
		return err
	}
	limit := ctr.ActLimit
	if ctr.restore.Plan.AutoRemove {
		limit = commitLimit
	}
	return ctr.act(ctx, limit, ctr.create)
}

func (ctr *container) create(ctx context.Context) error {
	snap, err := ctr.Snapshots.SnapshotByID(ctx, ctr.restore.SnapshotID)
	if err != nil {
		return err
	}
	if ctr.restore.Plan.AutoRemove {
		if err := ctr.standIn(ctx); err != nil {
			return err
		}
	}
	ctr.restore.Plan.NewID, err = ctr.Engine.Create(ctx, ctr.restore.Plan.TempName, ctr.spec(snap))
	return err
}

func (ctr *container) spec(snap snapshot.Snapshot) snapshot.Spec {
	return snapshot.Spec{Document: snap.Document, ImageID: snap.ImageID, ImageRef: snap.ImageRef, Replaces: ctr.restore.Plan.OldID, Place: ctr.restore.Plan.Place}
}

// Verify also compares the replacement with the snapshot, makes those anew that shared a namespace with the old one, sees to
// what becomes of the old one, and notes that the replacement is what runs and what is on hold. None of that is a reason to go back.
func (ctr *container) Verify(ctx context.Context) error {
	how, err := ctr.proof(ctx)
	if err != nil {
		return err
	}
	ctr.restore.Proof = how
	ctr.restore.VerifiedAt = time.Now().UTC()
	ctr.restore.Differences, err = ctr.compare(ctx)
	if retryable(err) {
		return err
	}
	if err != nil { // it runs, which is what counts; a comparison that failed is reported as a difference
		ctr.restore.Differences = []snapshot.Difference{{Attribute: "comparison", Want: "done", Got: err.Error()}}
	}
	if err := ctr.rejoin(ctx); err != nil {
		return noVerdict{err}
	}
	if err := ctr.retire(ctx); err != nil {
		return err
	}
	if err := ctr.occupy(ctx); err != nil {
		return err
	}
	if err := ctr.hold(ctx); err != nil {
		return err
	}
	return ctr.keepUntil(ctx)
}

// occupy notes what the identity stands for from now on. The watch would find out at its next look, and that is too late for a
// deploy that comes before it: it would seem to replace what the restore has replaced.
func (ctr *container) occupy(ctx context.Context) error {
	now, err := ctr.glance(ctx, ctr.restore.Plan.NewID)
	switch {
	case retryable(err):
		return err
	case err == nil && now.Enabled && now.Name == ctr.restore.Container:
		now.Key = ctr.restore.Key // whatever its labels and its name tell: it has the place of another one
		ctr.restore.Occupant = &snapshot.Occupant{Container: now.Container, Labels: now.Labels, Document: now.Document}
	case err != nil:
		ctr.Logger.Warn("what runs after the restore is left to the watch", "restore_id", ctr.restore.ID, "container", ctr.restore.Container, "err", err)
	}
	return nil // one that is gone again, or had to make room, stays the watch's to understand
}

// keepUntil notes for how long the old container is kept, if it is still there.
func (ctr *container) keepUntil(ctx context.Context) error {
	var kept bool
	err := soon(ctx, func(ctx context.Context) (err error) {
		kept, err = ctr.anyOf(ctx, ctr.restore.Plan.keptID())
		return err
	})
	if retryable(err) {
		return err
	}
	if kept || err != nil || ctr.restore.Plan.BeforeID != 0 {
		ctr.restore.KeptUntil = ctr.restore.VerifiedAt.Add(ctr.Keep)
	}
	return nil
}

func (ctr *container) compare(ctx context.Context) ([]snapshot.Difference, error) {
	if ctr.restore.Plan.AdoptID != "" {
		return nil, nil // it is the very same container
	}
	snap, err := ctr.Snapshots.SnapshotByID(ctx, ctr.restore.SnapshotID)
	if err != nil {
		return nil, err
	}
	now, err := ctr.glance(ctx, ctr.restore.Plan.NewID)
	if err != nil {
		return nil, err
	}
	return ctr.Engine.Compare(snap.Document, ctr.spec(snap), now.Document)
}
