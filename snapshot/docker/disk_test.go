package docker_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
)

func TestDiskUsedIsAShare(t *testing.T) {
	t.Parallel()
	use, err := enginetest.Engine(t).DiskUsed(t.Context())
	if err != nil || use.Share <= 0 || use.Share > 1 || use.Engine == "" || use.Host == "" {
		t.Errorf("got %+v, %v", use, err)
	}
}

// As from within a container.
func TestDiskOfAnEngineWhoseFolderIsHiddenIsThatOfTheBotsOwn(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", socket)
	testkit.OK(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		fmt.Fprint(w, `{"ID":"E","Name":"host-1","DockerRootDir":"/nowhere/docker"}`)
	}), ReadHeaderTimeout: time.Second}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-served })
	overTCP := httptest.NewServer(server.Handler)
	t.Cleanup(overTCP.Close)
	dir := t.TempDir()
	for _, c := range []struct{ host, dir, want string }{
		{"unix://" + socket, dir, dir}, {"unix://" + socket, "", ""}, {"unix://" + socket, dir + "/missing", ""},
		{"tcp://" + overTCP.Listener.Addr().String(), dir, ""},
	} {
		e, err := docker.New(t.Context(), docker.Config{Host: c.host, DataDir: c.dir})
		testkit.OK(t, err)
		use, err := e.DiskUsed(t.Context())
		seen := err == nil && use.Share > 0 && use.Host == "host-1" && use.Folder == c.want
		if seen != (c.want != "") || !seen && !errors.Is(err, snapshot.ErrDiskUnseen) {
			t.Errorf("at %s with the bot's folder %q: %+v, %v", c.host, c.dir, use, err)
		}
		testkit.OK(t, e.Close())
	}
}

// Nothing stands in for containerd's folder, since a volume of the bot is not in there.
func TestDiskOfAContainerdThatIsHiddenIsUnseen(t *testing.T) {
	t.Parallel()
	e := pretends(t, `{"ID":"E","Name":"host-1","DockerRootDir":"/nowhere/docker","Driver":"overlayfs",
		"DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]],"Containerd":{"Address":"/run/docker/containerd/containerd.sock"}}`, t.TempDir())
	use, err := e.DiskUsed(t.Context())
	if !errors.Is(err, snapshot.ErrDiskUnseen) || use.Folder != "/nowhere/docker/containerd/daemon" || !strings.Contains(err.Error(), "mount that folder into it") {
		t.Errorf("%+v, %v", use, err)
	}
}

// pretends is an engine that knows nothing but its own description.
func pretends(t *testing.T, info, dataDir string) *docker.Engine {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", socket)
	testkit.OK(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Api-Version", "1.46")
		fmt.Fprint(w, info)
	}), ReadHeaderTimeout: time.Second}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-served })
	e, err := docker.New(t.Context(), docker.Config{Host: "unix://" + socket, DataDir: dataDir})
	testkit.OK(t, err)
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// With containerd's image store, the layers are not in the engine's folder.
func TestDiskIsTheOneThatHasTheLayers(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	use, err := s.Engine().DiskUsed(t.Context())
	testkit.OK(t, err)
	id := s.Run(s.Name("api"), s.Image("good", `ENTRYPOINT ["/app"]`))
	mounts, err := os.ReadFile("/proc/" + s.Docker("inspect", "-f", "{{.State.Pid}}", id) + "/mountinfo")
	if err != nil {
		t.Skipf("the engine's processes can't be seen from here: %v", err)
	}
	upper := regexp.MustCompile(`upperdir=([^,\s]+)`).FindSubmatch(mounts)
	if upper == nil {
		t.Skip("the engine's layers are no overlays")
	}
	if !strings.HasPrefix(string(upper[1]), use.Folder+"/") {
		t.Errorf("it looks at the disk of %s, the layer is %s", use.Folder, upper[1])
	}
}

// A commit takes what the container has written, and with containerd's store twice.
func TestCommitTakesWhatWasWritten(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	id := s.Run(s.Name("api"), s.Image("good", `ENTRYPOINT ["/app"]`))
	big := filepath.Join(t.TempDir(), "big")
	testkit.OK(t, os.WriteFile(big, make([]byte, 3<<20), 0o600))
	s.Docker("cp", big, id+":/big")
	takes, err := s.Engine().CommitTakes(t.Context(), id)
	info, infoErr := s.Engine().Client().Info(t.Context())
	testkit.OK(t, errors.Join(err, infoErr))
	want := int64(3 << 20)
	if strings.Contains(fmt.Sprint(info.DriverStatus), "io.containerd.snapshotter") {
		want *= 2
	}
	if takes < want || takes > want+1<<20 {
		t.Errorf("%d bytes, want %d", takes, want)
	}
}
