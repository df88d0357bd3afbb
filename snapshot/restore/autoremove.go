package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// An auto-remove container is deleted by the engine, with its anonymous volumes, the moment it stops. Before that a
// plain copy of it is made, the stand-in: it keeps the volumes alive by mounting them, and is what the undo and a
// revert go back to.

// standInRef is the tag of the copy's image. Restores of another database have the same IDs.
func standInRef(old string, restore int64) string {
	return fmt.Sprintf("snapback/stand-in:%.12s-%d", old, restore)
}

// standIn makes the copy. The name holds the restore's ID, so a second run finds the first one's.
func (m *container) standIn(ctx context.Context) error {
	err := m.copyOld(ctx)
	if errors.Is(err, snapshot.ErrGone) || errors.Is(err, snapshot.ErrUnknownContainer) { // it has ended by itself: there is nothing to stop
		return m.findStandIn(ctx)
	}
	return err
}

func (m *container) copyOld(ctx context.Context) error {
	p := &m.rest.Plan
	old, err := m.Engine.Inspect(ctx, p.OldID)
	if err != nil {
		return err
	}
	if !alive(old) && old.State != "created" {
		return snapshot.ErrGone
	}
	if p.StandInRef == "" { // planned by a release that did not write it down
		p.StandInRef = standInRef(p.OldID, m.rest.ID)
	}
	image, err := m.standInImage(ctx)
	if err != nil {
		return err
	}
	spec := snapshot.Spec{Document: old.Document, ImageID: image, ImageRef: p.StandInRef, Replaces: p.OldID, Plain: true}
	p.StandInID, err = m.Engine.Create(ctx, p.KeptName, spec)
	return err
}

// findStandIn takes over the copy that was made before the old container ended; without one there is no way back to it.
func (m *container) findStandIn(ctx context.Context) error {
	made, err := m.Engine.Inspect(ctx, m.rest.Plan.KeptName)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return nil
	}
	m.rest.Plan.StandInID = made.ID
	return err
}

// standInImage is the image of a copy that an earlier try has left, or a new one: another commit would be another image,
// and the copy not made from it. The limit of the disk does not hold for it, and it waits for no other commit: without the
// copy there is no restore, and what the limit leaves free is for nights like this one.
func (m *container) standInImage(ctx context.Context) (string, error) {
	p := m.rest.Plan
	made, err := m.Engine.Inspect(ctx, p.KeptName)
	if err == nil || !errors.Is(err, snapshot.ErrUnknownContainer) {
		return made.ImageID, err
	}
	if err := m.Engine.Untag(ctx, p.StandInRef); err != nil { // of a commit whose answer was lost
		return "", err
	}
	image, _, err := m.Engine.Commit(ctx, p.OldID, p.StandInRef, false)
	return image, err
}

// dropStandIn removes what there is of a copy that was not finished, while the old container runs on.
func (m *container) dropStandIn(ctx context.Context) error {
	p := &m.rest.Plan
	if p.StandInRef == "" {
		return nil
	}
	made, err := m.Engine.Inspect(ctx, p.KeptName)
	if err == nil {
		err = m.Engine.Remove(ctx, made.ID)
	}
	if err != nil && !errors.Is(err, snapshot.ErrUnknownContainer) {
		return err
	}
	return m.Engine.Untag(ctx, p.StandInRef)
}

// awaitGone waits until the engine has removed a container that removes itself: only then its name is free.
func (m *container) awaitGone(ctx context.Context, id string) error {
	for {
		c, err := m.Engine.Inspect(ctx, id)
		if errors.Is(err, snapshot.ErrUnknownContainer) {
			return nil
		}
		if err == nil && c.State == "created" { // it never ran, so it never ends
			return m.Engine.Remove(ctx, id)
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

// renameAutoRemove gives the name to whichever of the two is there.
func (m *container) renameAutoRemove(ctx context.Context) error {
	p := m.rest.Plan
	old, err := m.Engine.Inspect(ctx, p.OldID)
	if err != nil && !errors.Is(err, snapshot.ErrUnknownContainer) {
		return err
	}
	if err == nil && alive(old) && !m.dying(old) {
		return m.discardStandIn(ctx)
	}
	if err := ignoreGone(m.Engine.Stop(ctx, p.OldID, m.stopLimit())); err != nil {
		return err
	}
	if err := m.awaitGone(ctx, p.OldID); err != nil {
		return err
	}
	return m.Engine.Rename(ctx, p.StandInID, m.rest.oldName())
}

// discardStandIn removes a copy that was not needed, since the old container never stopped.
func (m *container) discardStandIn(ctx context.Context) error {
	p := m.rest.Plan
	if err := m.Engine.Rename(ctx, p.OldID, m.rest.oldName()); err != nil {
		return err
	}
	if err := m.Engine.Remove(ctx, p.StandInID); err != nil {
		return err
	}
	return m.Engine.Untag(ctx, p.StandInRef)
}
