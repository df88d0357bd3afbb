package snapshot_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/store"
)

const goodAfter = 400 * time.Millisecond

// narrow is an engine on which only one test's containers are to be seen: others run theirs at the same time.
type narrow struct {
	*docker.Engine
	token string
}

func (n narrow) Glance(ctx context.Context) ([]snapshot.Sighting, error) {
	all, err := n.Engine.Glance(ctx)
	return slices.DeleteFunc(all, func(s snapshot.Sighting) bool { return !strings.Contains(s.Name, n.token) }), err
}

// watch starts a bot's watch, and returns what stops it. Options change its configuration.
func (k *kit) watch(options ...func(*snapshot.WatchConfig)) (stop func()) {
	k.t.Helper()
	cfg := snapshot.WatchConfig{
		Engine: narrow{Engine: k.Engine(), token: k.Name("")}, Store: k.db, Deploys: k.db, Taker: k.taker, BaselineAfter: goodAfter,
		KeepEvery: 250 * time.Millisecond, Settle: time.Second, Jitter: 100 * time.Millisecond,
	}
	leftovers := &snapshot.Leftovers{Engine: k.Engine(), Store: k.db, Logger: slog.New(slog.DiscardHandler)}
	cfg.Chores = []snapshot.Chore{{Name: "containers from before", Do: leftovers.RemoveKept}, {Name: "strays", Do: leftovers.RemoveStrays}}
	if k.taker.Volumes != nil {
		cfg.Chores = append(cfg.Chores, snapshot.Chore{Name: "volumes", Do: k.taker.Volumes.LookAfter})
	}
	for _, option := range options {
		option(&cfg)
	}
	w := snapshot.NewWatcher(cfg)
	w.Start()
	stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := w.Stop(ctx); err != nil {
			k.t.Error(err)
		}
	}
	k.t.Cleanup(stop)
	return stop
}

// until waits for a condition.
func (k *kit) until(what string, is func() bool) {
	k.t.Helper()
	limit, tick := time.After(2*time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-limit:
			k.t.Fatalf("it did not come to pass that %s", what)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// key is the identity that a container's name stands for.
func (k *kit) key(name string) string {
	return docker.Key(must(k.Engine().ID(k.t.Context())), name, nil)
}

func (k *kit) deploys(key string) []snapshot.Deploy {
	return must(k.db.Deploys(k.t.Context(), []string{key}, 100))
}

// of lists an identity's snapshots of a reason, newest first.
func (k *kit) of(key string, reason snapshot.Reason) []snapshot.Snapshot {
	all := must(k.db.Snapshots(k.t.Context(), key))
	return slices.DeleteFunc(all, func(s snapshot.Snapshot) bool { return s.Reason != reason })
}

func (k *kit) baselineOf(key, id string) bool {
	list := k.of(key, snapshot.Baseline)
	return len(list) == 1 && list[0].ContainerID == id
}

func (k *kit) awaitBaseline(key, id string) {
	k.t.Helper()
	k.until("the baseline is that of "+id, func() bool { return k.baselineOf(key, id) })
}

func (k *kit) awaitDeploys(key string, n int) []snapshot.Deploy {
	k.t.Helper()
	k.until(fmt.Sprintf("%d deploys are seen", n), func() bool { return len(k.deploys(key)) >= n })
	list := k.deploys(key)
	if len(list) != n {
		k.t.Fatalf("%d deploys, want %d: %+v", len(list), n, list)
	}
	return list
}

// entries are those of a kind in an incident's timeline (0: outside any).
func (k *kit) entries(incident int64, kind incidents.Kind) []incidents.Entry {
	all := must(k.db.Entries(k.t.Context(), incident, 0))
	return slices.DeleteFunc(all, func(e incidents.Entry) bool { return e.Kind != kind })
}

func TestDeployWhileTheBotWasDownIsSeen(t *testing.T) {
	k := setup(t)
	one, two, api := k.image("shop:1"), k.image("shop:2"), k.Name("api")
	stop := k.watch()
	first := k.Run(api, one)
	key := k.key(api)
	k.awaitBaseline(key, first)
	stop()
	k.Docker("rm", "-f", api)
	gone := time.Now()
	k.until("a moment has passed", func() bool { return time.Since(gone) > 500*time.Millisecond })
	k.Run(api, two)
	k.watch()
	d := k.awaitDeploys(key, 1)[0]
	if d.Snapshot == "" || d.Before != one || d.After != two {
		t.Errorf("deploy %+v", d)
	}
	if d.At.After(gone) {
		t.Errorf("it began at %s, want what the engine's past events tell, before %s", d.At, gone)
	}
}

// deaf is an engine whose events never come.
type deaf struct{ snapshot.WatchEngine }

func (deaf) Follow(ctx context.Context, _ time.Time, _ func(snapshot.Event)) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestDeployIsSeenAlthoughNoEventCame(t *testing.T) {
	k := setup(t)
	image, api := k.image("shop"), k.Name("api")
	k.watch(func(w *snapshot.WatchConfig) { w.Engine, w.Every = deaf{w.Engine}, 300*time.Millisecond })
	first := k.Run(api, image)
	key := k.key(api)
	k.awaitBaseline(key, first)
	k.Docker("rm", "-f", api)
	second := k.Run(api, "--env", "V=2", image)
	if d := k.awaitDeploys(key, 1)[0]; d.BeforeID != first || d.AfterID != second || d.Snapshot == "" {
		t.Errorf("deploy %+v", d)
	}
}

func TestUndoIsNoDeploy(t *testing.T) {
	k := setup(t)
	image, api := k.image("shop"), k.Name("api")
	k.watch()
	first := k.Run(api, image)
	key := k.key(api)
	k.awaitBaseline(key, first)
	k.Docker("rm", "-f", api)
	second := k.Run(api, "--env", "V=2", image)
	kept := k.awaitDeploys(key, 1)[0].Snapshot
	r := k.restore(k.container(api), kept)
	k.awaitBaseline(key, r.Plan.NewID)
	undo, err := k.restorer.Undo(t.Context(), r.ID, k.by(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = k.wait(undo.ID); undo.State != snapshot.Verified {
		t.Fatalf("%s: %s", undo.State, undo.Error)
	}
	k.awaitBaseline(key, second)
	k.Docker("rm", "-f", api)
	third := k.Run(api, "--env", "V=3", image)
	if d := k.awaitDeploys(key, 2)[0]; d.BeforeID != second || d.AfterID != third { // neither the restore nor its undo was one
		t.Errorf("deploy %+v, want from the container that the undo has put back", d)
	}
}

func TestTwoBotsSeeOneDeployAndKeepOneSnapshot(t *testing.T) {
	k := setup(t)
	image, api := k.image("shop"), k.Name("api")
	k.watch()
	k.watch()
	last := k.Run(api, image)
	key := k.key(api)
	k.awaitBaseline(key, last)
	const rounds = 4
	for n := 1; n <= rounds; n++ {
		k.Docker("rm", "-f", api)
		last = k.Run(api, "-e", fmt.Sprint("ROUND=", n), image)
		k.awaitDeploys(key, n)
		k.awaitBaseline(key, last)
	}
	if n := len(k.of(key, snapshot.PreDeploy)); n != rounds {
		t.Errorf("%d snapshots from before, want %d", n, rounds)
	}
	if n := len(k.entries(0, incidents.KindDeploy)); n != rounds {
		t.Errorf("%d entries, want %d", n, rounds)
	}
	if n := len(k.entries(0, incidents.KindSnapshotTaken)); n != rounds+rounds+1 {
		t.Errorf("%d snapshots were taken, want %d pre-deploy ones and %d baselines", n, rounds, rounds+1)
	}
}

func TestCrashLoopNeverReplacesTheGoodBaseline(t *testing.T) {
	k := setup(t)
	image, api := k.image("shop"), k.Name("api")
	k.watch()
	good := k.Run(api, image)
	key := k.key(api)
	k.awaitBaseline(key, good)
	k.Docker("rm", "-f", api)
	k.Run(api, "--restart", "always", image, "/app", "crash")
	first := k.awaitDeploys(key, 1)[0]
	k.until("it has crashed four times", func() bool { return must(k.Engine().Inspect(t.Context(), api)).Restarts >= 4 })
	if !k.baselineOf(key, good) {
		t.Errorf("the baseline is %+v, want that of the good one", k.of(key, snapshot.Baseline))
	}
	k.Docker("rm", "-f", api)
	fixed := k.Run(api, "-e", "FIXED=1", image)
	second := k.awaitDeploys(key, 2)[0]
	if second.Snapshot != first.Snapshot {
		t.Errorf("the second deploy points at %q, want the last good state, %q", second.Snapshot, first.Snapshot)
	}
	kept := k.of(key, snapshot.PreDeploy)
	if len(kept) != 1 || !cmp.Equal([]string{"env FIXED: added 1"}, lines(kept[0].Changes)) {
		t.Errorf("kept %+v, want one that says what restoring it would undo now", kept)
	}
	k.awaitBaseline(key, fixed)
}

// incident opens one of a service, and returns its ID.
func (k *kit) incident(service string) int64 {
	k.t.Helper()
	k.event(service, incidents.Triggered)
	return must(k.db.FindIncident(k.t.Context(), "Q"+service)).ID
}

func (k *kit) event(service string, status incidents.Status) {
	k.t.Helper()
	now := time.Now()
	in := incidents.Incident{PagerDutyID: "Q" + service, ServiceID: service, Status: status, OpenedAt: now}
	if status == incidents.Resolved {
		in.ResolvedAt = now
	}
	d := store.Delivery{Source: "pagerduty", NativeID: service + string(status), Body: []byte("{}")}
	if _, err := k.db.ReceiveEvent(k.t.Context(), d, in, now, incidents.Entry{Kind: incidents.Kind("incident." + string(status)), OccurredAt: now}); err != nil {
		k.t.Fatal(err)
	}
}

// image is one that runs by itself.
func (k *kit) image(name string) string {
	k.t.Helper()
	return k.Image(name, `CMD ["/app", "serve", "-addr="]`)
}

func TestUnhealthyContainerIsNoBaseline(t *testing.T) {
	k := setup(t)
	image := k.Image("shop", `CMD ["/app", "serve", "-addr="]`, `HEALTHCHECK --interval=300ms --retries=1 CMD ["/app", "check"]`)
	well, ill := k.Name("well"), k.Name("ill")
	bad := k.Run(ill, image)
	k.Docker("exec", ill, "/app", "touch", "/unhealthy")
	k.until("it is unhealthy", func() bool { return must(k.Engine().Inspect(t.Context(), bad)).Health == "unhealthy" })
	good := k.Run(well, image)
	k.watch()
	k.awaitBaseline(k.key(well), good)
	if list := k.of(k.key(ill), snapshot.Baseline); len(list) != 0 {
		t.Errorf("a baseline of an unhealthy container: %+v", list)
	}
}

// broken is a database that loses the first deploy that is to be written down.
type broken struct {
	*store.DB
	failed atomic.Bool
}

func (b *broken) AddDeployed(ctx context.Context, d snapshot.Deployed) (bool, error) {
	if b.failed.CompareAndSwap(false, true) {
		return false, store.ErrAway
	}
	return b.DB.AddDeployed(ctx, d)
}

func TestInterruptedDeployIsFinishedWithTheSameSnapshot(t *testing.T) {
	k := setup(t)
	image, api := k.image("shop"), k.Name("api")
	db := &broken{DB: k.db}
	k.watch(func(c *snapshot.WatchConfig) { c.Deploys = db })
	first := k.Run(api, image)
	key := k.key(api)
	k.awaitBaseline(key, first)
	k.Docker("rm", "-f", api)
	k.Run(api, image)
	d := k.awaitDeploys(key, 1)[0]
	kept := k.of(key, snapshot.PreDeploy)
	if !db.failed.Load() || len(kept) != 1 || d.Snapshot != kept[0].Name || len(k.entries(0, incidents.KindDeploy)) != 1 {
		t.Errorf("deploy %+v, kept %+v", d, kept)
	}
}

func TestStopCanBeCalledTwiceAndBeforeAnythingWasSeen(t *testing.T) {
	k := setup(t)
	stop := k.watch()
	stop()
	stop()
}

// flaky is an engine whose events break off after the first one, twice.
type flaky struct {
	narrow
	broke atomic.Int64
}

func (f *flaky) Follow(ctx context.Context, since time.Time, see func(snapshot.Event)) error {
	if f.broke.Load() >= 2 {
		return f.narrow.Follow(ctx, since, see)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	return f.narrow.Follow(ctx, since, func(snapshot.Event) {
		if f.broke.Add(1) <= 2 {
			cancel(snapshot.ErrEngineAway)
		}
	})
}

func TestEventsThatBreakOffAreTakenUpAgain(t *testing.T) {
	k := setup(t)
	image, api := k.image("shop"), k.Name("api")
	engine := &flaky{narrow: narrow{Engine: k.Engine(), token: k.Name("")}}
	k.watch(func(c *snapshot.WatchConfig) { c.Engine = engine; c.Every = time.Hour })
	first := k.Run(api, image)
	key := k.key(api)
	k.awaitBaseline(key, first)
	k.Docker("rm", "-f", api)
	k.Run(api, image)
	if d := k.awaitDeploys(key, 1)[0]; engine.broke.Load() < 2 || d.BeforeID != first {
		t.Errorf("after %d breaks: %+v", engine.broke.Load(), d)
	}
}
