package store

import (
	"context"
	"errors"
	"time"
)

// How long what came in is kept: a sender tries again for 48 hours at most, and a client for a day.
const (
	keepDeliveries = 14 * 24 * time.Hour
	keepRequests   = 48 * time.Hour
)

// Housekeep does what has to be done now and then, until stop is called: it catches what a crash between two steps has dropped,
// and forgets what nobody asks for any more.
func (db *DB) Housekeep() (stop func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(15 * time.Second)
		defer tick.Stop()
		for {
			err := errors.Join(db.ReturnJobs(ctx), db.QueueMissedNews(ctx), db.ForgetDeliveries(ctx, keepDeliveries), db.ForgetRequests(ctx, keepRequests))
			if err != nil && ctx.Err() == nil {
				db.log.Warn("housekeeping", "err", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return func(context.Context) error { cancel(); <-done; return nil }
}
