package capture_test

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/capture/vault"
)

// halfway is an engine and a vault that look at the meter in the middle of each volume.
type halfway struct {
	capture.VolumeEngine
	capture.Vault
	meter capture.Meter
	seen  []snapshot.Progress
}

func (h *halfway) look() {
	if p := h.meter.Progress(); p != nil {
		h.seen = append(h.seen, *p)
	}
}

func (h *halfway) Pack(_ context.Context, _ string, _ snapshot.Mount, w io.Writer) (snapshot.Packed, error) {
	_, err := w.Write(bytes.Repeat([]byte("x"), 1000))
	h.look()
	return snapshot.Packed{}, err
}

func (h *halfway) Unpack(_ context.Context, _ string, _ snapshot.Mount, r io.Reader) error {
	_, err := io.CopyN(io.Discard, r, 500)
	h.look()
	return err
}

func (h *halfway) Verify(ctx context.Context, set string, a snapshot.Archive, read io.Writer) error {
	err := h.Vault.Verify(ctx, set, a, read)
	h.look()
	return err
}

func (h *halfway) told() (seen []snapshot.Progress) {
	seen, h.seen = h.seen, nil
	return seen
}

func TestAMeterTellsOfEachVolumeHowMuchIsMoved(t *testing.T) {
	t.Parallel()
	kept, err := vault.New(vault.Config{Dir: filepath.Join(t.TempDir(), "volumes"), Keys: testkit.Ring(t), Limit: 0.999})
	testkit.OK(t, err)
	h := &halfway{Vault: kept}
	v := capture.NewVolumes(capture.VolumesConfig{Engine: h, Vault: h})
	mounts := []snapshot.Mount{{Path: "/one", Type: "volume", Source: "a"}, {Path: "/two", Type: "volume", Source: "b"}}
	stopped := func(context.Context) (snapshot.Consistency, error) { return snapshot.Stopped, nil }

	set, err := v.Archive(t.Context(), capture.NewSet(), []string{"id"}, mounts, &h.meter, stopped)
	testkit.OK(t, err)
	want := []snapshot.Progress{
		{Doing: snapshot.ArchivingVolume, Volume: 1, Of: 2, Path: "/one", Bytes: 1000},
		{Doing: snapshot.ArchivingVolume, Volume: 2, Of: 2, Path: "/two", Bytes: 1000},
	}
	if d := cmp.Diff(want, h.told()); d != "" {
		t.Errorf("archiving (-want +got):\n%s", d)
	}

	testkit.OK(t, v.Verify(t.Context(), set, &h.meter))
	one, two := set.Archives[0].Bytes, set.Archives[1].Bytes
	want = []snapshot.Progress{
		{Doing: snapshot.CheckingVolume, Volume: 1, Of: 2, Path: "/one", Bytes: one, Total: one},
		{Doing: snapshot.CheckingVolume, Volume: 2, Of: 2, Path: "/two", Bytes: two, Total: two},
	}
	if d := cmp.Diff(want, h.told()); d != "" {
		t.Errorf("checking (-want +got):\n%s", d)
	}

	fill := []capture.Filling{{Archive: set.Archives[0], To: mounts[0]}, {Archive: set.Archives[1], To: mounts[1]}}
	testkit.OK(t, v.Fill(t.Context(), set.ID, fill, []string{"id"}, &h.meter))
	want = []snapshot.Progress{
		{Doing: snapshot.FillingVolume, Volume: 1, Of: 2, Path: "/one", Bytes: 500, Total: one},
		{Doing: snapshot.FillingVolume, Volume: 2, Of: 2, Path: "/two", Bytes: 500, Total: two},
	}
	if d := cmp.Diff(want, h.told()); d != "" {
		t.Errorf("filling (-want +got):\n%s", d)
	}
	if p := h.meter.Progress(); p != nil {
		t.Errorf("afterwards: %s", p)
	}
}
