package volumetar_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/internal/volumetar"
)

// carry packs a folder, and unpacks it over another one that holds something else.
func carry(t *testing.T, from string) (to string, report volumetar.Report) {
	t.Helper()
	var stream bytes.Buffer
	report, err := volumetar.Pack(&stream, from)
	if err != nil {
		t.Fatal(err)
	}
	to = t.TempDir()
	testkit.OK(t, os.MkdirAll(filepath.Join(to, "left", "over"), 0o500))
	testkit.OK(t, os.WriteFile(filepath.Join(to, ".hidden"), []byte("x"), 0o400))
	if _, err := volumetar.Replace(&stream, to); err != nil {
		t.Fatal(err)
	}
	return to, report
}

// listing is everything about every file, as text that can be compared.
func listing(t *testing.T, root string) []string {
	t.Helper()
	var out []string
	names := map[uint64]string{}
	testkit.OK(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		testkit.OK(t, err)
		var st unix.Stat_t
		testkit.OK(t, unix.Lstat(path, &st))
		rel, err := filepath.Rel(root, path)
		testkit.OK(t, err)
		if names[st.Ino] == "" {
			names[st.Ino] = rel
		}
		line := fmt.Sprintf("%s mode=%o owner=%d:%d size=%d mtime=%d.%09d rdev=%d same=%s", rel, st.Mode, st.Uid, st.Gid,
			sizeOf(st), st.Mtim.Sec, st.Mtim.Nsec, st.Rdev, names[st.Ino])
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			data, err := os.ReadFile(path)
			testkit.OK(t, err)
			line += fmt.Sprintf(" data=%x", data[:min(len(data), 32)])
		case unix.S_IFLNK:
			target, err := os.Readlink(path)
			testkit.OK(t, err)
			line += " to=" + target
		}
		out = append(out, line+attributes(t, path))
		return nil
	}))
	return out
}

func sizeOf(st unix.Stat_t) int64 {
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return 0 // depends on the file system
	}
	return st.Size
}

func attributes(t *testing.T, path string) string {
	t.Helper()
	buf, value := make([]byte, 4096), make([]byte, 4096)
	n, err := unix.Llistxattr(path, buf)
	testkit.OK(t, err)
	out := ""
	for name := range strings.SplitSeq(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		n, err := unix.Lgetxattr(path, name, value)
		testkit.OK(t, err)
		out += fmt.Sprintf(" %s=%x", name, value[:n])
	}
	return out
}

func TestEverythingAboutFilesIsCarried(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("owners, devices and capabilities are root's to set")
	}
	from := t.TempDir()
	at := func(name string) string { return filepath.Join(from, name) }
	write := func(name, text string, mode os.FileMode) {
		testkit.OK(t, os.WriteFile(at(name), []byte(text), 0o600))
		testkit.OK(t, unix.Chmod(at(name), uint32(mode)))
	}
	write("plain", "hello", 0o644)
	write("setuid", "#!", 0o4755)
	write("setgid", "#!", 0o2755)
	write("nobody may", "", 0)
	write("empty", "", 0o600)
	write(strings.Repeat("n", 255), "the longest name there is", 0o600)
	write("line\nbreak \xff\"ü", "odd name", 0o600)
	testkit.OK(t, os.Mkdir(at("folder"), 0o700))
	testkit.OK(t, os.MkdirAll(at("a/b/c/empty"), 0o755))
	deep := strings.Repeat("d/", 60)
	testkit.OK(t, os.MkdirAll(at(deep), 0o755))
	write(deep+"file", "deep", 0o600)
	write("folder/inside", "x", 0o600)
	testkit.OK(t, unix.Chmod(at("folder"), 0o1777))
	testkit.OK(t, unix.Chmod(at("a"), 0o500))
	testkit.OK(t, os.Lchown(at("plain"), 1234, 5678))
	testkit.OK(t, os.Lchown(at("folder"), 70000, 70001))
	testkit.OK(t, os.Symlink("../nowhere", at("dangling")))
	testkit.OK(t, os.Symlink("plain", at("symlink")))
	testkit.OK(t, os.Lchown(at("symlink"), 42, 43))
	testkit.OK(t, os.Symlink("plain", at("symlink2")))
	testkit.OK(t, os.Link(at("symlink2"), at("symlink3")))
	testkit.OK(t, os.Link(at("plain"), at("second name")))
	testkit.OK(t, os.Link(at("plain"), at("a/third name")))
	testkit.OK(t, unix.Mkfifo(at("pipe"), 0o640))
	testkit.OK(t, unix.Mknod(at("null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	testkit.OK(t, unix.Setxattr(at("plain"), "user.note", []byte("binary \x00\xff"), 0))
	testkit.OK(t, unix.Setxattr(at("folder"), "user.empty", nil, 0))
	testkit.OK(t, unix.Lsetxattr(at("symlink"), "trusted.on.link", []byte("v"), 0))
	capability := []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	testkit.OK(t, unix.Setxattr(at("empty"), "security.capability", capability, 0))
	for i, name := range []string{"plain", "folder", "symlink", "pipe", "a"} {
		times := []unix.Timespec{{Sec: 1}, {Sec: int64(1000000 * (i - 1)), Nsec: 123456789}}
		testkit.OK(t, unix.UtimesNanoAt(unix.AT_FDCWD, at(name), times, unix.AT_SYMLINK_NOFOLLOW))
	}
	to, report := carry(t, from)
	want := listing(t, from)
	if diff := cmp.Diff(want, listing(t, to)); diff != "" {
		t.Errorf("carried (-want +got):\n%s", diff)
	}
	if int(report.Entries) != len(want) || len(report.Left) != 0 {
		t.Errorf("%d files, report %+v", len(want), report)
	}
}

func TestHolesStayHoles(t *testing.T) {
	t.Parallel()
	from := t.TempDir()
	const size = 64 << 20
	f, err := os.Create(filepath.Join(from, "sparse"))
	testkit.OK(t, err)
	for _, at := range []int64{0, 10 << 20, size - 5} {
		_, err := f.WriteAt([]byte("data!"), at)
		testkit.OK(t, err)
	}
	testkit.OK(t, f.Close())
	testkit.OK(t, os.WriteFile(filepath.Join(from, "hole"), nil, 0o600))
	testkit.OK(t, os.Truncate(filepath.Join(from, "hole"), size))
	to, report := carry(t, from)
	for _, name := range []string{"sparse", "hole"} {
		want, err := os.ReadFile(filepath.Join(from, name))
		testkit.OK(t, err)
		got, err := os.ReadFile(filepath.Join(to, name))
		testkit.OK(t, err)
		if !bytes.Equal(want, got) {
			t.Errorf("%s is not the same", name)
		}
		var st unix.Stat_t
		testkit.OK(t, unix.Stat(filepath.Join(to, name), &st))
		if st.Blocks*512 > 1<<20 {
			t.Errorf("%s takes %d bytes of the disk", name, st.Blocks*512)
		}
	}
	if report.Bytes > 1<<20 {
		t.Errorf("%d bytes were carried", report.Bytes)
	}
}

func TestSocketsAreNamedAndLeft(t *testing.T) {
	t.Parallel()
	from := t.TempDir()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	testkit.OK(t, err)
	defer func() { _ = unix.Close(fd) }()
	dir, err := os.MkdirTemp("", "s") // a socket's path has to be short
	testkit.OK(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	testkit.OK(t, unix.Bind(fd, &unix.SockaddrUnix{Name: filepath.Join(dir, "s")}))
	testkit.OK(t, os.Rename(filepath.Join(dir, "s"), filepath.Join(from, "db.sock")))
	_, report := carry(t, from)
	if diff := cmp.Diff([]string{"db.sock is a socket"}, report.Left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func TestCutOffArchiveIsNoSuccess(t *testing.T) {
	t.Parallel()
	from := t.TempDir()
	testkit.OK(t, os.WriteFile(filepath.Join(from, "file"), bytes.Repeat([]byte("text"), 1000), 0o600))
	var stream bytes.Buffer
	_, err := volumetar.Pack(&stream, from)
	testkit.OK(t, err)
	for n := range stream.Len() {
		if _, err := volumetar.Replace(bytes.NewReader(stream.Bytes()[:n]), t.TempDir()); err == nil {
			t.Fatalf("%d of %d bytes were taken for all of it", n, stream.Len())
		}
	}
}

func TestAFileIsNoFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	testkit.OK(t, os.WriteFile(file, nil, 0o600))
	var out bytes.Buffer
	if report, err := volumetar.Pack(&out, file); err != nil || !report.File || out.Len() > 0 {
		t.Errorf("got %+v, %v, %d bytes", report, err, out.Len())
	}
}

func TestFilesThatChangeMeanwhileAreNoError(t *testing.T) {
	t.Parallel()
	from := t.TempDir()
	for i := range 50 {
		testkit.OK(t, os.WriteFile(filepath.Join(from, fmt.Sprint(i)), bytes.Repeat([]byte("x"), 100000), 0o600))
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			name := filepath.Join(from, fmt.Sprint(n%50))
			_ = os.Truncate(name, int64(n*7919%200000)) // it may be gone: that is the point
			_ = os.Remove(filepath.Join(from, fmt.Sprint((n+25)%50)))
			_ = os.WriteFile(name, bytes.Repeat([]byte("y"), n%100000), 0o600)
		}
	}()
	defer func() { close(stop); <-done }()
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		var stream bytes.Buffer
		if _, err := volumetar.Pack(&stream, from); err != nil {
			t.Fatal(err)
		}
		if _, err := volumetar.Replace(&stream, t.TempDir()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNamesThatLeadOutAreRefused(t *testing.T) {
	t.Parallel()
	for _, h := range []tar.Header{
		{Name: "../out", Typeflag: tar.TypeReg},
		{Name: "/out", Typeflag: tar.TypeReg},
		{Name: "a/../../out", Typeflag: tar.TypeReg},
		{Name: "link", Typeflag: tar.TypeLink, Linkname: "../secret"},
	} {
		outer := t.TempDir()
		testkit.OK(t, os.Mkdir(filepath.Join(outer, "v"), 0o700))
		testkit.OK(t, os.WriteFile(filepath.Join(outer, "secret"), nil, 0o600))
		var stream bytes.Buffer
		z, err := zstd.NewWriter(&stream)
		testkit.OK(t, err)
		w := tar.NewWriter(z)
		testkit.OK(t, w.WriteHeader(&h))
		testkit.OK(t, errors.Join(w.Close(), z.Close()))
		_, err = volumetar.Replace(&stream, filepath.Join(outer, "v"))
		if err == nil || !strings.Contains(err.Error(), "leads out") {
			t.Errorf("%s %s: got %v", h.Name, h.Linkname, err)
		}
		if _, err := os.Stat(filepath.Join(outer, "out")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s was written", h.Name)
		}
	}
}
