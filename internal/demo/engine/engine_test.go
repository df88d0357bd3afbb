package engine_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"

	"github.com/snapback/snapback/internal/demo/engine"
)

// program builds the shop as a static program.
func program(t *testing.T) engine.Program {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "shop")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", exe, "./testdata/shop")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the shop: %v\n%s", err, out)
	}
	return engine.Program{Executable: exe, Busybox: "/bin/busybox"}
}

// setup is an engine for a run of its own, which is empty again after the test.
func setup(t *testing.T) (*engine.Engine, string, *client.Client) {
	t.Helper()
	run := "t" + strings.ToLower(rand.Text()[:10])
	e, err := engine.New(t.Context(), "", run)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.Cleanup(ctx); err != nil {
			t.Error(err)
		}
		_, _ = e.Close(), raw.Close()
	})
	return e, run, raw
}

// version waits until the shop answers, and returns the version that it names.
func version(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", nil)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("nobody answers at %s", url)
		}
	}
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.Header.Get("X-Shop-Version")
}

func TestADeployReplacesTheShopAndCleanupLeavesNothing(t *testing.T) {
	t.Parallel()
	e, run, raw := setup(t)
	ctx := t.Context()
	p := program(t)
	for _, v := range []string{"1.41-" + run, "1.42-" + run} {
		if err := e.Import(ctx, v, p); err != nil {
			t.Fatal(err)
		}
	}
	at, err := engine.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	name := "shop-" + run
	for _, d := range []struct{ version, pool string }{{"1.41-" + run, "20"}, {"1.42-" + run, "2"}} {
		err := e.Deploy(ctx, engine.Deployment{
			Name: name, Version: d.version, Port: at,
			Env: map[string]string{"DB_POOL": d.pool}, Labels: map[string]string{"snapback.enable": "true"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := version(t, "http://"+at.String()); got != d.version {
			t.Errorf("after deploying %s the shop says %s", d.version, got)
		}
		s, err := e.Look(ctx, name)
		if err != nil || s.Version != d.version || s.Pool != d.pool || s.State != "running" || s.Image != e.Ref(d.version) {
			t.Errorf("status: %+v, %v", s, err)
		}
	}
	keep(t, raw, e, name)
	if _, err := raw.VolumeCreate(t.Context(), volume.CreateOptions{Name: "duplicate-" + run, Labels: map[string]string{engine.Label: run}}); err != nil {
		t.Fatal(err)
	}
	if err := e.Cleanup(ctx); err != nil {
		t.Error(err)
	}
	nothingLeft(t, raw, run)
}

// keep renames the shop, as a restore does with the container from before.
func keep(t *testing.T, raw *client.Client, e *engine.Engine, name string) {
	t.Helper()
	if err := raw.ContainerRename(t.Context(), name, name+".before-0347"); err != nil {
		t.Fatal(err)
	}
	s, err := e.Look(t.Context(), name)
	if err != nil || s.State != "absent" || len(s.Kept) != 1 || s.Kept[0] != name+".before-0347" {
		t.Errorf("status after the rename: %+v, %v", s, err)
	}
}

func nothingLeft(t *testing.T, raw *client.Client, run string) {
	t.Helper()
	ours := filters.NewArgs(filters.Arg("label", engine.Label+"="+run))
	containers, err := raw.ContainerList(t.Context(), container.ListOptions{All: true, Filters: ours})
	if err != nil || len(containers) > 0 {
		t.Errorf("containers left: %v, %v", containers, err)
	}
	images, err := raw.ImageList(t.Context(), image.ListOptions{Filters: ours})
	if err != nil || len(images) > 0 {
		t.Errorf("images left: %v, %v", images, err)
	}
	volumes, err := raw.VolumeList(t.Context(), volume.ListOptions{Filters: ours})
	if err != nil || len(volumes.Volumes) > 0 {
		t.Errorf("volumes left: %v, %v", volumes.Volumes, err)
	}
}

func TestTheImageHasAShell(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/bin/busybox"); err != nil {
		t.Skip("no busybox on this machine")
	}
	e, run, raw := setup(t)
	p := program(t)
	p.Args = []string{"demo-shop"}
	if err := e.Import(t.Context(), "sh-"+run, p); err != nil {
		t.Fatal(err)
	}
	made, err := raw.ContainerCreate(t.Context(), &container.Config{
		Image: e.Ref("sh-" + run), Entrypoint: []string{"sh", "-c", `id -u; test "$SHOP_VERSION" = "sh-` + run + `"`},
		Labels: map[string]string{engine.Label: run},
	}, nil, nil, nil, "sh-"+run)
	if err != nil {
		t.Fatal(err)
	}
	ended, failed := raw.ContainerWait(t.Context(), made.ID, container.WaitConditionNextExit)
	if err := raw.ContainerStart(t.Context(), made.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	select {
	case s := <-ended:
		if s.StatusCode != 0 {
			t.Errorf("the shell ended with %d", s.StatusCode)
		}
	case err := <-failed:
		t.Error(err)
	}
	inspected, err := raw.ImageInspect(t.Context(), e.Ref("sh-"+run))
	if err != nil || strings.Join(inspected.Config.Entrypoint, " ") != "/shop demo-shop" || inspected.Config.User != "65534:65534" {
		t.Errorf("image: %+v, %v", inspected.Config, err)
	}
}

func TestAFreeNameStepsAside(t *testing.T) {
	t.Parallel()
	e, run, raw := setup(t)
	p := program(t)
	if err := e.Import(t.Context(), run, p); err != nil {
		t.Fatal(err)
	}
	name := "taken-" + run
	if got, err := e.FreeName(t.Context(), name); got != name || err != nil {
		t.Errorf("free: %s, %v", got, err)
	}
	_, err := raw.ContainerCreate(t.Context(), &container.Config{Image: e.Ref(run), Labels: map[string]string{engine.Label: run}}, nil, nil, nil, name)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := e.FreeName(t.Context(), name); got != name+"-"+run || err != nil {
		t.Errorf("taken: %s, %v", got, err)
	}
}
