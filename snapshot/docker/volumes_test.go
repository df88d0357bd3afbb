package docker_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/volumetar"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
)

// mover is a scope with a container that has a volume, and an engine that can move its contents.
func mover(t testing.TB, flags ...string) (s *enginetest.Scope, e *docker.Engine, id string, m snapshot.Mount) {
	t.Helper()
	s = enginetest.New(t)
	e, err := docker.New(t.Context(), docker.Config{HelperProgram: s.Program(), HelperImage: s.Name("helper"), Only: s.Only()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	id = s.Run(s.Name("api"), append(append([]string{"--volume", s.Name("data") + ":/data"}, flags...), s.Image("good", `ENTRYPOINT ["/app"]`))...)
	return s, e, id, snapshot.Mount{Path: "/data", Type: "volume", Source: s.Name("data")}
}

// hostFolder is the volume's folder on this machine, for tests that look at what no container shows.
func hostFolder(t testing.TB, s *enginetest.Scope, volume string) string {
	t.Helper()
	dir := s.Docker("volume", "inspect", "-f", "{{.Mountpoint}}", volume)
	if _, err := os.ReadDir(dir); err != nil {
		t.Skipf("the engine's folders can't be seen from here: %v", err)
	}
	return dir
}

// everything is all that is known of a folder.
func everything(t testing.TB, dir string) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := volumetar.Pack(&out, dir); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestVolumeComesBackToTheLetter(t *testing.T) {
	t.Parallel()
	s, e, id, m := mover(t)
	dir := hostFolder(t, s, m.Source)
	at := func(name string) string { return filepath.Join(dir, name) }
	for i := range 10000 {
		noError(t, os.MkdirAll(at(fmt.Sprintf("small/%d", i%100)), 0o750))
		noError(t, os.WriteFile(at(fmt.Sprintf("small/%d/%d", i%100, i)), fmt.Append(nil, i), 0o640))
	}
	noError(t, os.MkdirAll(at("empty/folder"), 0o3775))
	noError(t, os.WriteFile(at(strings.Repeat("n", 255)), nil, 0o4755))
	noError(t, os.Lchown(at("small"), 1234, 70000))
	noError(t, os.Symlink("/etc/passwd", at("link")))
	noError(t, os.Link(at("small/1/1"), at("hard")))
	noError(t, unix.Mknod(at("null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	noError(t, os.WriteFile(at("sparse"), []byte("data"), 0o600))
	noError(t, os.Truncate(at("sparse"), 1<<30))
	noError(t, unix.Setxattr(at("hard"), "user.note", []byte("v\x00"), 0))
	noError(t, unix.Setxattr(dir, "user.of-the-volume", []byte("v"), 0))
	noError(t, unix.Setxattr(at("sparse"), "security.capability", []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0))
	noError(t, os.Chtimes(at("sparse"), time.Time{}, time.Unix(1000000000, 123456789)))
	noError(t, unix.Chmod(dir, 0o1777))
	want := everything(t, dir)

	var stream bytes.Buffer
	begun := time.Now()
	packed, err := e.Pack(t.Context(), id, m, &stream)
	noError(t, err)
	t.Logf("%d entries, %d bytes packed as %d in %s", packed.Entries, packed.Content, stream.Len(), time.Since(begun))
	if packed.Entries != 10109 || len(packed.Left) > 0 {
		t.Errorf("packed %+v", packed)
	}
	noError(t, os.RemoveAll(at("small/7")))
	noError(t, os.WriteFile(at("hard"), []byte("spoiled"), 0o600))
	noError(t, os.WriteFile(at("new"), nil, 0o600))
	begun = time.Now()
	noError(t, e.Unpack(t.Context(), id, m, &stream))
	t.Logf("unpacked in %s", time.Since(begun))
	if !bytes.Equal(want, everything(t, dir)) {
		t.Error("it is not the same")
	}
	var st unix.Stat_t
	noError(t, unix.Stat(at("sparse"), &st))
	if st.Blocks*512 > 1<<20 {
		t.Errorf("a file with a hole takes %d bytes", st.Blocks*512)
	}
}

func TestContentsOfContainersThatAreNotOursAreNotTouched(t *testing.T) {
	t.Parallel()
	s, e, id, m := mover(t)
	strange := s.Docker("run", "-d", "--name", s.Name("strange"), "--volume", s.Name("secret")+":/data", s.Image("strange", `ENTRYPOINT ["/app"]`))
	secret := snapshot.Mount{Path: "/data", Type: "volume", Source: s.Name("secret")}
	for name, try := range map[string]func() error{
		"reading a container without the label": func() error { _, err := e.Pack(t.Context(), strange, secret, io.Discard); return err },
		"filling a container without the label": func() error { return e.Unpack(t.Context(), strange, secret, strings.NewReader("")) },
		"reading what it does not have mounted": func() error { _, err := e.Pack(t.Context(), id, secret, io.Discard); return err },
		"filling what it does not have mounted": func() error { return e.Unpack(t.Context(), id, secret, strings.NewReader("")) },
		"reading the host": func() error {
			_, err := e.Pack(t.Context(), id, snapshot.Mount{Path: "/data", Type: "bind", Source: "/etc"}, io.Discard)
			return err
		},
		"pausing a container without the label": func() error { _, err := e.Pause(t.Context(), strange); return err },
	} {
		if err := try(); !errors.Is(err, snapshot.ErrNotEnabled) && !errors.Is(err, snapshot.ErrGone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	users, err := e.Users(t.Context(), []snapshot.Mount{m, secret}, id)
	if diff := cmp.Diff([]string{s.Name("strange")}, users); diff != "" || err != nil {
		t.Errorf("users (-want +got):\n%s%v", diff, err)
	}
}

func TestAContainerWithTheHelpersNameIsNotRemoved(t *testing.T) {
	t.Parallel()
	s, e, id, m := mover(t)
	sum := sha256.Sum256([]byte(m.Type + " " + m.Source))
	name := s.Name("helper") + "-unpack-" + hex.EncodeToString(sum[:8])
	strange := s.Docker("create", "--name", name, s.Image("good", `ENTRYPOINT ["/app"]`))
	if err := e.Unpack(t.Context(), id, m, strings.NewReader("")); err == nil || !strings.Contains(err.Error(), "rename or remove it") {
		t.Errorf("unpacking: %v", err)
	}
	if got := s.Docker("inspect", "-f", "{{.Id}}", name); got != strange {
		t.Errorf("%s is there, not %s", got, strange)
	}
}

func TestSecondFillingEndsTheFirst(t *testing.T) {
	t.Parallel()
	s, e, id, m := mover(t)
	s.Docker("exec", id, "/app", "touch", "/data/file")
	var stream bytes.Buffer
	_, err := e.Pack(t.Context(), id, m, &stream)
	noError(t, err)
	r, w := io.Pipe() // never comes to an end
	first := make(chan error, 1)
	go func() { first <- e.Unpack(t.Context(), id, m, r) }()
	_, err = w.Write(stream.Bytes()[:stream.Len()/2]) // returns when the first one reads
	noError(t, err)
	noError(t, e.Unpack(t.Context(), id, m, bytes.NewReader(stream.Bytes())))
	noError(t, w.CloseWithError(errors.New("the bot is gone")))
	if err := <-first; err == nil {
		t.Error("both have worked")
	}
	if left := s.Docker("ps", "-aq", "--filter", "name="+s.Name("helper")); left != "" {
		t.Errorf("helpers are left: %s", left)
	}
}

func TestMovingCanBeCalledOff(t *testing.T) {
	t.Parallel()
	s, e, id, m := mover(t)
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- e.Unpack(ctx, id, m, r) }()
	_, err := w.Write([]byte{0x28})
	noError(t, err)
	cancel()
	noError(t, w.Close())
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left := s.Docker("ps", "-aq", "--filter", "name="+s.Name("helper")); left != "" {
		t.Errorf("helpers are left: %s", left)
	}
}

func TestWhatIsNoArchiveIsAnErrorInWords(t *testing.T) {
	t.Parallel()
	_, e, id, m := mover(t)
	err := e.Unpack(t.Context(), id, m, strings.NewReader("nonsense, and more of it"))
	if err == nil || !strings.Contains(err.Error(), "/data") || !strings.Contains(err.Error(), "the helper ended with code 1") {
		t.Errorf("got %v", err)
	}
	_, err = e.Pack(t.Context(), id, m, failing{})
	if !errors.Is(err, errFull) {
		t.Errorf("packing to a full disk: %v", err)
	}
}

var errFull = errors.New("no space left on device")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }

// A slow disk takes minutes to write down what a helper has put into a volume, and no byte moves meanwhile.
func TestFillingOutlastsADiskThatSyncsSlowly(t *testing.T) {
	t.Parallel()
	s, e, id, m := mover(t)
	s.Docker("exec", id, "/app", "touch", "/data/file")
	var archive bytes.Buffer
	_, err := e.Pack(t.Context(), id, m, &archive)
	noError(t, err)
	for _, c := range []struct {
		stall time.Duration
		works bool
	}{{10 * time.Second, true}, {time.Second, false}} { // a sign of life comes every three seconds
		slow, err := docker.New(t.Context(), docker.Config{HelperProgram: s.SlowProgram(15 * time.Second), HelperImage: s.Name("helper"), Only: s.Only(), Stall: c.stall})
		noError(t, err)
		t.Cleanup(func() { _ = slow.Close() })
		noError(t, slow.ReadyToMove(t.Context()))
		err = slow.Unpack(t.Context(), id, m, bytes.NewReader(archive.Bytes()))
		if c.works != (err == nil) || err != nil && !strings.Contains(err.Error(), "has not got on for") {
			t.Errorf("with %s of patience: %v", c.stall, err)
		}
	}
}
