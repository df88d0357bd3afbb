package restore

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
)

// Contents of volumes can't be swapped as containers are, since the replacement has the very same volumes. They are
// replaced while nothing runs, so the downtime is longer by as long as that takes. Filling a volume takes long and can end
// halfway. So a restore that replaces contents leaves marks in this bot's vault, beside the archive of what it replaces:
//
//	the set is whole   the archive of the old contents is complete; the volumes have not been touched yet
//	begun              the volumes may hold anything from now on
//	put                they hold what the restore asked for
//	back               they hold the old contents again
//
// A bot that finds begun without put empties the volumes and fills them again. A bot that reverts does so with the old
// contents, unless it finds back. The marks are on one bot's disk, so only that bot carries such a restore on: Claimable
// offers it to no other.
const (
	markPut  = "put"
	markBack = "back"
)

// VolumePlan is what a restore does with the contents of volumes.
type VolumePlan struct {
	Bot  string             `json:"bot"`  // whose vault has the sets
	From snapshot.VolumeSet `json:"from"` // what is put in
	Keep string             `json:"keep"` // the set with the old contents
}

var errNoMover = errors.New("this bot does not move the contents of volumes")

const noVolumes = "it has no contents of volumes: restore it without"

// volumePlan is the plan for a restore with volumes. It returns a *RefusedError when the snapshot has none.
func (r *Restorer) volumePlan(snap snapshot.Snapshot) (*VolumePlan, error) {
	if r.Volumes == nil || snap.Volumes == nil || snap.Volumes.ID == "" {
		return nil, &RefusedError{Reasons: []string{noVolumes}}
	}
	return &VolumePlan{Bot: r.Bot, From: *snap.Volumes, Keep: capture.NewSet()}, nil
}

// undoPlan is the plan for undoing a restore that came with volumes: what they held before goes back into them.
func (r *Restorer) undoPlan(undone Restore) (*VolumePlan, error) {
	was := undone.Plan.Volumes
	if was == nil {
		return nil, nil
	}
	if r.Volumes == nil || was.Bot != r.Bot {
		return nil, &RefusedError{Reasons: []string{fmt.Sprintf("what its volumes held before is in the data folder of another bot, %s", was.Bot)}}
	}
	from, err := r.Volumes.Vault.Manifest(was.Keep)
	if errors.Is(err, snapshot.ErrNoArchive) {
		return nil, &RefusedError{Reasons: []string{"what its volumes held before is not kept any more"}}
	}
	return &VolumePlan{Bot: r.Bot, From: from, Keep: capture.NewSet()}, err
}

// checkVolumes reads the archives to the last bit, and gets everything ready, while the broken container still runs. It
// returns every reason against the restore.
func (ctr *container) checkVolumes(ctx context.Context) (why []string, err error) {
	p := ctr.restore.Plan
	if p.Volumes == nil {
		return nil, nil
	}
	if ctr.Volumes == nil {
		return []string{errNoMover.Error()}, nil
	}
	if why, err = ctr.Volumes.Problems(ctx, p.Volumes.From, p.OldID); err != nil || len(why) > 0 {
		return why, err
	}
	err = ctr.Volumes.Verify(ctx, p.Volumes.From, ctr.meter)
	if errors.Is(err, snapshot.ErrBadArchive) || errors.Is(err, snapshot.ErrNoArchive) {
		return []string{"its volumes can't be restored: " + err.Error() + ". Restore it without them"}, nil
	}
	if err != nil {
		return nil, err
	}
	err = ctr.Volumes.Engine.ReadyToMove(ctx, p.Volumes.From.Mounts()...)
	if errors.Is(err, snapshot.ErrUnsafeMount) {
		return []string{"its volumes can't be restored: " + err.Error() + ". Restore it without them"}, nil
	}
	return nil, err
}

// volumeSteps come between setting the old container aside and starting the replacement.
func (ctr *container) volumeSteps() []step {
	if ctr.restore.Plan.Volumes == nil {
		return nil
	}
	return []step{
		{"keeping what the volumes hold", moveLimit, ctr.archiveReplaced},
		{"filling the volumes", moveLimit, ctr.fillVolumes},
	}
}

// archiveReplaced archives what is going to be replaced. It is done once: later the volumes may hold
// half of the old contents and half of the new.
func (ctr *container) archiveReplaced(ctx context.Context) error {
	plan := ctr.restore.Plan.Volumes
	if ctr.Volumes == nil {
		return errNoMover
	}
	_, err := ctr.Volumes.Vault.Manifest(plan.Keep)
	if !errors.Is(err, snapshot.ErrNoArchive) {
		return err
	}
	targets, err := ctr.targets(ctx)
	if err != nil {
		return err
	}
	stopped := func(context.Context) (snapshot.Consistency, error) { return snapshot.Stopped, nil }
	kept, err := ctr.Volumes.Archive(ctx, plan.Keep, ctr.restore.Plan.containers(), targets, ctr.meter, stopped)
	if err == nil && len(kept.Left) > 0 {
		err = errors.New(strings.Join(kept.Left, "; "))
	}
	return err
}

// containers are those that may have the restore's volumes. Every volume is a mount of at least one of them.
func (p Plan) containers() []string { return []string{p.NewID, p.OldID, p.StandInID} }

// targets are the mounts that the archives go to, in their order. An undo puts back what was replaced, where it was: the
// container from before may have another anonymous volume at that path, which nobody has touched. A restore goes by the
// replacement's paths, since the anonymous volume of the snapshot may be gone.
func (ctr *container) targets(ctx context.Context) ([]snapshot.Mount, error) {
	from := ctr.restore.Plan.Volumes.From
	if ctr.restore.Kind == Undoing {
		return ctr.stillThere(ctx, from.Mounts())
	}
	mounts, left, err := ctr.Volumes.Engine.Mounts(ctx, ctr.restore.Plan.NewID, from.Paths())
	if err != nil {
		return nil, err
	}
	if len(left) > 0 {
		return nil, errors.New(strings.Join(left, "; "))
	}
	var out []snapshot.Mount
	for _, a := range from.Archives {
		i := slices.IndexFunc(mounts, func(to snapshot.Mount) bool { return to.Path == path.Clean(a.Path) })
		if i < 0 {
			return nil, fmt.Errorf("the replacement has nothing at %s", a.Path)
		}
		out = append(out, mounts[i])
	}
	return out, nil
}

// fillVolumes fills the volumes from the archive. From the first mark on they may hold anything until the last one.
func (ctr *container) fillVolumes(ctx context.Context) error {
	vault, plan := ctr.Volumes.Vault, ctr.restore.Plan.Volumes
	done, err := vault.Marked(plan.Keep, markPut)
	if err != nil || done {
		return err
	}
	targets, err := ctr.targets(ctx)
	if err != nil {
		return err
	}
	if err := ctr.clearWay(ctx, targets); err != nil {
		return err
	}
	if err := vault.Mark(plan.Keep, capture.MarkBegun); err != nil {
		return err
	}
	var all []capture.Filling
	for _, to := range targets {
		i := slices.IndexFunc(plan.From.Archives, func(a snapshot.Archive) bool { return path.Clean(a.Path) == to.Path })
		all = append(all, capture.Filling{Archive: plan.From.Archives[i], To: to})
	}
	if err := ctr.Volumes.Fill(ctx, plan.From.ID, all, ctr.restore.Plan.containers(), ctr.meter); err != nil {
		return err
	}
	return vault.Mark(plan.Keep, markPut)
}

// stillThere leaves out anonymous volumes that the engine has removed together with an auto-remove container.
func (ctr *container) stillThere(ctx context.Context, mounts []snapshot.Mount) ([]snapshot.Mount, error) {
	if !ctr.restore.Plan.AutoRemove {
		return mounts, nil
	}
	var there []snapshot.Mount
	for _, id := range []string{ctr.restore.Plan.NewID, ctr.restore.Plan.StandInID} {
		if id == "" {
			continue
		}
		list, _, err := ctr.Volumes.Engine.Mounts(ctx, id, ctr.restore.Plan.Volumes.From.Paths())
		if err != nil && !errors.Is(err, snapshot.ErrGone) {
			return nil, err
		}
		there = append(there, list...)
	}
	return slices.DeleteFunc(slices.Clone(mounts), func(m snapshot.Mount) bool {
		return !slices.ContainsFunc(there, func(t snapshot.Mount) bool { return t.Type == m.Type && t.Source == m.Source })
	}), nil
}

// clearWay makes sure that nothing runs that has the volumes. The engine may have started the replacement when it was
// restarted itself. Whatever else runs is not stopped.
func (ctr *container) clearWay(ctx context.Context, mounts []snapshot.Mount) error {
	now, err := ctr.Engine.Inspect(ctx, ctr.restore.Plan.NewID)
	if err == nil && snapshot.Alive(now.State) {
		err = ctr.Engine.Stop(ctx, now.ID, 5*time.Second)
	}
	if err != nil && !errors.Is(err, snapshot.ErrUnknownContainer) {
		return err
	}
	users, err := ctr.Volumes.Engine.Users(ctx, mounts)
	if err == nil && len(users) > 0 {
		err = fmt.Errorf("%s has the volumes as well, and runs", strings.Join(users, ", "))
	}
	return err
}

// refillVolumes fills the volumes with what they held before, if the restore has touched them. It is done once: after
// that the old container may run and write.
func (ctr *container) refillVolumes(ctx context.Context) error {
	plan := ctr.restore.Plan.Volumes
	if plan == nil {
		return nil
	}
	if ctr.Volumes == nil {
		return errNoMover
	}
	begun, err := ctr.Volumes.Vault.Marked(plan.Keep, capture.MarkBegun)
	if err != nil || !begun {
		return err
	}
	back, err := ctr.Volumes.Vault.Marked(plan.Keep, markBack)
	if err != nil || back {
		return err
	}
	kept, err := ctr.Volumes.Vault.Manifest(plan.Keep)
	if err != nil {
		return err
	}
	if err := ctr.clearWay(ctx, kept.Mounts()); err != nil {
		return err
	}
	var all []capture.Filling
	for _, a := range kept.Archives {
		all = append(all, capture.Filling{Archive: a, To: a.Mount})
	}
	if err := ctr.Volumes.Fill(ctx, kept.ID, all, ctr.restore.Plan.containers(), ctr.meter); err != nil {
		return err
	}
	return ctr.Volumes.Vault.Mark(plan.Keep, markBack)
}

// lossesLeft leaves out of the losses the volumes whose contents are restored.
func (p Plan) lossesLeft(losses []string) []string {
	if p.Volumes == nil {
		return losses
	}
	return WithVolumes(losses, p.Volumes.From.Paths())
}

// WithVolumes leaves out of the losses what is said of the given paths.
func WithVolumes(losses, paths []string) []string {
	return slices.DeleteFunc(slices.Clone(losses), func(loss string) bool {
		return slices.ContainsFunc(paths, func(p string) bool {
			return strings.HasPrefix(loss, p+" keeps ") || strings.HasPrefix(loss, p+" comes back empty")
		})
	})
}

// volumesPhrase is what a sentence about the restore says of volumes.
func (r Restore) volumesPhrase(zone *time.Location) string {
	if r.Plan.Volumes == nil {
		return ""
	}
	from := r.Plan.Volumes.From
	return fmt.Sprintf(" with the contents of %s from %s", strings.Join(from.Paths(), ", "), from.TakenAt.In(zone).Format("2006-01-02 15:04 MST"))
}
