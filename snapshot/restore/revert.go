package restore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// Revert puts the old container back: the replacement goes, the old one gets its name and its restart policy again,
// and runs if it ran. It is tried several times, because it is the last thing that stands between this restore and
// nothing running at all.
func (ctr *container) Revert(ctx context.Context) (State, error) {
	var next State
	err := ctr.persist(ctx, "putting the old container back", func(ctx context.Context) (err error) {
		next, err = ctr.revertOnce(ctx)
		return err
	})
	if err == nil || retryable(err) {
		return next, err
	}
	ctr.restore.Error = ctr.neitherWay(ctx, err)
	return Failed, nil
}

// advice is what a person does by hand when neither way works. The commands are of use whatever has been done already: those
// that are not needed any more say so, and do no harm.
func (ctr *container) advice(ctx context.Context) string {
	p, name, id := ctr.restore.Plan, ctr.restore.oldName(), ctr.restore.Plan.keptID()
	if id == "" && p.OldID == "" {
		return "No container ran under that name before: start one by hand, or restore another snapshot"
	}
	if id == "" || ctr.isGone(ctx, id) {
		return "The one that ran before is gone: start one by hand, or restore another snapshot"
	}
	commands := []string{fmt.Sprintf("docker rename %.12s %s", id, name)}
	if p.NewID != "" && !ctr.isGone(ctx, p.NewID) { // it may have the name, and the ports
		commands = slices.Insert(commands, 0, fmt.Sprintf("docker stop %.12s", p.NewID), fmt.Sprintf("docker rename %.12s %s.broken", p.NewID, name))
	}
	if policy := p.OldPolicy.String(); !p.AutoRemove && policy != "" { // the swap has switched it off
		commands = append(commands, fmt.Sprintf("docker update --restart=%s %.12s", policy, id))
	}
	commands = append(commands, fmt.Sprintf("docker start %.12s", id))
	return ctr.volumesAdvice() + byHand(commands)
}

// volumesAdvice warns of volumes that may hold half of the old contents and half of the new.
func (ctr *container) volumesAdvice() string {
	plan := ctr.restore.Plan.Volumes
	if plan == nil {
		return ""
	}
	return fmt.Sprintf("Its volumes (%s) may be incomplete; what they held before is kept as %s in the data folder of %s: keep a copy of that. ",
		strings.Join(plan.From.Paths(), ", "), plan.Keep, plan.Bot)
}

func (ctr *container) revertOnce(ctx context.Context) (State, error) {
	var never string
	err := ctr.peek(ctx, retakenWithin+15*time.Second, func(ctx context.Context) (err error) {
		if err := ctr.awaitRetaken(ctx); err != nil {
			return err
		}
		never, err = ctr.cannotRevert(ctx)
		return err
	})
	if err != nil {
		return "", err
	}
	steps, end := ctr.revertSteps(), Reverted
	if never != "" {
		steps, end = ctr.stepsWithoutRevert(), Failed
	}
	for _, step := range steps {
		if err := ctr.act(ctx, step.limit, step.do); err != nil {
			return "", fmt.Errorf("%s: %w", step.name, err)
		}
	}
	if never != "" {
		ctr.restore.Error = never + ctr.seenFirst()
	}
	if p := ctr.restore.Plan; never == "" && p.AutoRemove && p.StandInID == "" {
		there, err := ctr.anyOf(ctx, p.OldID)
		if err != nil {
			return "", err
		}
		if !there {
			ctr.restore.Error += "; the container from before has ended by itself meanwhile, and removed itself. " + ctr.advice(ctx)
			end = Failed
		}
	}
	if left := ctr.restore.Left(); left != "" {
		ctr.restore.Error += ". " + left
	}
	return end, nil
}

func (ctr *container) revertSteps() []step {
	steps := []step{
		{"filling the volumes with what they held before", moveLimit, ctr.refillVolumes},
		{"taking the replacement away", removeLimit + ctr.ActLimit, ctr.withdraw},
	}
	steps = append(steps, ctr.backSteps()...)
	return append(steps, step{"removing the replacement", removeLimit + ctr.ActLimit, ctr.clear})
}

// backSteps bring the old container back, once nothing is in its way.
func (ctr *container) backSteps() []step {
	p := ctr.restore.Plan
	if p.AutoRemove && p.StandInID == "" {
		return []step{{"removing the unfinished copy", reclaimLimit, ctr.dropStandIn}}
	}
	if p.keptID() == "" {
		return nil
	}
	steps := []step{{"giving the old container its name again", goneLimit, ctr.rename}}
	if !p.AutoRemove && p.OldPolicy.Name != "" {
		steps = append(steps, step{"telling the old container to restart as before", changeLimit, func(ctx context.Context) error {
			return ctr.Engine.SetRestartPolicy(ctx, p.OldID, p.OldPolicy)
		}})
	}
	if p.OldRunning {
		steps = append(steps,
			step{"starting the old container", ctr.ActLimit + ctr.stopLimit(), ctr.restart},
			step{"restarting what shares its namespaces", time.Duration(1+len(p.Joined)) * ctr.ActLimit, ctr.reattach})
	}
	return steps
}

// rename gives the old container its name again, or the stand-in of one that removed itself.
func (ctr *container) rename(ctx context.Context) error {
	p := ctr.restore.Plan
	if p.AutoRemove {
		return ctr.renameAutoRemove(ctx)
	}
	return ctr.Engine.Rename(ctx, p.OldID, ctr.restore.oldName())
}

// oldName is what the old container is called: Compose may have called it otherwise than the one of the snapshot.
func (r Restore) oldName() string { return cmp.Or(r.Plan.OldName, r.Container) }

func (ctr *container) restart(ctx context.Context) error {
	p := ctr.restore.Plan
	id := p.OldID
	now, err := ctr.Engine.Inspect(ctx, id)
	if p.AutoRemove && (errors.Is(err, snapshot.ErrUnknownContainer) || err == nil && beingRemoved(now)) {
		id = p.StandInID
		now, err = ctr.Engine.Inspect(ctx, id)
	}
	if err != nil {
		return err
	}
	dying := ctr.dying(now) && now.Carries == "" // this bot still runs, so it has not stopped what it runs in
	if dying {
		err := ctr.Engine.Stop(ctx, id, ctr.stopLimit())
		if dying = !errors.Is(err, snapshot.ErrEngineDenied); dying && err != nil {
			return err
		}
	}
	if dying || !snapshot.Alive(now.State) { // a paused one stays paused
		if err := ctr.Engine.Start(ctx, id); err != nil {
			return err
		}
	}
	return ctr.staysUp(ctx, id)
}

// dying says that the old container still runs, was told to stop, and may yet do so. An engine that has answered with an
// error, or not at all, may have sent the signal. So the container is stopped to the end before it is started again.
func (ctr *container) dying(now snapshot.Inspection) bool {
	told := !ctr.down.IsZero() || (ctr.began == Swapping || ctr.began == Reverting) && ctr.restore.passed(Swapping)
	return told && snapshot.Alive(now.State) && now.StartedAt.Equal(ctr.restore.Plan.OldStarted)
}

func (ctr *container) stopLimit() time.Duration {
	return time.Duration(ctr.restore.Plan.StopTimeout) * time.Second
}

// staysUp waits until a container has been up for a second. An engine that is shutting down starts what it is told to
// start, and stops it again. A container that keeps being restarted is as it was before.
func (ctr *container) staysUp(ctx context.Context, id string) error {
	window := min(ctr.Window, time.Second)
	for {
		now, err := ctr.Engine.Inspect(ctx, id)
		switch {
		case err != nil:
			return err
		case !snapshot.Alive(now.State):
			return fmt.Errorf("it did not stay up: %s, exit code %d", now.State, now.ExitCode)
		case now.State != "running" || now.Up >= window:
			return nil
		}
		select {
		case <-time.After(verifyPoll):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
