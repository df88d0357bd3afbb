package docker

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/volume"
	"golang.org/x/sync/errgroup"

	"github.com/snapback/snapback/snapshot"
)

// A bind whose source is gone is not refused by the engine: it makes an empty folder there, which belongs to root, also in
// the place of a file. A device that is gone is refused at the start, when the old container has been stopped. So a restore
// looks for both before.

// hostPath is something of the host that a document refers to.
type hostPath struct {
	path string
	gone string // what to say when it is
}

// hostPaths lists what has to be there so that the container comes up with what it had.
func (d document) hostPaths() []hostPath {
	out := d.bindSources()
	for _, p := range d.HostConfig.Devices {
		out = append(out, hostPath{p.PathOnHost, fmt.Sprintf("device %s of the host is gone", said(p.PathOnHost))})
	}
	for _, limited := range [][]limitedDevice{
		d.HostConfig.BlkioWeightDevice, d.HostConfig.BlkioDeviceReadBps, d.HostConfig.BlkioDeviceWriteBps,
		d.HostConfig.BlkioDeviceReadIOps, d.HostConfig.BlkioDeviceWriteIOps,
	} {
		for _, l := range limited {
			out = append(out, hostPath{l.Path, fmt.Sprintf("device %s of the host, whose use is limited, is gone", said(l.Path))})
		}
	}
	return slices.DeleteFunc(out, func(p hostPath) bool { return !path.IsAbs(p.path) })
}

func (d document) bindSources() []hostPath {
	var out []hostPath
	for _, m := range d.Mounts {
		if m.Type == "bind" {
			source := d.stated(m)
			out = append(out, hostPath{source, fmt.Sprintf("%s of the host is gone, and %s would come back as an empty folder", said(source), said(m.Destination))})
		}
	}
	slices.SortFunc(out, func(a, b hostPath) int { return strings.Compare(a.gone, b.gone) })
	return out
}

// stated is a bind's source in the words of whoever made the container: an engine in a virtual machine may show another.
func (d document) stated(m mountPoint) string {
	at := path.Clean(m.Destination)
	for _, bind := range d.HostConfig.Binds {
		if source, target := splitBind(bind); target == at && path.IsAbs(source) {
			return source
		}
	}
	for _, spec := range d.HostConfig.Mounts {
		if spec.Type == "bind" && path.Clean(spec.Target) == at && spec.Source != "" {
			return spec.Source
		}
	}
	return m.Source
}

// bound is where a volume leads that is in truth a folder of the host.
func bound(v volume.Volume) (hostPath, bool) {
	device := v.Options["device"]
	if v.Driver != "local" || !slices.Contains(strings.Split(v.Options["o"], ","), "bind") || !path.IsAbs(device) {
		return hostPath{}, false
	}
	return hostPath{device, fmt.Sprintf("%s of the host is gone, to which volume %s leads", said(device), said(v.Name))}, true
}

// missing says what is gone, in the order of the paths.
func (e *Engine) missing(ctx context.Context, paths []hostPath) ([]string, error) {
	var mu sync.Mutex
	gone := map[string]bool{}
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, p := range paths {
		group.Go(func() error {
			there, err := e.hasPath(gctx, p.path)
			mu.Lock()
			defer mu.Unlock()
			gone[p.path] = !there
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var out []string
	for _, p := range paths {
		if gone[p.path] {
			out = append(out, p.gone)
		}
	}
	return out, nil
}

// noImage is one that there can't be.
var noImage = "sha256:" + strings.Repeat("0", 64)

// hasPath says whether the host has a path. The engine can't be asked that, but it looks at a bind of the "mount" form before
// it looks for the image: whether the path is there or not, the create is refused, and makes nothing.
func (e *Engine) hasPath(ctx context.Context, p string) (bool, error) {
	body := map[string]any{
		"Image":      noImage,
		"HostConfig": map[string]any{"Mounts": []map[string]any{{"Type": "bind", "Source": p, "Target": "/looked-for"}}},
	}
	err := e.post(ctx, "/containers/create", nil, body, nil)
	switch {
	case notFound(err):
		return true, nil
	case cerrdefs.IsInvalidArgument(err) && (strings.Contains(err.Error(), "does not exist") || strings.Contains(err.Error(), "not a directory")):
		return false, nil
	case err == nil:
		err = errors.New("the engine made a container of an image that there can't be")
	}
	return false, fmt.Errorf("looking for %s on the host: %w", said(p), known(err, nil))
}

// refuseGone is for right before a create, which may be a while after the preflight, and makes anew, and empty, what is gone.
func (e *Engine) refuseGone(ctx context.Context, d document) error {
	gone, err := e.missing(ctx, d.hostPaths())
	if err != nil {
		return err
	}
	for _, name := range d.named() {
		there, err := e.HasVolume(ctx, name)
		if err != nil {
			return err
		}
		if !there {
			gone = append(gone, goneVolume(name))
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", snapshot.ErrNotRestorable, strings.Join(gone, "; "))
}

func goneVolume(name string) string {
	return fmt.Sprintf("volume %s is gone, and would come back empty", said(name))
}
