package restore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// Revert puts the old container back: the replacement goes, the old one gets its name and its restart policy again,
// and runs if it ran. It is tried several times, because it is the last thing that stands between this restore and
// nothing running at all.
func (m *container) Revert(ctx context.Context) (State, error) {
	var err error
	for try := range m.Tries {
		if try > 0 {
			select {
			case <-time.After(time.Duration(try) * time.Second):
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
		}
		var next State
		if next, err = m.revertOnce(ctx); err == nil {
			return next, nil
		}
		if retryable(err) {
			return "", err
		}
		m.Logger.Warn("putting the old container back", "restore_id", m.restore.ID, "container", m.restore.Container, "err", err)
	}
	m.restore.Error = fmt.Sprintf("%s; and then the old container could not be put back: %v. %s", m.restore.Error, err, m.advice())
	return Failed, nil
}

// advice is what a person does by hand when neither way works.
func (m *container) advice() string {
	p, name := m.restore.Plan, m.restore.oldName()
	if p.keptID() == "" && p.OldID != "" {
		return "The one that ran before is gone: start one by hand, or restore another snapshot"
	}
	if p.keptID() == "" {
		return "No container ran under that name before: start one by hand, or restore another snapshot"
	}
	id := p.keptID()
	return m.volumesAdvice() + fmt.Sprintf("On the engine's host: docker rename %.12s %s; docker start %.12s; and look at docker ps -a", id, name, id)
}

// volumesAdvice warns of volumes that may hold half of the old contents and half of the new.
func (m *container) volumesAdvice() string {
	plan := m.restore.Plan.Volumes
	if plan == nil {
		return ""
	}
	return fmt.Sprintf("Its volumes (%s) may be incomplete; what they held before is kept as %s in the data folder of %s: keep a copy of that. ",
		strings.Join(plan.From.Paths(), ", "), plan.Keep, plan.Bot)
}

func (m *container) revertOnce(ctx context.Context) (State, error) {
	var never string
	err := m.peek(ctx, 15*time.Second, func(ctx context.Context) (err error) {
		never, err = m.cannotRevert(ctx)
		return err
	})
	if err != nil {
		return "", err
	}
	steps, end := m.revertSteps(), Reverted
	if never != "" {
		steps, end = m.stepsWithoutRevert(), Failed
	}
	for _, step := range steps {
		if err := m.act(ctx, step.limit, step.do); err != nil {
			return "", fmt.Errorf("%s: %w", step.name, err)
		}
	}
	if never != "" {
		m.restore.Error += "; " + never
	}
	if p := m.restore.Plan; never == "" && p.AutoRemove && p.StandInID == "" {
		there, err := m.anyOf(ctx, p.OldID)
		if err != nil {
			return "", err
		}
		if !there {
			m.restore.Error += "; the container from before has ended by itself meanwhile, and removed itself. " + m.advice()
			end = Failed
		}
	}
	return end, nil
}

func (m *container) revertSteps() []step {
	steps := []step{
		{"filling the volumes with what they held before", moveLimit, m.refillVolumes},
		{"taking the replacement away", m.Act, m.withdraw},
	}
	p := m.restore.Plan
	if p.AutoRemove && p.StandInID == "" {
		return append(steps, step{"removing the unfinished copy", time.Minute, m.dropStandIn})
	}
	if p.keptID() == "" {
		return steps
	}
	steps = append(steps, step{"giving the old container its name again", goneLimit, m.rename})
	if !p.AutoRemove && p.OldPolicy.Name != "" {
		steps = append(steps, step{"telling the old container to restart as before", 15 * time.Second, func(ctx context.Context) error {
			return m.Engine.SetRestartPolicy(ctx, p.OldID, p.OldPolicy)
		}})
	}
	if p.OldRunning {
		steps = append(steps,
			step{"starting the old container", m.Act + m.stopLimit(), m.restart},
			step{"restarting what shares its namespaces", time.Duration(1+len(p.Joined)) * m.Act, m.reattach})
	}
	return steps
}

// withdraw removes the replacement; the container that an undo had brought back is stopped and set aside again.
// What the replacement wrote last is kept in the restore's error: it is the only trace of why it did not come up.
func (m *container) withdraw(ctx context.Context) error {
	p := m.restore.Plan
	id, err := m.replacement(ctx)
	if id == "" || err != nil {
		return err
	}
	m.noteLastLines(ctx, id)
	if p.AdoptID == "" {
		return m.Engine.Remove(ctx, id)
	}
	if err := m.Engine.SetRestartPolicy(ctx, id, snapshot.RestartPolicy{Name: "no"}); err != nil {
		return err
	}
	if err := m.Engine.Stop(ctx, id, 5*time.Second); err != nil {
		return err
	}
	return m.Engine.Rename(ctx, id, p.TempName)
}

// replacement is the replacement's ID, also when a bot died before it could write that down; "" when there is none.
func (m *container) replacement(ctx context.Context) (string, error) {
	ref := m.restore.Plan.NewID
	if ref == "" {
		ref = m.restore.Plan.TempName
	}
	if ref == "" {
		return "", nil
	}
	c, err := m.Engine.Inspect(ctx, ref)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return "", nil
	}
	return c.ID, err
}

func (m *container) noteLastLines(ctx context.Context, id string) {
	const mark = "; its last lines: "
	if m.restore.StartedAt.IsZero() && m.down.IsZero() || strings.Contains(m.restore.Error, mark) {
		return
	}
	if tail, err := m.Engine.Tail(ctx, id, 5); err == nil && tail != "" {
		m.restore.Error += mark + tail
	}
}

// rename gives the old container its name again, or the stand-in of one that removed itself.
func (m *container) rename(ctx context.Context) error {
	p := m.restore.Plan
	if p.AutoRemove {
		return m.renameAutoRemove(ctx)
	}
	return m.Engine.Rename(ctx, p.OldID, m.restore.oldName())
}

// oldName is what the old container is called: Compose may have called it otherwise than the one of the snapshot.
func (r Restore) oldName() string { return cmp.Or(r.Plan.OldName, r.Container) }

func (m *container) restart(ctx context.Context) error {
	p := m.restore.Plan
	id := p.OldID
	now, err := m.Engine.Inspect(ctx, id)
	if p.AutoRemove && errors.Is(err, snapshot.ErrUnknownContainer) {
		id = p.StandInID
		now, err = m.Engine.Inspect(ctx, id)
	}
	if err != nil {
		return err
	}
	dying := m.dying(now) && now.Carries == "" // this bot still runs, so it has not stopped what it runs in
	if dying {
		err := m.Engine.Stop(ctx, id, m.stopLimit())
		if dying = !errors.Is(err, snapshot.ErrEngineDenied); dying && err != nil {
			return err
		}
	}
	if dying || !alive(now) { // a paused one stays paused
		if err := m.Engine.Start(ctx, id); err != nil {
			return err
		}
	}
	return m.staysUp(ctx, id)
}

// dying says that the old container still runs, was told to stop, and may yet do so. An engine that has answered with an
// error, or not at all, may have sent the signal. So the container is stopped to the end before it is started again.
func (m *container) dying(now snapshot.Inspection) bool {
	told := !m.down.IsZero() || (m.began == Swapping || m.began == Reverting) && m.restore.passed(Swapping)
	return told && alive(now) && now.StartedAt.Equal(m.restore.Plan.OldStarted)
}

func (m *container) stopLimit() time.Duration {
	return time.Duration(m.restore.Plan.StopTimeout) * time.Second
}

// staysUp waits until a container has been up for a second. An engine that is shutting down starts what it is told to
// start, and stops it again. A container that keeps being restarted is as it was before.
func (m *container) staysUp(ctx context.Context, id string) error {
	window := min(m.Window, time.Second)
	for {
		now, err := m.Engine.Inspect(ctx, id)
		switch {
		case err != nil:
			return err
		case !alive(now):
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

// alive says that the container runs, or that the engine is going to start it again.
func alive(c snapshot.Inspection) bool {
	return c.State == "running" || c.State == "restarting" || c.State == "paused"
}
