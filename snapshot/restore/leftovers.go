package restore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// Leftovers removes what restores have left on an engine. All fields are required.
type Leftovers struct {
	Engine LeftoverEngine
	Store  LeftoverStore
	Logger *slog.Logger
}

// RemoveKept removes the containers from before restores, when their time is over. That is written down first. A bot that is
// interrupted after that leaves the removal to the next run.
func (l *Leftovers) RemoveKept(ctx context.Context, engine string) error {
	over, err := l.Store.KeptOver(ctx)
	if err != nil {
		return err
	}
	for _, r := range on(engine, over) {
		running, err := l.Store.Restoring(ctx, r.Key)
		if err != nil {
			return err
		}
		if running { // it may be the undo that needs it
			continue
		}
		if err := l.Store.KeptGone(ctx, r.ID, keptEntry(r)); err != nil {
			return err
		}
	}
	left, err := l.Store.KeptLeft(ctx)
	if err != nil {
		return err
	}
	var errs error
	for _, r := range on(engine, left) {
		errs = errors.Join(errs, l.removeLeft(ctx, r))
	}
	return errs
}

// on are the restores on one engine: other engines have bots of their own.
func on(engine string, list []Restore) []Restore {
	return slices.DeleteFunc(list, func(r Restore) bool { return !strings.HasPrefix(r.Key, engine+"/") })
}

// removeLeft removes a container from before, unless somebody has put it to use again.
func (l *Leftovers) removeLeft(ctx context.Context, r Restore) error {
	id := r.Plan.keptID()
	if id == "" {
		return nil
	}
	kept, err := l.Engine.Inspect(ctx, id)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return nil
	}
	if err != nil {
		return err
	}
	running, err := l.Store.Restoring(ctx, r.Key)
	if err != nil || running || !kept.Enabled || snapshot.Alive(kept.State) || !snapshot.OurName(kept.Name) {
		return err
	}
	if err := l.remove(ctx, id); err != nil {
		return fmt.Errorf("removing %s: %w", kept.Name, err)
	}
	l.Logger.Info("container from before removed", "container", kept.Name, "restore_id", r.ID)
	if r.Plan.StandInRef == "" {
		return nil
	}
	return l.Engine.Untag(ctx, r.Plan.StandInRef)
}

func keptEntry(r Restore) incidents.Entry {
	details, _ := incidents.Details(map[string]any{"container": r.Container, "key": r.Key, "kept": r.Plan.KeptName, "restore_id": r.ID})
	return incidents.Entry{
		IncidentID: r.By.Incident, OccurredAt: time.Now(), Kind: incidents.KindRestoreKeptRemoved, Actor: incidents.Self(),
		Source:  incidents.Source{System: "snapback", NativeID: fmt.Sprintf("restore/%d/kept-removed", r.ID)},
		Summary: fmt.Sprintf("%s is removed: it was kept until %s UTC", r.Plan.KeptName, r.KeptUntil.UTC().Format("2006-01-02 15:04")),
		Details: details,
	}
}

// RemoveStrays removes replacements that the engine was still creating when their restore ended, containers that it would not remove then, and
// images of auto-remove containers' copies that no container uses any more.
func (l *Leftovers) RemoveStrays(ctx context.Context, engine string) error {
	list, err := l.Store.Leavings(ctx)
	if err != nil {
		return err
	}
	var errs error
	for _, r := range on(engine, list) {
		running, err := l.Store.Restoring(ctx, r.Key)
		if err == nil && !running {
			err = l.removeStray(ctx, r)
		}
		errs = errors.Join(errs, err)
	}
	return errs
}

func (l *Leftovers) removeStray(ctx context.Context, r Restore) error {
	if r.Plan.StandInRef != "" {
		if err := l.Engine.Untag(ctx, r.Plan.StandInRef); err != nil && !errors.Is(err, snapshot.ErrInUse) {
			return err
		}
	}
	c, found, err := stray(ctx, l.Engine, r)
	if err == nil && found {
		l.Logger.Warn("removing a replacement that came too late", "container", c.Name, "restore_id", r.ID)
		err = l.remove(ctx, c.ID)
	}
	for _, u := range r.Plan.Unremoved {
		err = errors.Join(err, l.removeUnremoved(ctx, r, u.ID))
	}
	return err
}

// removeUnremoved removes what the engine would not remove for the restore, unless somebody has put it to use.
func (l *Leftovers) removeUnremoved(ctx context.Context, r Restore, id string) error {
	c, err := l.Engine.Inspect(ctx, id)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return nil
	}
	if err != nil || !c.Enabled || snapshot.Alive(c.State) || !snapshot.OurName(c.Name) {
		return err
	}
	if err := l.remove(ctx, id); err != nil {
		return fmt.Errorf("removing %s: %w", c.Name, err)
	}
	l.Logger.Info("what a restore had left is removed", "container", c.Name, "restore_id", r.ID)
	return nil
}

// remove does not wait for long: a removal that hangs must not keep others from theirs.
func (l *Leftovers) remove(ctx context.Context, id string) error {
	return within(ctx, time.Minute, func(ctx context.Context) error { return l.Engine.Remove(ctx, id) })
}

// stray is a replacement that the engine has made only when its restore was over: it still has the temporary name. A person sees
// to what a failed restore has left.
func stray(ctx context.Context, engine snapshot.Inspector, r Restore) (c snapshot.Inspection, found bool, err error) {
	if r.Plan.TempName == "" || r.Plan.AdoptID != "" || r.State == Failed {
		return c, false, nil
	}
	c, err = engine.Inspect(ctx, r.Plan.TempName)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return c, false, nil
	}
	return c, err == nil && c.Enabled && !snapshot.Alive(c.State), err
}
