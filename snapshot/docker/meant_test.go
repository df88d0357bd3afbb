package docker_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
)

// bent is a container without root's rights that has a folder mounted, and one inside it as well, by itself or as a volume.
type bent struct {
	s      *enginetest.Scope
	id     string
	shared string // the folder
	inner  snapshot.Mount
	secret string // a folder that only the host's root may look into
}

func bend(t *testing.T, volume bool) bent {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a folder of the host's root needs root")
	}
	b := bent{s: enginetest.New(t), shared: t.TempDir(), secret: t.TempDir()}
	inner := filepath.Join(b.shared, "a")
	for _, dir := range []string{inner, filepath.Join(inner, "deeper")} {
		testkit.OK(t, os.Mkdir(dir, 0o755))
	}
	testkit.OK(t, os.WriteFile(filepath.Join(inner, "file"), []byte("own"), 0o644))
	testkit.OK(t, os.Chown(b.shared, 1000, 1000))
	testkit.OK(t, os.Chmod(b.secret, 0o700))
	testkit.OK(t, os.WriteFile(filepath.Join(b.secret, "key"), []byte("secret"), 0o600))
	b.inner = snapshot.Mount{Path: "/b", Type: "bind", Source: inner}
	if volume {
		b.inner.Type, b.inner.Source = "volume", b.s.Name("vol")
		b.s.Docker("volume", "create", "--opt", "type=none", "--opt", "o=bind", "--opt", "device="+inner, b.inner.Source)
	}
	b.id = b.s.Run(b.s.Name("api"), "--user", "1000", "--volume", b.shared+":/p", "--volume", b.inner.Source+":/b",
		"--label", "snapback.volumes=/b", b.s.Image("good", `ENTRYPOINT ["/app"]`), "serve", "-addr", "")
	if volume {
		b.s.Docker("stop", "--time", "0", b.id) // or the engine keeps it mounted as it was
	}
	return b
}

func (b bent) engine(t *testing.T, host string) *docker.Engine {
	t.Helper()
	e, err := docker.New(t.Context(), docker.Config{Host: host, HelperProgram: b.s.Program(), HelperImage: b.s.Name("helper"), Only: b.s.Only()})
	testkit.OK(t, err)
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// swap is what the container can do to the folder.
func (b bent) swap(t *testing.T) {
	t.Helper()
	testkit.OK(t, os.Rename(filepath.Join(b.shared, "a"), filepath.Join(b.shared, "was")))
	testkit.OK(t, os.Symlink(b.secret, filepath.Join(b.shared, "a")))
}

func (b bent) untouched(t *testing.T) {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(b.secret, "key"))
	info, statErr := os.Stat(b.secret)
	if err != nil || statErr != nil || string(key) != "secret" || info.Mode().Perm() != 0o700 {
		t.Errorf("the secret folder was touched: %q, %v, %v", key, err, info)
	}
}

func TestHelperFollowsNoLinkThatAContainerHasPutThere(t *testing.T) {
	t.Parallel()
	for name, volume := range map[string]bool{"bind": false, "volume that is a bind": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bend(t, volume)
			e := b.engine(t, "")
			var archive bytes.Buffer
			if packed, err := e.Pack(t.Context(), b.id, b.inner, &archive); err != nil || packed.Entries != 3 {
				t.Fatalf("before: %+v, %v", packed, err)
			}
			b.swap(t)
			if err := e.ReadyToMove(t.Context(), b.inner); !errors.Is(err, snapshot.ErrUnsafeMount) || !strings.Contains(err.Error(), "symbolic link") {
				t.Errorf("getting ready: %v", err)
			}
			var stolen bytes.Buffer
			if _, err := e.Pack(t.Context(), b.id, b.inner, &stolen); !errors.Is(err, snapshot.ErrUnsafeMount) || stolen.Len() > 0 {
				t.Errorf("reading: %v, %d bytes", err, stolen.Len())
			}
			if err := e.Unpack(t.Context(), b.id, b.inner, &archive); !errors.Is(err, snapshot.ErrUnsafeMount) {
				t.Errorf("filling: %v", err)
			}
			b.untouched(t)
		})
	}
}

// The container may have put it there between the look and the mount.
func TestHelperRefusesAFolderThatWasSwappedAfterTheLook(t *testing.T) {
	t.Parallel()
	b := bend(t, false)
	var archive bytes.Buffer
	_, err := b.engine(t, "").Pack(t.Context(), b.id, b.inner, &archive)
	testkit.OK(t, err)
	for _, act := range []string{"pack", "unpack"} {
		proxy := enginefault.Start(t, "", b.s.Only())
		e := b.engine(t, proxy.Host())
		testkit.OK(t, e.ReadyToMove(t.Context(), b.inner))
		proxy.Arm(&enginefault.Fault{
			On: func(c enginefault.Call) bool {
				return c.Kind == enginefault.Create && strings.Contains(c.Of, "-"+act+"-")
			},
			Before: func(enginefault.Call) { b.swap(t) },
		})
		var stolen bytes.Buffer
		if act == "pack" {
			_, err = e.Pack(t.Context(), b.id, b.inner, &stolen)
		} else {
			err = e.Unpack(t.Context(), b.id, b.inner, bytes.NewReader(archive.Bytes()))
		}
		if !errors.Is(err, snapshot.ErrUnsafeMount) || !strings.Contains(err.Error(), "not the folder any more") || stolen.Len() > 0 {
			t.Errorf("%s: %v, %d bytes", act, err, stolen.Len())
		}
		b.untouched(t)
		testkit.OK(t, os.Remove(filepath.Join(b.shared, "a")))
		testkit.OK(t, os.Rename(filepath.Join(b.shared, "was"), filepath.Join(b.shared, "a")))
	}
}

func TestVitalFoldersAreLeftAloneWhateverLeadsThere(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	e, err := docker.New(t.Context(), docker.Config{HelperProgram: s.Program(), HelperImage: s.Name("helper"), Only: s.Only()})
	testkit.OK(t, err)
	t.Cleanup(func() { _ = e.Close() })
	s.Docker("volume", "create", "--opt", "type=none", "--opt", "o=bind", "--opt", "device=/etc", s.Name("etc"))
	id := s.Run(s.Name("api"), "--volume", s.Name("etc")+":/conf", s.Image("good", `ENTRYPOINT ["/app"]`))
	m := snapshot.Mount{Path: "/conf", Type: "volume", Source: s.Name("etc")}
	if _, err := e.Pack(t.Context(), id, m, io.Discard); !errors.Is(err, snapshot.ErrUnsafeMount) || !strings.Contains(err.Error(), "is /etc of the host") {
		t.Errorf("reading: %v", err)
	}
	if err := e.Unpack(t.Context(), id, m, strings.NewReader("")); !errors.Is(err, snapshot.ErrUnsafeMount) {
		t.Errorf("filling: %v", err)
	}
}
