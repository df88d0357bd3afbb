package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheStartWaitsForTheSlowestEngineAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		all, err := wired([]engineAt{{name: "web"}, {name: "db"}, {name: "none"}}, func(at engineAt) (*engineParts, error) {
			time.Sleep(startPatience)
			if at.name == "none" {
				return nil, usageError{errors.New("no such context")}
			}
			return &engineParts{at: at}, nil
		})
		if took := time.Since(began); took != startPatience {
			t.Errorf("it took %s", took)
		}
		if len(all) != 3 || all[0].at.name != "web" || all[1].at.name != "db" || all[2] != nil || exitCode(err) != exitUsage {
			t.Errorf("made are %+v, %v", all, err)
		}
	})
}

// A restore under way on one engine is brought to its end also when another engine does not let go.
func TestEngineThatHangsTakesNoTimeFromTheStopOfTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []string
		healthy := stops{
			func(ctx context.Context) error { order = append(order, "registry"); return ctx.Err() },
			func(ctx context.Context) error { order = append(order, "restorer"); return ctx.Err() },
		}
		hanging := stops{func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		err := sideBySide([]stops{healthy, hanging})(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || len(order) != 2 || order[0] != "restorer" {
			t.Errorf("stopped are %q, %v", order, err)
		}
		if joined, ok := err.(interface{ Unwrap() []error }); !ok || len(joined.Unwrap()) != 1 {
			t.Errorf("the healthy one did not stop well either: %v", err)
		}
	})
}
