package vault_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture/vault"
)

const keys = "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

func setup(t *testing.T) (v *vault.Vault, dir string) {
	t.Helper()
	t.Parallel()
	ring := testkit.RingOf(t, keys)
	dir = filepath.Join(t.TempDir(), "volumes")
	v, err := vault.New(vault.Config{Dir: dir, Keys: ring, Limit: 0.999})
	testkit.OK(t, err)
	return v, dir
}

var text = bytes.Repeat([]byte("what was in the volume\n"), 10000)

// add commits a set with the same contents at two paths.
func add(t *testing.T, v *vault.Vault, set string) snapshot.VolumeSet {
	t.Helper()
	d, err := v.Begin(set)
	testkit.OK(t, err)
	s := snapshot.VolumeSet{ID: set, Consistency: snapshot.Stopped}
	for _, path := range []string{"/one", "/two"} {
		a := snapshot.Archive{Mount: snapshot.Mount{Path: path, Type: "volume", Source: "data"}}
		testkit.OK(t, d.Add(t.Context(), &a, func(w io.Writer) error { _, err := w.Write(text); return err }))
		s.Archives = append(s.Archives, a)
	}
	if _, err := v.Manifest(set); !errors.Is(err, snapshot.ErrNoArchive) {
		t.Errorf("there before it was whole: %v", err)
	}
	testkit.OK(t, d.Commit(s))
	return s
}

func read(v *vault.Vault, set string, a snapshot.Archive) ([]byte, error) {
	r, err := v.Open(set, a)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}

func TestSetComesBackWhole(t *testing.T) {
	v, dir := setup(t)
	s := add(t, v, "first")
	got, err := v.Manifest("first")
	testkit.OK(t, err)
	if diff := cmp.Diff(s, got); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	testkit.OK(t, v.Present(s))
	for _, a := range s.Archives {
		testkit.OK(t, v.Verify(t.Context(), "first", a, io.Discard))
		if got, err := read(v, "first", a); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: %d bytes, %v", a.Path, len(got), err)
		}
	}
	testkit.OK(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		testkit.OK(t, err)
		info, err := e.Info()
		testkit.OK(t, err)
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[e.IsDir()]; info.Mode().Perm() != want {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte("what was in")) {
			t.Errorf("%s can be read", path)
		}
		return nil
	}))
}

func TestDamageIsSeen(t *testing.T) {
	v, dir := setup(t)
	s := add(t, v, "first")
	other := add(t, v, "second")
	one, two := filepath.Join(dir, "first", "0.sealed"), filepath.Join(dir, "first", "1.sealed")
	whole, err := os.ReadFile(one)
	testkit.OK(t, err)
	flipped := bytes.Clone(whole)
	flipped[len(whole)/2] ^= 1
	atTwo, err := os.ReadFile(two)
	testkit.OK(t, err)
	ofOther, err := os.ReadFile(filepath.Join(dir, "second", other.Archives[0].File))
	testkit.OK(t, err)
	for name, bad := range map[string][]byte{
		"a bit": flipped, "cut off": whole[:len(whole)-100], "another path's": atTwo, "another set's": ofOther, "empty": {},
	} {
		testkit.OK(t, os.WriteFile(one, bad, 0o600))
		if err := v.Verify(t.Context(), "first", s.Archives[0], io.Discard); !errors.Is(err, snapshot.ErrBadArchive) {
			t.Errorf("%s: verified with %v", name, err)
		}
		if _, err := read(v, "first", s.Archives[0]); !errors.Is(err, snapshot.ErrBadArchive) {
			t.Errorf("%s: read with %v", name, err)
		}
	}
	testkit.OK(t, os.WriteFile(one, whole, 0o600))
	swapped := s.Archives[0]
	swapped.SHA256 = s.Archives[1].SHA256
	if err := v.Verify(t.Context(), "first", swapped, io.Discard); !errors.Is(err, snapshot.ErrBadArchive) {
		t.Errorf("another checksum: %v", err)
	}
	testkit.OK(t, os.Remove(two))
	if err := v.Present(s); !errors.Is(err, snapshot.ErrNoArchive) {
		t.Errorf("a missing file: %v", err)
	}
	testkit.OK(t, os.WriteFile(filepath.Join(dir, "first", "manifest"), []byte("{}"), 0o600))
	if _, err := v.Manifest("first"); !errors.Is(err, snapshot.ErrBadArchive) {
		t.Errorf("a manifest of somebody else's: %v", err)
	}
}

func TestUnfinishedSetLeavesNothing(t *testing.T) {
	v, _ := setup(t)
	d, err := v.Begin("set")
	testkit.OK(t, err)
	broken := errors.New("the engine is away")
	a := snapshot.Archive{}
	if err := d.Add(t.Context(), &a, func(io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	add(t, v, "set") // as after a crash
	sets, err := v.Sets()
	if _, there := sets["set"]; err != nil || !there || len(sets) != 1 {
		t.Errorf("%v, %v", sets, err)
	}
	for range 2 {
		testkit.OK(t, v.Drop("set"))
	}
	if sets, err := v.Sets(); err != nil || len(sets) != 0 {
		t.Errorf("after dropping it: %v, %v", sets, err)
	}
}

func TestFullDiskIsToldApart(t *testing.T) {
	v, _ := setup(t)
	v.Limit = 0.0001
	d, err := v.Begin("set")
	testkit.OK(t, err)
	a := snapshot.Archive{}
	err = d.Add(t.Context(), &a, func(w io.Writer) error { _, err := w.Write(text); return err })
	if !errors.Is(err, snapshot.ErrDiskFull) {
		t.Errorf("got %v", err)
	}
}

func TestMarksStay(t *testing.T) {
	v, _ := setup(t)
	add(t, v, "set")
	for _, want := range []bool{false, true} {
		if got, err := v.Marked("set", "put"); got != want || err != nil {
			t.Errorf("marked %v, %v; want %v", got, err, want)
		}
		testkit.OK(t, v.Mark("set", "put"))
	}
}

func TestNamesLeadNowhereElse(t *testing.T) {
	v, dir := setup(t)
	testkit.OK(t, os.WriteFile(filepath.Join(dir, "..", "secret"), nil, 0o600))
	for _, name := range []string{"..", "../secret", "a/b", "", ".frozen"} {
		if _, err := v.Begin(name); err == nil {
			t.Errorf("began %q", name)
		}
		if err := v.Drop(name); err == nil {
			t.Errorf("dropped %q", name)
		}
		if _, err := v.Open("set", snapshot.Archive{File: name}); err == nil {
			t.Errorf("opened %q", name)
		}
		if err := v.NoteFrozen(name); err == nil {
			t.Errorf("noted %q", name)
		}
	}
}
