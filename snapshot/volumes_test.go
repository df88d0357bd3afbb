package snapshot_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot"
)

func TestRestoreWithVolumesPutsTheirContentsBackAndUndoTheOthers(t *testing.T) {
	v := setupVolumes(t)
	snap := v.goodAndBad()
	if s := snap.Volumes; s == nil || s.Problem != "" || s.Consistency != snapshot.Frozen || len(s.Archives) != 1 {
		t.Fatalf("archived: %+v", s)
	}
	r := v.restoreWith(snap.Name)
	if r.State != snapshot.Verified || len(r.Unexpected()) > 0 {
		t.Fatalf("%s: %s %+v", r.State, r.Error, r.Unexpected())
	}
	v.expect(goodFiles)
	if !slices.Contains(v.env(v.api), "V=1") {
		t.Errorf("env is %v", v.env(v.api))
	}
	v.put("/data/after-restore", "new")

	undo, err := v.restorer.Undo(t.Context(), r.ID, v.by(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = v.wait(undo.ID); undo.State != snapshot.Verified {
		t.Fatalf("%s: %s", undo.State, undo.Error)
	}
	v.expect(badFiles)
	v.expect(map[string]string{"/data/after-restore": ""})

	again, err := v.restorer.Undo(t.Context(), undo.ID, v.by(), "")
	if err != nil {
		t.Fatal(err)
	}
	if again = v.wait(again.ID); again.State != snapshot.Verified {
		t.Fatalf("%s: %s", again.State, again.Error)
	}
	v.expect(goodFiles)
	v.expect(map[string]string{"/data/after-restore": "new"})
	v.noHelpers()
	t.Logf("down for %s: %s", r.Downtime, r.Progress())
}

func TestRestoreWithoutVolumesLeavesThemAlone(t *testing.T) {
	v := setupVolumes(t)
	snap := v.goodAndBad()
	if r := v.restore(v.container(v.api), snap.Name); r.State != snapshot.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	v.expect(badFiles)
}

func TestAnonymousVolumesAndListedBindsAreRestored(t *testing.T) {
	v := setupVolumes(t)
	host := t.TempDir()
	snap := v.goodAndBad("--volume", "/anonymous", "--volume", host+":/host", "--volume", "/usr:/usr-of-host:ro",
		"--volume", "/etc/hostname:/single", "--volume", "/etc:/etc-of-host",
		"--label", "snapback.volumes=/data,/host,/anonymous,/usr-of-host,/single,/etc-of-host,/nothing")
	want := []string{"/anonymous", "/data", "/host"}
	if diff := cmp.Diff(want, snap.Volumes.Paths()); diff != "" {
		t.Fatalf("archived (-want +got):\n%s", diff)
	}
	left := []string{
		"/etc-of-host is /etc of the host, which is not to be replaced", "/nothing is not mounted", "/single is a single file",
		"/usr-of-host is mounted read-only",
	}
	if diff := cmp.Diff(left, slices.Sorted(slices.Values(snap.Volumes.Left))); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	v.put("/host/spoiled", "bad")
	v.put("/anonymous/spoiled", "bad")
	r := v.restoreWith(snap.Name)
	if r.State != snapshot.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	v.expect(goodFiles)
	v.expect(map[string]string{"/host/spoiled": "", "/anonymous/spoiled": ""})
	undo, err := v.restorer.Undo(t.Context(), r.ID, v.by(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = v.wait(undo.ID); undo.State != snapshot.Verified {
		t.Fatalf("%s: %s", undo.State, undo.Error)
	}
	v.expect(badFiles)
	v.expect(map[string]string{"/host/spoiled": "bad", "/anonymous/spoiled": "bad"})
}

func TestAutoRemoveContainerIsRestoredWithVolumes(t *testing.T) {
	v := setupVolumes(t)
	snap := v.goodAndBad("--rm", "--volume", "/anonymous")
	v.put("/anonymous/file", "bad")
	r := v.restoreWith(snap.Name)
	if r.State != snapshot.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	v.expect(goodFiles)
	v.expect(map[string]string{"/anonymous/file": ""})
	undo, err := v.restorer.Undo(t.Context(), r.ID, v.by(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = v.wait(undo.ID); undo.State != snapshot.Verified {
		t.Fatalf("%s: %s", undo.State, undo.Error)
	}
	v.expect(badFiles)
	v.expect(map[string]string{"/anonymous/file": "bad"})
	v.noHelpers()
}

func TestReplacementThatFailsLeavesTheVolumesAsTheyWere(t *testing.T) {
	v := setupVolumes(t)
	good := v.image
	v.image = v.Image("dies", `CMD ["/app", "no-such-command"]`)
	v.run()
	v.put("/data/file", "good")
	snap := v.take(v.api)
	v.Docker("rm", "-f", v.api)
	v.image = good
	v.run()
	v.put("/data/file", "bad")
	v.put("/data/only-after", "bad")
	r := v.restoreWith(snap.Name)
	if r.State != snapshot.Reverted {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	v.expect(map[string]string{"/data/file": "bad", "/data/only-after": "bad"})
	if diff := cmp.Diff(map[string]string{v.api: "running"}, v.names(v.api)); diff != "" {
		t.Errorf("leftovers (-want +got):\n%s", diff)
	}
	v.noHelpers()
}

func TestFillingThatFailsHalfwayIsReverted(t *testing.T) {
	v := setupVolumes(t)
	snap := v.goodAndBad("--volume", v.Name("second")+":/second")
	v.put("/second/file", "bad")
	fail := func(n int) error {
		if n == 2 || n == 3 { // the second volume, and the first try of going back
			return errors.New("the disk is on fire")
		}
		return nil
	}
	v.engine.unpack.Store(&fail)
	r := v.restoreWith(snap.Name)
	if r.State != snapshot.Reverted || !strings.Contains(r.Error, "on fire") {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	v.expect(badFiles)
	v.expect(map[string]string{"/second/file": "bad"})
	v.noHelpers()
}

func TestDamagedArchiveIsRefusedBeforeAnythingIsTouched(t *testing.T) {
	v := setupVolumes(t)
	snap := v.goodAndBad()
	running := v.container(v.api).ID
	file := filepath.Join(v.dir, "volumes", snap.Volumes.ID, snap.Volumes.Archives[0].File)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	whole[len(whole)/2] ^= 1
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	r := v.restoreWith(snap.Name)
	if r.State != snapshot.Refused || !strings.Contains(r.Error, "damaged") || !strings.Contains(r.Error, "/data") {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	if now := v.container(v.api); now.ID != running || now.State != "running" {
		t.Errorf("%+v", now)
	}
	v.expect(badFiles)
}

func TestDeletedArchiveIsOfferedWithoutVolumesOnly(t *testing.T) {
	v := setupVolumes(t)
	snap := v.goodAndBad()
	offer := func() snapshot.Offer {
		o, err := v.restorer.Offer(t.Context(), v.container(v.api), snap)
		if err != nil || len(o.WhyNot) > 0 || o.Volumes == nil {
			t.Fatalf("%+v, %v", o, err)
		}
		return o
	}
	if o := offer(); len(o.Volumes.WhyNot) > 0 {
		t.Errorf("with volumes: %v", o.Volumes.WhyNot)
	}
	other := v.Name("other")
	v.Docker("run", "-d", "--name", other, "--volume", v.Name("data")+":/x", v.image)
	if o := offer(); len(o.Volumes.WhyNot) != 1 || !strings.Contains(o.Volumes.WhyNot[0], other) {
		t.Errorf("while another container uses the volume: %v", o.Volumes.WhyNot)
	}
	v.Docker("rm", "-f", other)
	if err := os.RemoveAll(filepath.Join(v.dir, "volumes", snap.Volumes.ID)); err != nil {
		t.Fatal(err)
	}
	if o := offer(); len(o.Volumes.WhyNot) != 1 || !strings.Contains(o.Volumes.WhyNot[0], "without") {
		t.Errorf("without archive: %v", o.Volumes.WhyNot)
	}
	if r := v.restoreWith(snap.Name); r.State != snapshot.Refused {
		t.Errorf("%s: %s", r.State, r.Error)
	}
}

func TestArchivesGoWithTheirSnapshots(t *testing.T) {
	v := setupVolumes(t)
	snap := v.goodAndBad()
	dup, err := v.taker.Copy(t.Context(), snap, snapshot.TakeAsk{Name: "copy", Reason: snapshot.PreDeploy, By: v.by()})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{snap.Name, dup.Name} {
		if err := v.vault.Present(*snap.Volumes); err != nil {
			t.Errorf("before deleting the %d. of two snapshots with the same archives: %v", i+1, err)
		}
		if err := v.taker.Delete(t.Context(), snap.Key, name, v.by()); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.vault.Present(*snap.Volumes); !errors.Is(err, snapshot.ErrNoArchive) {
		t.Errorf("after: %v", err)
	}
}

func TestConsistencyIsToldAsItWas(t *testing.T) {
	v := setupVolumes(t)
	take := func() snapshot.Consistency {
		t.Helper()
		s, err := v.taker.Take(t.Context(), v.container(v.api), snapshot.TakeAsk{By: v.by()})
		if err != nil || s.Volumes == nil || s.Volumes.Problem != "" {
			t.Fatalf("%+v, %v", s.Volumes, err)
		}
		return s.Volumes.Consistency
	}
	state := func() string { return v.Docker("inspect", "-f", "{{.State.Status}}", v.api) }
	v.run()
	seen := ""
	during := func(context.Context) { seen = state() }
	v.engine.during.Store(&during)
	if got := take(); got != snapshot.Frozen || seen != "paused" || state() != "running" {
		t.Errorf("by default: %s, %s while it was read, %s afterwards", got, seen, state())
	}
	v.Docker("rm", "-f", v.api)
	v.run("--label", "snapback.pause=false")
	if got := take(); got != snapshot.CrashConsistent || seen != "running" {
		t.Errorf("without a pause: %s, %s while it was read", got, seen)
	}
	restart := func(context.Context) { v.Docker("restart", "-t", "0", v.api) }
	v.engine.during.Store(&restart)
	if got := take(); got != snapshot.CrashConsistent {
		t.Errorf("restarted meanwhile: %s", got)
	}
	v.engine.during.Store(nil)
	v.Docker("stop", "-t", "0", v.api)
	if got := take(); got != snapshot.Stopped {
		t.Errorf("stopped: %s", got)
	}
}

func TestContainerIsNotFrozenForLong(t *testing.T) {
	v := setupVolumes(t)
	v.volumes.Freeze = 50 * time.Millisecond
	v.run()
	during := func(context.Context) {
		for v.Docker("inspect", "-f", "{{.State.Status}}", v.api) != "running" {
			if t.Context().Err() != nil {
				return
			}
		}
	}
	v.engine.during.Store(&during)
	if got := v.take(v.api).Volumes; got.Consistency != snapshot.CrashConsistent {
		t.Errorf("%+v", got)
	}
}

func TestBotThatDiedWhileAContainerWasFrozenLetsItGoOn(t *testing.T) {
	v := setupVolumes(t)
	id := v.run()
	v.Docker("pause", v.api)
	if err := v.vault.NoteFrozen(id); err != nil {
		t.Fatal(err)
	}
	if err := v.vault.NoteFrozen(strings.Repeat("0", 64)); err != nil { // gone meanwhile
		t.Fatal(err)
	}
	for range 2 {
		if err := v.volumes.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := v.container(v.api).State; got != "running" {
		t.Errorf("it is %s", got)
	}
	if left, err := v.vault.FrozenOnes(); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestFullDiskKeepsASnapshotWithoutVolumesAndSaysSo(t *testing.T) {
	v := setupVolumes(t)
	v.vault.Limit = 0.0001
	v.run()
	snap := v.take(v.api)
	if snap.Volumes == nil || snap.Volumes.ID != "" || !strings.Contains(snap.Volumes.Problem, "disk") {
		t.Errorf("%+v", snap.Volumes)
	}
	if got := v.container(v.api).State; got != "running" {
		t.Errorf("it is %s", got)
	}
	if _, err := v.ask(snap.Name); !errors.Is(err, snapshot.ErrNotRestorable) {
		t.Errorf("with volumes: %v", err)
	}
	if sets, err := v.vault.Sets(); err != nil || len(sets) > 0 {
		t.Errorf("left on the disk: %v, %v", sets, err)
	}
}

func TestOnlyArchivesThatNothingRefersToAreTidiedAway(t *testing.T) {
	v := setupVolumes(t)
	snap := v.goodAndBad()
	r := v.restoreWith(snap.Name)
	if r.State != snapshot.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	age := func(set string, by time.Duration) {
		at := time.Now().Add(-by)
		if err := os.Chtimes(filepath.Join(v.dir, "volumes", set), at, at); err != nil {
			t.Fatal(err)
		}
	}
	for _, set := range []string{"young", "old", "spent"} {
		d, err := v.vault.Begin(set)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Commit(snapshot.VolumeSet{ID: set}); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.vault.Mark("spent", "begun"); err != nil { // what a restore had kept, until it was of no use any more
		t.Fatal(err)
	}
	age("young", 2*time.Hour)
	age("spent", 2*time.Hour)
	for _, set := range []string{"old", snap.Volumes.ID, r.Plan.Volumes.Keep} {
		age(set, 8*24*time.Hour)
	}
	if err := v.volumes.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	sets, err := v.vault.Sets()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{snap.Volumes.ID, r.Plan.Volumes.Keep, "young"}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(sets))); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}
