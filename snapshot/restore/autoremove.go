package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// The engine removes an auto-remove container with its anonymous volumes the moment it stops. So a copy without auto-remove
// is made beforehand, the stand-in. It keeps the volumes by mounting them, and is what an undo or a revert goes back to.

// standInRef is the tag of the copy's image. The old container's ID is in it because another database may have a restore
// with the same ID.
func standInRef(old string, restore int64) string {
	return fmt.Sprintf("snapback/stand-in:%.12s-%d", old, restore)
}

// standIn makes the copy. The name holds the restore's ID, so a second run finds the first one's.
func (ctr *container) standIn(ctx context.Context) error {
	err := ctr.copyOld(ctx)
	if errors.Is(err, snapshot.ErrGone) || errors.Is(err, snapshot.ErrUnknownContainer) { // it has ended by itself: there is nothing to stop
		return ctr.findStandIn(ctx)
	}
	return err
}

func (ctr *container) copyOld(ctx context.Context) error {
	p := &ctr.restore.Plan
	old, err := ctr.Engine.Inspect(ctx, p.OldID)
	if err != nil {
		return err
	}
	if !snapshot.Alive(old.State) && old.State != "created" {
		return snapshot.ErrGone
	}
	if p.StandInRef == "" { // planned by a release that did not write it down
		p.StandInRef = standInRef(p.OldID, ctr.restore.ID)
	}
	image, err := ctr.standInImage(ctx)
	if err != nil {
		return err
	}
	spec := snapshot.Spec{Document: old.Document, ImageID: image, ImageRef: p.StandInRef, Replaces: p.OldID, Plain: true}
	p.StandInID, err = ctr.Engine.Create(ctx, p.KeptName, spec)
	return err
}

// findStandIn takes over the copy that was made before the old container ended; without one there is no way back to it.
func (ctr *container) findStandIn(ctx context.Context) error {
	made, err := ctr.Engine.Inspect(ctx, ctr.restore.Plan.KeptName)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return nil
	}
	ctr.restore.Plan.StandInID = made.ID
	return err
}

// standInImage is the image of the copy that an earlier try has made, or else a new one: a second commit would be another
// image than the copy's. It ignores the limit of the disk and waits for no other commit. Without the copy there is no
// restore, and the limit leaves room for just that.
func (ctr *container) standInImage(ctx context.Context) (string, error) {
	p := ctr.restore.Plan
	made, err := ctr.Engine.Inspect(ctx, p.KeptName)
	if err == nil || !errors.Is(err, snapshot.ErrUnknownContainer) {
		return made.ImageID, err
	}
	if err := ctr.Engine.Untag(ctx, p.StandInRef); err != nil { // of a commit whose answer was lost
		return "", err
	}
	image, _, err := ctr.Engine.Commit(ctx, p.OldID, p.StandInRef, false)
	return image, err
}

// dropStandIn removes an unfinished copy, while the old container still runs.
func (ctr *container) dropStandIn(ctx context.Context) error {
	p := &ctr.restore.Plan
	if p.StandInRef == "" {
		return nil
	}
	return ctr.discard(ctx, p.KeptName)
}

// awaitGone waits until the engine has removed a container that removes itself: only then its name is free. One that the engine could not
// remove is set aside.
func (ctr *container) awaitGone(ctx context.Context, id string) error {
	for {
		c, err := ctr.Engine.Inspect(ctx, id)
		if errors.Is(err, snapshot.ErrUnknownContainer) {
			return nil
		}
		if err == nil && c.State == "dead" {
			return ctr.dispose(ctx, c, ctr.restore.Plan.TempName+"-2")
		}
		if err == nil && c.State == "created" { // it never ran, so it never ends
			return ctr.Engine.Remove(ctx, id)
		}
		if err != nil {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return errors.New("the engine has not removed it, although it is an auto-remove container")
		}
	}
}

// renameAutoRemove gives the name back to the old container if it still runs, and otherwise to its copy.
func (ctr *container) renameAutoRemove(ctx context.Context) error {
	p := ctr.restore.Plan
	old, err := ctr.Engine.Inspect(ctx, p.OldID)
	if err != nil && !errors.Is(err, snapshot.ErrUnknownContainer) {
		return err
	}
	if err == nil && snapshot.Alive(old.State) && !ctr.dying(old) {
		return ctr.discardStandIn(ctx)
	}
	if err := ignoreGone(ctr.Engine.Stop(ctx, p.OldID, ctr.stopLimit())); err != nil {
		return err
	}
	if err := ctr.awaitGone(ctx, p.OldID); err != nil {
		return err
	}
	return ctr.Engine.Rename(ctx, p.StandInID, ctr.restore.oldName())
}

// discardStandIn removes a copy that was not needed, since the old container never stopped.
func (ctr *container) discardStandIn(ctx context.Context) error {
	p := ctr.restore.Plan
	if err := ctr.Engine.Rename(ctx, p.OldID, ctr.restore.oldName()); err != nil {
		return err
	}
	return ctr.discard(ctx, p.StandInID)
}

// discard removes the copy and its image. Leftovers try the image again as well.
func (ctr *container) discard(ctx context.Context, ref string) error {
	made, err := ctr.Engine.Inspect(ctx, ref)
	if err == nil {
		err = ctr.dispose(ctx, made, ctr.restore.Plan.KeptName)
	}
	if err != nil && !errors.Is(err, snapshot.ErrUnknownContainer) {
		return err
	}
	err = ctr.Engine.Untag(ctx, ctr.restore.Plan.StandInRef)
	if err != nil && !retryable(err) {
		ctr.Logger.Warn("removing the image of a copy", "restore_id", ctr.restore.ID, "image", ctr.restore.Plan.StandInRef, "err", err)
		return nil
	}
	return err
}
