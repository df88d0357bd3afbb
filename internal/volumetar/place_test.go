package volumetar_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/internal/volumetar"
)

// host makes a host's root of folders and links, which are "path -> target".
func host(t *testing.T, entries ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, entry := range entries {
		name, target, link := strings.Cut(entry, " -> ")
		at := filepath.Join(root, name)
		testkit.OK(t, os.MkdirAll(filepath.Dir(at), 0o755))
		if link {
			testkit.OK(t, os.Symlink(target, at))
		} else {
			testkit.OK(t, os.MkdirAll(at, 0o755))
		}
	}
	return root
}

func TestFolderIsFoundOnlyByAPathThatNoContainerCanBend(t *testing.T) {
	t.Parallel()
	root := host(t, "srv/x/a/deep", "etc", "data/x/a", "run/app", "mnt/etc", "dev/shm/x",
		"home -> data", "var/run -> /run", "var/up -> ../data", "srv/x/link -> /etc", "srv/x/inner -> a", "loop -> /loop", "bin -> etc", "out -> ../../../../../..")
	testkit.OK(t, os.WriteFile(filepath.Join(root, "srv/x/file"), nil, 0o600))
	for _, c := range []struct{ source, place, refused, err string }{
		{source: "/srv/x/a", place: "srv/x/a"},
		{source: "/srv/x/a/", place: "srv/x/a"},
		{source: "/home/x/a", place: "data/x/a"},
		{source: "/var/run/app", place: "run/app"},
		{source: "/var/up/x", place: "data/x"},
		{source: "/srv/x/link", refused: "/srv/x/link, a symbolic link"},
		{source: "/srv/x/inner/deep", refused: "/srv/x/inner, a symbolic link"},
		{source: "/etc", refused: "is /etc of the host"},
		{source: "/bin", refused: "is /etc of the host"},
		{source: "/", refused: "is / of the host"},
		{source: "/out", refused: "is / of the host"}, // a link that leads up stays in the host's root
		{source: "/dev/shm/x", refused: "is in /dev of the host"},
		{source: "/loop", err: "too many symbolic links"},
		{source: "/srv/nothing", err: "no such file"},
	} {
		got, err := volumetar.Find(root, volumetar.Question{Source: c.source, Vital: []string{"/", "/etc", "/var/run"}, Under: []string{"/dev"}})
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %+v, %v, want %s", c.source, got, err, c.err)
			}
		case err != nil || !strings.Contains(got.Refused, c.refused) || (c.refused == "") != (got.Refused == ""):
			t.Errorf("%s: %+v, %v, want %+v", c.source, got, err, c)
		case c.place != "" && (got.Place == nil || *got.Place != placeOf(t, filepath.Join(root, c.place))):
			t.Errorf("%s is %v, want %s", c.source, got.Place, c.place)
		}
	}
	if got, err := volumetar.Find(root, volumetar.Question{Source: "/srv/x/file"}); err != nil || !got.File {
		t.Errorf("a file: %+v, %v", got, err)
	}
}

func placeOf(t *testing.T, path string) volumetar.Place {
	t.Helper()
	var st unix.Stat_t
	testkit.OK(t, unix.Stat(path, &st))
	place, err := volumetar.ParsePlace(volumetar.Place{Device: st.Dev, Inode: st.Ino}.String())
	testkit.OK(t, err)
	return place
}

func TestHelperRefusesAnotherFolderThanTheOneThatIsMeant(t *testing.T) {
	t.Parallel()
	meant, other := t.TempDir(), t.TempDir()
	testkit.OK(t, os.WriteFile(filepath.Join(other, "precious"), nil, 0o600))
	helper := volumetar.Helper{Root: other}
	for _, act := range []string{"pack", "unpack"} {
		var out, report strings.Builder
		testkit.OK(t, helper.Run([]string{act, placeOf(t, meant).String()}, strings.NewReader(""), &out, &report))
		if !strings.Contains(report.String(), `"refused":"is not the folder any more`) || out.Len() > 0 {
			t.Errorf("%s: %s, %d bytes", act, report.String(), out.Len())
		}
	}
	if _, err := os.Stat(filepath.Join(other, "precious")); err != nil {
		t.Error(err)
	}
	var out, report strings.Builder
	testkit.OK(t, helper.Run([]string{"pack", placeOf(t, other).String()}, nil, &out, &report))
	if out.Len() == 0 {
		t.Errorf("the right one: %s", report.String())
	}
}

func TestFolderWithAnotherFileSystemInItIsRefusedUntouched(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	root := t.TempDir()
	inner := filepath.Join(root, "with a blank")
	testkit.OK(t, os.Mkdir(inner, 0o755))
	testkit.OK(t, os.WriteFile(filepath.Join(root, "precious"), nil, 0o600))
	if err := unix.Mount("tmpfs", inner, "tmpfs", 0, ""); err != nil {
		t.Skipf("mounting: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(inner, unix.MNT_DETACH) })
	var out, report strings.Builder
	testkit.OK(t, volumetar.Helper{Root: root}.Run([]string{"unpack"}, strings.NewReader(""), &out, &report))
	if !strings.Contains(report.String(), "mounted in it (with a blank)") {
		t.Error(report.String())
	}
	if _, err := os.Stat(filepath.Join(root, "precious")); err != nil {
		t.Error(err)
	}
}
