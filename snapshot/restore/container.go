package restore

import (
	"context"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// container is a subject: one container. It is replaced by one that is made from a snapshot, or for an undo by the one that
// was set aside.
type container struct {
	*task
	down time.Time // when the old container was told to stop, if this run saw it
}

// Preflight looks at everything that can fail, while the broken container still runs.
func (m *container) Preflight(ctx context.Context) (why []string, err error) {
	err = m.peek(ctx, 20*time.Second, func(ctx context.Context) (err error) {
		why, err = m.plan(ctx)
		return err
	})
	if err != nil || len(why) > 0 {
		return why, err
	}
	err = m.act(ctx, 10*time.Minute, func(ctx context.Context) (err error) {
		why, err = m.checkVolumes(ctx)
		return err
	})
	return why, err
}

// Prepare creates the replacement beside the running container, unless it is there already: an undo adopts the container
// that was set aside.
func (m *container) Prepare(ctx context.Context) error {
	err := m.act(ctx, 5*time.Minute, m.takeJoined)
	if err != nil || m.restore.Plan.AdoptID != "" {
		return err
	}
	limit := m.Act
	if m.restore.Plan.AutoRemove {
		limit = 10 * time.Minute // a commit comes first
	}
	return m.act(ctx, limit, m.create)
}

func (m *container) create(ctx context.Context) error {
	snap, err := m.Snapshots.SnapshotByID(ctx, m.restore.SnapshotID)
	if err != nil {
		return err
	}
	if m.restore.Plan.AutoRemove {
		if err := m.standIn(ctx); err != nil {
			return err
		}
	}
	m.restore.Plan.NewID, err = m.Engine.Create(ctx, m.restore.Plan.TempName, m.spec(snap))
	return err
}

func (m *container) spec(snap snapshot.Snapshot) snapshot.Spec {
	return snapshot.Spec{Document: snap.Document, ImageID: snap.ImageID, ImageRef: snap.ImageRef, Replaces: m.restore.Plan.OldID}
}

// Verify also compares the replacement with the snapshot, makes those anew that shared a namespace with the old one, and
// sees to what becomes of the old one. None of that is a reason to go back.
func (m *container) Verify(ctx context.Context) error {
	how, err := m.prove(ctx)
	if err != nil {
		return err
	}
	m.restore.Proof = how
	m.restore.VerifiedAt = time.Now().UTC()
	m.restore.Differences, err = m.compare(ctx)
	if retryable(err) {
		return err
	}
	if err != nil { // it runs, which is what counts; a comparison that failed is reported as a difference
		m.restore.Differences = []snapshot.Difference{{Attribute: "comparison", Want: "done", Got: err.Error()}}
	}
	if err := m.rejoin(ctx); err != nil {
		return noVerdict{err}
	}
	if err := m.act(ctx, 5*time.Minute, m.retire); err != nil && retryable(err) {
		return err
	}
	return m.keepUntil(ctx)
}

// keepUntil notes for how long the old container is kept, if it is still there.
func (m *container) keepUntil(ctx context.Context) error {
	kept, err := m.anyOf(ctx, m.restore.Plan.keptID())
	if retryable(err) {
		return err
	}
	if kept || err != nil || m.restore.Plan.BeforeID != 0 {
		m.restore.KeptUntil = m.restore.VerifiedAt.Add(m.Keep)
	}
	return nil
}

func (m *container) compare(ctx context.Context) ([]snapshot.Difference, error) {
	if m.restore.Plan.AdoptID != "" {
		return nil, nil // it is the very same container
	}
	snap, err := m.Snapshots.SnapshotByID(ctx, m.restore.SnapshotID)
	if err != nil {
		return nil, err
	}
	now, err := m.Engine.Inspect(ctx, m.restore.Plan.NewID)
	if err != nil {
		return nil, err
	}
	return m.Engine.Compare(snap.Document, m.spec(snap), now.Document)
}
