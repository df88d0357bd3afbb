package restore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snapback/snapback/snapshot"
)

const (
	verifyPoll = 100 * time.Millisecond
	pausedFor  = 3 * time.Minute // a container without a health check that stays paused for longer has not come up
)

// proof is prove, but for a replacement that has proved itself already: the old container is retired only then, and what happens to
// the replacement afterwards is no reason to look for a way back that is gone.
func (ctr *container) proof(ctx context.Context) (string, error) {
	var done bool
	err := ctr.persist(ctx, "looking whether it had proved itself", func(ctx context.Context) error {
		return ctr.peek(ctx, 20*time.Second, func(ctx context.Context) (err error) {
			done, err = ctr.retired(ctx)
			return err
		})
	})
	if retryable(err) {
		return "", err
	}
	if done {
		return "it had proved itself before this bot was interrupted", nil
	}
	return ctr.prove(ctx)
}

// prove watches the replacement until it is healthy by its own check, or has stayed up for the window when it has
// none. It returns in words how it was proved, or an error that says what was seen instead.
func (ctr *container) prove(ctx context.Context) (string, error) {
	begun := time.Now()
	for {
		now, err := ctr.look(ctx)
		if err != nil {
			return "", err
		}
		how, done, err := ctr.verdict(ctx, now)
		if done || err != nil {
			return how, err
		}
		if err := ctr.patience(now, max(now.Up, time.Since(begun))); err != nil {
			return "", err
		}
		select {
		case <-time.After(ctr.nextLook(now)):
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// patience returns an error when the container's health check should have come to a verdict by now, or when the bot's limit
// is reached.
func (ctr *container) patience(now snapshot.Inspection, waited time.Duration) error {
	switch limit := min(now.CheckFor, ctr.Health); {
	case !now.HasCheck && waited > pausedFor:
		return fmt.Errorf("it is %s, and was for %s", now.State, pausedFor)
	case now.HasCheck && waited > limit && limit < now.CheckFor:
		return fmt.Errorf("its health check did not say healthy within %s, which is as long as any gets", limit)
	case now.HasCheck && waited > limit:
		return fmt.Errorf("its health check did not say healthy within %s, which is what its start period, interval, timeout and retries give it", limit)
	}
	return nil
}

// nextLook is how long to wait before the next look: not beyond the end of the window.
func (ctr *container) nextLook(now snapshot.Inspection) time.Duration {
	if left := ctr.Window - now.Up; !now.HasCheck && left > 0 {
		return min(left, verifyPoll)
	}
	return verifyPoll
}

func (ctr *container) look(ctx context.Context) (now snapshot.Inspection, err error) {
	err = ctr.persist(ctx, "looking at the replacement", func(ctx context.Context) error {
		return ctr.peek(ctx, 15*time.Second, func(ctx context.Context) error {
			now, err = ctr.Engine.Inspect(ctx, ctr.restore.Plan.NewID)
			return err
		})
	}, snapshot.ErrUnknownContainer)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		err = errRemoved
	}
	if err == nil && now.Name != ctr.restore.Container {
		err = fmt.Errorf("%w: it is called %s now", ErrTaken, now.Name)
	}
	return now, err
}

var errRemoved = errors.New("it is gone: it ended and removed itself (--rm), or somebody, systemd or a script has removed it")

// verdict is what one look says. A paused container gets none: somebody has stopped its clock.
func (ctr *container) verdict(ctx context.Context, now snapshot.Inspection) (how string, done bool, err error) {
	switch now.State {
	case "running", "paused":
	case "removing", "dead":
		return "", false, errRemoved
	default:
		return "", false, fmt.Errorf("it did not stay up: %s, exit code %d", now.State, now.ExitCode)
	}
	if now.Restarts > 0 {
		return "", false, fmt.Errorf("it did not stay up: the engine had to restart it%s", ctr.exitCode(ctx, now))
	}
	up := now.Up
	switch {
	case now.HasCheck && now.Health == "unhealthy":
		return "", false, errors.New("its health check says unhealthy")
	case now.HasCheck && now.Health == "healthy":
		return fmt.Sprintf("healthy by its own check after %s", up.Round(10*time.Millisecond)), true, nil
	case !now.HasCheck && now.State == "running" && up >= ctr.Window:
		return fmt.Sprintf("running for %s without a restart (it has no health check)", up.Round(10*time.Millisecond)), true, nil
	}
	return "", false, nil
}

// exitCode is in brackets the code with which a container ended that was restarted; "" when the engine can't tell.
func (ctr *container) exitCode(ctx context.Context, now snapshot.Inspection) (text string) {
	err := ctr.peek(ctx, 5*time.Second, func(ctx context.Context) error {
		code, told, err := ctr.Engine.LastExit(ctx, now)
		if told {
			text = fmt.Sprintf(" (exit code %d)", code)
		}
		return err
	})
	if err != nil {
		ctr.Logger.Warn("asking how a container ended", "restore_id", ctr.restore.ID, "err", err)
	}
	return text
}
