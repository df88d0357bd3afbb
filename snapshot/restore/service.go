package restore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// service is a subject: one service of a Swarm. Its spec is replaced by the one that a snapshot holds, and the Swarm replaces its
// tasks, as its own update_config has it. The spec from before is kept as a snapshot, to which a revert and an undo go back.
type service struct {
	*task
	Engine ServiceEngine // the Restorer's, which is no less
}

const (
	// taskLimit is how long a service may get no further, beyond what its spec lets one step take: no more tasks of the wanted spec
	// run, and no fewer of another one. It is for pulling an image.
	taskLimit = 10 * time.Minute
	// taskFailures is how many tasks of the wanted spec may fail while none runs. The Swarm starts a failed one again, for ever.
	taskFailures = 3
	// stuckLimit is how long an update that never ends may get no further, beyond the same, and one that waits for a task whose node does not
	// try any more to get its image.
	stuckLimit = 30 * time.Second
	// anewLimit is how often such an update is begun anew. All its tasks are replaced each time.
	anewLimit = 3
	taskPoll  = 500 * time.Millisecond
)

// Preflight looks at everything that can fail, while the broken tasks still run.
func (svc *service) Preflight(ctx context.Context) (why []string, err error) {
	err = svc.peek(ctx, 20*time.Second, func(ctx context.Context) (err error) {
		why, err = svc.plan(ctx)
		return err
	})
	if err != nil || len(why) > 0 {
		return why, err
	}
	document, err := svc.document(ctx, svc.restore.SnapshotID)
	if err != nil {
		return nil, err
	}
	err = svc.peek(ctx, 20*time.Second, func(ctx context.Context) (err error) { // it takes long: no offer looks for that
		why, svc.restore.Plan.Doubt, err = svc.Engine.OnNodes(ctx, document)
		return err
	})
	return why, err
}

func (svc *service) plan(ctx context.Context) ([]string, error) {
	snap, err := svc.Snapshots.SnapshotByID(ctx, svc.restore.SnapshotID)
	if err != nil {
		return nil, err
	}
	if snap.Locked {
		return []string{"its spec is sealed with a key that is not among SNAPBACK_SECRET_KEYS any more: add that key again"}, nil
	}
	now, err := svc.Engine.Inspect(ctx, svc.restore.Container)
	found := !errors.Is(err, snapshot.ErrUnknownContainer)
	if err != nil && found {
		return nil, err
	}
	if why := svc.objections(now, found); len(why) > 0 {
		return why, nil
	}
	p := &svc.restore.Plan
	p.Service = true
	p.OldID, p.OldRunning, p.OldStarted, p.OldImage, p.OldRef = now.ID, found && now.Tasks.Well(), now.StartedAt, now.ImageID, now.Image
	p.OldWasGone = !found
	finding, err := svc.Engine.Check(ctx, snap.Document)
	if p.Losses = finding.Losses; err != nil || len(finding.Problems) > 0 {
		return finding.Problems, err
	}
	p.NewID, err = svc.Engine.RevisionOf(ctx, snap.Document)
	return nil, err
}

func (svc *service) objections(now snapshot.Inspection, found bool) []string {
	switch {
	case !found:
		return nil // Check says what to do
	case !now.Enabled:
		return []string{fmt.Sprintf("the service %s is not labelled snapback.enable=true: it is not ours to change", now.Name)}
	case now.Carries != "":
		return []string{fmt.Sprintf("%s can't be restored: %s. Deploy it as you deploy the bot", now.Name, now.Carries)}
	case svc.restore.Seen != "" && !snapshot.SameOrShort(now.ID, svc.restore.Seen):
		return []string{"the service was deployed after you saw it: look again, and ask again"}
	}
	return nil
}

// Prepare keeps the spec that runs now.
func (svc *service) Prepare(ctx context.Context) error {
	return svc.act(ctx, svc.ActLimit, func(ctx context.Context) error {
		before, err := svc.keepBefore(ctx)
		svc.restore.Plan.BeforeID, svc.restore.Plan.KeptName = before.ID, before.Name
		return err
	})
}

// keepBefore takes the snapshot once: its name holds the restore's ID.
func (svc *service) keepBefore(ctx context.Context) (snapshot.Snapshot, error) {
	name := fmt.Sprintf("before-%s-%d", svc.restore.RequestedAt.In(svc.Zone).Format("1504"), svc.restore.ID)
	s, err := svc.Snapshots.Snapshot(ctx, svc.restore.Key, name)
	if !errors.Is(err, snapshot.ErrUnknownSnapshot) {
		return s, err
	}
	now, err := svc.Engine.Inspect(ctx, svc.restore.Plan.OldID)
	if err != nil {
		return s, err
	}
	if svc.Taker == nil {
		return s, errors.New("nothing here takes snapshots")
	}
	at := time.Now().UTC()
	return svc.Taker.TakeStopped(ctx, snapshot.Snapshot{
		Key: svc.restore.Key, Container: svc.restore.Container, Name: name, Reason: snapshot.Before, CreatedAt: at, ExpiresAt: at.Add(svc.Keep + svc.Health),
		Note: fmt.Sprintf("what restore %d replaced", svc.restore.ID), ContainerID: now.ID, ImageID: now.ImageID, Document: now.Document,
	}, snapshot.By{Actor: incidents.Self(), Incident: svc.restore.By.Incident})
}

// Swap tells the Swarm of the spec. How many of its tasks are down at once while it replaces them is its update_config's matter.
func (svc *service) Swap(ctx context.Context) error {
	document, err := svc.document(ctx, svc.restore.SnapshotID)
	if err != nil {
		return err
	}
	err = svc.update(ctx, document, svc.restore.Plan.OldID)
	svc.restore.StartedAt = time.Now().UTC()
	return err
}

// updateTries is how often an update is tried: the manager writes to a service while it updates it.
const updateTries = 20

// update makes the service as a document says, if it is one of from. Each try is an act of its own, under the lease.
func (svc *service) update(ctx context.Context, document json.RawMessage, from ...string) (err error) {
	for range updateTries {
		err = svc.act(ctx, svc.ActLimit, func(ctx context.Context) error {
			return svc.Engine.Update(ctx, document, from, svc.restore.Plan.Replicas)
		})
		if errors.Is(err, snapshot.ErrReplaced) {
			return ErrTaken
		}
		if !errors.Is(err, snapshot.ErrMoved) {
			return err
		}
		select {
		case <-time.After(taskPoll):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return fmt.Errorf("the manager keeps writing to the service: %w", err)
}

func (svc *service) document(ctx context.Context, id int64) (json.RawMessage, error) {
	snap, err := svc.Snapshots.SnapshotByID(ctx, id)
	return snap.Document, err
}

// Verify waits until all its tasks are of the spec and run, and none of another one does.
func (svc *service) Verify(ctx context.Context) error {
	document, err := svc.document(ctx, svc.restore.SnapshotID)
	if err != nil {
		return err
	}
	n, err := svc.await(ctx, document, svc.restore.Plan.NewID)
	if err != nil {
		return err
	}
	svc.restore.Proof = n.String() + ", all as the snapshot has them"
	if len(svc.restore.Plan.Losses) > 0 {
		svc.restore.Proof = n.String() + ", all of the snapshot's spec"
	}
	svc.restore.VerifiedAt = time.Now().UTC()
	svc.restore.KeptUntil = svc.restore.VerifiedAt.Add(svc.Keep)
	if err := svc.occupy(ctx); err != nil {
		return err
	}
	return svc.hold(ctx)
}

// occupy notes what the service is from now on, before the watch takes it for a deploy.
func (svc *service) occupy(ctx context.Context) error {
	now, err := svc.glance(ctx, svc.restore.Plan.NewID)
	switch {
	case retryable(err):
		return err
	case err != nil:
		svc.Logger.Warn("what runs after the restore is left to the watch", "restore_id", svc.restore.ID, "container", svc.restore.Container, "err", err)
		return nil
	}
	svc.restore.Occupant = &snapshot.Occupant{Container: now.Container, Labels: now.Labels, Document: now.Document}
	return nil
}

// await waits until the tasks of a service are those of the spec id, for the window. It returns what was seen instead as an error.
func (svc *service) await(ctx context.Context, document json.RawMessage, id string) (snapshot.Tasks, error) {
	var well time.Time // since when
	var best snapshot.Tasks
	failed := failures{before: map[string]bool{}}
	moved, anew := time.Now(), 0
	for first := true; ; first = false {
		n, err := svc.count(ctx, document, id)
		if err != nil {
			return n, err
		}
		if first {
			best = n
		}
		n.Failures = failed.since(n, first)
		if why := hopeless(n); why != "" && svc.restore.State != Reverting { // whose update that was given up may be
			return n, errors.New(why)
		}
		if n.Running > best.Running || n.Old < best.Old || best.Want != n.Want {
			best, moved = n, time.Now()
		}
		switch {
		case !n.Well():
			well = time.Time{}
		case well.IsZero():
			well = time.Now()
		case time.Since(well) >= svc.Window:
			return n, nil
		}
		if n.Stuck && anew < anewLimit && time.Since(moved) > stuckLimit+n.Patience {
			begun, err := svc.again(ctx, document)
			if err != nil {
				return n, err
			}
			if begun { // all are replaced now, and none of these has failed
				failed, anew = failures{before: map[string]bool{}}, anew+1
				best, moved = snapshot.Tasks{Want: n.Want, Old: n.Old + n.Running}, time.Now()
			}
		}
		limit := taskLimit + n.Patience
		if n.Stays {
			limit = stuckLimit + n.Patience
		}
		if time.Since(moved) > limit {
			return n, fmt.Errorf("%s, and it got no further in %s%s", n, limit, because(n.Held, n.Failure))
		}
		select {
		case <-time.After(taskPoll):
		case <-ctx.Done():
			return n, context.Cause(ctx)
		}
	}
}

// again has the Swarm begin an update anew that it does not go on with: it waits for a task on a node that has gone. It returns false when
// something else has written to the service in between: that is seen at the next look.
func (svc *service) again(ctx context.Context, document json.RawMessage) (begun bool, err error) {
	err = svc.persist(ctx, "beginning an update anew", func(ctx context.Context) error {
		return svc.act(ctx, svc.ActLimit, func(ctx context.Context) error { return svc.Engine.Again(ctx, document) })
	}, snapshot.ErrMoved, snapshot.ErrReplaced, snapshot.ErrGone)
	if errors.Is(err, snapshot.ErrMoved) || errors.Is(err, snapshot.ErrReplaced) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	svc.Logger.Warn("the Swarm's update does not go on: it waits for a task on a node that has gone, and is begun anew", "restore_id", svc.restore.ID, "container", svc.restore.Container)
	return true, nil
}

// failures are the tasks that have failed, by ID, and whether that was before anybody waited for the spec.
type failures struct {
	before map[string]bool
	meant  []string // those that were to run at the last look
}

// since are those that have failed meanwhile, also when the manager remembers them no more: of each slot, it keeps as few as its
// task-history-limit says. With 1 it drops a failed task as soon as there is another one in its place, so one that was to run and is gone has
// failed.
func (f *failures) since(n snapshot.Tasks, first bool) (list []string) {
	told := n.Failures
	for _, id := range f.meant {
		if !slices.Contains(n.Meant, id) && !slices.Contains(n.Ended, id) && !slices.Contains(n.Others, id) {
			told = append(told, id)
		}
	}
	f.meant = n.Meant
	for _, id := range told {
		if _, known := f.before[id]; !known {
			f.before[id] = first
		}
	}
	for id, before := range f.before {
		if !before {
			list = append(list, id)
		}
	}
	return list
}

func (svc *service) count(ctx context.Context, document json.RawMessage, id string) (n snapshot.Tasks, err error) {
	var now string
	err = svc.persist(ctx, "looking at a service's tasks", func(ctx context.Context) error {
		return svc.peek(ctx, 15*time.Second, func(ctx context.Context) error {
			n, now, err = svc.Engine.Tasks(ctx, document)
			return err
		})
	}, snapshot.ErrGone)
	switch {
	case errors.Is(err, snapshot.ErrGone):
		return n, errors.New("the service was removed")
	case err == nil && now != id && strings.HasPrefix(n.Update, "rollback"):
		return n, errors.New("the Swarm has rolled the update back by itself, as its failure_action has it: " + n.Said)
	case err == nil && now != id:
		return n, fmt.Errorf("%w: its spec is another one", ErrTaken)
	}
	return n, err
}

// hopeless says why no more tasks will come up; "" while they may.
func hopeless(n snapshot.Tasks) string {
	switch stuck := []string{"paused", "rollback_started", "rollback_paused", "rollback_completed"}; {
	case slices.Contains(stuck, n.Update):
		return fmt.Sprintf("the Swarm has given the update up (%s): %s%s", n.Update, n, because(n.Failure, n.Held))
	case n.Running == 0 && len(n.Failures) >= max(taskFailures, n.Want):
		return fmt.Sprintf("%d of its tasks have failed%s", len(n.Failures), because(n.Failure, n.Held))
	}
	return ""
}

// because is the first of some reasons that there is.
func because(why ...string) string {
	if reason := cmp.Or(why...); reason != "" {
		return ": " + reason
	}
	return ""
}

// Revert puts the spec from before back.
func (svc *service) Revert(ctx context.Context) (State, error) {
	p := svc.restore.Plan
	if p.BeforeID == 0 {
		return Reverted, nil // nothing was changed yet
	}
	document, err := svc.document(ctx, p.BeforeID)
	if err != nil {
		return "", err
	}
	err = svc.persist(ctx, "putting the spec from before back", func(ctx context.Context) error {
		return svc.update(ctx, document, p.OldID, p.NewID)
	}, ErrTaken, snapshot.ErrGone)
	if err != nil {
		return svc.notReverted(ctx, err, "its spec from before could not be put back")
	}
	if !p.OldRunning { // not all of its tasks ran before
		return Reverted, nil
	}
	if _, err := svc.await(ctx, document, p.OldID); err != nil {
		return svc.notReverted(ctx, err, "its spec from before is back, and not all of its tasks run")
	}
	return Reverted, nil
}

// notReverted says in words what a person has to look at.
func (svc *service) notReverted(ctx context.Context, err error, what string) (State, error) {
	if retryable(err) || ctx.Err() != nil {
		return "", err
	}
	if errors.Is(err, ErrTaken) {
		svc.restore.Error += "; somebody has deployed the service meanwhile, and that is left alone"
		return Failed, nil
	}
	svc.restore.Error += fmt.Sprintf("; %s: %s. Look at its tasks: docker service ps --no-trunc %s", what, err, svc.restore.Container)
	return Failed, nil
}
