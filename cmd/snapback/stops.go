package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// How long the bot takes to stop, and what of that is kept for what must not wait in vain. What has longer to stop than that has what the
// others leave.
const (
	stopTime     = 25 * time.Second // units and compose files grant more
	restorerStop = 10 * time.Second // to bring a swap to its end, or to its journal
	databaseStop = 3 * time.Second
	busyStop     = time.Second            // for shells and deliveries
	leastStop    = 200 * time.Millisecond // for everything else
	stopGrace    = 100 * time.Millisecond // of each, to say why it has not stopped
)

var errNotStopped = errors.New("something did not stop in its time, and was left")

// stops are what has to be stopped, the last one started first, also when starting fails midway. Each has a share of the time that none
// of those before it can use up.
type stops []stopping

type stopping struct {
	least time.Duration
	do    func(context.Context) error
}

func (s *stops) add(stop func(context.Context) error) { s.keep(leastStop, stop) }

// keep adds something for which so much time is kept.
func (s *stops) keep(least time.Duration, stop func(context.Context) error) {
	*s = append(*s, stopping{least, stop})
}

// least is what is kept for all of them.
func (s stops) least() (sum time.Duration) {
	for _, one := range s {
		sum += one.least
	}
	return sum
}

// all stops everything within a bounded time, and reports what did not stop well.
func (s stops) all(log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	s.each(ctx, func(err error) { log.Warn("stopping", "err", err) })
}

// within stops everything in turn, for as long as ctx.
func (s stops) within(ctx context.Context) error {
	var errs []error
	s.each(ctx, func(err error) { errs = append(errs, err) })
	return errors.Join(errs...)
}

func (s stops) each(ctx context.Context, report func(error)) {
	for i := len(s) - 1; i >= 0; i-- {
		if err := s[i].stop(ctx, s[:i].least()); err != nil {
			report(err)
		}
	}
}

// stop stops one, and leaves so much time to those that come after it; where there is less, in proportion.
func (o stopping) stop(ctx context.Context, after time.Duration) error {
	if end, bounded := ctx.Deadline(); bounded {
		left := max(0, time.Until(end))
		share := max(left-after, time.Duration(float64(left)*o.least.Seconds()/(o.least+after).Seconds()))
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, max(share-stopGrace, share/2))
		defer cancel()
	}
	stopped := make(chan error, 1)
	go func() { stopped <- o.do(ctx) }() // is left to the program's end when it takes no notice of ctx
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-stopped:
		return err
	case <-time.After(stopGrace):
		return errNotStopped
	}
}

func closing(do func()) func(context.Context) error {
	return func(context.Context) error { do(); return nil }
}

// sideBySide stops them all at once.
func sideBySide(each []stops) stopping {
	var least time.Duration
	for _, one := range each {
		least = max(least, one.least())
	}
	return stopping{least, func(ctx context.Context) error {
		errs := make([]error, len(each))
		var stopped sync.WaitGroup
		for i, one := range each {
			stopped.Go(func() { errs[i] = one.within(ctx) })
		}
		stopped.Wait()
		return errors.Join(errs...)
	}}
}
