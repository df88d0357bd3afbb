package watch

import (
	"context"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// A baseline that is taken while errors are at a spike's rate is kept with that mark, since it may be all that there will be of the
// container. A better one is taken once the errors are over. A bad deploy shows in its errors only after its baseline was taken, so
// that what is kept of one that has not run for long is marked later as well.

// spikes says whether a container's errors are at a spike's rate. What can't be found out is no reason to keep nothing.
func (w *Watcher) spikes(ctx context.Context, key string, at time.Time) bool {
	is, err := w.Spiking(ctx, key, at)
	if err != nil {
		w.Logger.Warn("reading whether errors are at a spike's rate", "key", key, "err", err)
	}
	return is && err == nil
}

// markSpiked marks what is kept of a container if its errors are at a spike's rate, and it had run for less than would have proved it
// good.
func (w *Watcher) markSpiked(ctx context.Context, key, id string, ran time.Duration, at time.Time) error {
	if ran >= w.LongRun || !w.spikes(ctx, key, at) {
		return nil
	}
	return w.Store.MarkSpiked(ctx, key, id, w.LongRun)
}

// markBefore does so of a container that was replaced.
func (w *Watcher) markBefore(ctx context.Context, before snapshot.Occupant, d snapshot.Deploy) error {
	began := before.StartedAt
	if began.IsZero() {
		began = before.CreatedAt
	}
	return w.markSpiked(ctx, d.Key, d.BeforeID, d.At.Sub(began), d.At)
}
