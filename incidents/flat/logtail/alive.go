package logtail

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// errDeadStream ends following a log whose lines don't come any more, though there are some.
var errDeadStream = errors.New("the log goes on, and the engine's stream of it does not")

const (
	quietFor  = 20 * time.Second // after which it is asked whether nothing was written, or nothing came
	quietMost = time.Minute      // how long it is until that is asked again, of a log that has been quiet for long
	answerIn  = 10 * time.Second // how long the answer may take
	youth     = 10 * time.Minute // for so long after a container was made it is asked as often as at first: flat is judged then
	deliverIn = 10 * time.Second // how much later than the answer a line may come by the stream
)

// doubt asks, while nothing comes, whether nothing was written, until ctx ends. It cuts the stream when it is dead: the engine may
// answer all else. What was written meanwhile is read as the past is, so that it counts late, and is not taken for silence. While that
// is not answered, silence is not told. A log that is found quiet is asked half as often the next time: each question is a call
// to the engine, and most logs of hundreds are quiet. A container that is new, such as one that a restore has made, is asked as often as at first.
func (t *tail) doubt(ctx context.Context, cut context.CancelCauseFunc) {
	before, wait := t.newest.Load(), quietFor
	for lasts(ctx, wait) {
		now := t.newest.Load()
		if now != before {
			before, wait = now, quietFor
			continue
		}
		alive, known := t.delivers(ctx, now)
		if known && !alive {
			cut(errDeadStream)
			return
		}
		t.count.doubt(!known)
		if wait = min(2*wait, quietMost); !known || time.Since(t.container.CreatedAt) < youth {
			wait = quietFor
		}
	}
}

// lasts waits, and says whether ctx has not ended.
func lasts(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// delivers says whether all came by the stream that the log has from after the newest line that did.
// It is not known when the engine does not say.
func (t *tail) delivers(ctx context.Context, newest int64) (alive, known bool) {
	limited, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	var written int64
	_, err := t.f.Engine.ReadLog(limited, t.container.ID, snapshot.LogAsk{Since: time.Unix(0, newest).Add(1), Last: 1}, func(l snapshot.RawLine) error {
		written = max(written, l.At.UnixNano())
		return nil
	})
	if err != nil {
		return true, ctx.Err() != nil || errors.Is(err, snapshot.ErrGone) || errors.Is(err, snapshot.ErrNotEnabled) // their stream ends by itself
	}
	return written <= newest || t.comes(ctx, written), true
}

// comes waits a while for a line of that moment.
func (t *tail) comes(ctx context.Context, written int64) bool {
	limited, cancel := context.WithTimeout(ctx, deliverIn)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for t.newest.Load() < written {
		select {
		case <-tick.C:
		case <-limited.Done():
			return ctx.Err() != nil
		}
	}
	return true
}

// doubting reads with a doubt beside, which ends with the reading.
func (t *tail) doubting(read func(ctx context.Context) error) error {
	ctx, cut := context.WithCancelCause(t.ctx)
	var beside sync.WaitGroup
	t.newest.Store(t.read.newest.UnixNano())
	beside.Go(func() { t.doubt(ctx, cut) })
	err := read(ctx)
	if errors.Is(context.Cause(ctx), errDeadStream) {
		err = errDeadStream // whatever the engine's client makes of it
	}
	cut(nil)
	beside.Wait()
	return err
}
