package capture_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
)

// silent is an engine that never answers about a container.
type silent struct{ capture.Engine }

func (silent) Inspect(ctx context.Context, _ string) (snapshot.Inspection, error) {
	<-ctx.Done()
	return snapshot.Inspection{}, ctx.Err()
}

// free is a lock that nobody else holds, with a place for snapshots in which there are none.
type free struct{ capture.Store }

func (free) Alone(ctx context.Context, _ string, do func(context.Context) error) error {
	return do(ctx)
}

func (free) Snapshot(context.Context, string, string) (snapshot.Snapshot, error) {
	return snapshot.Snapshot{}, snapshot.ErrUnknownSnapshot
}

func TestContainerThatHangsKeepsNoSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		taker := capture.New(capture.Config{Engine: silent{}, Store: free{}, Lock: free{}})
		began := time.Now()
		for range 2 {
			_, err := taker.Take(t.Context(), snapshot.Container{Key: "E/name/api", ID: "a", Name: "api"}, snapshot.TakeRequest{})
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("got %v, want that it gives up", err)
			}
		}
		if took := time.Since(began); took > 2*time.Minute {
			t.Errorf("two tries took %s", took)
		}
	})
}
