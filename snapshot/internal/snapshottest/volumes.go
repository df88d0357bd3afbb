package snapshottest

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

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/capture/vault"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/restore"
)

// Behind has the bot see the engine through a proxy whose list lags behind.
func (v *VolumeKit) Behind(p *enginefault.Proxy) {
	v.T.Helper()
	p.Lag()
	engine, err := docker.New(v.T.Context(), docker.Config{Host: p.Host(), HelperProgram: v.Program(), HelperImage: v.Name("helper"), Only: v.Only()})
	if err != nil {
		v.T.Fatal(err)
	}
	v.T.Cleanup(func() { _ = engine.Close() })
	v.Stop(v.Restorer)
	v.Faulty = &faulty{Engine: engine}
	v.Wire()
}

// VolumeKit is a kit whose bot moves volumes.
type VolumeKit struct {
	*Kit
	Dir      string // the vault's
	Vault    *vault.Vault
	Faulty   *faulty
	Volumes  *capture.Volumes
	AppImage string
	API      string
}

// faulty is the engine, of which a call can be made to fail.
type faulty struct {
	*docker.Engine
	FailUnpack atomic.Pointer[func(n int) error] // asked before the nth unpacking, from 1; nil: all go well
	count      atomic.Int32
	packed     atomic.Int32
	Paused     atomic.Int32
	LosePause  atomic.Bool                           // a container is frozen, and the answer is lost
	Away       atomic.Int32                          // how often the engine is away when a container is to run on
	Stuck      atomic.Bool                           // a commit leaves its container frozen
	Unseen     atomic.Pointer[error]                 // why it does not say what a container is; nil: it does
	During     atomic.Pointer[func(context.Context)] // called while a volume is being read
	Unheard    atomic.Int32                          // how often it loses what came of reading or filling a volume
}

func (f *faulty) Pack(ctx context.Context, id string, m snapshot.Mount, w io.Writer) (snapshot.Packed, error) {
	f.packed.Add(1)
	if do := f.During.Load(); do != nil {
		(*do)(ctx)
	}
	packed, err := f.Engine.Pack(ctx, id, m, w)
	if err == nil && f.Unheard.Add(-1) >= 0 {
		return snapshot.Packed{}, snapshot.ErrLostReport
	}
	return packed, err
}

func (f *faulty) Inspect(ctx context.Context, idOrName string) (snapshot.Inspection, error) {
	if err := f.Unseen.Load(); err != nil {
		return snapshot.Inspection{}, *err
	}
	return f.Engine.Inspect(ctx, idOrName)
}

func (f *faulty) Pause(ctx context.Context, id string) (bool, error) {
	f.Paused.Add(1)
	paused, err := f.Engine.Pause(ctx, id)
	if f.LosePause.Load() {
		return false, snapshot.ErrEngineAway
	}
	return paused, err
}

func (f *faulty) Resume(ctx context.Context, id string) error {
	if f.Away.Add(-1) >= 0 {
		return snapshot.ErrEngineAway
	}
	return f.Engine.Resume(ctx, id)
}

func (f *faulty) Commit(ctx context.Context, id, ref string, pause bool) (string, int64, error) {
	image, bytes, err := f.Engine.Commit(ctx, id, ref, pause)
	if f.Stuck.Load() {
		if _, pauseErr := f.Engine.Pause(ctx, id); pauseErr != nil {
			return "", 0, pauseErr
		}
	}
	return image, bytes, err
}

func (f *faulty) Unpack(ctx context.Context, id string, m snapshot.Mount, r io.Reader) error {
	n := int(f.count.Add(1))
	if fail := f.FailUnpack.Load(); fail != nil {
		if err := (*fail)(n); err != nil {
			// Half of it is done before it fails.
			_ = f.Engine.Unpack(ctx, id, m, io.LimitReader(r, 200))
			return err
		}
	}
	err := f.Engine.Unpack(ctx, id, m, r)
	if err == nil && f.Unheard.Add(-1) >= 0 {
		return snapshot.ErrLostReport
	}
	return err
}

const TestKeys = "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

func SetupVolumes(t *testing.T) *VolumeKit {
	t.Helper()
	v := &VolumeKit{Kit: Setup(t), Dir: t.TempDir()}
	v.Stop(v.Restorer) // it has the same name, and no vault
	engine, err := docker.New(t.Context(), docker.Config{HelperProgram: v.Program(), HelperImage: v.Name("helper"), Only: v.Only()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	v.Faulty = &faulty{Engine: engine}
	ring := testkit.RingOf(t, TestKeys)
	if v.Vault, err = vault.New(vault.Config{Dir: filepath.Join(v.Dir, "volumes"), Keys: ring, Limit: 0.999}); err != nil {
		t.Fatal(err)
	}
	v.Wire()
	v.AppImage, v.API = v.Image("good", `CMD ["/app"]`), v.Name("api")
	return v
}

// Wire makes a taker and a restorer, as a bot that starts does.
func (v *VolumeKit) Wire() {
	v.Volumes = capture.NewVolumes(capture.VolumesConfig{Engine: v.Faulty, Vault: v.Vault, Used: v.DB.VolumeSets, Freeze: time.Minute})
	v.Taker = capture.New(capture.Config{Engine: v.Faulty, Ref: docker.Ref, Store: v.DB, Lock: v.DB, Audit: v.DB, Volumes: v.Volumes})
	v.Restorer = restore.New(restore.Config{Engine: v.Faulty, Journal: v.DB, Snapshots: v.DB, Taker: v.Taker, Volumes: v.Volumes, Bot: "bot"})
	v.Restorer.Start()
	r := v.Restorer
	v.T.Cleanup(func() { v.Stop(r) })
}

func (v *VolumeKit) Stop(r *restore.Restorer) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.Stop(ctx); err != nil {
		v.T.Error(err)
	}
}

// RunAPI starts the container with a named volume, an anonymous one, and whatever else args say.
func (v *VolumeKit) RunAPI(args ...string) string {
	v.T.Helper()
	args = append([]string{"--volume", v.Name("data") + ":/data", "--label", "snapback.volumes=true"}, args...)
	return v.Run(v.API, append(args, v.AppImage)...)
}

func (v *VolumeKit) Put(path, text string) {
	v.T.Helper()
	file := filepath.Join(v.T.TempDir(), "file")
	if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
		v.T.Fatal(err)
	}
	v.Docker("cp", file, v.API+":"+path)
}

// get is what a file holds; "" when there is none.
func (v *VolumeKit) get(path string) string {
	v.T.Helper()
	to := filepath.Join(v.T.TempDir(), "file")
	if out, err := v.Try("cp", v.API+":"+path, to); err != nil {
		if strings.Contains(out, "Could not find") || strings.Contains(out, "No such") || strings.Contains(out, "could not find") {
			return ""
		}
		v.T.Fatalf("reading %s: %v: %s", path, err, out)
	}
	text, err := os.ReadFile(to)
	if err != nil {
		v.T.Fatal(err)
	}
	return string(text)
}

func (v *VolumeKit) Expect(want map[string]string) {
	v.T.Helper()
	got := map[string]string{}
	for path := range want {
		got[path] = v.get(path)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		v.T.Errorf("files (-want +got):\n%s", diff)
	}
}

func (v *VolumeKit) Ask(name string) (restore.Restore, error) {
	c := v.Container(v.API)
	return v.Restorer.Request(v.T.Context(), restore.Ask{Container: c, Snapshot: name, Seen: c.ID, Volumes: true, By: v.By()})
}

func (v *VolumeKit) RestoreWith(name string) restore.Restore {
	v.T.Helper()
	r, err := v.Ask(name)
	if err != nil {
		v.T.Fatal(err)
	}
	return v.Wait(r.ID)
}

// NoHelpers: nothing that moved contents is left.
func (v *VolumeKit) NoHelpers() {
	v.T.Helper()
	if left := v.Docker("ps", "-a", "--filter", "name="+v.Name("helper"), "--format", "{{.Names}} {{.State}}"); left != "" {
		v.T.Errorf("helpers are left: %s", left)
	}
}

// GoodAndBad takes a snapshot of good contents, and then deploys something that spoils them.
func (v *VolumeKit) GoodAndBad(args ...string) snapshot.Snapshot {
	v.T.Helper()
	v.RunAPI(append([]string{"--env", "V=1"}, args...)...)
	v.Put("/data/file", "good")
	v.Put("/data/only-before", "good")
	snap := v.Take(v.API)
	v.Docker("rm", "-f", v.API)
	v.RunAPI(append([]string{"--env", "V=2"}, args...)...)
	v.Put("/data/file", "bad")
	v.Put("/data/only-after", "bad")
	return snap
}
