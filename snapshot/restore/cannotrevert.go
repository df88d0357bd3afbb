package restore

import (
	"context"
	"errors"
	"fmt"

	"github.com/snapback/snapback/snapshot"
)

// While a restore runs, or while its bot is down, people and deploys go on: somebody removes the old container, or runs
// another one under the name. What a person did last is left alone, and the last container that there is never removed.

// ErrTaken says that the name belongs to a container that is neither the old nor the restored one.
var ErrTaken = errors.New("somebody has replaced the container while the restore ran")

// nameHolder is who has the container's name; false when nobody does.
func (m *container) nameHolder(ctx context.Context) (snapshot.Inspection, bool, error) {
	c, err := m.Engine.Inspect(ctx, m.rest.Container)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return c, false, nil
	}
	return c, err == nil, err
}

// ours says whether a container is one that this restore may have given the name to.
func (p Plan) ours(id string) bool { return id == p.OldID || id == p.NewID || id == p.StandInID }

// checkHolder is what a swap begins with, also when it is taken up again: whatever is done under the name from here on
// is done to those that the restore is about.
func (m *container) checkHolder(ctx context.Context) error {
	c, found, err := m.nameHolder(ctx)
	if err == nil && found && !m.rest.Plan.ours(c.ID) {
		return fmt.Errorf("%w (by %.12s)", ErrTaken, c.ID)
	}
	if err != nil {
		return err
	}
	_, err = m.Engine.Inspect(ctx, m.rest.Plan.NewID)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return errors.New("the replacement is gone: somebody has removed it")
	}
	return err
}

// cannotRevert says in words why the old container can't be put back and never will be; "" when it can.
func (m *container) cannotRevert(ctx context.Context) (string, error) {
	p := m.rest.Plan
	c, found, err := m.nameHolder(ctx)
	if err != nil {
		return "", err
	}
	if found && !p.ours(c.ID) {
		return fmt.Sprintf("another container, %.12s, has the name %s by now: it was left alone, and so was %s", c.ID, m.rest.Container, m.whereabouts()), nil
	}
	if p.keptID() == "" {
		return "", nil
	}
	there, err := m.anyOf(ctx, p.OldID, p.StandInID)
	if there || err != nil {
		return "", err
	}
	return "the container from before is gone (somebody has removed it), so there is none to put back; the replacement stays, for what it is worth", nil
}

func (m *container) whereabouts() string {
	if id := m.rest.Plan.keptID(); id != "" {
		return fmt.Sprintf("the container from before (%.12s, see docker ps -a)", id)
	}
	return "everything else"
}

func (m *container) anyOf(ctx context.Context, ids ...string) (bool, error) {
	for _, id := range ids {
		if id == "" {
			continue
		}
		c, err := m.Engine.Inspect(ctx, id)
		if err == nil && beingRemoved(c) || errors.Is(err, snapshot.ErrUnknownContainer) {
			continue
		}
		return err == nil, err
	}
	return false, nil
}

// beingRemoved says that the engine is removing the container, or has tried to: nothing can be done with it any more.
func beingRemoved(c snapshot.Inspection) bool { return c.State == "removing" || c.State == "dead" }

// stepsWithoutRevert are what is left to do when the old container can't be put back. With the name taken by another, the
// replacement goes. Otherwise it is all that there is, and is brought up.
func (m *container) stepsWithoutRevert() []step {
	return []step{{"filling the volumes with what they held before", moveLimit, m.refillVolumes}, {"leaving things in order", goneLimit + m.Act, func(ctx context.Context) error {
		c, found, err := m.nameHolder(ctx)
		if err != nil {
			return err
		}
		if found && !m.rest.Plan.ours(c.ID) {
			return m.withdraw(ctx)
		}
		return m.bringUpReplacement(ctx)
	}}}
}

func (m *container) bringUpReplacement(ctx context.Context) error {
	id, err := m.replacement(ctx)
	if err != nil || id == "" {
		return err
	}
	m.noteLastLines(ctx, id)
	if err := m.awaitName(ctx); err != nil {
		return err
	}
	if err := m.Engine.Rename(ctx, id, m.rest.Container); err != nil && !errors.Is(err, snapshot.ErrInUse) {
		return err
	}
	return m.Engine.Start(ctx, id)
}

// awaitName waits until the engine has removed the old container, which has the name until then. What takes for ever keeps
// it: then the replacement runs under a name of its own.
func (m *container) awaitName(ctx context.Context) error {
	old, err := m.Engine.Inspect(ctx, m.rest.Plan.OldID)
	if errors.Is(err, snapshot.ErrUnknownContainer) || err == nil && old.State != "removing" {
		return nil
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, goneLimit)
	defer cancel()
	if err := m.awaitGone(ctx, old.ID); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}
