package restore

import (
	"cmp"
	"context"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// Offer says whether a snapshot can be restored now, what would change, and if it can't, why not.
type Offer struct {
	Snapshot snapshot.Snapshot
	WhyNot   []string
	Changes  []snapshot.Change // from what runs now to what would, secrets masked; nil when nothing is there now
	Running  bool              // it is what runs now, or what ran last: nothing would change
	Layer    bool              // with Running: but for the files that the container has written itself
	Doubt    string            // why it is not known to be a good state, to follow its name; "": nothing is known against it
	Losses   []string
	Joined   []string
	Beside   []string            // what runs beside it in the same line, and stays
	Placed   *snapshot.Placement // of a service: where its tasks stood; nil: nobody knows
	Volumes  *VolumeOffer        // nil: without volumes only
}

// Offer runs the preflight of a restore that nobody has asked for yet. It changes nothing. It returns an error only
// when the engine or the database can't be asked.
func (r *Restorer) Offer(ctx context.Context, c snapshot.Container, snap snapshot.Snapshot) (Offer, error) {
	full, err := r.Snapshots.SnapshotByID(ctx, snap.ID)
	if err != nil {
		return Offer{}, err
	}
	offers, err := r.judge(ctx, c, time.Time{}, []snapshot.Snapshot{full}, nil)
	if err != nil {
		return Offer{}, err
	}
	offers[0].Snapshot = snap
	if services, ok := r.Engine.(ServiceEngine); ok && len(full.Document) > 0 {
		if offers[0].Placed, err = services.PlacementOf(full.Document); err != nil {
			return Offer{}, err
		}
	}
	return offers[0], r.check(ctx, c, &offers[0])
}

// unseen is said of what another bot looks after.
const unseen = "another bot looks after the container, and finds out whether this can be restored only when it is asked to"

// check runs the preflight, where this bot can.
func (r *Restorer) check(ctx context.Context, c snapshot.Container, o *Offer) (err error) {
	if c.Elsewhere {
		o.Doubt = cmp.Or(o.Doubt, unseen)
		return nil
	}
	snap := o.Snapshot
	rest := Restore{Kind: Restoring, Key: c.Key, Container: nameFor(c, snap), SnapshotID: snap.ID, RequestedAt: time.Now()}
	t := &task{Restorer: r, restore: rest}
	why, err := r.subjectOf(t).plan(ctx)
	if err != nil && (retryable(err) || ctx.Err() != nil) {
		return err
	}
	if err != nil {
		why = append(why, err.Error())
	}
	o.WhyNot, o.Losses, o.Beside = why, t.restore.Plan.Losses, t.restore.Plan.Beside
	for _, j := range t.restore.Plan.Joined {
		o.Joined = append(o.Joined, j.Name)
	}
	o.Volumes, err = r.offerVolumes(ctx, c, snap)
	return err
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
