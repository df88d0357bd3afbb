package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// Compose finds its containers by their labels, and labels can't be changed. It would find the container that a restore has
// set aside as well, and the next "up" would remove the restored one and start the broken one (seen with Compose 1.29). So
// the old container of a Compose service does not stay a container. Once the new one has proved itself, a snapshot of the
// old one is taken, its last lines go onto the timeline, and it is removed.

// composed says that Compose counts a container with these labels among its own.
func composed(labels map[string]string) bool { return labels["com.docker.compose.project"] != "" }

const evidenceLines = 200

// retire turns the container that was set aside into a snapshot. It may be run again after any of its steps. When the snapshot can't be taken,
// the container stays, for the undo. When only the removal fails, it is what Leftovers try again.
func (ctr *container) retire(ctx context.Context) error {
	p := &ctr.restore.Plan
	if p.OldID == "" || p.AutoRemove {
		return nil
	}
	p.Unretired = ""
	var before snapshot.Snapshot
	composes := composed(p.Place.Labels) // also if it can't be looked at any more
	err := ctr.persist(ctx, "turning the container from before into a snapshot", func(ctx context.Context) error {
		return ctr.act(ctx, retireLimit, func(ctx context.Context) (err error) {
			before, err = ctr.retireOnce(ctx, &composes)
			return err
		})
	}, errHung, snapshot.ErrDiskFull)
	switch {
	case retryable(err):
		return err
	case err != nil && before.ID == 0:
		if composes {
			p.Unretired = err.Error()
		}
		ctr.Logger.Warn("the container from before stays a container", "restore_id", ctr.restore.ID, "container", p.KeptName, "err", err)
		return nil
	case err != nil:
		ctr.unremoved(snapshot.Inspection{Container: snapshot.Container{ID: p.OldID, Name: p.KeptName}}, err)
	}
	if before.ID != 0 {
		p.BeforeID, p.KeptName = before.ID, before.Name
	}
	return nil
}

// Unretired says, in a sentence without its end, that the container from before is still one of Compose's; "": it is not.
func (r Restore) Unretired() string {
	if r.Plan.Unretired == "" {
		return ""
	}
	return fmt.Sprintf("docker rm %s before the next docker compose up, which may start it in place of what was restored; there is no undo any more, since it could not be made a snapshot (%s)",
		r.Plan.KeptName, r.Plan.Unretired)
}

// retireOnce returns the snapshot that the old container has become, perhaps before this bot died and came back; the zero
// one when it stays a container, or is gone. It says whether it is Compose's once that is known.
func (ctr *container) retireOnce(ctx context.Context, composes *bool) (snapshot.Snapshot, error) {
	old, err := ctr.Engine.Inspect(ctx, ctr.restore.Plan.OldID)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		s, err := ctr.Snapshots.Snapshot(ctx, ctr.restore.Key, ctr.beforeName())
		if errors.Is(err, snapshot.ErrUnknownSnapshot) {
			return snapshot.Snapshot{}, nil // somebody has removed it
		}
		return s, err
	}
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	if *composes = composed(old.Labels); !*composes {
		return snapshot.Snapshot{}, nil
	}
	s, err := ctr.takeOld(ctx, old)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	return s, ctr.Engine.Remove(ctx, old.ID)
}

// retired says whether the old container has become a snapshot, and is gone.
func (ctr *container) retired(ctx context.Context) (bool, error) {
	if ctr.restore.Plan.OldID == "" {
		return false, nil
	}
	_, err := ctr.Engine.Inspect(ctx, ctr.restore.Plan.OldID)
	if !errors.Is(err, snapshot.ErrUnknownContainer) {
		return false, err
	}
	_, err = ctr.Snapshots.Snapshot(ctx, ctr.restore.Key, ctr.beforeName())
	if errors.Is(err, snapshot.ErrUnknownSnapshot) {
		return false, nil // somebody has removed it
	}
	return err == nil, err
}

func (ctr *container) beforeName() string {
	return fmt.Sprintf("before-%s-%d", ctr.restore.RequestedAt.In(ctr.Zone).Format("1504"), ctr.restore.ID)
}

// takeOld is the snapshot of the old container as it was before the restore touched it, taken once.
func (ctr *container) takeOld(ctx context.Context, old snapshot.Inspection) (snapshot.Snapshot, error) {
	p, name := ctr.restore.Plan, ctr.beforeName()
	s, err := ctr.Snapshots.Snapshot(ctx, ctr.restore.Key, name)
	if !errors.Is(err, snapshot.ErrUnknownSnapshot) {
		return s, err
	}
	now := time.Now().UTC()
	s = snapshot.Snapshot{
		Key: ctr.restore.Key, Container: ctr.restore.Container, Name: name, Reason: snapshot.Before, CreatedAt: now, ExpiresAt: now.Add(ctr.Keep),
		Note: fmt.Sprintf("what restore %d replaced", ctr.restore.ID), ContainerID: old.ID, ImageID: old.ImageID,
	}
	if s.Document, err = ctr.Engine.AsBefore(old.Document, ctr.restore.Container, p.OldPolicy); err != nil {
		return s, err
	}
	if ctr.Taker == nil {
		return s, errors.New("nothing here takes snapshots")
	}
	if err := ctr.evidence(ctx, old); err != nil {
		return s, err
	}
	return ctr.Taker.TakeStopped(ctx, s, snapshot.By{Actor: incidents.Self(), Incident: ctr.restore.By.Incident})
}

// evidence writes the old container's last lines onto the timeline: they go with it.
func (ctr *container) evidence(ctx context.Context, old snapshot.Inspection) error {
	tail, err := ctr.Engine.Tail(ctx, old.ID, evidenceLines)
	if err != nil {
		return err
	}
	details, err := incidents.Details(map[string]any{"container": ctr.restore.Container, "key": ctr.restore.Key, "restore_id": ctr.restore.ID, "lines": tail})
	if err != nil {
		return err
	}
	_, err = ctr.Taker.Audit.Record(ctx, incidents.Entry{
		IncidentID: ctr.restore.By.Incident, OccurredAt: time.Now(), Kind: incidents.KindEvidence, Actor: incidents.Self(),
		Source:  incidents.Source{System: "engine", NativeID: old.ID},
		Summary: fmt.Sprintf("The last lines of the container that restore %d replaced", ctr.restore.ID), Details: details,
	})
	return err
}
