package watch_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/snapshot/watch"
	"github.com/snapback/snapback/store"
)

// entries are those of a kind in an incident's timeline (0: outside any).
func (k *kit) entries(incident int64, kind incidents.Kind) []incidents.Entry {
	all := snapshottest.Must(k.DB.Entries(k.T.Context(), incident, 0))
	return slices.DeleteFunc(all, func(e incidents.Entry) bool { return e.Kind != kind })
}

func TestDeployWhileTheBotWasDownIsSeen(t *testing.T) {
	k := setup(t)
	one, two, api := k.Server("shop:1"), k.Server("shop:2"), k.Name("api")
	stop := k.Watch()
	_, key := k.settled(api, one)
	stop()
	k.Docker("rm", "-f", api)
	gone := time.Now()
	k.Until("a moment has passed", func() bool { return time.Since(gone) > 500*time.Millisecond })
	k.Run(api, two)
	k.Watch()
	d := k.AwaitDeploys(key, 1)[0]
	if d.Snapshot == "" || d.Before != one || d.After != two {
		t.Errorf("deploy %+v", d)
	}
	if d.At.After(gone) {
		t.Errorf("it began at %s, want what the engine's past events tell, before %s", d.At, gone)
	}
}

// deaf is an engine whose events never come.
type deaf struct{ watch.Engine }

func (deaf) Follow(ctx context.Context, _ time.Time, _ func(snapshot.Event)) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestDeployIsSeenAlthoughNoEventCame(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	k.Watch(func(w *watch.Config) { w.Engine, w.Every = deaf{w.Engine}, 300*time.Millisecond })
	first, key := k.settled(api, image)
	second := k.replace(api, "--env", "V=2", image)
	if d := k.AwaitDeploys(key, 1)[0]; d.BeforeID != first || d.AfterID != second || d.Snapshot == "" {
		t.Errorf("deploy %+v", d)
	}
}

func TestUndoIsNoDeploy(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	k.Watch()
	_, key := k.settled(api, image)
	second := k.replace(api, "--env", "V=2", image)
	kept := k.AwaitDeploys(key, 1)[0].Snapshot
	r := k.Restore(k.Container(api), kept)
	k.AwaitBaseline(key, r.Plan.NewID)
	undo, err := k.Restorer.Undo(t.Context(), r.ID, k.By(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = k.Wait(undo.ID); undo.State != restore.Verified {
		t.Fatalf("%s: %s", undo.State, undo.Error)
	}
	k.AwaitBaseline(key, second)
	third := k.replace(api, "--env", "V=3", image)
	if d := k.AwaitDeploys(key, 2)[0]; d.BeforeID != second || d.AfterID != third { // neither the restore nor its undo was one
		t.Errorf("deploy %+v, want from the container that the undo has put back", d)
	}
}

func TestTwoBotsSeeOneDeployAndKeepOneSnapshot(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	k.Watch()
	k.Watch()
	_, key := k.settled(api, image)
	const rounds = 4
	for n := 1; n <= rounds; n++ {
		last := k.replace(api, "-e", fmt.Sprint("ROUND=", n), image)
		k.AwaitDeploys(key, n)
		k.AwaitBaseline(key, last)
	}
	if n := len(k.Of(key, snapshot.PreDeploy)); n != rounds {
		t.Errorf("%d snapshots from before, want %d", n, rounds)
	}
	if n := len(k.entries(0, incidents.KindDeploy)); n != rounds {
		t.Errorf("%d entries, want %d", n, rounds)
	}
	if n := len(k.entries(0, incidents.KindSnapshotTaken)); n != rounds+rounds+1 {
		t.Errorf("%d snapshots were taken, want %d pre-deploy ones and %d baselines", n, rounds, rounds+1)
	}
}

// slowlyGood is for what crashes: a busy engine may need as long for that as others are given to prove themselves.
func slowlyGood(c *watch.Config) { c.BaselineAfter = 5 * time.Second }

func TestCrashLoopNeverReplacesTheGoodBaseline(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	k.Watch(slowlyGood)
	good, key := k.settled(api, image)
	k.replace(api, "--restart", "always", image, "/app", "crash")
	first := k.AwaitDeploys(key, 1)[0]
	k.Until("it has crashed four times", func() bool { return snapshottest.Must(k.Engine().Inspect(t.Context(), api)).Restarts >= 4 })
	if !k.BaselineOf(key, good) {
		t.Errorf("the baseline is %+v, want that of the good one", k.Of(key, snapshot.Baseline))
	}
	fixed := k.replace(api, "-e", "FIXED=1", image)
	second := k.AwaitDeploys(key, 2)[0]
	if second.Snapshot != first.Snapshot {
		t.Errorf("the second deploy points at %q, want the last good state, %q", second.Snapshot, first.Snapshot)
	}
	kept := k.Of(key, snapshot.PreDeploy)
	if len(kept) != 1 || !cmp.Equal([]string{"env FIXED: added 1"}, lines(kept[0].Changes)) {
		t.Errorf("kept %+v, want one that says what restoring it would undo now", kept)
	}
	k.AwaitBaseline(key, fixed)
}

// incident opens one of a service, and returns its ID.
func (k *kit) incident(service string) int64 {
	k.T.Helper()
	k.event(service, incidents.Triggered)
	return snapshottest.Must(k.DB.FindIncident(k.T.Context(), "Q"+service)).ID
}

func (k *kit) event(service string, status incidents.Status) {
	k.T.Helper()
	now := time.Now()
	in := incidents.Incident{PagerDutyID: "Q" + service, ServiceID: service, Status: status, OpenedAt: now}
	if status == incidents.Resolved {
		in.ResolvedAt = now
	}
	d := incidents.Delivery{Source: "pagerduty", NativeID: service + string(status), Body: []byte("{}")}
	if _, err := k.DB.ReceiveEvent(k.T.Context(), d, in, now, incidents.Entry{Kind: incidents.Kind("incident." + string(status)), OccurredAt: now}); err != nil {
		k.T.Fatal(err)
	}
}

func TestUnhealthyContainerIsNoBaseline(t *testing.T) {
	k := setup(t)
	image := k.Image("shop", `CMD ["/app", "serve", "-addr="]`, `HEALTHCHECK --interval=300ms --retries=1 CMD ["/app", "check"]`)
	well, ill := k.Name("well"), k.Name("ill")
	bad := k.Run(ill, image)
	k.Docker("exec", ill, "/app", "touch", "/unhealthy")
	k.Until("it is unhealthy", func() bool { return snapshottest.Must(k.Engine().Inspect(t.Context(), bad)).Health == "unhealthy" })
	good := k.Run(well, image)
	k.Watch()
	k.AwaitBaseline(k.Key(well), good)
	if list := k.Of(k.Key(ill), snapshot.Baseline); len(list) != 0 {
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
	image, api := k.Server("shop"), k.Name("api")
	db := &broken{DB: k.DB}
	k.Watch(func(c *watch.Config) { c.Deploys = db })
	_, key := k.settled(api, image)
	k.replace(api, image)
	d := k.AwaitDeploys(key, 1)[0]
	kept := k.Of(key, snapshot.PreDeploy)
	if !db.failed.Load() || len(kept) != 1 || d.Snapshot != kept[0].Name || len(k.entries(0, incidents.KindDeploy)) != 1 {
		t.Errorf("deploy %+v, kept %+v", d, kept)
	}
}

func TestStopCanBeCalledTwiceAndBeforeAnythingWasSeen(t *testing.T) {
	k := setup(t)
	stop := k.Watch()
	stop()
	stop()
}

// flaky is an engine whose events break off after the first one, twice.
type flaky struct {
	snapshottest.Narrow
	broke atomic.Int64
}

func (f *flaky) Follow(ctx context.Context, since time.Time, see func(snapshot.Event)) error {
	if f.broke.Load() >= 2 {
		return f.Narrow.Follow(ctx, since, see)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	return f.Narrow.Follow(ctx, since, func(snapshot.Event) {
		if f.broke.Add(1) <= 2 {
			cancel(snapshot.ErrEngineAway)
		}
	})
}

func TestEventsThatBreakOffAreTakenUpAgain(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	engine := &flaky{Narrow: snapshottest.Narrow{Engine: k.Engine(), Token: k.Name("")}}
	k.Watch(func(c *watch.Config) { c.Engine = engine; c.Every = time.Hour })
	first, key := k.settled(api, image)
	k.replace(api, image)
	if d := k.AwaitDeploys(key, 1)[0]; engine.broke.Load() < 2 || d.BeforeID != first {
		t.Errorf("after %d breaks: %+v", engine.broke.Load(), d)
	}
}
