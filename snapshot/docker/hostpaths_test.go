package docker_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
)

// hostThings is a folder with what the engine is to mount. Its name holds nothing that a flag of docker run would take apart.
func hostThings(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sbt-host")
	testkit.OK(t, err)
	t.Cleanup(func() { testkit.OK(t, os.RemoveAll(dir)) })
	testkit.OK(t, os.WriteFile(filepath.Join(dir, "app.conf"), []byte("pool=20\n"), 0o600))
	for _, folder := range []string{"short", "long", "shared", "volume", "stays", "folder with blank"} {
		testkit.OK(t, os.Mkdir(filepath.Join(dir, folder), 0o755))
	}
	return dir
}

// With -v, the engine makes an empty folder in the place of whatever is missing, and calls that a success.
func TestRestoreRefusesBindsWhoseSourceIsGone(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	dir, image := hostThings(t), s.Image("good", `ENTRYPOINT ["/app"]`)
	s.Docker("run", "--detach", "--name", s.Name("donor"), "--volume", dir+"/shared:/shared", image)
	s.Docker("volume", "create", "--opt", "type=none", "--opt", "o=bind", "--opt", "device="+dir+"/volume", s.Name("led"))
	name := s.Name("api")
	id := s.Run(name, "--volume", dir+"/app.conf:/etc/app.conf:ro", "--volume", dir+"/short:/short", "--mount", "type=bind,source="+dir+"/long,target=/long",
		"--volume", dir+"/stays:/stays", "--volume", dir+"/folder with blank:/blank", "--volumes-from", s.Name("donor"), "--volume", s.Name("led")+":/led", image)
	spec := keep(t, s, id, false)
	spec.Replaces = id
	e, ctx := s.Engine(), t.Context()
	if finding, err := e.Check(ctx, name, spec); err != nil || len(finding.Problems) > 0 {
		t.Fatalf("while all is there: %q, %v", finding.Problems, err)
	}

	for _, gone := range []string{"app.conf", "short", "long", "shared", "volume", "folder with blank"} {
		testkit.OK(t, os.RemoveAll(filepath.Join(dir, gone)))
	}
	finding, err := e.Check(ctx, name, spec)
	testkit.OK(t, err)
	want := []string{
		dir + "/app.conf of the host is gone, and /etc/app.conf would come back as an empty folder",
		dir + "/folder with blank of the host is gone, and /blank would come back as an empty folder",
		dir + "/long of the host is gone, and /long would come back as an empty folder",
		dir + "/shared of the host is gone, and /shared would come back as an empty folder",
		dir + "/short of the host is gone, and /short would come back as an empty folder",
		dir + "/volume of the host is gone, to which volume " + s.Name("led") + " leads",
	}
	if !slices.Equal(finding.Problems, want) {
		t.Errorf("problems %q, want %q", finding.Problems, want)
	}
	if _, err := e.Create(ctx, name+".snapback-1", spec); !errors.Is(err, snapshot.ErrNotRestorable) || !strings.Contains(err.Error(), want[0]) {
		t.Errorf("creating it all the same: %v", err)
	}
	left, err := os.ReadDir(dir)
	testkit.OK(t, err)
	if len(left) != 1 {
		t.Errorf("something was made in %v", left)
	}
}

// TestCreateRefusesAVolumeThatHasGoneSinceThePreflight, which the engine would make anew.
func TestCreateRefusesAVolumeThatHasGoneSinceThePreflight(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	name, volume := s.Name("api"), s.Name("data")
	id := s.Run(name, "--volume", volume+":/data", s.Image("good", `ENTRYPOINT ["/app"]`))
	spec := keep(t, s, id, false)
	s.Docker("rm", "--force", id)
	e, ctx := s.Engine(), t.Context()
	if finding, err := e.Check(ctx, name, spec); err != nil || len(finding.Problems) > 0 {
		t.Fatalf("while it is there: %q, %v", finding.Problems, err)
	}
	s.Docker("volume", "rm", volume)
	if _, err := e.Create(ctx, name, spec); !errors.Is(err, snapshot.ErrNotRestorable) || !strings.Contains(err.Error(), "volume "+volume+" is gone, and would come back empty") {
		t.Errorf("creating it all the same: %v", err)
	}
	if left := s.Docker("volume", "ls", "--quiet", "--filter", "name="+volume); strings.TrimSpace(left) != "" {
		t.Errorf("it was made: %s", left)
	}
}

func TestRestoreRefusesDevicesThatAreGone(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	dir, err := os.MkdirTemp("/dev/shm", "sbt-host") // the docker command wants them below /dev
	testkit.OK(t, err)
	t.Cleanup(func() { testkit.OK(t, os.RemoveAll(dir)) })
	testkit.OK(t, os.Symlink("/dev/null", dir+"/stick"))
	name := s.Name("api")
	id := s.Docker("create", "--name", name, "--label", "snapback.enable=true", "--device", dir+"/stick:/dev/stick", s.Image("good", `ENTRYPOINT ["/app"]`))
	spec := keep(t, s, id, false)
	var doc map[string]any
	testkit.OK(t, json.Unmarshal(spec.Document, &doc))
	within(doc, "HostConfig")["BlkioDeviceReadBps"] = []any{map[string]any{"Path": dir + "/disk", "Rate": 1 << 20}} // few kernels can
	spec.Document, err = json.Marshal(doc)
	testkit.OK(t, err)
	testkit.OK(t, os.Remove(dir+"/stick"))
	finding, err := s.Engine().Check(t.Context(), name, spec)
	testkit.OK(t, err)
	want := []string{"the name " + name + " belongs to another container now", "device " + dir + "/stick of the host is gone", "device " + dir + "/disk of the host, whose use is limited, is gone"}
	if !slices.Equal(finding.Problems, want) {
		t.Errorf("problems %q, want %q", finding.Problems, want)
	}
}
