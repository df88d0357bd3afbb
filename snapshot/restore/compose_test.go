package restore_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/restore"
)

// service is the container of a project's service as the bot sees it.
func (k *kit) service(p *enginetest.Project, name string) snapshot.Container {
	k.T.Helper()
	all, err := k.Engine().List(k.T.Context())
	if err != nil {
		k.T.Fatal(err)
	}
	i := slices.IndexFunc(all, func(c snapshot.Container) bool {
		return strings.Contains(c.Name, p.Name) && strings.Contains(c.Name, name)
	})
	if i < 0 {
		k.T.Fatalf("no container of %s", name)
	}
	return all[i]
}

func (k *kit) containersOf(p *enginetest.Project) []string {
	return strings.Fields(k.Docker("ps", "-a", "--filter", "label=com.docker.compose.project="+p.Name, "--format", "{{.Names}}"))
}

const projectYAML = `
version: "2.4"
services:
  api:
    image: IMAGE
    environment: {V: "VERSION"}
    labels: {snapback.enable: "true"}
  side:
    image: IMAGE
    command: ["/app", "serve", "-addr", ""]
    network_mode: "service:api"
    labels: {snapback.enable: "true"}
`

func projectFile(image, version string) string {
	return strings.NewReplacer("IMAGE", image, "VERSION", version).Replace(projectYAML)
}

func TestComposeSeesItsOwnContainerAfterARestore(t *testing.T) {
	enginetest.EachCompose(t, composeSeesItsOwnContainer)
}

func composeSeesItsOwnContainer(t *testing.T, with enginetest.Compose) {
	k := setup(t)
	image := k.Image("good", `CMD ["/app"]`)
	p := k.Project(with, projectFile(image, "1"))
	p.Compose("up", "-d")
	first := k.service(p, "api")
	snap, err := k.Taker.Take(t.Context(), first, snapshot.TakeRequest{By: k.By()})
	if err != nil {
		t.Fatal(err)
	}
	p.Write(projectFile(image, "2"))
	p.Compose("up", "-d")
	broken := k.service(p, "api")
	before := k.containersOf(p)

	r := k.Restore(broken, snap.Name)
	if r.State != restore.Verified || len(r.Unexpected()) > 0 {
		t.Fatalf("%s: %s %+v", r.State, r.Error, r.Unexpected())
	}
	restored := k.service(p, "api")
	if !slices.Contains(k.Env(restored.ID), "V=1") {
		t.Errorf("env is %v", k.Env(restored.ID))
	}
	if diff := cmp.Diff(before, k.containersOf(p)); diff != "" {
		t.Errorf("Compose sees other containers than before (-before +after):\n%s", diff)
	}
	if out := p.Compose("ps"); strings.Contains(out, "before-") || !strings.Contains(out, restored.Name) {
		t.Errorf("compose ps:\n%s", out)
	}
	if out := p.Compose("logs", "api"); !strings.Contains(out, "V=1") {
		t.Errorf("compose logs:\n%s", out)
	}
	p.Compose("up", "-d", "--no-recreate")
	if now := k.service(p, "api"); now.ID != restored.ID || now.State != "running" {
		t.Errorf("up --no-recreate left %s %s, not %s", now.ID, now.State, restored.ID)
	}

	undo, err := k.Restorer.Undo(t.Context(), r.ID, k.By(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = k.Wait(undo.ID); undo.State != restore.Verified {
		t.Fatalf("undo %s: %s", undo.State, undo.Error)
	}
	if now := k.service(p, "api"); !slices.Contains(k.Env(now.ID), "V=2") {
		t.Errorf("after the undo env is %v", k.Env(now.ID))
	}
}

func TestFullDiskLeavesComposesOldContainerAContainer(t *testing.T) {
	k := setup(t)
	api, image := k.Name("api"), k.Image("good", `CMD ["/app"]`)
	labels := []string{"--label", "com.docker.compose.project=" + k.Name("shop"), "--label", "com.docker.compose.service=api",
		"--label", "com.docker.compose.container-number=1"}
	k.Run(api, append(labels, image)...)
	snap := k.Take(api)
	k.Docker("exec", api, "/app", "touch", "/written")
	disk := &capture.Disk{Used: func(context.Context) (snapshot.DiskUse, error) {
		return snapshot.DiskUse{Engine: "E", Host: "host-1", Share: 0.97}, nil
	}, Audit: k.DB}
	k.Taker.Room = disk.Room
	r := k.Restore(k.Container(api), snap.Name)
	if r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	if said := r.Sentence(r.State); !strings.Contains(said, "it could not be made a snapshot (") || !strings.Contains(said, "docker rm "+r.Plan.KeptName) {
		t.Errorf("it does not say that Compose may start the old one: %s", said)
	}
	if diff := cmp.Diff(map[string]string{api: "running", r.Plan.KeptName: "exited"}, k.Names(api)); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
	if list, err := k.DB.Snapshots(t.Context(), snap.Key); err != nil || len(list) != 1 {
		t.Errorf("snapshots %+v, %v, want only the one from before", list, err)
	}
}

func TestContainersThatShareItsNetworkAreMadeAnew(t *testing.T) {
	k := setup(t)
	image := k.Image("good", `CMD ["/app"]`)
	api, side := k.Name("api"), k.Name("side")
	k.Run(api, image)
	oldSide := k.Run(side, "--network", "container:"+api, image, "/app", "serve", "-addr", "")
	snap := k.Take(api)
	c := k.Container(api)
	offer, err := k.Restorer.Offer(t.Context(), c, snap)
	if err != nil || !slices.Contains(offer.Joined, side) {
		t.Errorf("the offer names %v, %v", offer.Joined, err)
	}
	if r := k.Restore(c, snap.Name); r.State != restore.Verified || len(r.Unexpected()) > 0 {
		t.Fatalf("%s: %s %+v", r.State, r.Error, r.Unexpected())
	}
	in, err := k.Engine().Inspect(t.Context(), side)
	if err != nil || in.State != "running" || in.ID == oldSide {
		t.Errorf("%s is %s, %v", side, in.State, err)
	}
	want := k.Docker("inspect", "--format", "{{.Id}}", api)
	if mode := k.Docker("inspect", "--format", "{{.HostConfig.NetworkMode}}", side); mode != "container:"+want {
		t.Errorf("its network is %s, not %s", mode, want)
	}
}

func TestUnlabelledContainerThatSharesItsNetworkIsToldAndLeftAlone(t *testing.T) {
	k := setup(t)
	image := k.Image("good", `CMD ["/app"]`)
	api, side := k.Name("api"), k.Name("side")
	k.Run(api, image)
	id := k.Docker("run", "--detach", "--name", side, "--network", "container:"+api, image, "/app", "serve", "-addr", "")
	snap := k.Take(api)
	r := k.Restore(k.Container(api), snap.Name)
	if r.State != restore.Verified || len(r.Unexpected()) != 1 || !strings.Contains(r.Unexpected()[0].Got, "not labelled") {
		t.Errorf("%s: %s %+v", r.State, r.Error, r.Unexpected())
	}
	if now := k.Docker("inspect", "--format", "{{.Id}} {{.State.Running}}", side); now != id+" true" {
		t.Errorf("it is %s now", now)
	}
}

// TestAReplacementThatFallsIllAfterItsProofIsNoReasonToGoBack has the old one removed already, by the restore itself.
func TestAReplacementThatFallsIllAfterItsProofIsNoReasonToGoBack(t *testing.T) {
	k := setup(t)
	var lost atomic.Bool
	api, image := k.Name("api"), k.Image("good", `CMD ["/app"]`)
	k.Restorer = k.restorerWith(k.Engine(), lossyJournal{k.DB, &lost, func() { k.Docker("kill", api) }})
	labels := []string{"--label", "com.docker.compose.project=" + k.Name("shop"), "--label", "com.docker.compose.service=api",
		"--label", "com.docker.compose.container-number=1"}
	k.Run(api, append(labels, "--restart", "no", image)...)
	snap := k.Take(api)
	k.Docker("rm", "-f", api)
	k.Run(api, append(labels, image)...)
	r := k.Restore(k.Container(api), snap.Name)
	if r.State != restore.Verified || !lost.Load() || r.Plan.BeforeID == 0 || !strings.Contains(r.Proof, "had proved itself") {
		t.Errorf("%s: %s, lost %v, kept as snapshot %d, proof %q", r.State, r.Error, lost.Load(), r.Plan.BeforeID, r.Proof)
	}
}

// lossyJournal loses the connection at the first success that it is to write.
type lossyJournal struct {
	restore.Journal
	lost      *atomic.Bool
	meanwhile func()
}

func (j lossyJournal) Advance(ctx context.Context, r restore.Restore, to restore.State, e incidents.Entry) (restore.Restore, error) {
	if to == restore.Verified && j.lost.CompareAndSwap(false, true) {
		j.meanwhile()
		return r, errors.New("the connection broke")
	}
	return j.Journal.Advance(ctx, r, to, e)
}

func TestUndoOfAComposeContainerSurvivesALossAfterItsRemoval(t *testing.T) {
	k := setup(t)
	var lost atomic.Bool
	k.Restorer = k.restorerWith(k.Engine(), lossyJournal{k.DB, &lost, func() {}})
	api, image := k.Name("api"), k.Image("good", `CMD ["/app"]`)
	labels := []string{"--label", "com.docker.compose.project=" + k.Name("shop"), "--label", "com.docker.compose.service=api",
		"--label", "com.docker.compose.container-number=1"}
	k.Run(api, append(labels, "--env", "V=1", image)...)
	snap := k.Take(api)
	k.Docker("rm", "-f", api)
	k.Run(api, append(labels, "--env", "V=2", image)...)
	r := k.Restore(k.Container(api), snap.Name)
	if r.State != restore.Verified || !lost.Load() || r.Plan.BeforeID == 0 {
		t.Fatalf("%s: %s, lost %v, kept as snapshot %d", r.State, r.Error, lost.Load(), r.Plan.BeforeID)
	}
	undo, err := k.Restorer.Undo(t.Context(), r.ID, k.By(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = k.Wait(undo.ID); undo.State != restore.Verified || !slices.Contains(k.Env(api), "V=2") {
		t.Errorf("undo %s: %s, env %v", undo.State, undo.Error, k.Env(api))
	}
}

// composed is a broken deploy of a Compose service.
func (k *kit) composed() *brokenDeploy {
	k.T.Helper()
	labels := []string{"--label", "com.docker.compose.project=" + k.Name("shop"), "--label", "com.docker.compose.service=api",
		"--label", "com.docker.compose.container-number=1"}
	return k.deployed(labels, labels)
}

var errBusy = errors.New("driver failed to remove root filesystem: device or resource busy")

// An engine that fails now and then leaves Compose no container that it would start in place of the restored one, and the undo its snapshot.
func TestComposesOldContainerGoesAlthoughTheEngineFails(t *testing.T) {
	for name, c := range map[string]struct {
		when int32 // it fails: at every second call, from this one on
		bend func(e *bentEngine, d *brokenDeploy, fails func() bool)
	}{
		"to remove it": {1, func(e *bentEngine, d *brokenDeploy, fails func() bool) {
			e.remove = func(ctx context.Context, id string) error {
				if id == d.old && fails() {
					return errBusy
				}
				return d.Engine().Remove(ctx, id)
			}
		}},
		"to show it": {0, func(e *bentEngine, d *brokenDeploy, fails func() bool) {
			e.inspect = func(ctx context.Context, ref string) (snapshot.Inspection, error) {
				in, err := d.Engine().Inspect(ctx, ref)
				if err == nil && in.ID == d.old && snapshot.OurName(in.Name) && fails() {
					return snapshot.Inspection{}, errBusy
				}
				return in, err
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := setup(t).composed()
			var started atomic.Bool
			var asked atomic.Int32
			journal := &cutJournal{DB: d.DB, on: func(to restore.State) { started.Store(to == restore.Started) }}
			engine := &bentEngine{Engine: d.Engine()}
			c.bend(engine, d, func() bool { return started.Load() && asked.Add(1)%2 == c.when })
			d.with(restore.Config{Engine: engine, Journal: journal})
			r := d.over(d.ask(), 2*time.Minute)
			if r.State != restore.Verified || r.Plan.BeforeID == 0 || r.KeptUntil.IsZero() || asked.Load() < 2 {
				t.Errorf("%s: %s, %+v", r.State, r.Error, r.Plan)
			}
			d.runs(r.Plan.NewID)
			if names := d.Names(d.name); len(names) != 1 {
				t.Errorf("there are %v", names)
			}
		})
	}
}

// The undo is made from the snapshot, and it is said that there is a container that Compose may start, until that is removed.
func TestComposesOldContainerThatStaysIsTold(t *testing.T) {
	d := setup(t).composed()
	engine := &bentEngine{Engine: d.Engine()}
	engine.remove = func(ctx context.Context, id string) error {
		if id == d.old {
			return errBusy
		}
		return d.Engine().Remove(ctx, id)
	}
	d.with(restore.Config{Engine: engine})
	r := d.over(d.ask(), 2*time.Minute)
	said := r.Sentence(r.State)
	if r.State != restore.Verified || r.Plan.BeforeID == 0 || !strings.Contains(said, "is left over, stopped") || !strings.Contains(said, "until it is gone, Compose may start it") {
		t.Fatalf("%s: %s", r.State, said)
	}
	undo, err := d.Restorer.Undo(t.Context(), r.ID, d.By(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = d.over(undo.ID, 2*time.Minute); undo.State != restore.Verified || !slices.Contains(d.Env(d.name), "V=2") {
		t.Errorf("the undo is %s: %s", undo.State, undo.Error)
	}
	d.Watch()
	d.await(2*time.Minute, "it is removed", func() bool { return len(d.Names(d.name)) == 1 })
	d.runs(undo.Plan.NewID)
}
