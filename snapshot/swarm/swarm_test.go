package swarm_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/snapshot/swarm"
	"github.com/snapback/snapback/snapshot/watch"
	"github.com/snapback/snapback/store"
)

// A Cluster is what all rooms ask for.
var _ interface {
	capture.Engine
	watch.Engine
	restore.ServiceEngine
} = (*swarm.Cluster)(nil)

var _ swarm.Manager = (*docker.Engine)(nil)

// kit is a Swarm, a database, and what works on them.
type kit struct {
	*enginetest.Swarm
	t        *testing.T
	db       *store.DB
	cluster  *swarm.Cluster
	taker    *capture.Taker
	restorer *restore.Restorer
	image    string
}

func setup(t *testing.T) *kit {
	t.Helper()
	t.Parallel()
	k := setupOn(t, enginetest.StartSwarm(t), nil)
	k.image = k.Image("shop", `ENTRYPOINT ["/app"]`)
	return k
}

func setupOn(t *testing.T, on *enginetest.Swarm, engines func(context.Context) map[string]swarm.NodeEngine) *kit {
	t.Helper()
	k := &kit{Swarm: on, t: t, db: storetest.New(t)}
	k.cluster = swarm.New(swarm.Config{Manager: k.Engine(), Engines: engines})
	k.taker = capture.New(capture.Config{Engine: k.cluster, Ref: docker.Ref, Store: k.db, Lock: k.db, Audit: k.db})
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	k.restorer = restore.New(restore.Config{Engine: k.cluster, Journal: k.db, Snapshots: k.db, Taker: k.taker, Bot: "bot", Logger: log})
	k.restorer.Start()
	watcher := watch.New(watch.Config{
		Engine: k.cluster, Store: k.db, Deploys: k.db, Taker: k.taker, BaselineAfter: time.Second, Quiet: 50 * time.Millisecond,
		Logger: log,
	})
	watcher.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(watcher.Stop(ctx), k.restorer.Stop(ctx)); err != nil {
			t.Error(err)
		}
	})
	return k
}

func (k *kit) service(name string) snapshot.Container {
	k.t.Helper()
	all, err := k.cluster.List(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(c snapshot.Container) bool { return c.Name == name })
	if i < 0 {
		k.t.Fatalf("no service %s", name)
	}
	return all[i]
}

// until waits until something is so.
func (k *kit) until(what string, is func() bool) {
	k.t.Helper()
	tick, deadline := time.NewTicker(100*time.Millisecond), time.After(2*time.Minute)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			k.t.Fatalf("it did not come to pass that %s\n%s", what, k.Docker("service", "ls"))
		}
	}
}

func (k *kit) snapshots(key string) []snapshot.Snapshot {
	k.t.Helper()
	list, err := k.db.Snapshots(k.t.Context(), key)
	if err != nil {
		k.t.Fatal(err)
	}
	return list
}

// settled waits until the spec that a service has is kept as a good one.
func (k *kit) settled(name string) snapshot.Container {
	k.t.Helper()
	c := k.service(name)
	k.until("the baseline is taken", func() bool {
		return slices.ContainsFunc(k.snapshots(c.Key), func(s snapshot.Snapshot) bool { return s.Reason == snapshot.Baseline && s.ContainerID == c.ID })
	})
	return c
}

// deployed waits until as many deploys were seen, and returns the newest.
func (k *kit) deployed(key string, n int) snapshot.Deploy {
	k.t.Helper()
	var list []snapshot.Deploy
	k.until("the deploy is seen", func() bool {
		var err error
		if list, err = k.db.Deploys(k.t.Context(), []string{key}, 10); err != nil {
			k.t.Fatal(err)
		}
		return len(list) >= n
	})
	if len(list) > n {
		k.t.Fatalf("%d deploys, want %d: %v", len(list), n, list)
	}
	return list[0]
}

func (k *kit) restore(c snapshot.Container, name string) restore.Restore {
	k.t.Helper()
	return k.wait(k.ask(c, name))
}

func (k *kit) ask(c snapshot.Container, name string) restore.Restore {
	k.t.Helper()
	r, err := k.restorer.Request(k.t.Context(), restore.Ask{Container: c, Snapshot: name, Seen: c.ID, By: snapshot.By{Actor: maria}})
	if err != nil {
		k.t.Fatal(err)
	}
	return r
}

func (k *kit) wait(r restore.Restore) restore.Restore {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), 5*time.Minute)
	defer cancel()
	over, err := k.restorer.Wait(ctx, r.ID)
	if err != nil {
		ps, _ := k.Try("service", "ps", "--no-trunc", r.Container) // it may be gone
		of, _ := k.Try("service", "inspect", "--format", "{{json .UpdateStatus}}", r.Container)
		k.t.Fatalf("restore %d is %s: %v\n%s\n%s", r.ID, over.State, err, of, ps)
	}
	return over
}

func (k *kit) env(name string) string {
	k.t.Helper()
	return k.Docker("service", "inspect", name, "--format", "{{json .Spec.TaskTemplate.ContainerSpec.Env}} {{.Spec.Mode.Replicated.Replicas}}")
}

var maria = incidents.Actor{Kind: incidents.Person, SlackID: "U1", Name: "Maria"}

// serve are the arguments of a service that runs until it is told to end.
func (k *kit) serve(args ...string) []string {
	return append(append([]string{"--stop-grace-period", "1s"}, args...), k.image, "serve", "-addr=")
}

// TestAServiceIsRestored: a deploy is seen and named, the spec from before comes back with as many tasks as there are by now, and
// an undo brings the deploy back.
func TestAServiceIsRestored(t *testing.T) {
	k := setup(t)
	name := k.Name("shop")
	k.Service(name, k.serve("--replicas", "2", "--env", "DB_POOL=20", "--constraint", "node.role==manager")...)
	good := k.settled(name)

	k.Docker("service", "update", "--detach", "--env-add", "DB_POOL=2", name)
	d := k.deployed(good.Key, 1)
	if diff := cmp.Diff([]snapshot.Change{{Attribute: "env DB_POOL", Before: "20", After: "2"}}, d.Changes); diff != "" {
		t.Errorf("what the deploy has changed (-want +got):\n%s", diff)
	}
	host := k.Docker("info", "--format", "{{.Name}}")
	placed := &snapshot.Placement{Constraints: []string{"node.role==manager"}, Spread: []string{}, Tasks: []snapshot.PlacedTask{{Name: name + ".1", Node: host}, {Name: name + ".2", Node: host}}}
	if diff := cmp.Diff(placed, k.stood(good, d.Snapshot)); diff != "" {
		t.Errorf("where its tasks stood (-want +got):\n%s", diff)
	}
	k.settled(name)
	k.Docker("service", "scale", "--detach", name+"=3")
	k.AwaitTasks(name)

	r := k.restore(k.service(name), d.Snapshot)
	if r.State != restore.Verified || k.env(name) != `["DB_POOL=20"] 3` {
		t.Errorf("the restore is %s (%s), and runs %s", r.State, r.Error, k.env(name))
	}
	if got := k.service(name); got.ID != good.ID {
		t.Errorf("it is %.12s and not %.12s", got.ID, good.ID)
	}
	if len(r.Plan.Losses) != 1 || !strings.HasSuffix(r.Proof, "all of the snapshot's spec") {
		t.Errorf("its image has no digest, and it is told that %s, without %q", r.Proof, r.Plan.Losses)
	}
	holds, err := k.db.Holds(t.Context(), good.Key)
	if err != nil || len(holds) != 1 {
		t.Errorf("what was rolled back is not on hold: %v, %v", holds, err)
	}
	undone, err := k.restorer.Undo(t.Context(), r.ID, snapshot.By{Actor: maria}, "")
	if err != nil {
		t.Fatal(err)
	}
	if undone = k.wait(undone); undone.State != restore.Verified || k.env(name) != `["DB_POOL=2"] 3` {
		t.Errorf("the undo is %s (%s), and runs %s", undone.State, undone.Error, k.env(name))
	}
	k.deployed(good.Key, 1) // neither the restore, nor the undo, nor the scaling is one
}

// stood says where the tasks of a snapshot's service stood, and may stand.
func (k *kit) stood(c snapshot.Container, name string) *snapshot.Placement {
	k.t.Helper()
	snap, err := k.db.Snapshot(k.t.Context(), c.Key, name)
	if err != nil {
		k.t.Fatal(err)
	}
	offer, err := k.restorer.Offer(k.t.Context(), c, snap)
	if err != nil {
		k.t.Fatal(err)
	}
	return offer.Placed
}

// TestAnUpdateThatIsGivenUpIsRestored: the tasks of a deploy end at once, the Swarm pauses its update, and the restore is no less
// possible.
func TestAnUpdateThatIsGivenUpIsRestored(t *testing.T) {
	k := setup(t)
	name := k.Name("shop")
	k.Service(name, k.serve("--replicas", "2")...)
	good := k.settled(name)
	k.Docker("service", "update", "--detach", "--args", "exit 3", name)
	d := k.deployed(good.Key, 1)
	k.until("the update is paused", func() bool { return k.service(name).Tasks.Update == "paused" })
	r := k.restore(k.service(name), d.Snapshot)
	if n := k.service(name); r.State != restore.Verified || n.ID != good.ID || !n.Tasks.Well() {
		t.Errorf("the restore is %s (%s); %s", r.State, r.Error, n.Tasks)
	}
}

// TestARestoreThatDoesNotComeUpIsReverted: no node has the image of the spec any more, and there is no registry. Docker 29 tells of that. The one
// from before it is back, and its tasks run.
func TestARestoreThatDoesNotComeUpIsReverted(t *testing.T) {
	k := setup(t)
	name, bad := k.Name("shop"), k.Image("bad", `ENTRYPOINT ["/app"]`)
	k.Service(name, k.serve("--replicas", "2")...)
	good := k.settled(name)
	k.Docker("service", "update", "--detach", "--no-resolve-image", "--image", bad, name)
	d := k.deployed(good.Key, 1)
	k.until("no task of the first spec is left", func() bool { return k.service(name).Tasks.Well() })
	now := k.settled(name)
	k.until("its image may go", func() bool { _, err := k.Try("image", "rm", "-f", k.image); return err == nil })
	r := k.restore(now, d.Snapshot)
	if r.State != restore.Reverted || !strings.Contains(r.Error, "No such image") && !strings.Contains(r.Error, "failed to resolve reference") {
		t.Errorf("the restore is %s: %s", r.State, r.Error)
	}
	if got := k.service(name); got.ID != now.ID || !got.Tasks.Well() {
		t.Errorf("it is %.12s and not %.12s; %s", got.ID, now.ID, got.Tasks)
	}
	k.deployed(good.Key, 1)
}

// shown is a config as people see it.
func (k *kit) shown(config string) string {
	return config + " (" + k.Docker("config", "inspect", "--format", "{{.ID}}", config)[:12] + ")"
}

func (k *kit) config(name, content string) string {
	k.t.Helper()
	k.Docker("config", "create", k.Name(name), k.file(name, content))
	return k.Name(name)
}

func (k *kit) file(name, content string) string {
	k.t.Helper()
	path := filepath.Join(k.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		k.t.Fatal(err)
	}
	return path
}

// label has what kept specs need labelled.
func (k *kit) label() {
	k.t.Helper()
	labels := &swarm.Labels{Cluster: k.cluster, Store: k.db, Logger: slog.New(slog.NewTextHandler(k.t.Output(), nil))}
	engine, err := k.cluster.ID(k.t.Context())
	if err == nil {
		err = labels.Update(k.t.Context(), engine)
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

// TestAVolumeThatIsGoneRefusesAServicesRestore: the Swarm would make one without a word, and the tasks would run on nothing.
func TestAVolumeThatIsGoneRefusesAServicesRestore(t *testing.T) {
	t.Parallel()
	on := enginetest.StartSwarm(t)
	node := on.Docker("info", "--format", "{{.Swarm.NodeID}}")
	k := setupOn(t, on, func(context.Context) map[string]swarm.NodeEngine {
		return map[string]swarm.NodeEngine{node: on.Engine()}
	})
	k.image = k.Image("shop", `ENTRYPOINT ["/app"]`)
	name, first, second := k.Name("shop"), k.Name("first"), k.Name("second")
	k.Service(name, k.serve("--mount", "type=volume,source="+first+",target=/data")...)
	good := k.settled(name)
	k.Docker("service", "update", "--detach", "--mount-rm", "/data", "--mount-add", "type=volume,source="+second+",target=/data", name)
	d := k.deployed(good.Key, 1)
	k.settled(name)
	k.until("the first volume may go", func() bool {
		for _, id := range strings.Fields(k.Docker("ps", "--all", "--quiet", "--filter", "volume="+first)) {
			_, _ = k.Try("rm", "--force", id)
		}
		_, err := k.Try("volume", "rm", first)
		return err == nil
	})
	now := k.service(name)
	r := k.restore(now, d.Snapshot)
	if r.State != restore.Refused || !strings.Contains(r.Error, "volume "+first+" is gone from ") || k.service(name).ID != now.ID {
		t.Errorf("the restore is %s: %s", r.State, r.Error)
	}
	k.Docker("volume", "create", first)
	if r = k.restore(now, d.Snapshot); r.State != restore.Verified || r.Plan.Doubt != "" {
		t.Errorf("with a volume the restore is %s: %s, but not %q", r.State, r.Error, r.Plan.Doubt)
	}
}

// TestWhatIsGoneRefusesARestore: a config that the spec refers to was removed.
func TestWhatIsGoneRefusesARestore(t *testing.T) {
	k := setup(t)
	name := k.Name("shop")
	first, second := k.config("one", "1"), k.config("two", "2")
	k.Service(name, k.serve("--config", "source="+first+",target=/mode")...)
	good := k.settled(name)
	k.Docker("service", "update", "--detach", "--config-rm", first, "--config-add", "source="+second+",target=/mode", name)
	d := k.deployed(good.Key, 1)
	if diff := cmp.Diff([]snapshot.Change{{Attribute: "config /mode", Before: k.shown(first), After: k.shown(second)}}, d.Changes); diff != "" {
		t.Errorf("what the deploy has changed (-want +got):\n%s", diff)
	}
	k.settled(name)
	k.label()
	for config, want := range map[string]string{first: name, second: ""} {
		if got := k.Docker("config", "inspect", "--format", `{{index .Spec.Labels "snapback.kept-by"}}`, config); got != want {
			t.Errorf("the config %s is kept by %q", config, got)
		}
	}
	k.until("the first config may go", func() bool { _, err := k.Try("config", "rm", first); return err == nil })
	now := k.service(name)
	r := k.restore(now, d.Snapshot)
	if r.State != restore.Refused || !strings.Contains(r.Error, "the config "+first+" was removed") || k.service(name).ID != now.ID {
		t.Errorf("the restore is %s: %s", r.State, r.Error)
	}
}
