package watch

import (
	"context"
	"errors"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// The watch's work runs in the background, one thing at a time for each identity. What can't run now, because this bot or
// another one is at that identity, brings about another look. What can wait makes room for a deploy: see Patience.

// turn is an identity's work that is under way.
type turn struct {
	again bool                    // something else came up meanwhile
	hurry context.CancelCauseFunc // ends the patience of what can wait; nil: it is a deploy's itself
}

// errHurried is why an archive was given up.
var errHurried = errors.New("another container came to its place before they had been read")

// task runs do as soon as one of the places is free.
func (w *Watcher) task(key string, do func(context.Context) error) {
	w.begin(key, nil, func() error {
		select {
		case w.urgent <- struct{}{}:
			defer func() { <-w.urgent }()
		case <-w.ctx.Done():
			return context.Cause(w.ctx)
		}
		return w.Store.Alone(w.ctx, key, do)
	})
}

// spare runs do if a place for routine work is free right now: what waits must not keep a deploy of the same identity
// from being seen. Archives may take hours, so they have a place of their own, and patience ends when a deploy comes.
func (w *Watcher) spare(s snapshot.Sighting, do func(ctx, patience context.Context) error) {
	places := w.calm
	if s.Volumes {
		places = w.slow
	}
	select {
	case places <- struct{}{}:
	default:
		return
	}
	patience, hurry := context.WithCancelCause(w.ctx)
	begun := w.begin(s.Key, hurry, func() error {
		defer func() { <-places }()
		defer hurry(nil)
		err := w.Store.Alone(w.ctx, s.Key, func(ctx context.Context) error { return do(ctx, patience) })
		if errors.Is(err, snapshot.ErrElsewhere) {
			return nil // the next pulse comes soon enough
		}
		return err
	})
	if !begun {
		hurry(nil)
		<-places
	}
}

// begin works at an identity, unless that is being done. Hurry is nil for a deploy.
func (w *Watcher) begin(key string, hurry context.CancelCauseFunc, do func() error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t, running := w.busy[key]; running {
		t.again = true
		if hurry == nil && t.hurry != nil {
			t.hurry(errHurried)
		}
		return false
	}
	w.busy[key] = &turn{hurry: hurry}
	w.wg.Go(func() { w.finish(key, do()) })
	return true
}

func (w *Watcher) finish(key string, err error) {
	w.mu.Lock()
	again := w.busy[key].again
	delete(w.busy, key)
	w.mu.Unlock()
	switch {
	case w.ctx.Err() != nil:
	case errors.Is(err, snapshot.ErrElsewhere):
		w.askIn(200 * time.Millisecond)
	case err != nil:
		w.Logger.Error("watching a container", "key", key, "err", err)
		w.askIn(5 * time.Second)
	case again:
		w.ask()
	}
}
