package restore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// lease is this bot's right to run one restore. Another bot takes over once it has run out in the journal, so before
// every act on the engine the holder asks guard whether it may still act.
//
// When the journal can't be reached, nobody else can claim the restore through it either, and a container that was
// stopped a moment ago must not stay stopped for it: a swap or a revert that has begun may go on, for grace at most. What two
// bots would do then is the same and can be done twice. A journal that says "fenced" is obeyed at once.
type lease struct {
	journal   Journal
	id, epoch int64
	length    time.Duration
	grace     time.Duration

	mu    sync.Mutex // guards until and lost
	until time.Time
	lost  bool
}

func (l *lease) renew(ctx context.Context) error {
	asked := time.Now() // the journal's clock starts no earlier than this
	ctx, cancel := context.WithTimeout(ctx, l.length/2)
	defer cancel()
	err := l.journal.Renew(ctx, l.id, l.epoch, l.length)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.until = asked.Add(l.length)
	case errors.Is(err, ErrFenced):
		l.lost = true
	}
	return err
}

func (l *lease) state() (left time.Duration, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// One clock stands still while the machine sleeps, the other one is set now and then: whichever has less left counts.
	return min(time.Until(l.until), time.Until(l.until.Round(0))), l.lost
}

// guard returns nil when the holder may act now. between says that nothing may run for as long as it does not act.
func (l *lease) guard(ctx context.Context, between bool) error {
	left, lost := l.state()
	if lost {
		return ErrFenced
	}
	if left > 0 {
		return nil
	}
	err := l.renew(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrFenced):
		return ErrFenced
	case between && -left < l.grace:
		return nil
	}
	return fmt.Errorf("%w: renewing the lease: %w", snapshot.ErrJournalAway, err)
}

// renewUntil renews the lease until ctx ends, and calls fenced if it is lost.
func (l *lease) renewUntil(ctx context.Context, fenced func(error)) {
	tick := time.NewTicker(l.length / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if errors.Is(l.renew(ctx), ErrFenced) {
				fenced(ErrFenced)
				return
			}
		}
	}
}
