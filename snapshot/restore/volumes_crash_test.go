package restore_test

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/restore"
)

// TestRestoreWithVolumesSurvivesEveryCrash ends the bot before and in the middle of every act on the volumes, and starts
// another one on the same data folder.
func TestRestoreWithVolumesSurvivesEveryCrash(t *testing.T) {
	for _, point := range []string{"keeping", "kept", "first", "first half", "second", "second half", "put"} {
		t.Run(point, func(t *testing.T) { testCrash(t, snapshottest.SetupVolumes(t), point, false) })
	}
	for _, point := range []string{"first half", "put", "later", "later half", "back"} {
		t.Run(point+", and the replacement dies", func(t *testing.T) { testCrash(t, snapshottest.SetupVolumes(t), point, true) })
	}
}

func testCrash(t *testing.T, v *snapshottest.VolumeKit, point string, dies bool) {
	good := v.AppImage
	if dies {
		v.AppImage = v.Image("dies", `CMD ["/app", "no-such-command"]`)
	}
	second := []string{"--volume", v.Name("second") + ":/second"}
	v.RunAPI(second...)
	v.Put("/data/file", "good")
	v.Put("/second/file", "good")
	snap := v.Take(v.API)
	v.Docker("rm", "-f", v.API)
	v.AppImage = good
	v.RunAPI(second...)
	v.Put("/data/file", "bad")
	v.Put("/second/file", "bad")
	v.Put("/second/only-after", "bad")

	crash := &crashing{VolumeEngine: v.Faulty, vault: v.Vault, point: point, crashed: make(chan struct{})}
	v.Volumes.Engine = crash
	v.Volumes.Vault = crashingVault{v.Vault, crash}
	r, err := v.Ask(snap.Name)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-crash.crashed:
	case <-time.After(2 * time.Minute):
		t.Fatal("it never came to that point")
	}
	v.Stop(v.Restorer) // every act fails from the crash on, so nothing is done any more
	v.Wire()
	r = v.Wait(r.ID)
	if dies {
		if r.State != restore.Reverted {
			t.Fatalf("%s: %s", r.State, r.Error)
		}
		v.Expect(map[string]string{"/data/file": "bad", "/second/file": "bad", "/second/only-after": "bad"})
	} else {
		if r.State != restore.Verified {
			t.Fatalf("%s: %s", r.State, r.Error)
		}
		v.Expect(map[string]string{"/data/file": "good", "/second/file": "good", "/second/only-after": ""})
		undo, err := v.Restorer.Undo(t.Context(), r.ID, v.By(), "")
		if err != nil {
			t.Fatal(err)
		}
		if undo = v.Wait(undo.ID); undo.State != restore.Verified {
			t.Fatalf("%s: %s", undo.State, undo.Error)
		}
		v.Expect(map[string]string{"/data/file": "bad", "/second/file": "bad", "/second/only-after": "bad"})
	}
	v.NoHelpers()
}

// crashing is an engine whose bot dies at a point: from then on every call says that the engine is away, which is no
// verdict on the restore.
type crashing struct {
	capture.VolumeEngine
	vault   capture.Vault
	point   string
	packs   atomic.Int32
	unpacks atomic.Int32
	dead    atomic.Bool
	crashed chan struct{} // closed at the crash
}

func (c *crashing) at(point string) error {
	if point == c.point && c.dead.CompareAndSwap(false, true) {
		close(c.crashed)
	}
	if c.dead.Load() {
		return snapshot.ErrEngineAway
	}
	return nil
}

func (c *crashing) Pack(ctx context.Context, id string, m snapshot.Mount, w io.Writer) (snapshot.Packed, error) {
	if n := c.packs.Add(1); n == 2 {
		if err := c.at("keeping"); err != nil {
			return snapshot.Packed{}, err
		}
	}
	return c.VolumeEngine.Pack(ctx, id, m, w)
}

func (c *crashing) Unpack(ctx context.Context, id string, m snapshot.Mount, r io.Reader) error {
	name := []string{"first", "second", "later"}[min(c.unpacks.Add(1)-1, 2)]
	if err := c.at(name); err != nil {
		return err
	}
	if c.point == name+" half" {
		_ = c.VolumeEngine.Unpack(ctx, id, m, io.LimitReader(r, 150))
		return c.at(name + " half")
	}
	return c.VolumeEngine.Unpack(ctx, id, m, r)
}

func (c *crashing) Users(ctx context.Context, mounts []snapshot.Mount, except ...string) ([]string, error) {
	if c.dead.Load() {
		return nil, snapshot.ErrEngineAway
	}
	return c.VolumeEngine.Users(ctx, mounts, except...)
}

type crashingVault struct {
	capture.Vault
	c *crashing
}

func (v crashingVault) Mark(set, step string) error {
	if err := v.c.at(map[string]string{"begun": "kept"}[step]); err != nil {
		return err
	}
	if err := v.Vault.Mark(set, step); err != nil {
		return err
	}
	return v.c.at(step)
}
