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

// composed says that Compose counts the container among its own.
func composed(c snapshot.Inspection) bool { return c.Labels["com.docker.compose.project"] != "" }

const evidenceLines = 200

// retire turns the container that was set aside into a snapshot. It may be run again after any of its steps. When it
// can't be done, the container stays.
func (m *container) retire(ctx context.Context) error {
	p := &m.restore.Plan
	if p.OldID == "" || p.AutoRemove {
		return nil
	}
	before, err := m.retireOnce(ctx)
	if retryable(err) {
		return err
	}
	if err != nil {
		m.Logger.Warn("the container from before stays a container", "restore_id", m.restore.ID, "container", p.KeptName, "err", err)
		return nil
	}
	if before.ID != 0 {
		p.BeforeID, p.KeptName = before.ID, before.Name
	}
	return nil
}

// retireOnce returns the snapshot that the old container has become, perhaps before this bot died and came back; the zero
// one when it stays a container, or is gone.
func (m *container) retireOnce(ctx context.Context) (snapshot.Snapshot, error) {
	old, err := m.Engine.Inspect(ctx, m.restore.Plan.OldID)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		s, err := m.Snapshots.Snapshot(ctx, m.restore.Key, m.beforeName())
		if errors.Is(err, snapshot.ErrUnknownSnapshot) {
			return snapshot.Snapshot{}, nil // somebody has removed it
		}
		return s, err
	}
	if err != nil || !composed(old) {
		return snapshot.Snapshot{}, err
	}
	s, err := m.takeOld(ctx, old)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	return s, m.Engine.Remove(ctx, old.ID)
}

func (m *container) beforeName() string {
	return fmt.Sprintf("before-%s-%d", m.restore.RequestedAt.In(m.Zone).Format("1504"), m.restore.ID)
}

// takeOld is the snapshot of the old container as it was before the restore touched it, taken once.
func (m *container) takeOld(ctx context.Context, old snapshot.Inspection) (snapshot.Snapshot, error) {
	p, name := m.restore.Plan, m.beforeName()
	s, err := m.Snapshots.Snapshot(ctx, m.restore.Key, name)
	if !errors.Is(err, snapshot.ErrUnknownSnapshot) {
		return s, err
	}
	now := time.Now().UTC()
	s = snapshot.Snapshot{
		Key: m.restore.Key, Container: m.restore.Container, Name: name, Reason: snapshot.Manual, CreatedAt: now, ExpiresAt: now.Add(m.Keep),
		Note: fmt.Sprintf("what restore %d replaced", m.restore.ID), ContainerID: old.ID, ImageID: old.ImageID,
	}
	if s.Document, err = m.Engine.AsBefore(old.Document, m.restore.Container, p.OldPolicy); err != nil {
		return s, err
	}
	if m.Taker == nil {
		return s, errors.New("nothing here takes snapshots")
	}
	if err := m.evidence(ctx, old); err != nil {
		return s, err
	}
	return m.Taker.TakeStopped(ctx, s, snapshot.By{Actor: incidents.Self(), Incident: m.restore.By.Incident})
}

// evidence writes the old container's last lines onto the timeline: they go with it.
func (m *container) evidence(ctx context.Context, old snapshot.Inspection) error {
	tail, err := m.Engine.Tail(ctx, old.ID, evidenceLines)
	if err != nil {
		return err
	}
	details, err := incidents.Details(map[string]any{"container": m.restore.Container, "restore_id": m.restore.ID, "lines": tail})
	if err != nil {
		return err
	}
	_, err = m.Taker.Audit.Record(ctx, incidents.Entry{
		IncidentID: m.restore.By.Incident, OccurredAt: time.Now(), Kind: incidents.KindEvidence, Actor: incidents.Self(),
		Source:  incidents.Source{System: "engine", NativeID: old.ID},
		Summary: fmt.Sprintf("The last lines of the container that restore %d replaced", m.restore.ID), Details: details,
	})
	return err
}
