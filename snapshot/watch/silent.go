package watch

import (
	"context"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// inspectWithin is for how long the watch waits for the engine's answer about one container. One that hangs may keep the
// engine from answering for ever, and must not keep the watch from the others. What failed is tried again later.
const inspectWithin = 10 * time.Second

func (w *Watcher) inspect(ctx context.Context, id string) (snapshot.Inspection, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectWithin)
	defer cancel()
	return w.Engine.Inspect(ctx, id)
}

// listen finds out about which containers the engine does not answer, and which ones count as one. An alert has too little time
// for that, and the engine's adapter remembers it for a minute.
func (w *Watcher) listen(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, max(w.ListenEvery, inspectWithin))
	defer cancel()
	list, err := w.Engine.List(ctx)
	if w.ctx.Err() != nil {
		return
	}
	if w.listening.Log(w.Logger, "asking the engine about every container", err); err == nil {
		w.sayShared(list)
	}
}

// sayShared logs once of which containers several run under one identity, when they still do the second time: a deploy has both for
// a moment.
func (w *Watcher) sayShared(list []snapshot.Container) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := map[string]int{}
	for _, c := range list {
		why := c.Shared()
		if why == "" {
			continue
		}
		if now[why] = w.shared[why] + 1; now[why] == 2 {
			w.Logger.Warn("several containers count as one", "container", c.Name, "why", why)
		}
	}
	w.shared = now
}
