package snapshot

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The engine knows nothing of epochs, so an act that left in time can arrive late: the bot was stopped, or its host was,
// and meanwhile another bot took the restore over. Mostly the other one has done the same by then, and the late act
// changes nothing. It does when the other one has given the restore up: then it stops, or renames, what was put back. And
// a late create leaves a container that nobody knows of.
//
// The bot whose act it was is the only one that can notice, so it makes that good: it waits for the restore's end, and
// does once more what that end consists of. All of it can be done twice.

// mend is for a machine that was fenced, and whose last act may have come after that.
func (m *machine) mend(ctx context.Context) error {
	over, err := m.Wait(ctx, m.rest.ID)
	if err != nil {
		return fmt.Errorf("mending a late act: %w", err)
	}
	m.rest = over
	for _, step := range m.mendSteps() {
		m.Logger.Warn("an act of this bot came late: doing the end of the restore once more",
			"restore_id", over.ID, "container", over.Container, "step", step.name)
		if err := m.late(ctx, step); err != nil {
			return fmt.Errorf("mending a late act: %s: %w", step.name, err)
		}
	}
	return nil
}

// late does a step without the lease, which ended with the restore.
func (m *machine) late(ctx context.Context, s step) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.limit)
	defer cancel()
	return s.do(ctx)
}

func (m *machine) mendSteps() []step {
	var steps []step
	if m.rest.Kind == Restoring {
		steps = append(steps, step{"removing a second replacement", time.Minute, m.removeStray})
	}
	if m.rest.State != Reverted {
		return steps // what was verified was done by the other bot before; what has failed is a person's by now
	}
	return append(steps, step{"putting the old container back once more", 3 * time.Minute, func(ctx context.Context) error {
		barred, err := m.barred(ctx)
		if err != nil || barred != "" {
			return err // somebody has replaced it since
		}
		for _, s := range m.revertSteps() {
			if err := s.do(ctx); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
		return nil
	}})
}

// removeStray removes what is under the replacement's first name when the restore is over: only a late create can have
// made it.
func (m *machine) removeStray(ctx context.Context) error {
	if m.rest.Plan.TempName == "" {
		return nil
	}
	c, err := m.Engine.Inspect(ctx, m.rest.Plan.TempName)
	if errors.Is(err, ErrUnknownContainer) || err == nil && alive(c) {
		return nil
	}
	if err != nil {
		return err
	}
	return m.Engine.Remove(ctx, c.ID)
}
