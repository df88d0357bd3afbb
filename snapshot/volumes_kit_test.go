package snapshot_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/vault"
)

// volumeKit is a kit whose bot moves volumes.
type volumeKit struct {
	*kit
	dir     string // the vault's
	vault   *vault.Vault
	engine  *faulty
	volumes *snapshot.Volumes
	image   string
	api     string
}

// faulty is the engine, of which a call can be made to fail.
type faulty struct {
	*docker.Engine
	unpack atomic.Pointer[func(n int) error] // asked before the nth unpacking, from 1; nil: all go well
	count  atomic.Int32
	packed atomic.Int32
	paused atomic.Int32
	during atomic.Pointer[func(context.Context)] // called while a volume is being read
}

func (f *faulty) Pack(ctx context.Context, id string, m snapshot.Mount, w io.Writer) (snapshot.Packed, error) {
	f.packed.Add(1)
	if do := f.during.Load(); do != nil {
		(*do)(ctx)
	}
	return f.Engine.Pack(ctx, id, m, w)
}

func (f *faulty) Pause(ctx context.Context, id string) (bool, error) {
	f.paused.Add(1)
	return f.Engine.Pause(ctx, id)
}

func (f *faulty) Unpack(ctx context.Context, id string, m snapshot.Mount, r io.Reader) error {
	n := int(f.count.Add(1))
	if fail := f.unpack.Load(); fail != nil {
		if err := (*fail)(n); err != nil {
			// Half of it is done before it fails.
			_ = f.Engine.Unpack(ctx, id, m, io.LimitReader(r, 200))
			return err
		}
	}
	return f.Engine.Unpack(ctx, id, m, r)
}

const testKeys = "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

func setupVolumes(t *testing.T) *volumeKit {
	t.Helper()
	v := &volumeKit{kit: setup(t), dir: t.TempDir()}
	v.stop(v.restorer) // it has the same name, and no vault
	engine, err := docker.New(t.Context(), docker.Config{HelperProgram: v.Program(), HelperImage: v.Name("helper"), Only: v.Only()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	v.engine = &faulty{Engine: engine}
	ring, err := keyring.Parse(testKeys)
	if err != nil {
		t.Fatal(err)
	}
	if v.vault, err = vault.New(vault.Config{Dir: filepath.Join(v.dir, "volumes"), Keys: ring, Limit: 0.999}); err != nil {
		t.Fatal(err)
	}
	v.wire()
	v.image, v.api = v.Image("good", `CMD ["/app"]`), v.Name("api")
	return v
}

// wire makes a taker and a restorer, as a bot that starts does.
func (v *volumeKit) wire() {
	v.volumes = snapshot.NewVolumes(snapshot.VolumesConfig{Engine: v.engine, Vault: v.vault, Used: v.db.VolumeSets, Freeze: time.Minute})
	v.taker = snapshot.NewTaker(snapshot.TakerConfig{Engine: v.engine, Ref: docker.Ref, Shelf: v.db, Audit: v.db, Volumes: v.volumes})
	v.restorer = snapshot.NewRestorer(snapshot.Config{Engine: v.engine, Journal: v.db, Shelf: v.db, Taker: v.taker, Volumes: v.volumes, Bot: "bot"})
	v.restorer.Start()
	r := v.restorer
	v.t.Cleanup(func() { v.stop(r) })
}

func (v *volumeKit) stop(r *snapshot.Restorer) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.Stop(ctx); err != nil {
		v.t.Error(err)
	}
}

// run starts the container with a named volume, an anonymous one, and whatever else args say.
func (v *volumeKit) run(args ...string) string {
	v.t.Helper()
	args = append([]string{"--volume", v.Name("data") + ":/data", "--label", "snapback.volumes=true"}, args...)
	return v.Run(v.api, append(args, v.image)...)
}

func (v *volumeKit) put(path, text string) {
	v.t.Helper()
	file := filepath.Join(v.t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
		v.t.Fatal(err)
	}
	v.Docker("cp", file, v.api+":"+path)
}

// get is what a file holds; "" when there is none.
func (v *volumeKit) get(path string) string {
	v.t.Helper()
	to := filepath.Join(v.t.TempDir(), "file")
	if out, err := v.Try("cp", v.api+":"+path, to); err != nil {
		if strings.Contains(out, "Could not find") || strings.Contains(out, "No such") || strings.Contains(out, "could not find") {
			return ""
		}
		v.t.Fatalf("reading %s: %v: %s", path, err, out)
	}
	text, err := os.ReadFile(to)
	if err != nil {
		v.t.Fatal(err)
	}
	return string(text)
}

func (v *volumeKit) expect(want map[string]string) {
	v.t.Helper()
	got := map[string]string{}
	for path := range want {
		got[path] = v.get(path)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		v.t.Errorf("files (-want +got):\n%s", diff)
	}
}

func (v *volumeKit) ask(name string) (snapshot.Restore, error) {
	c := v.container(v.api)
	return v.restorer.Request(v.t.Context(), snapshot.Ask{Container: c, Snapshot: name, Seen: c.ID, Volumes: true, By: v.by()})
}

func (v *volumeKit) restoreWith(name string) snapshot.Restore {
	v.t.Helper()
	r, err := v.ask(name)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.wait(r.ID)
}

// noHelpers: nothing that moved contents is left.
func (v *volumeKit) noHelpers() {
	v.t.Helper()
	if left := v.Docker("ps", "-a", "--filter", "name="+v.Name("helper"), "--format", "{{.Names}} {{.State}}"); left != "" {
		v.t.Errorf("helpers are left: %s", left)
	}
}

// goodAndBad takes a snapshot of good contents, and then deploys something that spoils them.
func (v *volumeKit) goodAndBad(args ...string) snapshot.Snapshot {
	v.t.Helper()
	v.run(append([]string{"--env", "V=1"}, args...)...)
	v.put("/data/file", "good")
	v.put("/data/only-before", "good")
	snap := v.take(v.api)
	v.Docker("rm", "-f", v.api)
	v.run(append([]string{"--env", "V=2"}, args...)...)
	v.put("/data/file", "bad")
	v.put("/data/only-after", "bad")
	return snap
}

var (
	goodFiles = map[string]string{"/data/file": "good", "/data/only-before": "good", "/data/only-after": ""}
	badFiles  = map[string]string{"/data/file": "bad", "/data/only-before": "good", "/data/only-after": "bad"}
)
