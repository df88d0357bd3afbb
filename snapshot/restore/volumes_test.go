package restore_test

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
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/restore"
)

var (
	goodFiles = map[string]string{"/data/file": "good", "/data/only-before": "good", "/data/only-after": ""}
	badFiles  = map[string]string{"/data/file": "bad", "/data/only-before": "good", "/data/only-after": "bad"}
)

func TestRestoreWithVolumesPutsTheirContentsBackAndUndoTheOthers(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	snap := v.GoodAndBad()
	if s := snap.Volumes; s == nil || s.Problem != "" || s.Consistency != snapshot.Frozen || len(s.Archives) != 1 {
		t.Fatalf("archived: %+v", s)
	}
	r := v.RestoreWith(snap.Name)
	if r.State != restore.Verified || len(r.Unexpected()) > 0 {
		t.Fatalf("%s: %s %+v", r.State, r.Error, r.Unexpected())
	}
	v.Expect(goodFiles)
	if !slices.Contains(v.Env(v.API), "V=1") {
		t.Errorf("env is %v", v.Env(v.API))
	}
	v.Put("/data/after-restore", "new")

	undo, err := v.Restorer.Undo(t.Context(), r.ID, v.By(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = v.Wait(undo.ID); undo.State != restore.Verified {
		t.Fatalf("%s: %s", undo.State, undo.Error)
	}
	v.Expect(badFiles)
	v.Expect(map[string]string{"/data/after-restore": ""})

	again, err := v.Restorer.Undo(t.Context(), undo.ID, v.By(), "")
	if err != nil {
		t.Fatal(err)
	}
	if again = v.Wait(again.ID); again.State != restore.Verified {
		t.Fatalf("%s: %s", again.State, again.Error)
	}
	v.Expect(goodFiles)
	v.Expect(map[string]string{"/data/after-restore": "new"})
	v.NoHelpers()
	t.Logf("down for %s: %+v", r.Downtime, r.Phases)
}

// TestWhatCameOfMovingVolumesMayBeLost: it is done again, from the beginning.
func TestWhatCameOfMovingVolumesMayBeLost(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	v.Faulty.Unheard.Store(2)
	snap := v.GoodAndBad()
	if s := snap.Volumes; s == nil || s.Problem != "" || len(s.Archives) != 1 || v.Faulty.Unheard.Load() > 0 {
		t.Fatalf("archived: %+v", s)
	}
	losing := func(times int) { // of what came of filling, the first times
		first := func(n int) error {
			if n <= times {
				v.Faulty.Unheard.Store(1)
			}
			return nil
		}
		v.Faulty.FailUnpack.Store(&first)
	}
	v.Faulty.Unheard.Store(1) // of keeping what is there
	losing(2)
	r := v.RestoreWith(snap.Name)
	if r.State != restore.Verified || v.Faulty.Unheard.Load() > 0 {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	v.Expect(goodFiles)
	v.Put("/data/file", "bad")
	losing(6) // three have been filled by now
	if r = v.RestoreWith(snap.Name); r.State != restore.Reverted || !strings.Contains(r.Error, "did not report") {
		t.Errorf("never heard of: %s: %s", r.State, r.Error)
	}
	v.Expect(map[string]string{"/data/file": "bad"})
}

// TestWhoeverMovesVolumesTellsHowFarItIs: the Taker for a container, and the Restorer for a restore.
func TestWhoeverMovesVolumesTellsHowFarItIs(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	var archiving, filling []string
	note := func(to *[]string, p *snapshot.Progress) {
		if p != nil {
			*to = append(*to, p.String())
		}
	}
	var key string
	pack := func(context.Context) { note(&archiving, v.Taker.Archiving(key)) }
	v.Faulty.During.Store(&pack)
	v.RunAPI()
	v.Put("/data/file", "good")
	key = v.Container(v.API).Key
	snap := v.Take(v.API)
	if d := cmp.Diff([]string{"archiving volume 1 of 1, /data: 0 B so far"}, archiving); d != "" {
		t.Errorf("the snapshot (-want +got):\n%s", d)
	}
	if p := v.Taker.Archiving(key); p != nil {
		t.Errorf("when the snapshot is kept: %s", p)
	}
	v.Faulty.During.Store(nil)
	v.Put("/data/file", "bad")
	id := make(chan int64, 1)
	unpack := func(int) error {
		of := <-id
		id <- of
		note(&filling, v.Restorer.Progress(of))
		return nil
	}
	v.Faulty.FailUnpack.Store(&unpack)
	asked, err := v.Ask(snap.Name)
	if err != nil {
		t.Fatal(err)
	}
	id <- asked.ID
	if r := v.Wait(asked.ID); r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	want := []string{"filling volume 1 of 1, /data: 0 B of " + snapshot.Bytes(snap.Volumes.Archives[0].Bytes)}
	if d := cmp.Diff(want, filling); d != "" {
		t.Errorf("the restore (-want +got):\n%s", d)
	}
	if p := v.Restorer.Progress(asked.ID); p != nil {
		t.Errorf("when the restore is over: %s", p)
	}
}

func TestRestoreWithoutVolumesLeavesThemAlone(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	snap := v.GoodAndBad()
	if r := v.Restore(v.Container(v.API), snap.Name); r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	v.Expect(badFiles)
}

func TestAnonymousVolumesAndListedBindsAreRestored(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	host := t.TempDir()
	snap := v.GoodAndBad("--volume", "/anonymous", "--volume", host+":/host", "--volume", "/usr:/usr-of-host:ro",
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
	v.Put("/host/spoiled", "bad")
	v.Put("/anonymous/spoiled", "bad")
	r := v.RestoreWith(snap.Name)
	if r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	v.Expect(goodFiles)
	v.Expect(map[string]string{"/host/spoiled": "", "/anonymous/spoiled": ""})
	undo, err := v.Restorer.Undo(t.Context(), r.ID, v.By(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = v.Wait(undo.ID); undo.State != restore.Verified {
		t.Fatalf("%s: %s", undo.State, undo.Error)
	}
	v.Expect(badFiles)
	v.Expect(map[string]string{"/host/spoiled": "bad", "/anonymous/spoiled": "bad"})
}

func TestAutoRemoveContainerIsRestoredWithVolumes(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	snap := v.GoodAndBad("--rm", "--volume", "/anonymous")
	v.Put("/anonymous/file", "bad")
	r := v.RestoreWith(snap.Name)
	if r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	v.Expect(goodFiles)
	v.Expect(map[string]string{"/anonymous/file": ""})
	undo, err := v.Restorer.Undo(t.Context(), r.ID, v.By(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = v.Wait(undo.ID); undo.State != restore.Verified {
		t.Fatalf("%s: %s", undo.State, undo.Error)
	}
	v.Expect(badFiles)
	v.Expect(map[string]string{"/anonymous/file": "bad"})
	v.NoHelpers()
}

func TestReplacementThatFailsLeavesTheVolumesAsTheyWere(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	good := v.AppImage
	v.AppImage = v.Image("dies", `CMD ["/app", "no-such-command"]`)
	v.RunAPI()
	v.Put("/data/file", "good")
	snap := v.Take(v.API)
	v.Docker("rm", "-f", v.API)
	v.AppImage = good
	v.RunAPI()
	v.Put("/data/file", "bad")
	v.Put("/data/only-after", "bad")
	r := v.RestoreWith(snap.Name)
	if r.State != restore.Reverted {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	v.Expect(map[string]string{"/data/file": "bad", "/data/only-after": "bad"})
	if diff := cmp.Diff(map[string]string{v.API: "running"}, v.Names(v.API)); diff != "" {
		t.Errorf("leftovers (-want +got):\n%s", diff)
	}
	v.NoHelpers()
}

func TestFillingThatFailsHalfwayIsReverted(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	snap := v.GoodAndBad("--volume", v.Name("second")+":/second")
	v.Put("/second/file", "bad")
	fail := func(n int) error {
		if n == 2 || n == 3 { // the second volume, and the first try of going back
			return errors.New("the disk is on fire")
		}
		return nil
	}
	v.Faulty.FailUnpack.Store(&fail)
	r := v.RestoreWith(snap.Name)
	if r.State != restore.Reverted || !strings.Contains(r.Error, "on fire") {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	v.Expect(badFiles)
	v.Expect(map[string]string{"/second/file": "bad"})
	v.NoHelpers()
}

func TestDamagedArchiveIsRefusedBeforeAnythingIsTouched(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	snap := v.GoodAndBad()
	running := v.Container(v.API).ID
	file := filepath.Join(v.Dir, "volumes", snap.Volumes.ID, snap.Volumes.Archives[0].File)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	whole[len(whole)/2] ^= 1
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	r := v.RestoreWith(snap.Name)
	if r.State != restore.Refused || !strings.Contains(r.Error, "damaged") || !strings.Contains(r.Error, "/data") {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	if now := v.Container(v.API); now.ID != running || now.State != "running" {
		t.Errorf("%+v", now)
	}
	v.Expect(badFiles)
}

func TestDeletedArchiveIsOfferedWithoutVolumesOnly(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	snap := v.GoodAndBad()
	offer := func() restore.Offer {
		o, err := v.Restorer.Offer(t.Context(), v.Container(v.API), snap)
		if err != nil || len(o.WhyNot) > 0 || o.Volumes == nil {
			t.Fatalf("%+v, %v", o, err)
		}
		return o
	}
	if o := offer(); len(o.Volumes.WhyNot) > 0 {
		t.Errorf("with volumes: %v", o.Volumes.WhyNot)
	}
	other := v.Name("other")
	v.Docker("run", "-d", "--name", other, "--volume", v.Name("data")+":/x", v.AppImage)
	if o := offer(); len(o.Volumes.WhyNot) != 1 || !strings.Contains(o.Volumes.WhyNot[0], other) {
		t.Errorf("while another container uses the volume: %v", o.Volumes.WhyNot)
	}
	v.Docker("rm", "-f", other)
	if err := os.RemoveAll(filepath.Join(v.Dir, "volumes", snap.Volumes.ID)); err != nil {
		t.Fatal(err)
	}
	if o := offer(); len(o.Volumes.WhyNot) != 1 || !strings.Contains(o.Volumes.WhyNot[0], "without") {
		t.Errorf("without archive: %v", o.Volumes.WhyNot)
	}
	if r := v.RestoreWith(snap.Name); r.State != restore.Refused {
		t.Errorf("%s: %s", r.State, r.Error)
	}
}

func TestArchivesGoWithTheirSnapshots(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	snap := v.GoodAndBad()
	dup, err := v.Taker.Copy(t.Context(), snap, snapshot.TakeRequest{Name: "copy", Reason: snapshot.PreDeploy, By: v.By()})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{snap.Name, dup.Name} {
		if err := v.Vault.Present(*snap.Volumes); err != nil {
			t.Errorf("before deleting the %d. of two snapshots with the same archives: %v", i+1, err)
		}
		if err := v.Taker.Delete(t.Context(), snap.Key, name, v.By()); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Vault.Present(*snap.Volumes); !errors.Is(err, snapshot.ErrNoArchive) {
		t.Errorf("after: %v", err)
	}
}

func TestConsistencyIsToldAsItWas(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	take := func() snapshot.Consistency {
		t.Helper()
		s, err := v.Taker.Take(t.Context(), v.Container(v.API), snapshot.TakeRequest{By: v.By()})
		if err != nil || s.Volumes == nil || s.Volumes.Problem != "" {
			t.Fatalf("%+v, %v", s.Volumes, err)
		}
		return s.Volumes.Consistency
	}
	state := func() string { return v.Docker("inspect", "-f", "{{.State.Status}}", v.API) }
	v.RunAPI()
	seen := ""
	during := func(context.Context) { seen = state() }
	v.Faulty.During.Store(&during)
	if got := take(); got != snapshot.Frozen || seen != "paused" || state() != "running" {
		t.Errorf("by default: %s, %s while it was read, %s afterwards", got, seen, state())
	}
	v.Docker("rm", "-f", v.API)
	v.RunAPI("--label", "snapback.pause=false")
	if got := take(); got != snapshot.CrashConsistent || seen != "running" {
		t.Errorf("without a pause: %s, %s while it was read", got, seen)
	}
	restart := func(context.Context) { v.Docker("restart", "-t", "0", v.API) }
	v.Faulty.During.Store(&restart)
	if got := take(); got != snapshot.CrashConsistent {
		t.Errorf("restarted meanwhile: %s", got)
	}
	v.Faulty.During.Store(nil)
	v.Docker("stop", "-t", "0", v.API)
	if got := take(); got != snapshot.Stopped {
		t.Errorf("stopped: %s", got)
	}
}

func TestContainerIsNotFrozenForLong(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	v.Volumes.Freeze = 50 * time.Millisecond
	v.RunAPI()
	during := func(context.Context) {
		for v.Docker("inspect", "-f", "{{.State.Status}}", v.API) != "running" {
			if t.Context().Err() != nil {
				return
			}
		}
	}
	v.Faulty.During.Store(&during)
	if got := v.Take(v.API).Volumes; got.Consistency != snapshot.CrashConsistent {
		t.Errorf("%+v", got)
	}
}

func TestBotThatDiedWhileAContainerWasFrozenLetsItGoOn(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	id := v.RunAPI()
	v.Docker("pause", v.API)
	if err := v.Vault.NoteFrozen(id); err != nil {
		t.Fatal(err)
	}
	if err := v.Vault.NoteFrozen(strings.Repeat("0", 64)); err != nil { // gone meanwhile
		t.Fatal(err)
	}
	for range 2 {
		if err := v.Volumes.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := v.Container(v.API).State; got != "running" {
		t.Errorf("it is %s", got)
	}
	if left, err := v.Vault.FrozenOnes(); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestFullDiskKeepsASnapshotWithoutVolumesAndSaysSo(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	v.Vault.Limit = 0.0001
	v.RunAPI()
	snap := v.Take(v.API)
	if snap.Volumes == nil || snap.Volumes.ID != "" || !strings.Contains(snap.Volumes.Problem, "disk") {
		t.Errorf("%+v", snap.Volumes)
	}
	if got := v.Container(v.API).State; got != "running" {
		t.Errorf("it is %s", got)
	}
	if _, err := v.Ask(snap.Name); !errors.Is(err, snapshot.ErrNotRestorable) {
		t.Errorf("with volumes: %v", err)
	}
	if sets, err := v.Vault.Sets(); err != nil || len(sets) > 0 {
		t.Errorf("left on the disk: %v, %v", sets, err)
	}
}

func TestOnlyArchivesThatNothingRefersToAreTidiedAway(t *testing.T) {
	v := snapshottest.SetupVolumes(t)
	snap := v.GoodAndBad()
	r := v.RestoreWith(snap.Name)
	if r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	age := func(set string, by time.Duration) {
		at := time.Now().Add(-by)
		if err := os.Chtimes(filepath.Join(v.Dir, "volumes", set), at, at); err != nil {
			t.Fatal(err)
		}
	}
	for _, set := range []string{"young", "old", "spent"} {
		d, err := v.Vault.Begin(set)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Commit(snapshot.VolumeSet{ID: set}); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Vault.Mark("spent", "begun"); err != nil { // what a restore had kept, until it was of no use any more
		t.Fatal(err)
	}
	age("young", 2*time.Hour)
	age("spent", 2*time.Hour)
	for _, set := range []string{"old", snap.Volumes.ID, r.Plan.Volumes.Keep} {
		age(set, 8*24*time.Hour)
	}
	if err := v.Volumes.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	sets, err := v.Vault.Sets()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{snap.Volumes.ID, r.Plan.Volumes.Keep, "young"}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(sets))); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}
