package logtail

import (
	"context"
	"errors"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// errEnough ends the reading of a past that takes too long.
var errEnough = errors.New("enough has been read")

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
	h := history{step: t.f.Step, from: t.count.toldTo(), to: opened, most: t.f.BackLines, traffic: t.count.end().traffic}
	started, err := t.read(t.ctx, snapshot.LogAsk{Since: t.seen.Add(1), Last: t.f.BackLines}, func(at time.Time, isError, isRequest bool, _ int) error {
		h.line(at, isError, isRequest)
		if h.lines%1_000 == 0 && time.Since(opened) > pastFor {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		h.to, err = h.last, nil
	}
	if err != nil {
		return err
	}
	for _, c := range h.counts(started) {
		t.count.add(c)
	}
	t.count.skipTo(opened)
	return nil
}
