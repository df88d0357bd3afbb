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
func (ctr *container) Swap(ctx context.Context) error {
	p := ctr.restore.Plan
	if err := ctr.peek(ctx, 15*time.Second, ctr.checkHolder); err != nil {
		return err
	}
	for _, step := range ctr.swapSteps() {
		if err := ctr.act(ctx, step.limit, step.do); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	err := ctr.persist(ctx, "measuring the downtime", func(ctx context.Context) error {
		return ctr.peek(ctx, 10*time.Second, func(ctx context.Context) error { return ctr.measure(ctx, p) })
	})
	if retryable(err) {
		return err
	}
	return nil // whatever could not be measured: the replacement has been started
}

type step struct {
	name  string
	limit time.Duration
	do    func(context.Context) error
}

func (ctr *container) swapSteps() []step {
	p := ctr.restore.Plan
	var steps []step
	if p.OldID != "" {
		steps = ctr.asideSteps(p)
	}
	steps = append(steps, ctr.volumeSteps()...)
	if p.AdoptID != "" {
		steps = append(steps, step{"arming the container from before", changeLimit, func(ctx context.Context) error {
			return ctr.Engine.SetRestartPolicy(ctx, p.NewID, p.NewPolicy)
		}})
	}
	return append(steps,
		step{"giving the replacement its name", changeLimit, func(ctx context.Context) error {
			return ctr.Engine.Rename(ctx, p.NewID, ctr.restore.Container)
		}},
		step{"starting the replacement", ctr.ActLimit, func(ctx context.Context) error {
			return ctr.Engine.Start(ctx, p.NewID)
		}})
}

// asideSteps stop the old container and set it aside.
func (ctr *container) asideSteps(p Plan) []step {
	stop := ctr.stopLimit()
	return []step{
		{"telling the old container not to restart", changeLimit, func(ctx context.Context) error {
			return ignoreGone(ctr.disarm(ctx, p))
		}},
		{"stopping the old container", stop + stopGrace, func(ctx context.Context) error {
			ctr.down = time.Now()
			err := ctr.Engine.Stop(ctx, p.OldID, stop)
			if errors.Is(err, snapshot.ErrEngineDenied) {
				ctr.down = time.Time{} // it was never told
			}
			return ignoreGone(err)
		}},
		{"setting the old container aside", goneLimit, func(ctx context.Context) error {
			if p.AutoRemove {
				return ctr.awaitGone(ctx, p.OldID)
			}
			return ignoreGone(ctr.Engine.Rename(ctx, p.OldID, p.KeptName))
		}},
	}
}

func (ctr *container) disarm(ctx context.Context, p Plan) error {
	if p.AutoRemove || p.OldPolicy.Name == "" || p.OldPolicy.Name == "no" {
		return nil
	}
	return ctr.Engine.SetRestartPolicy(ctx, p.OldID, snapshot.RestartPolicy{Name: "no"})
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
func (ctr *container) measure(ctx context.Context, p Plan) error {
	now, err := ctr.Engine.Inspect(ctx, p.NewID)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return nil // it removed itself; verify will say so
	}
	if err != nil {
		return err
	}
	ctr.restore.StartedAt = now.StartedAt
	ctr.restore.Plan.HealthFor = min(now.CheckFor, ctr.Health)
	ctr.restore.Downtime, err = ctr.downtime(ctx, now)
	return err
}

// downtime is from the old container's end to the new one's start, by the engine's clock, whoever has stopped it. For a
// container that has removed itself it is what this run has seen.
func (ctr *container) downtime(ctx context.Context, now snapshot.Inspection) (time.Duration, error) {
	if !ctr.restore.Plan.OldRunning {
		return 0, nil
	}
	old, err := ctr.Engine.Inspect(ctx, ctr.restore.Plan.OldID)
	switch {
	case err == nil && old.FinishedAt.After(old.StartedAt):
		return max(0, now.StartedAt.Sub(old.FinishedAt)), nil
	case err != nil && !errors.Is(err, snapshot.ErrUnknownContainer):
		return 0, err
	case ctr.down.IsZero():
		return 0, nil
	}
	return max(0, time.Since(ctr.down)-now.Up), nil
}
