package store

import (
	"context"
	"errors"
	"sync"
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

// chorePatience is what one pass may take: what waits for a lock of somebody else's for longer is tried again.
const chorePatience = 5 * time.Minute

// Housekeep does what has to be done now and then, until stop is called: it catches what a crash between two steps has dropped,
// and forgets what nobody asks for any more. Each chore has a goroutine of its own, so that none delays another: somebody may be
// waiting for an alert.
func (db *DB) Housekeep() (stop func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	var chores sync.WaitGroup
	for _, c := range []struct {
		every time.Duration
		do    func(context.Context) error
	}{{missedEvery, db.QueueMissedNews}, {tidyEvery, db.ReturnJobs}, {tidyEvery, db.tidy}, {tidyEvery, db.removeOld}} {
		chores.Go(func() { db.chore(ctx, c.every, c.do) })
	}
	return func(context.Context) error { cancel(); chores.Wait(); return nil }
}

// chore does something at once, and then every so often until ctx ends.
func (db *DB) chore(ctx context.Context, every time.Duration, do func(context.Context) error) {
	again := time.NewTicker(every)
	defer again.Stop()
	for {
		pass, cancel := context.WithTimeout(ctx, chorePatience)
		if err := do(pass); err != nil && ctx.Err() == nil {
			db.log.Warn("housekeeping", "err", err)
		}
		cancel()
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

func (db *DB) tidy(ctx context.Context) error {
	return errors.Join(db.ForgetDeliveries(ctx, keepDeliveries), db.ForgetRequests(ctx, keepRequests), db.ForgetErrors(ctx))
}

func (db *DB) removeOld(ctx context.Context) error {
	_, err := db.RemoveRecordings(ctx, db.removal)
	return err
}
