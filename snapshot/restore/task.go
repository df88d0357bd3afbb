package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
)

// task is one bot's run of one restore: what it has found in the journal, and how it acts while it holds the lease.
type task struct {
	*Restorer
	lease   *lease
	restore Restore
	began   State // in which this run has found the restore
	meter   *capture.Meter
	wasLate bool // an act may have reached the engine after the lease had run out; see lateacts.go
}

// act does one thing to the engine, if the lease allows. It outlives a bot that is told to stop: an engine that is
// told half a sentence is worse than one that is waited for.
func (t *task) act(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	err, timedOut := t.attempt(ctx, limit, do)
	if timedOut && errors.Is(err, snapshot.ErrEngineAway) {
		return t.hung(ctx, err, limit)
	}
	return err
}

// peek is act for what only looks: it is asked again for as long as it takes.
func (t *task) peek(ctx context.Context, limit time.Duration, look func(context.Context) error) error {
	err, _ := t.attempt(ctx, limit, look)
	return err
}

// attempt returns timedOut when the limit is over.
func (t *task) attempt(ctx context.Context, limit time.Duration, do func(context.Context) error) (err error, timedOut bool) {
	swapping := t.restore.State == Swapping
	if ctx.Err() != nil && !swapping {
		return context.Cause(ctx), false
	}
	between := swapping || t.restore.State == Reverting
	if err := t.lease.guard(context.WithoutCancel(ctx), between); err != nil {
		return err, false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	err = do(ctx)
	if left, lost := t.lease.state(); lost || left <= 0 {
		t.wasLate = true
	}
	return err, ctx.Err() != nil
}

// hung makes a verdict of an act that the engine has not done within its limit, twice, although it answers: it would be so
// the next time too, as with a process that can't be killed or a volume whose server is gone.
func (t *task) hung(ctx context.Context, err error, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if t.Engine.Ping(ctx) != nil || t.countStuck(t.restore.ID) < 2 {
		return err
	}
	return fmt.Errorf("the engine has not done it within %s, %w: %v", limit, errHung, err) // no more an engine that is away
}

var errHung = errors.New("although it answers")

// persist tries something Tries times, with growing pauses: an engine may refuse what it does a moment later. It ends at once with an error
// that waiting does not help, which is one of final, and with one that is no verdict, as while the engine is away.
func (t *task) persist(ctx context.Context, what string, do func(context.Context) error, final ...error) (err error) {
	for try := range t.Tries {
		if try > 0 {
			select {
			case <-time.After(triesPause(try)):
			case <-ctx.Done():
				return noVerdict{context.Cause(ctx)}
			}
		}
		err = do(ctx)
		if err == nil || retryable(err) || slices.ContainsFunc(final, func(f error) bool { return errors.Is(err, f) }) {
			return err
		}
		t.Logger.Warn(what, "restore_id", t.restore.ID, "container", t.restore.Container, "err", err)
	}
	return err
}
