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

// errSetBack ends following a log whose newest line is older than one before it: the clock was set back, and the engine leaves out of the
// stream what is older than the moment from which on it was asked.
var errSetBack = errors.New("the clock by which the log is written was set back")

const (
	quietFor  = 20 * time.Second // after which it is asked whether nothing was written, or nothing came
	quietMost = time.Minute      // how long it is until that is asked again, of a log that has been quiet for long
	answerIn  = 10 * time.Second // how long the answer may take
	youth     = 10 * time.Minute // for so long after a container was made it is asked as often as at first: flat is judged then
	deliverIn = 10 * time.Second // how much later than the answer a line may come by the stream
	setBackBy = 10 * time.Second // by how much older than the one before a line has to be: two outputs are not in one order
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
		known, why := t.delivers(ctx, now)
		if why != nil {
			cut(why)
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

// delivers returns errDeadStream when the log has lines from after the newest one that came, and the stream does not bring them, and
// errSetBack when it can't bring any. It is not known when the engine does not say.
func (t *tail) delivers(ctx context.Context, newest int64) (known bool, why error) {
	limited, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	var written, last int64
	_, err := t.f.Engine.ReadLog(limited, t.container.ID, snapshot.LogAsk{Last: 1}, func(l snapshot.RawLine) error {
		written = max(written, l.At.UnixNano())
		if l.Task == "" { // each task's last line says nothing of the others' clocks
			last = l.At.UnixNano()
		}
		return nil
	})
	switch {
	case err != nil:
		return ctx.Err() != nil || errors.Is(err, snapshot.ErrGone) || errors.Is(err, snapshot.ErrNotEnabled), nil // their stream ends by itself
	case last > 0 && last < t.last.Load()-int64(setBackBy):
		t.last.Store(last)
		return true, errSetBack
	case written > newest && !t.comes(ctx, written):
		return true, errDeadStream
	}
	if last > 0 {
		t.last.Store(last)
	}
	return true, nil
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
	if why := context.Cause(ctx); errors.Is(why, errDeadStream) || errors.Is(why, errSetBack) {
		err = why // whatever the engine's client makes of it
	}
	cut(nil)
	beside.Wait()
	return err
}
