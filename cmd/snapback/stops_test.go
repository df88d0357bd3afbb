package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// hangs stops when its time is over.
func hangs(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

// granted notes how long it has to stop.
func granted(to *time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		end, _ := ctx.Deadline()
		*to = time.Until(end)
		return ctx.Err()
	}
}

// TestNothingTakesTheTimeInWhichARestoreIsStopped has a terminal wait for its database, something that takes no notice, and a log that an engine
// does not let go of.
func TestNothingTakesTheTimeInWhichARestoreIsStopped(t *testing.T) {
	t.Parallel()
	for name, deaf := range map[string]bool{"waits": false, "takes no notice": true} {
		synctest.Test(t, func(t *testing.T) {
			var restorer, database, terminal time.Duration
			end := make(chan struct{})
			defer close(end)
			hanging := func(ctx context.Context) error {
				if deaf {
					<-end
				}
				return hangs(ctx)
			}
			var stop, one stops
			stop.keep(databaseStop, granted(&database))
			one.keep(restorerStop, granted(&restorer))
			one.add(hanging)
			stop = append(stop, sideBySide([]stops{one, {{leastStop, hanging}}}))
			stop.keep(busyStop, granted(&terminal))
			stop.keep(busyStop, hanging)
			began := time.Now()
			stop.all(slog.New(slog.DiscardHandler))
			if restorer < restorerStop-stopGrace || database < databaseStop-stopGrace || terminal < busyStop-stopGrace {
				t.Errorf("%s: the restorer had %s, the database %s, the terminal %s", name, restorer, database, terminal)
			}
			if took := time.Since(began); took > stopTime {
				t.Errorf("%s: it took %s", name, took)
			}
		})
	}
}

// TestManyPartsShareWhatTimeThereIs has more than there is time for.
func TestManyPartsShareWhatTimeThereIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var first time.Duration
		var stop stops
		stop.keep(restorerStop, granted(&first))
		for range 500 {
			stop.add(hangs)
		}
		began := time.Now()
		stop.all(slog.New(slog.DiscardHandler))
		if took := time.Since(began); first < time.Second || took > stopTime {
			t.Errorf("the last one had %s; it took %s", first, took)
		}
	})
}

// A restore under way on one engine is brought to its end also when another engine does not let go.
func TestEngineThatHangsTakesNoTimeFromTheStopOfTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []string
		var healthy stops
		healthy.add(func(ctx context.Context) error { order = append(order, "registry"); return ctx.Err() })
		healthy.keep(restorerStop, func(ctx context.Context) error { order = append(order, "restorer"); return ctx.Err() })
		ctx, cancel := context.WithTimeout(t.Context(), stopTime)
		defer cancel()
		err := sideBySide([]stops{healthy, {{leastStop, hangs}}}).do(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || len(order) != 2 || order[0] != "restorer" {
			t.Errorf("stopped are %q, %v", order, err)
		}
		if joined, ok := err.(interface{ Unwrap() []error }); !ok || len(joined.Unwrap()) != 1 {
			t.Errorf("the healthy one did not stop well either: %v", err)
		}
	})
}
