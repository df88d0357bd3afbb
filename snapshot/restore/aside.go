package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// A container that the engine won't remove must not keep another one from running: its removal hangs, or the engine answers that its files
// are busy. It is stopped and renamed instead, the restore goes on, and Leftovers remove it when that can be done.

// withdraw gets the replacement out of the old container's way: it is removed, or else set aside. The container that an undo had brought back
// is always set aside. What the replacement wrote last is kept in the restore's error: it is the only trace of why it did not come up.
func (ctr *container) withdraw(ctx context.Context) error {
	p := ctr.restore.Plan
	c, found, err := ctr.replacement(ctx)
	if !found || err != nil {
		return err
	}
	ctr.noteLastLines(ctx, c.ID)
	if p.AdoptID != "" {
		return ctr.setAside(ctx, c.ID, p.TempName)
	}
	if !snapshot.Alive(c.State) && snapshot.OurName(c.Name) {
		return nil // clear removes it, once the old container runs
	}
	if err := ctr.remove(ctx, c.ID); err == nil || retryable(err) {
		return err
	}
	return ctr.setAside(ctx, c.ID, p.TempName)
}

// clear removes what is still there of the replacement, now that the old container is back. What the engine won't remove is no reason to fail.
func (ctr *container) clear(ctx context.Context) error {
	if ctr.restore.Plan.AdoptID != "" {
		return nil
	}
	p := ctr.restore.Plan
	c, found, err := ctr.replacement(ctx)
	if err != nil && !retryable(err) && p.NewID != "" {
		c.ID, c.Name = p.NewID, p.TempName
		ctr.unremoved(c, err)
		return nil
	}
	if !found || err != nil {
		return err
	}
	ctr.noteLastLines(ctx, c.ID)
	return ctr.dispose(ctx, c, p.TempName)
}

// Unremoved is a container that the engine would not remove. It is stopped, and has a name of ours.
type Unremoved struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Left says, in a sentence without its end, what the engine would not remove for the restore; "": nothing.
func (r Restore) Left() string {
	var out []string
	for _, u := range r.Plan.Unremoved {
		s := u.Name + " is left over, stopped, and its removal is tried again by itself"
		if u.ID == r.Plan.OldID && r.Plan.BeforeID != 0 {
			s += "; until it is gone, Compose may start it in place of what was restored"
		}
		out = append(out, fmt.Sprintf("%s. The engine did not remove it (%s)", s, u.Why))
	}
	return strings.Join(out, ". ")
}

// dispose removes a container. One that the engine won't remove is set aside under a name, and noted.
func (ctr *container) dispose(ctx context.Context, c snapshot.Inspection, name string) error {
	why := ctr.remove(ctx, c.ID)
	if why == nil || retryable(why) {
		return why
	}
	if err := ctr.setAside(ctx, c.ID, name); err != nil {
		return fmt.Errorf("%w; nor is it removed: %w", err, why)
	}
	now, err := ctr.Engine.Inspect(ctx, c.ID)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return nil // it is removed after all
	}
	if retryable(err) {
		return err
	}
	if err != nil {
		now = c
	}
	ctr.Logger.Warn("a container could not be removed, and is set aside", "restore_id", ctr.restore.ID, "container", now.Name, "err", why)
	ctr.unremoved(now, why)
	return nil
}

func (ctr *container) unremoved(c snapshot.Inspection, why error) {
	p := &ctr.restore.Plan
	p.Unremoved = slices.DeleteFunc(p.Unremoved, func(u Unremoved) bool { return u.ID == c.ID })
	p.Unremoved = append(p.Unremoved, Unremoved{c.ID, c.Name, why.Error()})
}

// remove returns errNoAnswer when the engine takes long for it: nobody waits for that while nothing runs.
func (ctr *container) remove(ctx context.Context, id string) error {
	return within(ctx, min(removeLimit, ctr.ActLimit), func(ctx context.Context) error { return ctr.Engine.Remove(ctx, id) })
}

// setAside has a container that is not to run stopped, not started by the engine, and out of the way of names, under one of ours. One that
// can't be stopped is in the way of whatever is to run.
func (ctr *container) setAside(ctx context.Context, id, name string) error {
	c, err := ctr.Engine.Inspect(ctx, id)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return nil
	}
	if err == nil && !beingRemoved(c) { // which does not run any more, and takes no other change
		err = ctr.quiet(ctx, c)
	}
	if err != nil {
		return ignoreGone(err)
	}
	if snapshot.OurName(c.Name) {
		return nil
	}
	err = ctr.Engine.Rename(ctx, id, name)
	for n := 2; errors.Is(err, snapshot.ErrInUse) && n < 10; n++ {
		err = ctr.Engine.Rename(ctx, id, fmt.Sprintf("%s-%d", tempName(ctr.restore.Container, ctr.restore.ID), n))
	}
	return ignoreGone(err)
}

// quiet stops a container for good. Without its restart policy switched off, it would come back with the engine itself: that is no reason to
// leave the old one down.
func (ctr *container) quiet(ctx context.Context, c snapshot.Inspection) error {
	err := within(ctx, changeLimit, func(ctx context.Context) error {
		return ctr.Engine.SetRestartPolicy(ctx, c.ID, snapshot.RestartPolicy{Name: "no"})
	})
	if retryable(err) {
		return err
	}
	if err != nil && !errors.Is(err, snapshot.ErrGone) {
		ctr.Logger.Warn("switching off the restart policy of what is set aside", "restore_id", ctr.restore.ID, "container", c.Name, "err", err)
	}
	return ctr.Engine.Stop(ctx, c.ID, 5*time.Second)
}

// replacement is the replacement as it is, also when a bot died before it could write its ID down; false when there is none.
func (ctr *container) replacement(ctx context.Context) (c snapshot.Inspection, found bool, err error) {
	ref := ctr.restore.Plan.NewID
	if ref == "" {
		ref = ctr.restore.Plan.TempName
	}
	if ref == "" {
		return c, false, nil
	}
	c, err = ctr.Engine.Inspect(ctx, ref)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return c, false, nil
	}
	return c, err == nil, err
}

func (ctr *container) noteLastLines(ctx context.Context, id string) {
	const mark = "; its last lines: "
	if ctr.restore.StartedAt.IsZero() && ctr.down.IsZero() || strings.Contains(ctr.restore.Error, mark) {
		return
	}
	if tail, err := ctr.Engine.Tail(ctx, id, 5); err == nil && tail != "" {
		ctr.restore.Error += mark + strings.ReplaceAll(tail, strings.TrimSpace(onHost), "…") // a program's words are never commands of ours
	}
}
