package watch

import (
	"context"
	"time"

	"github.com/snapback/snapback/snapshot"
)

const (
	// inspectWithin is for how long the watch waits for the engine's answer about one container. One that hangs may keep the
	// engine from answering for ever, and must not keep the watch from the others. What failed is tried again later.
	inspectWithin = 10 * time.Second
	// listenEvery is how often it is found out about which containers the engine does not answer. An alert has too little time
	// for that, and the engine's adapter remembers it for a minute.
	listenEvery = 30 * time.Second
)

func (w *Watcher) inspect(ctx context.Context, id string) (snapshot.Inspection, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectWithin)
	defer cancel()
	return w.Engine.Inspect(ctx, id)
}

func (w *Watcher) listen(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, listenEvery)
	defer cancel()
	if _, err := w.Engine.List(ctx); err != nil && w.ctx.Err() == nil {
		w.Logger.Warn("asking the engine about every container", "err", err)
	}
}
