package watch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// stateBefore keeps the last good state under a name that says that it is from before a deploy. It is what a pipeline took
// beforehand, else the baseline, else the old container as it is now, if it is still there and was good. What a pipeline
// took of a container that was not well counts only when there is no baseline: it may have been about to deploy the repair.
// Of a container that a restore has made, and that has no baseline of its own yet, it is what was restored. The baseline
// of one that a restore was made away from is never a good state.
func (w *Watcher) stateBefore(ctx context.Context, before snapshot.Occupant, d snapshot.Deploy) (snapshot.Snapshot, bool, error) {
	list, err := w.Store.Snapshots(ctx, before.Key)
	if err != nil {
		return snapshot.Snapshot{}, false, err
	}
	explicit, taken := w.takenBeforehand(list, before, d)
	if taken && well(explicit) {
		return explicit, true, nil
	}
	good, err := w.goodStates(ctx, before, list)
	if err != nil {
		return snapshot.Snapshot{}, false, err
	}
	for _, s := range good {
		kept, err := w.copyBaseline(ctx, s, list, d)
		if !errors.Is(err, snapshot.ErrGone) {
			return kept, err == nil, err
		}
	}
	if taken { // better than nothing
		return explicit, true, nil
	}
	return w.takeOld(ctx, before, d)
}

// goodStates are what the state from before can be copied from, the likeliest first; list is newest first.
func (w *Watcher) goodStates(ctx context.Context, before snapshot.Occupant, list []snapshot.Snapshot) ([]snapshot.Snapshot, error) {
	left, err := w.Store.LeftBehind(ctx, before.Key)
	if err != nil {
		return nil, err
	}
	good := slices.DeleteFunc(slices.Clone(list), func(s snapshot.Snapshot) bool {
		return s.Reason != snapshot.Baseline || !s.MissingSince.IsZero() || slices.Contains(left, s.ContainerID)
	})
	slices.SortStableFunc(good, func(a, b snapshot.Snapshot) int { return cmp.Compare(spiked(a), spiked(b)) })
	if slices.ContainsFunc(good, func(s snapshot.Snapshot) bool { return s.ContainerID == before.ID && !s.Spiked }) {
		return good, nil
	}
	restored, found, err := w.Store.RestoredTo(ctx, before.Key, before.ID)
	if err != nil || !found || !restored.MissingSince.IsZero() {
		return good, err
	}
	return append([]snapshot.Snapshot{restored}, good...), nil
}

// well says that nothing was seen to be wrong when it was taken.
func well(s snapshot.Snapshot) bool { return s.Unwell == "" && !s.Spiked }

// spiked puts those last that were taken while errors were at a spike's rate.
func spiked(s snapshot.Snapshot) int {
	if s.Spiked {
		return 1
	}
	return 0
}

// takenBeforehand is the newest of what a pipeline took of the container that was replaced: of a good state, if there is one.
func (w *Watcher) takenBeforehand(list []snapshot.Snapshot, before snapshot.Occupant, d snapshot.Deploy) (found snapshot.Snapshot, ok bool) {
	for _, s := range list {
		if s.Reason != snapshot.PreDeploy || s.ContainerID != before.ID || !s.MissingSince.IsZero() || d.At.Sub(s.CreatedAt) >= w.Explicit {
			continue
		}
		if well(s) {
			return s, true
		}
		if !ok {
			found, ok = s, true
		}
	}
	return found, ok
}

// copyBaseline keeps the baseline under a name of its own. It does nothing when an earlier deploy has done so and nothing
// good has run since, or when a pipeline has taken a snapshot of the same container later.
func (w *Watcher) copyBaseline(ctx context.Context, base snapshot.Snapshot, list []snapshot.Snapshot, d snapshot.Deploy) (snapshot.Snapshot, error) {
	for _, s := range list {
		of := s.Reason == snapshot.PreDeploy && s.ContainerID == base.ContainerID && s.MissingSince.IsZero()
		if of && (well(s) || !well(base)) && !s.CreatedAt.Before(base.CreatedAt) {
			return s, nil
		}
	}
	note := "as it was at " + base.CreatedAt.In(w.Zone).Format("2006-01-02 15:04")
	return w.Taker.Copy(ctx, base, snapshot.TakeRequest{Name: snapshot.DefaultName(snapshot.PreDeploy, d.At.In(w.Zone)), Reason: snapshot.PreDeploy, Note: note, By: w.by(d)})
}

// takeOld takes a snapshot of the container that was replaced, if it is still there and had been up long enough.
func (w *Watcher) takeOld(ctx context.Context, before snapshot.Occupant, d snapshot.Deploy) (snapshot.Snapshot, bool, error) {
	old, err := w.inspect(ctx, before.ID)
	if errors.Is(err, snapshot.ErrUnknownContainer) || err == nil && !w.wasGood(old) {
		return snapshot.Snapshot{}, false, nil
	}
	if err != nil {
		return snapshot.Snapshot{}, false, err
	}
	// It may have been renamed by now: the snapshot is of what it was called. The new one uses its volumes already.
	as := before.Container
	s, err := w.Taker.Take(ctx, as, snapshot.TakeRequest{Name: snapshot.DefaultName(snapshot.PreDeploy, d.At.In(w.Zone)), Numbered: true, Reason: snapshot.PreDeploy, NoVolumes: true, By: w.by(d)})
	return s, err == nil, err
}

// replacedStays is how long the spec of a service is kept that was replaced before it was known to be good.
const replacedStays = 14 * 24 * time.Hour

// keepReplaced keeps the spec that a service had right before a deploy also where it was no good state, as when another update has followed
// quickly: there is no image to it, so it costs a row. Nothing is restored to it unless somebody chooses it.
func (w *Watcher) keepReplaced(ctx context.Context, before snapshot.Occupant, d snapshot.Deploy) error {
	list, err := w.Store.Snapshots(ctx, before.Key)
	kept := slices.ContainsFunc(list, func(s snapshot.Snapshot) bool {
		return s.ContainerID == before.ID && s.Reason != snapshot.Baseline && s.MissingSince.IsZero()
	})
	if err != nil || kept {
		return err
	}
	_, err = w.Taker.Take(ctx, before.Container, snapshot.TakeRequest{
		Name: snapshot.DefaultName(snapshot.PreDeploy, d.At.In(w.Zone)), Numbered: true, Reason: snapshot.PreDeploy, NoVolumes: true, By: w.by(d),
		Unwell: "it was replaced before it was known to be good", ExpiresIn: replacedStays,
	})
	return err
}

func (w *Watcher) wasGood(old snapshot.Inspection) bool {
	up := old.Up
	if old.State == "exited" {
		up = old.FinishedAt.Sub(old.StartedAt)
	}
	return old.Enabled && old.Restarts == 0 && old.Health != "unhealthy" && !old.StartedAt.IsZero() && up >= w.BaselineAfter
}

func (w *Watcher) by(d snapshot.Deploy) snapshot.By {
	return snapshot.By{Actor: incidents.Self(), Reason: "before the deploy of " + d.After, Source: incidents.Source{System: "snapback"}}
}

// compareWith finds out what the deploy has changed, and what restoring the kept snapshot would change back. That is the
// same when the snapshot is of the container right before.
func (w *Watcher) compareWith(d *snapshot.Deployed, before snapshot.Occupant, kept snapshot.Snapshot, now snapshot.Inspection) {
	if kept.ContainerID == before.ID {
		d.Changes = w.between(kept.Document, now)
		d.WouldUndo = d.Changes
		return
	}
	d.Changes = w.between(before.Document, now)
	d.WouldUndo = w.between(kept.Document, now)
}

// between is never nil, since it becomes JSON. A comparison that fails must not keep people from hearing of the deploy.
func (w *Watcher) between(before json.RawMessage, now snapshot.Inspection) []snapshot.Change {
	if len(before) == 0 || len(now.Document) == 0 {
		return []snapshot.Change{}
	}
	changes, err := w.Engine.Changes(before, now.Document)
	if err != nil {
		w.Logger.Error("comparing a container with the one before", "container", now.Name, "err", err)
	}
	if changes == nil {
		changes = []snapshot.Change{}
	}
	return changes
}
