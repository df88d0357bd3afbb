package capture

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// places is what a Take has to itself while it works: a place for its commit, and one for its archives if it makes any.
// Reading volumes may take an hour. The commit's place is given back before that, so that others are kept meanwhile.
type places struct {
	volumes   *Volumes        // nil: they are not to be archived
	patience  context.Context // for as long as it lasts
	committed func()          // gives the commit's place back
	archived  func()
}

// enter waits for the places that a Take needs: first for the longer one, while nothing is held yet.
func (t *Taker) enter(ctx context.Context, c snapshot.Container, ask snapshot.TakeAsk) (*places, error) {
	p := &places{patience: ask.Patience, archived: func() {}}
	if p.patience == nil {
		p.patience = context.Background()
	}
	if c.Settings.Volumes && !ask.NoVolumes {
		p.volumes = t.Volumes
	}
	if p.volumes != nil {
		select {
		case t.archives <- struct{}{}:
			p.archived = sync.OnceFunc(func() { <-t.archives })
		case <-p.patience.Done(): // it is taken without
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for other archives: %w", context.Cause(ctx))
		}
	}
	waiting, cancel := context.WithTimeoutCause(ctx, t.Wait, snapshot.ErrCommitsBusy)
	defer cancel()
	select {
	case t.commits <- struct{}{}:
		p.committed = sync.OnceFunc(func() { <-t.commits })
	case <-waiting.Done():
		p.archived()
		return nil, fmt.Errorf("waiting for other commits: %w", context.Cause(waiting))
	}
	return p, nil
}

// keepVolumes begins with the archives, while there is patience for them.
func (p *places) keepVolumes(ctx context.Context, now snapshot.Inspection) (*keeping, error) {
	if p.patience.Err() != nil {
		return nil, context.Cause(p.patience)
	}
	return p.volumes.keepVolumes(ctx, now)
}

// leave gives back what is still held.
func (p *places) leave() {
	p.committed()
	p.archived()
}

// amongBots runs a commit in one of the places that all bots of an engine share. A place that a bot had when it died is
// free at once. It returns ErrCommitsBusy when none becomes free in time. Whoever waits must hold no container still.
func (t *Taker) amongBots(ctx context.Context, engine string, commit func(context.Context) error) error {
	waiting, cancel := context.WithTimeoutCause(ctx, t.Wait, snapshot.ErrCommitsBusy)
	defer cancel()
	for {
		for n := range cap(t.commits) {
			err := t.Lock.Alone(ctx, fmt.Sprintf("commit %s %d", engine, n), commit)
			if !errors.Is(err, snapshot.ErrElsewhere) {
				return err
			}
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-waiting.Done():
			return fmt.Errorf("waiting for other bots' commits: %w", context.Cause(waiting))
		}
	}
}
