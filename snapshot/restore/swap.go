package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// Swap is the only downtime: the old one is told not to come back, stopped and set aside; the new one takes the name and
// starts.
func (m *container) Swap(ctx context.Context) error {
	p := m.restore.Plan
	if err := m.peek(ctx, 15*time.Second, m.checkHolder); err != nil {
		return err
	}
	for _, step := range m.swapSteps() {
		if err := m.act(ctx, step.limit, step.do); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	err := m.peek(ctx, 10*time.Second, func(ctx context.Context) error { return m.measure(ctx, p) })
	if err != nil {
		return noVerdict{err}
	}
	return nil
}

type step struct {
	name  string
	limit time.Duration
	do    func(context.Context) error
}

func (m *container) swapSteps() []step {
	p := m.restore.Plan
	var steps []step
	if p.OldID != "" {
		steps = m.asideSteps(p)
	}
	steps = append(steps, m.volumeSteps()...)
	if p.AdoptID != "" {
		steps = append(steps, step{"arming the container from before", 15 * time.Second, func(ctx context.Context) error {
			return m.Engine.SetRestartPolicy(ctx, p.NewID, p.NewPolicy)
		}})
	}
	return append(steps,
		step{"giving the replacement its name", 15 * time.Second, func(ctx context.Context) error {
			return m.Engine.Rename(ctx, p.NewID, m.restore.Container)
		}},
		step{"starting the replacement", m.Act, func(ctx context.Context) error {
			return m.Engine.Start(ctx, p.NewID)
		}})
}

// goneLimit is how long the engine may take to remove an auto-remove container, which may have many files. Until then
// no other container can have its name.
const goneLimit = 5 * time.Minute

// asideSteps stop the old container and set it aside.
func (m *container) asideSteps(p Plan) []step {
	stop := m.stopLimit()
	return []step{
		{"telling the old container not to restart", 15 * time.Second, func(ctx context.Context) error {
			return ignoreGone(m.disarm(ctx, p))
		}},
		{"stopping the old container", stop + 30*time.Second, func(ctx context.Context) error {
			m.down = time.Now()
			err := m.Engine.Stop(ctx, p.OldID, stop)
			if errors.Is(err, snapshot.ErrEngineDenied) {
				m.down = time.Time{} // it was never told
			}
			return ignoreGone(err)
		}},
		{"setting the old container aside", goneLimit, func(ctx context.Context) error {
			if p.AutoRemove {
				return m.awaitGone(ctx, p.OldID)
			}
			return ignoreGone(m.Engine.Rename(ctx, p.OldID, p.KeptName))
		}},
	}
}

func (m *container) disarm(ctx context.Context, p Plan) error {
	if p.AutoRemove || p.OldPolicy.Name == "" || p.OldPolicy.Name == "no" {
		return nil
	}
	return m.Engine.SetRestartPolicy(ctx, p.OldID, snapshot.RestartPolicy{Name: "no"})
}

// ignoreGone takes ErrGone for success. An auto-remove container is gone once it has stopped, and people remove others.
// Either way nothing is in the replacement's way.
func ignoreGone(err error) error {
	if errors.Is(err, snapshot.ErrGone) {
		return nil
	}
	return err
}

// keptID is the container that is kept as evidence and for the undo.
func (p Plan) keptID() string {
	if p.AutoRemove {
		return p.StandInID
	}
	return p.OldID
}

// measure notes when the replacement started, by the engine's own clock, and how long nothing ran.
func (m *container) measure(ctx context.Context, p Plan) error {
	now, err := m.Engine.Inspect(ctx, p.NewID)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return nil // it removed itself; verify will say so
	}
	if err != nil {
		return err
	}
	m.restore.StartedAt = now.StartedAt
	m.restore.Plan.HealthFor = min(now.CheckFor, m.Health)
	m.restore.Downtime, err = m.downtime(ctx, now)
	return err
}

// downtime is from the old container's end to the new one's start, by the engine's clock, whoever has stopped it. For a
// container that has removed itself it is what this run has seen.
func (m *container) downtime(ctx context.Context, now snapshot.Inspection) (time.Duration, error) {
	if !m.restore.Plan.OldRunning {
		return 0, nil
	}
	old, err := m.Engine.Inspect(ctx, m.restore.Plan.OldID)
	switch {
	case err == nil && old.FinishedAt.After(old.StartedAt):
		return max(0, now.StartedAt.Sub(old.FinishedAt)), nil
	case err != nil && !errors.Is(err, snapshot.ErrUnknownContainer):
		return 0, err
	case m.down.IsZero():
		return 0, nil
	}
	return max(0, time.Since(m.down)-now.Up), nil
}
