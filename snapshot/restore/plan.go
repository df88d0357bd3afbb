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
func (ctr *container) plan(ctx context.Context) ([]string, error) {
	spec, why, err := ctr.source(ctx)
	if err != nil || len(why) > 0 {
		return why, err
	}
	old, found, err := ctr.current(ctx)
	if err != nil {
		return nil, err
	}
	if why := ctr.objections(old, found); len(why) > 0 {
		return why, nil
	}
	if found {
		spec.Replaces = old.ID
		if ctr.restore.Plan.AdoptID == "" {
			ctr.restore.Plan.Place = ctr.placeOf(old)
			spec.Place = ctr.restore.Plan.Place
		}
	}
	finding, err := ctr.Engine.Check(ctx, ctr.restore.Container, spec)
	if err != nil || len(finding.Problems) > 0 {
		return finding.Problems, err
	}
	return nil, ctr.fillPlan(ctx, old, found, finding)
}

// source is what the replacement is made from: a snapshot, or for an undo the container that was set aside.
func (ctr *container) source(ctx context.Context) (snapshot.Spec, []string, error) {
	if ctr.restore.Plan.AdoptID != "" {
		return ctr.keptSource(ctx)
	}
	snap, err := ctr.Snapshots.SnapshotByID(ctx, ctr.restore.SnapshotID)
	if err != nil {
		return snapshot.Spec{}, nil, err
	}
	if snap.Locked {
		return snapshot.Spec{}, []string{"its inspect document is sealed with a key that is not among SNAPBACK_SECRET_KEYS any more: add that key again"}, nil
	}
	return ctr.spec(snap), nil, nil
}

func (ctr *container) keptSource(ctx context.Context) (snapshot.Spec, []string, error) {
	undone, err := ctr.Journal.Restore(ctx, ctr.restore.UndoOf)
	if err != nil {
		return snapshot.Spec{}, nil, err
	}
	kept, err := ctr.Engine.Inspect(ctx, ctr.restore.Plan.AdoptID)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return snapshot.Spec{}, []string{"the container from before, " + undone.Plan.KeptName + ", has been removed"}, nil
	}
	if err != nil {
		return snapshot.Spec{}, nil, err
	}
	ctr.restore.Plan.NewID, ctr.restore.Plan.NewPolicy = kept.ID, undone.Plan.OldPolicy
	ctr.restore.Plan.TempName = undone.Plan.KeptName
	return snapshot.Spec{Document: kept.Document, ImageID: kept.ImageID}, nil, nil
}

// current is the container that runs under the identity now, if any.
func (ctr *container) current(ctx context.Context) (snapshot.Inspection, bool, error) {
	all, err := ctr.Engine.List(ctx)
	if err != nil {
		return snapshot.Inspection{}, false, err
	}
	i := slices.IndexFunc(all, func(c snapshot.Container) bool { return c.Key == ctr.restore.Key })
	ref := ctr.restore.Container
	if i >= 0 {
		ref = all[i].ID
	}
	old, err := ctr.Engine.Inspect(ctx, ref)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return snapshot.Inspection{}, false, nil
	}
	if i >= 0 {
		old.Beside = all[i].Beside
	}
	return old, err == nil, err
}

// placeOf is what the replacement bears of the one that it replaces, under the name that the restore was opened for.
func (ctr *container) placeOf(old snapshot.Inspection) snapshot.Place {
	p := old.Place
	p.Name = ctr.restore.Container
	return p
}

// objections are the reasons against replacing the container that runs now.
func (ctr *container) objections(old snapshot.Inspection, found bool) []string {
	switch {
	case ctr.restore.Plan.Replicas:
		return []string{fmt.Sprintf("%s is one container: only a service of a Swarm has a number of tasks to go back to", ctr.restore.Container)}
	case !found && ctr.restore.Seen != "":
		return []string{"the container that you saw is gone: look again, and ask again"}
	case !found:
		return nil
	case !old.Enabled:
		return []string{fmt.Sprintf("the container %s is not labelled snapback.enable=true: it is not ours to replace", old.Name)}
	case old.Carries != "":
		return []string{fmt.Sprintf("%s can't be restored: %s. Deploy it as you deploy the bot", old.Name, old.Carries)}
	case old.Key != ctr.restore.Key:
		return []string{fmt.Sprintf("the name %s belongs to another container by now", old.Name)}
	case ctr.restore.Seen != "" && !snapshot.SameOrShort(old.ID, ctr.restore.Seen):
		return []string{"the container was replaced after you saw it: look again, and ask again"}
	case beingRemoved(old):
		return []string{fmt.Sprintf("the engine is removing %s (its state is %s): wait until it is gone, and ask again", old.Name, old.State)}
	case old.AutoRemove && old.State == "paused":
		return []string{fmt.Sprintf("%s is paused and removes itself when it stops: resume it first (docker unpause %s)", old.Name, old.Name)}
	}
	return nil
}

func (ctr *container) fillPlan(ctx context.Context, old snapshot.Inspection, found bool, finding snapshot.Finding) error {
	p := &ctr.restore.Plan
	p.Losses, p.Joined, p.Beside = p.lossesLeft(finding.Losses), nil, old.Beside
	for _, c := range finding.Joined {
		p.Joined = append(p.Joined, JoinedPlan{Key: c.Key, ID: c.ID, Name: c.Name, Enabled: c.Settings.Enabled, Running: c.State == "running"})
	}
	if p.TempName == "" {
		p.TempName = tempName(ctr.restore.Container, ctr.restore.ID)
	}
	if !found {
		p.OldWasGone = true
		return nil
	}
	p.OldID, p.OldName, p.OldPolicy, p.AutoRemove = old.ID, old.Name, old.RestartPolicy, old.AutoRemove
	p.OldRunning, p.OldStarted, p.OldImage = snapshot.Alive(old.State), old.StartedAt, old.ImageID
	p.OldRef = old.Image
	if p.AutoRemove {
		p.StandInRef = standInRef(p.OldID, ctr.restore.ID)
	}
	p.StopTimeout = stopTimeout(old)
	var err error
	p.KeptName, err = ctr.freeKeptName(ctx)
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

func (ctr *container) freeKeptName(ctx context.Context) (string, error) {
	for n := 1; n < 100; n++ {
		name := snapshot.KeptName(ctr.restore.Container, ctr.restore.RequestedAt.In(ctr.Zone), n)
		_, err := ctr.Engine.Inspect(ctx, name)
		if errors.Is(err, snapshot.ErrUnknownContainer) {
			return name, nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", errors.New("a hundred containers from before are kept already: remove some (docker ps -a)")
}

// tempName is the replacement's name until the swap. It holds the restore's ID, so that a container that was
// created right before a crash is found again.
func tempName(container string, restore int64) string {
	return fmt.Sprintf("%s.snapback-%d", container, restore)
}
