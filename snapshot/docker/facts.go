package docker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/filters"
	"golang.org/x/sync/errgroup"

	"github.com/snapback/snapback/snapshot"
)

// facts looks up what the document refers to, side by side.
func (e *Engine) facts(ctx context.Context, d document, spec snapshot.Spec) (facts, error) {
	f := facts{volumes: map[string]bool{}, networks: map[string]string{}, networkIDs: map[string]string{}, mounted: map[string]string{}, joined: map[string]string{}}
	if _, err := e.version(ctx); err != nil {
		return f, err
	}
	f.perNet = e.lately(endpointMACs)
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { f.image, err = e.imageName(gctx, d, spec); return err })
	group.Go(func() error { return e.networkNames(gctx, d, f.networks, f.networkIDs) })
	group.Go(func() error { return e.presentVolumes(gctx, d, f.volumes) })
	group.Go(func() error { return e.presentMounts(gctx, d, f.mounted) })
	group.Go(func() error { return e.presentModes(gctx, d, f.joined) })
	group.Go(func() (err error) { f.donors, err = e.donorsUnchanged(gctx, d); return err })
	return f, group.Wait()
}

// imageName is the first of three names for the image that means exactly the right one: the deploy's, ours, its ID.
func (e *Engine) imageName(ctx context.Context, d document, spec snapshot.Spec) (string, error) {
	for _, name := range []string{d.Config.Image, spec.ImageRef} {
		if !askable(name) {
			continue
		}
		id, err := e.imageOf(ctx, name)
		if err != nil {
			return "", err
		}
		if id == spec.ImageID {
			return name, nil
		}
	}
	return spec.ImageID, nil
}

// imageOf is the ID of the image that a name means, "" when there is none.
func (e *Engine) imageOf(ctx context.Context, name string) (string, error) {
	image, err := e.cli.ImageInspect(ctx, name)
	if notFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking up image %s: %w", name, known(err, nil))
	}
	return image.ID, nil
}

// networkNames finds each network that the document names, and the IDs of all that there are.
func (e *Engine) networkNames(ctx context.Context, d document, names, ids map[string]string) error {
	all, err := e.networks(ctx)
	if err != nil {
		return err
	}
	for _, n := range all {
		ids[n.Name] = n.ID
	}
	for name, n := range d.NetworkSettings.Networks {
		names[name] = name
		if !plain(name) {
			names[name] = all.find(name, n.NetworkID).Name
		}
	}
	return nil
}

func (e *Engine) presentVolumes(ctx context.Context, d document, into map[string]bool) error {
	for _, m := range d.unstated() {
		if m.Type != "volume" {
			continue
		}
		there, err := e.HasVolume(ctx, m.Name)
		if err != nil {
			return err
		}
		into[m.Name] = there
	}
	return nil
}

// presentModes says for each mode that names a container which ID it has now.
func (e *Engine) presentModes(ctx context.Context, d document, into map[string]string) error {
	for _, ref := range d.targets() {
		id, err := e.named(ctx, ref.name)
		if err != nil {
			return err
		}
		if id != "" {
			into[ref.mode] = "container:" + id
		}
	}
	return nil
}

// target is a container whose namespace the document's container shares.
type target struct {
	what string // network, process or IPC
	mode string
	name string // logical; the ID when the name was not kept
}

func (d document) targets() []target {
	var out []target
	for _, t := range []target{
		{"network", d.HostConfig.NetworkMode, d.Snapback.NetworkContainer},
		{"process", d.HostConfig.PidMode, d.Snapback.PidContainer},
		{"IPC", d.HostConfig.IpcMode, d.Snapback.IpcContainer},
	} {
		id, ok := joins(t.mode)
		if !ok {
			continue
		}
		if t.name == "" {
			t.name = id
		}
		out = append(out, t)
	}
	return out
}

// named finds a container by exact name or full ID. Only the list is asked: it may not be enabled. The ID is "" when
// there is none.
func (e *Engine) named(ctx context.Context, nameOrID string) (string, error) {
	if err := checkName(nameOrID); err != nil {
		return "", err
	}
	by := filters.Arg("name", "^/?"+strings.ReplaceAll(nameOrID, ".", `\.`)+"$")
	if fullID.MatchString(nameOrID) {
		by = filters.Arg("id", nameOrID)
	}
	rows, err := e.rows(ctx, filters.NewArgs(by))
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0].ID, nil
}

// donorsUnchanged says whether the containers of VolumesFrom still give all that they gave. Whatever is missing has to
// be mounted by name, and then all of it is.
func (e *Engine) donorsUnchanged(ctx context.Context, d document) (bool, error) {
	var given []string
	for _, from := range d.HostConfig.VolumesFrom {
		donor, _, _ := strings.Cut(from, ":")
		rows, err := e.donor(ctx, donor)
		if err != nil || rows == nil {
			return false, err
		}
		given = append(given, rows...)
	}
	for _, m := range d.inherited() {
		if !slices.Contains(given, m.what()) {
			return false, nil
		}
	}
	return true, nil
}

// donor lists what a container of VolumesFrom has mounted, as the engine's list tells it; nil when it is gone.
func (e *Engine) donor(ctx context.Context, nameOrID string) ([]string, error) {
	id, err := e.named(ctx, nameOrID)
	if err != nil || id == "" {
		return nil, err
	}
	rows, err := e.rows(ctx, filters.NewArgs(filters.Arg("id", id)))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	out := []string{}
	for _, m := range rows[0].Mounts {
		out = append(out, mountPoint{Type: string(m.Type), Name: m.Name, Source: m.Source, Destination: m.Destination}.what())
	}
	return out, nil
}

// what is mounted where. The list tells a volume's name only, and of a bind the source only.
func (m mountPoint) what() string {
	if m.Type == "volume" {
		return m.Destination + " volume " + m.Name
	}
	return m.Destination + " " + m.Type + " " + m.Source
}
