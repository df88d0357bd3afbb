package snapshot_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
		Engine: narrow{k.Engine(), k.Name("")}, Store: k.db, Taker: k.taker, BaselineAfter: goodAfter,
		KeepEvery: 250 * time.Millisecond, Settle: time.Second, Jitter: 100 * time.Millisecond,
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
	limit, tick := time.After(30*time.Second), time.NewTicker(20*time.Millisecond)
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
func (k *kit) entries(incident int64, kind string) []incidents.Entry {
	all := must(k.db.Entries(k.t.Context(), incident, 0))
	return slices.DeleteFunc(all, func(e incidents.Entry) bool { return e.Kind != kind })
}

func lines(changes []snapshot.Change) []string {
	var out []string
	for _, c := range changes {
		if c.Attribute != "image ID" {
			out = append(out, c.String())
		}
	}
	return out
}

func TestReplacedContainerIsADeployAndTheStateFromBeforeIsKept(t *testing.T) {
	k := setup(t)
	one, two, api := k.image("shop:1.41"), k.image("shop:1.42"), k.Name("api")
	k.watch()
	first := k.Run(api, "-e", "DB_POOL=20", "-e", "API_KEY=a1b2c3", one)
	key := k.key(api)
	k.awaitBaseline(key, first)
	base := k.of(key, snapshot.Baseline)[0]
	began := time.Now()
	k.Docker("rm", "-f", api)
	second := k.Run(api, "-e", "DB_POOL=2", "-e", "API_KEY=d4e5f6", two)
	d := k.awaitDeploys(key, 1)[0]

	kept := k.of(key, snapshot.PreDeploy)
	if len(kept) != 1 || kept[0].Name != "pre-deploy-"+d.At.Format("1504") || kept[0].ImageID != base.ImageID || kept[0].ContainerID != first {
		t.Fatalf("kept %+v, want one named after the deploy at %s, with the baseline's image", kept, d.At)
	}
	if d.Snapshot != kept[0].Name || d.BeforeID != first || d.AfterID != second || d.Before != one || d.After != two {
		t.Errorf("deploy %+v", d)
	}
	if d.At.Before(began) || d.At.After(began.Add(2*time.Second)) {
		t.Errorf("it began at %s, want right after %s, when the old one was removed", d.At, began)
	}
	want := []string{"image: " + one + " → " + two, "env API_KEY: changed", "env DB_POOL: 20 → 2"}
	if diff := cmp.Diff(want, lines(d.Changes)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(d.Changes, kept[0].Changes); diff != "" {
		t.Errorf("the snapshot says otherwise (-deploy +snapshot):\n%s", diff)
	}
	k.checkEntry(k.entries(0, incidents.KindDeploy), d)
	if r := k.restore(k.container(api), kept[0].Name); r.State != snapshot.Verified {
		t.Errorf("restoring what was kept: %s: %s", r.State, r.Error)
	}
}

func (k *kit) checkEntry(list []incidents.Entry, d snapshot.Deploy) {
	k.t.Helper()
	if len(list) != 1 {
		k.t.Fatalf("%d entries, want one: %+v", len(list), list)
	}
	var told snapshot.Deploy
	if err := json.Unmarshal(list[0].Details, &told); err != nil {
		k.t.Fatal(err)
	}
	if told.Before != d.Before || told.After != d.After || told.Snapshot != d.Snapshot || !cmp.Equal(told.Changes, d.Changes) || told.Changes == nil {
		k.t.Errorf("the entry says %+v, want %+v", told, d)
	}
	if strings.Contains(string(list[0].Details), "d4e5f6") || !strings.Contains(list[0].Summary, "DB_POOL") && len(d.Changes) > 0 {
		k.t.Errorf("the entry: %s %s", list[0].Summary, list[0].Details)
	}
}

func TestRestartsAndStopsAreNoDeploys(t *testing.T) {
	k := setup(t)
	image, api := k.image("shop"), k.Name("api")
	k.watch()
	first := k.Run(api, image)
	key := k.key(api)
	k.awaitBaseline(key, first)
	k.Docker("restart", "-t", "1", api)
	k.Docker("stop", "-t", "1", api)
	k.Docker("start", api)
	k.Docker("pause", api)
	k.Docker("unpause", api)
	k.Docker("rm", "-f", api)
	k.Run(api, image)
	if d := k.awaitDeploys(key, 1)[0]; d.BeforeID != first || len(d.Changes) != 0 {
		t.Errorf("deploy %+v", d)
	}
	if n := len(k.of(key, snapshot.Baseline)); n != 1 {
		t.Errorf("%d baselines, want one", n)
	}
}

func TestRenameDanceIsADeploy(t *testing.T) {
	k := setup(t)
	one, two, api := k.image("shop:1"), k.image("shop:2"), k.Name("api")
	k.watch()
	first := k.Run(api, one)
	key := k.key(api)
	k.awaitBaseline(key, first)
	k.Docker("rename", api, api+"-old")
	second := k.Docker("create", "--name", api, "--label", "snapback.enable=true", two)
	k.Docker("stop", "-t", "1", api+"-old")
	k.Docker("start", api)
	k.Docker("rm", api+"-old")
	if d := k.awaitDeploys(key, 1)[0]; d.BeforeID != first || d.AfterID != second || d.Snapshot == "" {
		t.Errorf("deploy %+v", d)
	}
	if list := k.deploys(k.key(api + "-old")); len(list) != 0 {
		t.Errorf("making room was taken for a deploy: %+v", list)
	}
}

func TestReplacementThatCannotStartIsADeploy(t *testing.T) {
	k := setup(t)
	one, api := k.image("shop"), k.Name("api")
	k.watch()
	first := k.Run(api, one)
	key := k.key(api)
	k.awaitBaseline(key, first)
	k.Docker("rm", "-f", api)
	if _, err := k.Try("run", "-d", "--name", api, "--label", "snapback.enable=true", one, "/no-such-program"); err == nil {
		t.Fatal("it started")
	}
	if d := k.awaitDeploys(key, 1)[0]; d.BeforeID != first || d.Snapshot == "" {
		t.Errorf("deploy %+v", d)
	}
}

func TestReplacementWithoutTheLabelIsNoDeploy(t *testing.T) {
	k := setup(t)
	image, api := k.image("shop"), k.Name("api")
	k.watch()
	first := k.Run(api, image)
	key := k.key(api)
	k.awaitBaseline(key, first)
	k.Docker("rm", "-f", api)
	k.Docker("run", "-d", "--name", api, image)
	k.until("the identity is gone", func() bool {
		return slices.ContainsFunc(must(k.db.KnownContainers(t.Context(), "")), func(c snapshot.Container) bool { return c.Key == key && c.State == "gone" })
	})
	k.Docker("rm", "-f", api)
	third := k.Run(api, image)
	if d := k.awaitDeploys(key, 1)[0]; d.BeforeID != first || d.AfterID != third {
		t.Errorf("deploy %+v, want from the last enabled one to the next", d)
	}
}

func TestDeployWhileTheBotWasDownIsSeen(t *testing.T) {
	k := setup(t)
	one, two, api := k.image("shop:1"), k.image("shop:2"), k.Name("api")
	stop := k.watch()
	first := k.Run(api, one)
	key := k.key(api)
	k.awaitBaseline(key, first)
	stop()
	began := time.Now()
	k.Docker("rm", "-f", api)
	k.until("a moment has passed", func() bool { return time.Since(began) > 1500*time.Millisecond })
	k.Run(api, two)
	k.watch()
	d := k.awaitDeploys(key, 1)[0]
	if d.Snapshot == "" || d.Before != one || d.After != two {
		t.Errorf("deploy %+v", d)
	}
	if d.At.Sub(began) > time.Second {
		t.Errorf("it began at %s, want %s, which the engine's past events tell", d.At, began)
	}
}

func TestOldContainerIsKeptAsItIsWhenThereWasNoBaseline(t *testing.T) {
	k := setup(t)
	one, two, api := k.image("shop:1"), k.image("shop:2"), k.Name("api")
	long := func(c *snapshot.WatchConfig) { c.BaselineAfter = 1500 * time.Millisecond }
	stop := k.watch(long)
	first := k.Run(api, one)
	key := k.key(api)
	k.until("the container is known", func() bool { return len(must(k.db.KnownContainers(t.Context(), ""))) == 1 })
	stop()
	k.Docker("exec", api, "/app", "touch", "/written")
	up := time.Now()
	k.until("it has been up long enough", func() bool { return time.Since(up) > 1600*time.Millisecond })
	k.Docker("stop", "-t", "1", api)
	k.Docker("rename", api, api+"-old")
	k.Run(api, two)
	k.watch(long)
	d := k.awaitDeploys(key, 1)[0]
	kept := k.of(key, snapshot.PreDeploy)
	if len(kept) != 1 || kept[0].ContainerID != first || !kept[0].Committed || kept[0].Container != api || d.Snapshot != kept[0].Name {
		t.Errorf("kept %+v for %+v", kept, d)
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

func TestExplicitPreDeploySnapshotTakesPrecedence(t *testing.T) {
	k := setup(t)
	image, api := k.image("shop"), k.Name("api")
	k.watch()
	first := k.Run(api, image)
	key := k.key(api)
	k.awaitBaseline(key, first)
	explicit, err := k.taker.Take(t.Context(), k.container(api), snapshot.TakeAsk{Name: "release-7", Reason: snapshot.PreDeploy, By: k.by()})
	if err != nil {
		t.Fatal(err)
	}
	k.Docker("rm", "-f", api)
	k.Run(api, "-e", "NEW=1", image)
	d := k.awaitDeploys(key, 1)[0]
	kept := k.of(key, snapshot.PreDeploy)
	if d.Snapshot != explicit.Name || len(kept) != 1 {
		t.Fatalf("deploy %+v, kept %+v", d, kept)
	}
	if diff := cmp.Diff([]string{"env NEW: added 1"}, lines(kept[0].Changes)); diff != "" {
		t.Errorf("its changes (-want +got):\n%s", diff)
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

func TestOwnRestoreIsNoDeployAndTheSameDeployAgainIsSaidSo(t *testing.T) {
	k := setup(t)
	one, two, api := k.image("shop:1"), k.image("shop:2"), k.Name("api")
	k.watch()
	first := k.Run(api, "-e", "DB_POOL=20", one)
	key := k.key(api)
	k.awaitBaseline(key, first)
	k.Docker("rm", "-f", api)
	k.Run(api, "-e", "DB_POOL=2", two)
	d := k.awaitDeploys(key, 1)[0]
	r := k.restore(k.container(api), d.Snapshot)
	if r.State != snapshot.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	k.awaitBaseline(key, r.Plan.NewID)
	k.Docker("rm", "-f", api)
	k.Run(api, "-e", "DB_POOL=2", two)
	again := k.awaitDeploys(key, 2)[0]
	if again.BeforeID != r.Plan.NewID {
		t.Errorf("deploy %+v, want one that follows the restored container", again)
	}
	list := k.entries(0, incidents.KindDeployReturned)
	if len(list) != 1 || !strings.Contains(list[0].Summary, "DB_POOL: 20 → 2") || !strings.Contains(list[0].Summary, d.Snapshot) {
		t.Errorf("entries %+v", list)
	}
	if n := len(k.entries(0, incidents.KindDeploy)); n != 1 {
		t.Errorf("%d entries of plain deploys, want one", n)
	}
}

func TestDeployGoesToTheOpenIncidentsOfItsService(t *testing.T) {
	k := setup(t)
	image, api := k.image("shop"), k.Name("api")
	mine, other := k.incident("P1"), k.incident("P2")
	k.watch()
	first := k.Run(api, "--label", "snapback.pagerduty.service=P1,P3", image)
	key := k.key(api)
	k.awaitBaseline(key, first)
	k.Docker("rm", "-f", api)
	k.Run(api, "--label", "snapback.pagerduty.service=P1,P3", image)
	d := k.awaitDeploys(key, 1)[0]
	k.checkEntry(k.entries(mine, incidents.KindDeploy), d)
	if n := len(k.entries(other, incidents.KindDeploy)) + len(k.entries(0, incidents.KindDeploy)); n != 0 {
		t.Errorf("%d entries elsewhere", n)
	}
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
	if _, err := k.db.ReceiveEvent(k.t.Context(), d, in, now, incidents.Entry{Kind: "incident." + string(status), OccurredAt: now}); err != nil {
		k.t.Fatal(err)
	}
}

const scaledFile = `version: "2.4"
services:
  web:
    image: %s
    environment: {ROUND: "%d"}
    labels: {snapback.enable: "true"}
    stop_grace_period: 1s
`

func TestComposeUpIsADeployAndScalingIsNot(t *testing.T) {
	if _, err := exec.LookPath("docker-compose"); err != nil {
		t.Skip("docker-compose is not installed")
	}
	k := setup(t)
	image, dir, project := k.image("shop"), t.TempDir(), k.Name("shop")
	up := func(round, scale int) {
		t.Helper()
		file := filepath.Join(dir, "docker-compose.yml")
		if err := os.WriteFile(file, fmt.Appendf(nil, scaledFile, image, round), 0o600); err != nil {
			t.Fatal(err)
		}
		compose(t, file, project, "up", "-d", "--scale", fmt.Sprint("web=", scale))
	}
	t.Cleanup(func() { compose(t, filepath.Join(dir, "docker-compose.yml"), project, "down", "-t", "1") })
	key := func(n int) string {
		return fmt.Sprintf("%s/compose/%s/web/%d", must(k.Engine().ID(t.Context())), project, n)
	}
	k.watch()
	up(1, 1)
	k.until("the first has a baseline", func() bool { return len(k.of(key(1), snapshot.Baseline)) == 1 })
	up(1, 3)
	k.until("the second has a baseline", func() bool { return len(k.of(key(2), snapshot.Baseline)) == 1 })
	up(2, 2)
	for n := 1; n <= 2; n++ {
		d := k.awaitDeploys(key(n), 1)[0]
		if diff := cmp.Diff([]string{"env ROUND: 1 → 2"}, lines(d.Changes)); diff != "" || d.Snapshot == "" {
			t.Errorf("deploy %+v of number %d (-want +got):\n%s", d, n, diff)
		}
	}
	if list := k.deploys(key(3)); len(list) != 0 {
		t.Errorf("scaling down was taken for a deploy: %+v", list)
	}
	known := must(k.db.KnownContainers(t.Context(), ""))
	if len(known) != 3 {
		t.Errorf("%d identities are known, want 3: the names of the dance are none: %+v", len(known), known)
	}
}

func compose(t *testing.T, file, project string, args ...string) {
	t.Helper()
	out, err := exec.Command("docker-compose", append([]string{"-f", file, "-p", project}, args...)...).CombinedOutput()
	if err != nil {
		t.Errorf("docker-compose %s: %v\n%s", args[0], err, out)
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
	k.watch(func(c *snapshot.WatchConfig) { c.Store = db })
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

func TestClashOfNamesGetsANumber(t *testing.T) {
	k := setup(t)
	image, api := k.image("shop"), k.Name("api")
	k.watch()
	last := k.Run(api, image)
	key := k.key(api)
	for n := 1; n <= 3; n++ {
		k.awaitBaseline(key, last)
		k.Docker("rm", "-f", api)
		last = k.Run(api, image)
		k.awaitDeploys(key, n)
	}
	names := map[string]bool{}
	for _, d := range k.deploys(key) {
		name := "pre-deploy-" + d.At.Format("1504")
		if names[d.Snapshot] || d.Snapshot != name && !strings.HasPrefix(d.Snapshot, name+"-") {
			t.Errorf("deploy at %s was kept as %q", d.At, d.Snapshot)
		}
		names[d.Snapshot] = true
	}
}

func TestRevertedRestoreIsNoDeploy(t *testing.T) {
	k := setup(t)
	image, api := k.image("shop"), k.Name("api")
	k.Run(api, image, "/app", "crash")
	k.take(api)
	k.Docker("rm", "-f", api)
	good := k.Run(api, image)
	key := k.key(api)
	k.watch()
	k.awaitBaseline(key, good)
	if r := k.restore(k.container(api), k.of(key, snapshot.PreDeploy)[0].Name); r.State != snapshot.Reverted {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	k.Docker("rm", "-f", api)
	next := k.Run(api, image)
	if d := k.awaitDeploys(key, 1)[0]; d.BeforeID != good || d.AfterID != next {
		t.Errorf("deploy %+v, want from the one that was put back", d)
	}
}
