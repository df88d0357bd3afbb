package snapshottest

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/snapshot/watch"
)

const goodAfter = 400 * time.Millisecond

// Narrow is an engine on which only one test's containers are to be seen: others run theirs at the same time.
type Narrow struct {
	*docker.Engine
	Token string
}

func (n Narrow) Observe(ctx context.Context, record []snapshot.Seat) ([]snapshot.Observation, error) {
	all, err := n.Engine.Observe(ctx, record)
	return slices.DeleteFunc(all, func(s snapshot.Observation) bool { return !strings.Contains(s.Name, n.Token) }), err
}

// Watch starts a bot's watch, and returns what stops it. Options change its configuration.
func (k *Kit) Watch(options ...func(*watch.Config)) (stop func()) {
	k.T.Helper()
	cfg := watch.Config{
		Engine: Narrow{Engine: k.Engine(), Token: k.Name("")}, Store: k.DB, Deploys: k.DB, Taker: k.Taker, BaselineAfter: goodAfter,
		TidyEvery: 250 * time.Millisecond, Settle: time.Second, Jitter: 100 * time.Millisecond,
	}
	leftovers := &restore.Leftovers{Engine: k.Engine(), Store: k.DB, Logger: slog.New(slog.DiscardHandler)}
	cfg.Chores = []watch.Chore{{Name: "containers from before", Do: leftovers.RemoveKept}, {Name: "strays", Do: leftovers.RemoveStrays}}
	if k.Taker.Volumes != nil {
		cfg.Chores = append(cfg.Chores, watch.Chore{Name: "volumes", Do: k.Taker.Volumes.LookAfter})
	}
	for _, option := range options {
		option(&cfg)
	}
	return k.StartWatch(watch.New(cfg))
}

// StartWatch starts a watch, and returns what stops it.
func (k *Kit) StartWatch(w *watch.Watcher) (stop func()) {
	w.Start()
	stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := w.Stop(ctx); err != nil {
			k.T.Error(err)
		}
	}
	k.T.Cleanup(stop)
	return stop
}

// Until waits for a condition.
func (k *Kit) Until(what string, is func() bool) {
	k.T.Helper()
	limit, tick := time.After(2*time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-limit:
			k.T.Fatalf("it did not come to pass that %s", what)
		}
	}
}

func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Key is the identity that a container's name stands for.
func (k *Kit) Key(name string) string {
	return docker.Key(Must(k.Engine().ID(k.T.Context())), name, nil)
}

func (k *Kit) Deploys(key string) []snapshot.Deploy {
	return Must(k.DB.Deploys(k.T.Context(), []string{key}, 100))
}

// Of lists an identity's snapshots of a reason, newest first.
func (k *Kit) Of(key string, reason snapshot.Reason) []snapshot.Snapshot {
	all := Must(k.DB.Snapshots(k.T.Context(), key))
	return slices.DeleteFunc(all, func(s snapshot.Snapshot) bool { return s.Reason != reason })
}

func (k *Kit) BaselineOf(key, id string) bool {
	list := k.Of(key, snapshot.Baseline)
	return len(list) == 1 && list[0].ContainerID == id
}

func (k *Kit) AwaitBaseline(key, id string) {
	k.T.Helper()
	k.Until("the baseline is that of "+id, func() bool { return k.BaselineOf(key, id) })
}

func (k *Kit) AwaitDeploys(key string, n int) []snapshot.Deploy {
	k.T.Helper()
	k.Until(fmt.Sprintf("%d deploys are seen", n), func() bool { return len(k.Deploys(key)) >= n })
	list := k.Deploys(key)
	if len(list) != n {
		k.T.Fatalf("%d deploys, want %d: %+v", len(list), n, list)
	}
	return list
}

// Server is one that runs by itself.
func (k *Kit) Server(name string) string {
	k.T.Helper()
	return k.Image(name, `CMD ["/app", "serve", "-addr="]`)
}
