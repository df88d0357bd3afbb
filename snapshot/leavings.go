package snapshot

import (
	"context"
	"errors"
)

// removeLeavings removes what no restore has seen: a replacement that the engine was still at when the restore ended, and the
// image of an auto-remove container's copy, once nothing is made from it any more.
func (w *Watcher) removeLeavings(ctx context.Context, engine string) error {
	list, err := w.Store.Leavings(ctx)
	if err != nil {
		return err
	}
	var errs error
	for _, r := range on(engine, list) {
		running, err := w.Store.Restoring(ctx, r.Key)
		if err == nil && !running {
			err = w.removeLeaving(ctx, r)
		}
		errs = errors.Join(errs, err)
	}
	return errs
}

func (w *Watcher) removeLeaving(ctx context.Context, r Restore) error {
	if r.Plan.StandInRef != "" {
		if err := w.Engine.Untag(ctx, r.Plan.StandInRef); err != nil && !errors.Is(err, ErrInUse) {
			return err
		}
	}
	if r.Plan.TempName == "" || r.Plan.AdoptID != "" || r.State == Failed { // what has failed is a person's
		return nil
	}
	c, err := w.Engine.Inspect(ctx, r.Plan.TempName)
	if errors.Is(err, ErrUnknownContainer) || err == nil && (!c.Enabled || alive(c)) {
		return nil
	}
	if err != nil {
		return err
	}
	w.Logger.Warn("removing a replacement that came too late", "container", c.Name, "restore_id", r.ID)
	return w.Engine.Remove(ctx, c.ID)
}
