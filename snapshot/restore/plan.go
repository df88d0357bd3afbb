package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// plan fills the restore's plan from what the engine shows now, and returns every reason against the restore. It
// changes nothing, so that it can be run to see whether a button may be offered.
func (m *container) plan(ctx context.Context) ([]string, error) {
	spec, why, err := m.source(ctx)
	if err != nil || len(why) > 0 {
		return why, err
	}
	old, found, err := m.current(ctx)
	if err != nil {
		return nil, err
	}
	if why := m.objections(old, found); len(why) > 0 {
		return why, nil
	}
	if found {
		spec.Replaces = old.ID
	}
	finding, err := m.Engine.Check(ctx, m.restore.Container, spec)
	if err != nil || len(finding.Problems) > 0 {
		return finding.Problems, err
	}
	return nil, m.fillPlan(ctx, old, found, finding)
}

// source is what the replacement is made from: a snapshot, or for an undo the container that was set aside.
func (m *container) source(ctx context.Context) (snapshot.Spec, []string, error) {
	if m.restore.Plan.AdoptID != "" {
		return m.keptSource(ctx)
	}
	snap, err := m.Snapshots.SnapshotByID(ctx, m.restore.SnapshotID)
	if err != nil {
		return snapshot.Spec{}, nil, err
	}
	if snap.Locked {
		return snapshot.Spec{}, []string{"its inspect document is sealed with a key that is not among SNAPBACK_SECRET_KEYS any more: add that key again"}, nil
	}
	return m.spec(snap), nil, nil
}

func (m *container) keptSource(ctx context.Context) (snapshot.Spec, []string, error) {
	undone, err := m.Journal.Restore(ctx, m.restore.UndoOf)
	if err != nil {
		return snapshot.Spec{}, nil, err
	}
	kept, err := m.Engine.Inspect(ctx, m.restore.Plan.AdoptID)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return snapshot.Spec{}, []string{"the container from before, " + undone.Plan.KeptName + ", has been removed"}, nil
	}
	if err != nil {
		return snapshot.Spec{}, nil, err
	}
	m.restore.Plan.NewID, m.restore.Plan.NewPolicy = kept.ID, undone.Plan.OldPolicy
	m.restore.Plan.TempName = undone.Plan.KeptName
	return snapshot.Spec{Document: kept.Document, ImageID: kept.ImageID}, nil, nil
}

// current is the container that runs under the identity now, if any.
func (m *container) current(ctx context.Context) (snapshot.Inspection, bool, error) {
	all, err := m.Engine.List(ctx)
	if err != nil {
		return snapshot.Inspection{}, false, err
	}
	i := slices.IndexFunc(all, func(c snapshot.Container) bool { return c.Key == m.restore.Key })
	ref := m.restore.Container
	if i >= 0 {
		ref = all[i].ID
	}
	old, err := m.Engine.Inspect(ctx, ref)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return snapshot.Inspection{}, false, nil
	}
	return old, err == nil, err
}

// objections are the reasons against replacing the container that runs now.
func (m *container) objections(old snapshot.Inspection, found bool) []string {
	switch {
	case !found && m.restore.Seen != "":
		return []string{"the container that you saw is gone: look again, and ask again"}
	case !found:
		return nil
	case !old.Enabled:
		return []string{fmt.Sprintf("the container %s is not labelled snapback.enable=true: it is not ours to replace", old.Name)}
	case old.Carries != "":
		return []string{fmt.Sprintf("%s can't be restored: %s. Deploy it as you deploy the bot", old.Name, old.Carries)}
	case old.Key != m.restore.Key:
		return []string{fmt.Sprintf("the name %s belongs to another container by now", old.Name)}
	case m.restore.Seen != "" && !snapshot.SameOrShort(old.ID, m.restore.Seen):
		return []string{"the container was replaced after you saw it: look again, and ask again"}
	case beingRemoved(old):
		return []string{fmt.Sprintf("the engine is removing %s (its state is %s): wait until it is gone, and ask again", old.Name, old.State)}
	case old.AutoRemove && old.State == "paused":
		return []string{fmt.Sprintf("%s is paused and removes itself when it stops: resume it first (docker unpause %s)", old.Name, old.Name)}
	}
	return nil
}

func (m *container) fillPlan(ctx context.Context, old snapshot.Inspection, found bool, finding snapshot.Finding) error {
	p := &m.restore.Plan
	p.Losses, p.Joined = p.lossesLeft(finding.Losses), nil
	for _, c := range finding.Joined {
		p.Joined = append(p.Joined, JoinedPlan{Key: c.Key, ID: c.ID, Name: c.Name, Enabled: c.Settings.Enabled, Running: c.State == "running"})
	}
	if p.TempName == "" {
		p.TempName = tempName(m.restore.Container, m.restore.ID)
	}
	if !found {
		p.OldWasGone = true
		return nil
	}
	p.OldID, p.OldName, p.OldPolicy, p.AutoRemove = old.ID, old.Name, old.RestartPolicy, old.AutoRemove
	p.OldRunning, p.OldStarted = alive(old), old.StartedAt
	if p.AutoRemove {
		p.StandInRef = standInRef(p.OldID, m.restore.ID)
	}
	p.StopTimeout = stopTimeout(old)
	var err error
	p.KeptName, err = m.freeKeptName(ctx)
	return err
}

// stopTimeout is how many seconds the old container gets to end. It is broken, so it does not get long.
func stopTimeout(old snapshot.Inspection) int {
	if old.Settings.StopTimeout >= 0 {
		return int(old.Settings.StopTimeout / time.Second)
	}
	if old.StopTimeout >= 0 {
		return min(old.StopTimeout, 10)
	}
	return 10
}

func (m *container) freeKeptName(ctx context.Context) (string, error) {
	for n := 1; n < 100; n++ {
		name := snapshot.KeptName(m.restore.Container, m.restore.RequestedAt.In(m.Zone), n)
		_, err := m.Engine.Inspect(ctx, name)
		if errors.Is(err, snapshot.ErrUnknownContainer) {
			return name, nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", errors.New("a hundred containers from before are kept already: remove some (docker ps -a)")
}

// Offer says whether a snapshot can be restored now, what will not come back, and if not, why not.
type Offer struct {
	Snapshot snapshot.Snapshot
	WhyNot   []string
	Changes  []snapshot.Change // from what runs now to what would, secrets masked; nil when nothing is there now
	Losses   []string
	Joined   []string
	Volumes  *VolumeOffer // nil: without volumes only
}

// Offer runs the preflight of a restore that nobody has asked for yet. It changes nothing. It returns an error only
// when the engine or the database can't be asked.
func (r *Restorer) Offer(ctx context.Context, c snapshot.Container, snap snapshot.Snapshot) (Offer, error) {
	rest := Restore{Kind: Restoring, Key: c.Key, Container: snap.Container, SnapshotID: snap.ID, RequestedAt: time.Now()}
	m := &container{task: &task{Restorer: r, restore: rest}}
	why, err := m.plan(ctx)
	if err != nil && (retryable(err) || ctx.Err() != nil) {
		return Offer{}, err
	}
	if err != nil {
		why = append(why, err.Error())
	}
	offer := Offer{Snapshot: snap, WhyNot: why, Losses: m.restore.Plan.Losses}
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

// tempName is the replacement's name until the swap. It holds the restore's ID, so that a container that was
// created right before a crash is found again.
func tempName(container string, restore int64) string {
	return fmt.Sprintf("%s.snapback-%d", container, restore)
}
