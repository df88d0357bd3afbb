package capture

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// slots are what a Take has to itself while it works: one for its commit, and one for its archives if it makes any.
// Reading volumes may take an hour. The commit's slot is given back before that, so that others are kept meanwhile.
type slots struct {
	volumes   *Volumes        // nil: they are not to be archived
	patience  context.Context // for as long as it lasts
	committed func()          // gives the commit's slot back
	archived  func()
}

// acquire waits for the slots that a Take needs. The one for archives comes first, since that wait is the longer one.
func (t *Taker) acquire(ctx context.Context, c snapshot.Container, ask snapshot.TakeRequest) (*slots, error) {
	p := &slots{patience: ask.Patience, archived: func() {}}
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
		case <-p.patience.Done(): // the snapshot is taken without archives
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

// beginArchives begins with the archives, while there is patience for them.
func (p *slots) beginArchives(ctx context.Context, now snapshot.Inspection) (*archiving, error) {
	if p.patience.Err() != nil {
		return nil, context.Cause(p.patience)
	}
	return p.volumes.beginArchives(ctx, now)
}

// release gives back what is still held.
func (p *slots) release() {
	p.committed()
	p.archived()
}

// amongBots runs a commit in one of the slots that all bots of an engine share. A slot that a bot had when it died is
// free at once. It returns ErrCommitsBusy when none becomes free in time. No container may be paused during the wait.
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
