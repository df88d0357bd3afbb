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

// How often what a crash has dropped is looked for, when somebody may be waiting for an alert, and all else.
const (
	missedEvery = 5 * time.Second
	tidyEvery   = 15 * time.Second
)

// Housekeep does what has to be done now and then, until stop is called: it catches what a crash between two steps has dropped,
// and forgets what nobody asks for any more.
func (db *DB) Housekeep() (stop func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		missed, tidy := time.NewTicker(missedEvery), time.NewTicker(tidyEvery)
		defer missed.Stop()
		defer tidy.Stop()
		err := errors.Join(db.QueueMissedNews(ctx), db.tidy(ctx))
		for {
			if err != nil && ctx.Err() == nil {
				db.log.Warn("housekeeping", "err", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-missed.C:
				err = db.QueueMissedNews(ctx)
			case <-tidy.C:
				err = db.tidy(ctx)
			}
		}
	}()
	return func(context.Context) error { cancel(); <-done; return nil }
}

func (db *DB) tidy(ctx context.Context) error {
	_, err := db.RemoveRecordings(ctx, db.removal)
	return errors.Join(err, db.ReturnJobs(ctx), db.ForgetDeliveries(ctx, keepDeliveries), db.ForgetRequests(ctx, keepRequests), db.ForgetErrors(ctx))
}
