package restore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/restore"
)

// A container that has a folder of the host puts a link in the place of another one of its mounts in there.
func TestRestoreWithVolumesFollowsNoLinkOfAContainer(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a folder of the host's root needs root")
	}
	v := snapshottest.SetupVolumes(t)
	shared, secret := t.TempDir(), t.TempDir()
	inner := filepath.Join(shared, "a")
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.Mkdir(inner, 0o755))
	check(os.WriteFile(filepath.Join(secret, "key"), []byte("secret"), 0o600))
	swap := func() {
		check(os.Rename(inner, inner+"-was"))
		check(os.Symlink(secret, inner))
	}
	back := func() {
		check(os.Remove(inner))
		check(os.Rename(inner+"-was", inner))
	}
	untouched := func() {
		t.Helper()
		if key, err := os.ReadFile(filepath.Join(secret, "key")); err != nil || string(key) != "secret" {
			t.Errorf("the secret is %q, %v", key, err)
		}
	}
	snap := v.GoodAndBad("--volume", shared+":/p", "--volume", inner+":/b", "--label", "snapback.volumes=/b,/data")
	if want := "/b,/data"; strings.Join(snap.Volumes.Paths(), ",") != want {
		t.Fatalf("archived: %+v", snap.Volumes)
	}
	r := v.RestoreWith(snap.Name)
	if r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}

	swap()
	taken := v.Take(v.API)
	if strings.Join(taken.Volumes.Paths(), ",") != "/data" || len(taken.Volumes.Left) != 1 || !strings.Contains(taken.Volumes.Left[0], "symbolic link") {
		t.Errorf("a snapshot has %+v", taken.Volumes)
	}
	if refused := v.RestoreWith(snap.Name); refused.State != restore.Refused || !strings.Contains(refused.Error, "symbolic link") {
		t.Errorf("a restore: %s: %s\nbefore: %+v\nnow: %+v\n%s", refused.State, refused.Error, r.Plan, refused.Plan,
			v.Docker("ps", "--all", "--no-trunc", "--filter", "name="+v.API, "--format", "{{.ID}} {{.Names}} {{.Status}}"))
	}
	undo, err := v.Restorer.Undo(t.Context(), r.ID, v.By(), "")
	check(err)
	if undo = v.Wait(undo.ID); undo.State != restore.Refused || !strings.Contains(undo.Error, "symbolic link") {
		t.Errorf("an undo: %s: %s", undo.State, undo.Error)
	}
	v.Expect(goodFiles)
	untouched()

	back()
	fail := func(int) error { // right before the contents are moved
		if _, err := os.Lstat(inner + "-was"); err != nil {
			swap()
		}
		return nil
	}
	v.Faulty.FailUnpack.Store(&fail)
	if r := v.RestoreWith(snap.Name); r.State != restore.Reverted && r.State != restore.Failed {
		t.Errorf("a restore during which it is put there: %s: %s", r.State, r.Error)
	}
	untouched()
}
