package watch

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// stateBefore makes sure that the last good state is kept under a name that tells of the deploy: what a pipeline took
// beforehand; else the baseline; else, if the old container is still there and was good, what it is now. A pipeline also
// asks before the deploy that is to repair what is broken: what it took then comes last.
func (w *Watcher) stateBefore(ctx context.Context, before snapshot.Occupant, d snapshot.Deploy) (snapshot.Snapshot, bool, error) {
	list, err := w.Store.Snapshots(ctx, before.Key)
	if err != nil {
		return snapshot.Snapshot{}, false, err
	}
	explicit, taken := w.takenBeforehand(list, before, d)
	if taken && explicit.Unwell == "" {
		return explicit, true, nil
	}
	for _, s := range list {
		if s.Reason != snapshot.Baseline || !s.MissingSince.IsZero() {
			continue
		}
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

// takenBeforehand is the newest of what a pipeline took of the container that was replaced: of a good state, if there is one.
func (w *Watcher) takenBeforehand(list []snapshot.Snapshot, before snapshot.Occupant, d snapshot.Deploy) (found snapshot.Snapshot, ok bool) {
	for _, s := range list {
		if s.Reason != snapshot.PreDeploy || s.ContainerID != before.ID || !s.MissingSince.IsZero() || d.At.Sub(s.CreatedAt) >= w.Explicit {
			continue
		}
		if s.Unwell == "" {
			return s, true
		}
		if !ok {
			found, ok = s, true
		}
	}
	return found, ok
}

// copyBaseline gives the baseline a name that stays. If that has been done already, at an earlier deploy after which
// nothing good has run, that one is still the last good state; so is what a pipeline took of the same container later on.
func (w *Watcher) copyBaseline(ctx context.Context, base snapshot.Snapshot, list []snapshot.Snapshot, d snapshot.Deploy) (snapshot.Snapshot, error) {
	for _, s := range list {
		of := s.Reason == snapshot.PreDeploy && s.ContainerID == base.ContainerID && s.MissingSince.IsZero()
		if of && s.Unwell == "" && !s.CreatedAt.Before(base.CreatedAt) {
			return s, nil
		}
	}
	note := "as it was at " + base.CreatedAt.In(w.Zone).Format("2006-01-02 15:04")
	return w.Taker.Copy(ctx, base, snapshot.TakeAsk{Name: snapshot.DefaultName(snapshot.PreDeploy, d.At.In(w.Zone)), Reason: snapshot.PreDeploy, Note: note, By: w.by(d)})
}

// takeOld takes a snapshot of the container that was replaced, if it is still there and had been up long enough.
func (w *Watcher) takeOld(ctx context.Context, before snapshot.Occupant, d snapshot.Deploy) (snapshot.Snapshot, bool, error) {
	old, err := w.Engine.Inspect(ctx, before.ID)
	if errors.Is(err, snapshot.ErrUnknownContainer) || err == nil && !w.wasGood(old) {
		return snapshot.Snapshot{}, false, nil
	}
	if err != nil {
		return snapshot.Snapshot{}, false, err
	}
	// Its name may be another one by now, as may its key: it is kept as what it was. Its volumes are the new one's already.
	as := before.Container
	s, err := w.Taker.Take(ctx, as, snapshot.TakeAsk{Name: snapshot.DefaultName(snapshot.PreDeploy, d.At.In(w.Zone)), Numbered: true, Reason: snapshot.PreDeploy, NoVolumes: true, By: w.by(d)})
	return s, err == nil, err
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

// compareWith finds out what the deploy has changed, and what restoring the kept snapshot would change back: the same,
// unless that is not of the container right before. A snapshot is younger than what was seen at a container's start.
func (w *Watcher) compareWith(d *snapshot.Deployed, before snapshot.Occupant, kept snapshot.Snapshot, now snapshot.Inspection) {
	if kept.ContainerID == before.ID {
		d.Changes = w.between(kept.Document, now)
		d.WouldUndo = d.Changes
		return
	}
	d.Changes = w.between(before.Document, now)
	d.WouldUndo = w.between(kept.Document, now)
}

// between is never nil, since it is read as JSON. That two states can't be compared must not keep the deploy from being
// told.
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
