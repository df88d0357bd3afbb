package restore

import (
	"context"
	"errors"

	"github.com/snapback/snapback/snapshot"
)

// People and deploys go on while a restore runs, or while its bot is down. Somebody may remove the old container, or run
// another one under the name. What a person did last is left alone, and the last container is never removed.

// ErrTaken says that the name belongs to a container that is neither the old nor the restored one.
var ErrTaken = errors.New("somebody has replaced the container while the restore ran")

// nameHolder is the container that has the name now; false when none has.
func (ctr *container) nameHolder(ctx context.Context) (snapshot.Inspection, bool, error) {
	c, err := ctr.Engine.Inspect(ctx, ctr.restore.Container)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return c, false, nil
	}
	return c, err == nil, err
}

// ours says whether a container is one that this restore may have given the name to.
func (p Plan) ours(id string) bool { return id == p.OldID || id == p.NewID || id == p.StandInID }

// checkHolder refuses a swap when the name or the replacement is not the restore's any more. A swap that is taken up again
// begins with it as well.
func (ctr *container) checkHolder(ctx context.Context) error {
	c, found, err := ctr.nameHolder(ctx)
	if err == nil && found && !ctr.restore.Plan.ours(c.ID) {
		return ErrTaken
	}
	if err != nil {
		return err
	}
	_, err = ctr.Engine.Inspect(ctx, ctr.restore.Plan.NewID)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return errors.New("the replacement is gone: somebody has removed it")
	}
	return err
}

// cannotRevert says in words why the old container can never be put back; "" when it can.
func (ctr *container) cannotRevert(ctx context.Context) (string, error) {
	p := ctr.restore.Plan
	c, found, err := ctr.nameHolder(ctx)
	if err != nil {
		return "", err
	}
	if found && !p.ours(c.ID) {
		return ctr.startsAgain(ctx, c)
	}
	if p.keptID() == "" {
		return "", nil
	}
	there, err := ctr.anyOf(ctx, p.OldID, p.StandInID)
	if there || err != nil {
		return "", err
	}
	return "the container from before is gone (somebody has removed it), so there is none to put back; the replacement stays, for what it is worth", nil
}

func (ctr *container) anyOf(ctx context.Context, ids ...string) (bool, error) {
	for _, id := range ids {
		if id == "" {
			continue
		}
		c, err := ctr.Engine.Inspect(ctx, id)
		if err == nil && beingRemoved(c) || errors.Is(err, snapshot.ErrUnknownContainer) {
			continue
		}
		return err == nil, err
	}
	return false, nil
}

// beingRemoved says that the engine is removing the container, or has tried to: nothing can be done with it any more.
func beingRemoved(c snapshot.Inspection) bool { return c.State == "removing" || c.State == "dead" }

// stepsWithoutRevert are for when the old container can't be put back. If another container has the name, the replacement
// is removed. Otherwise it is the last container, and is started.
func (ctr *container) stepsWithoutRevert() []step {
	return []step{{"filling the volumes with what they held before", moveLimit, ctr.refillVolumes}, {"leaving things in order", goneLimit + ctr.ActLimit, func(ctx context.Context) error {
		c, found, err := ctr.nameHolder(ctx)
		if err != nil {
			return err
		}
		if found && !ctr.restore.Plan.ours(c.ID) {
			return errors.Join(ctr.withdraw(ctx), ctr.clear(ctx))
		}
		return ctr.bringUpReplacement(ctx)
	}}}
}

func (ctr *container) bringUpReplacement(ctx context.Context) error {
	c, found, err := ctr.replacement(ctx)
	if err != nil || !found {
		return err
	}
	ctr.noteLastLines(ctx, c.ID)
	if err := ctr.awaitName(ctx); err != nil {
		return err
	}
	if err := ctr.Engine.Rename(ctx, c.ID, ctr.restore.Container); err != nil && !errors.Is(err, snapshot.ErrInUse) {
		return err
	}
	return ctr.Engine.Start(ctx, c.ID)
}

// awaitName waits until the engine has removed the old container, which has the name until then. If that takes too long,
// the replacement runs under its temporary name.
func (ctr *container) awaitName(ctx context.Context) error {
	old, err := ctr.Engine.Inspect(ctx, ctr.restore.Plan.OldID)
	if errors.Is(err, snapshot.ErrUnknownContainer) || err == nil && old.State != "removing" {
		return nil
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, goneLimit)
	defer cancel()
	if err := ctr.awaitGone(ctx, old.ID); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}
