package logtail

import (
	"context"
	"errors"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// errEnough ends the reading of a past that takes too long.
var errEnough = errors.New("enough has been read")

// errTooSlow is the problem of a log that the engine does not hand over, as when its container hangs.
var errTooSlow = errors.New("the engine takes too long to hand the log over")

// readSoon reads a log that ends, and gives up when that takes too long, so that one that hangs does not hold up the others.
func (t *tail) readSoon(last int, see func(seen) error) (time.Time, error) {
	ctx, cancel := context.WithTimeoutCause(t.ctx, pastFor+5*time.Second, errTooSlow)
	defer cancel()
	before := t.read.clone()
	started, err := t.readOn(ctx, snapshot.LogAsk{Last: last}, see)
	if err != nil && errors.Is(context.Cause(ctx), errTooSlow) {
		err = errTooSlow // whatever the engine's client makes of it
	}
	switch {
	case errors.Is(err, errEnough):
		t.read.leave() // what has come later of other tasks is of a time that is told
	case err != nil:
		t.read = before // what was read is not told, so it is read again
	}
	return started, err
}

// past counts what the log has from after the last line that was seen. Reading it ends, and then it is known to be whole, which
// following a log never says.
func (t *tail) past() error {
	select {
	case t.f.backs <- struct{}{}:
		defer func() { <-t.f.backs }()
	case <-t.ctx.Done():
		return context.Cause(t.ctx)
	}
	t.fresh()
	opened := time.Now()
	t.count.notAfter(opened)
	h := history{step: t.f.Step, from: t.count.toldTo(), to: opened, most: t.f.BackLines, traffic: t.count.toldOfTraffic(), away: t.away}
	started, err := t.readSoon(t.f.BackLines, func(l seen) error {
		h.line(l)
		if h.lines%1_000 == 0 && time.Since(opened) > pastFor {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		h.to, err = h.readTo(), nil
	}
	if err != nil {
		return err
	}
	for _, c := range h.counts(started) {
		t.count.add(c)
	}
	t.count.skipTo(opened)
	t.away = false
	t.f.note(t.container, nil)
	return nil
}
