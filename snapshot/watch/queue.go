package watch

import (
	"context"
	"errors"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// The watch's work runs in the background, one thing at a time for each identity. What can't run
// now, because this bot or another one works on that identity, is looked at again later. What can wait makes room for a
// deploy: see TakeRequest.Patience.

// work is what is being done for an identity.
type work struct {
	again bool                    // something else came up meanwhile
	hurry context.CancelCauseFunc // ends the patience of what can wait; nil: it is a deploy's itself
}

// errHurried is why an archive was given up.
var errHurried = errors.New("another container came to its place before they had been read")

// queueDeploy runs do as soon as a slot for deploys is free.
func (w *Watcher) queueDeploy(key string, do func(context.Context) error) {
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

// queueSpare runs do if a slot for routine work is free right now: what waits must not keep a deploy of the same identity
// from being seen. Archives may take hours, so they have a slot of their own, and patience ends when a deploy comes.
func (w *Watcher) queueSpare(s snapshot.Observation, do func(ctx, patience context.Context) error) {
	slots := w.calm
	if s.Volumes {
		slots = w.slow
	}
	select {
	case slots <- struct{}{}:
	default:
		return
	}
	patience, hurry := context.WithCancelCause(w.ctx)
	begun := w.begin(s.Key, hurry, func() error {
		defer func() { <-slots }()
		defer hurry(nil)
		err := w.Store.Alone(w.ctx, s.Key, func(ctx context.Context) error { return do(ctx, patience) })
		if errors.Is(err, snapshot.ErrElsewhere) {
			return nil // the next pulse comes soon enough
		}
		return err
	})
	if !begun {
		hurry(nil)
		<-slots
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
	w.busy[key] = &work{hurry: hurry}
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
		w.lookIn(200 * time.Millisecond)
	case err != nil:
		w.Logger.Error("watching a container", "key", key, "err", err)
		w.lookIn(5 * time.Second)
	case again:
		w.lookSoon()
	}
}
