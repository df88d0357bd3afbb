package snapshot

import (
	"context"
	"errors"
	"time"
)

// The watch's work runs in the background, one thing at a time for each identity. What can't run now, because this bot or
// another one is at that identity, brings about another look.

// task runs do as soon as one of the places is free.
func (w *Watcher) task(key string, do func(context.Context) error) {
	w.begin(key, func() error {
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
// from being seen.
func (w *Watcher) spare(key string, do func(context.Context) error) {
	select {
	case w.calm <- struct{}{}:
	default:
		return
	}
	begun := w.begin(key, func() error {
		defer func() { <-w.calm }()
		err := w.Store.Alone(w.ctx, key, do)
		if errors.Is(err, ErrElsewhere) {
			return nil // the next pulse comes soon enough
		}
		return err
	})
	if !begun {
		<-w.calm
	}
}

func (w *Watcher) begin(key string, do func() error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, running := w.busy[key]; running {
		w.busy[key] = true
		return false
	}
	w.busy[key] = false
	w.wg.Go(func() { w.finish(key, do()) })
	return true
}

func (w *Watcher) finish(key string, err error) {
	w.mu.Lock()
	again := w.busy[key]
	delete(w.busy, key)
	w.mu.Unlock()
	switch {
	case w.ctx.Err() != nil:
	case errors.Is(err, ErrElsewhere):
		w.askIn(200 * time.Millisecond)
	case err != nil:
		w.Logger.Error("watching a container", "key", key, "err", err)
		w.askIn(5 * time.Second)
	case again:
		w.ask()
	}
}
