package restore

import (
	"context"
	"errors"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// Offer says whether a snapshot can be restored now, what will not come back, and if not, why not.
type Offer struct {
	Snapshot snapshot.Snapshot
	WhyNot   []string
	Changes  []snapshot.Change // from what runs now to what would, secrets masked; nil when nothing is there now
	Losses   []string
	Joined   []string
	Beside   []string     // what runs beside it in the same line, and stays
	Volumes  *VolumeOffer // nil: without volumes only
}

// Offer runs the preflight of a restore that nobody has asked for yet. It changes nothing. It returns an error only
// when the engine or the database can't be asked.
func (r *Restorer) Offer(ctx context.Context, c snapshot.Container, snap snapshot.Snapshot) (Offer, error) {
	rest := Restore{Kind: Restoring, Key: c.Key, Container: nameFor(c, snap), SnapshotID: snap.ID, RequestedAt: time.Now()}
	m := &container{task: &task{Restorer: r, restore: rest}}
	why, err := m.plan(ctx)
	if err != nil && (retryable(err) || ctx.Err() != nil) {
		return Offer{}, err
	}
	if err != nil {
		why = append(why, err.Error())
	}
	offer := Offer{Snapshot: snap, WhyNot: why, Losses: m.restore.Plan.Losses, Beside: m.restore.Plan.Beside}
	if offer.Changes, err = r.wouldChange(ctx, c, snap.ID); err != nil {
		return Offer{}, err
	}
	if offer.Volumes, err = r.offerVolumes(ctx, c, snap); err != nil {
		return Offer{}, err
	}
	for _, j := range m.restore.Plan.Joined {
		offer.Joined = append(offer.Joined, j.Name)
	}
	return offer, nil
}

// wouldChange compares the container with what a restore would put in its place, however many deploys were in between.
func (r *Restorer) wouldChange(ctx context.Context, c snapshot.Container, id int64) ([]snapshot.Change, error) {
	snap, err := r.Snapshots.SnapshotByID(ctx, id)
	if err != nil {
		return nil, err
	}
	if snap.Locked {
		return nil, nil
	}
	now, err := r.Engine.Inspect(ctx, c.ID)
	if errors.Is(err, snapshot.ErrUnknownContainer) || err == nil && len(now.Document) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r.Engine.Changes(now.Document, snap.Document)
}

// VolumeOffer says whether a snapshot can be restored with its volumes now.
type VolumeOffer struct {
	Set    snapshot.VolumeSet
	WhyNot []string
}

// offerVolumes returns nil when the snapshot has no archives and was not asked for any.
func (r *Restorer) offerVolumes(ctx context.Context, c snapshot.Container, snap snapshot.Snapshot) (*VolumeOffer, error) {
	if snap.Volumes == nil || r.Volumes == nil {
		return nil, nil
	}
	offer := &VolumeOffer{Set: *snap.Volumes}
	if snap.Volumes.ID == "" {
		offer.WhyNot = []string{"its volumes were not archived: " + snap.Volumes.Problem}
		return offer, nil
	}
	why, err := r.Volumes.Problems(ctx, *snap.Volumes, c.ID)
	offer.WhyNot = why
	return offer, err
}
