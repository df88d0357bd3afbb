package watch_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/watch"
)

// brokenTaker fails so many times to take scheduled snapshots, and to copy baselines from them.
type brokenTaker struct {
	watch.Taker
	takes, copies atomic.Int64 // how many are to fail yet
	tried         atomic.Int64 // how often one was to be taken
}

var errBroken = errors.New("the engine is busy")

func (b *brokenTaker) Take(ctx context.Context, c snapshot.Container, ask snapshot.TakeRequest) (snapshot.Snapshot, error) {
	if ask.Reason == snapshot.Scheduled {
		b.tried.Add(1)
		if b.takes.Add(-1) >= 0 {
			return snapshot.Snapshot{}, errBroken
		}
	}
	return b.Taker.Take(ctx, c, ask)
}

func (b *brokenTaker) Copy(ctx context.Context, from snapshot.Snapshot, ask snapshot.TakeRequest) (snapshot.Snapshot, error) {
	if b.copies.Add(-1) >= 0 {
		return snapshot.Snapshot{}, errBroken
	}
	return b.Taker.Copy(ctx, from, ask)
}

// hourly has a container whose hourly tick came half an hour ago, and a watch that is only beginning.
func hourly(t *testing.T, takes, copies int64) (k *kit, key string, taker *brokenTaker, log *logged) {
	t.Helper()
	k, log = setup(t), &logged{}
	api := k.Name("api")
	stop := k.Watch()
	_, key = k.settled(api, "--label", "snapback.schedule=@every 1h", k.Server("shop"))
	stop()
	if _, err := k.DB.Pool().Exec(t.Context(), `UPDATE containers SET seen_at = now() - interval '90 minutes' WHERE key = $1`, key); err != nil {
		t.Fatal(err)
	}
	taker = &brokenTaker{Taker: k.Taker}
	taker.takes.Store(takes)
	taker.copies.Store(copies)
	k.Watch(func(c *watch.Config) {
		c.Taker, c.TickAgain, c.Logger = taker, 50*time.Millisecond, slog.New(slog.NewTextHandler(log, nil))
	})
	return k, key, taker, log
}

// noted says that the tick is over and done with.
func (k *kit) noted(key string) bool {
	return time.Since(snapshottest.Must(k.DB.LastTick(k.T.Context(), "schedule "+key))) < time.Hour
}

func TestAFailureOfTheEngineCostsNoScheduledSnapshot(t *testing.T) {
	k, key, taker, log := hourly(t, 2, 0)
	k.Until("it is taken", func() bool { return k.noted(key) })
	if n := len(k.Of(key, snapshot.Scheduled)); n != 1 || taker.tried.Load() != 3 {
		t.Errorf("%d are there after %d tries, want one after 3", n, taker.tried.Load())
	}
	if log.count("a scheduled snapshot is tried again") != 1 || log.count("level=ERROR") != 0 {
		t.Errorf("the log, want one line of it:\n%s", log.text.String())
	}
}

func TestAScheduledSnapshotThatNeverWorksIsGivenUp(t *testing.T) {
	k, key, taker, log := hourly(t, 1000, 0)
	k.Until("it is given up", func() bool { return k.noted(key) })
	if n := taker.tried.Load(); n != 5 {
		t.Errorf("it was tried %d times, want 5", n)
	}
	k.Until("that is logged", func() bool { return log.count("level=ERROR") > 0 })
	if log.count("the engine is busy") != 2 { // at the beginning and at the end
		t.Errorf("the log, want two lines of it:\n%s", log.text.String())
	}
}

func TestAFailureOfTheEngineCostsNoFreshBaseline(t *testing.T) {
	k, key, taker, _ := hourly(t, 0, 2)
	k.Until("it is done with", func() bool { return k.noted(key) })
	taken, bases := k.Of(key, snapshot.Scheduled), k.Of(key, snapshot.Baseline)
	if len(taken) != 1 || taker.tried.Load() != 1 || len(bases) != 1 || bases[0].CreatedAt.Before(taken[0].CreatedAt) {
		t.Errorf("%d taken, in %d tries; %d baselines, want one that is newer", len(taken), taker.tried.Load(), len(bases))
	}
}
