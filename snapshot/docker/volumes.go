package docker

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/snapback/snapback/internal/volumetar"
	"github.com/snapback/snapback/snapshot"
)

// Mounts lists what a container has mounted, and why other mounts can't be archived. Paths nil: all its volumes. What is
// mounted read-only the container can't have changed, and is left out.
func (e *Engine) Mounts(ctx context.Context, id string, paths []string) (mounts []snapshot.Mount, left []string, err error) {
	var d document
	err = again(ctx, func() (err error) { d, err = e.allowed(ctx, id); return err })
	if err != nil {
		return nil, nil, err
	}
	found := map[string]bool{}
	for _, m := range d.Mounts {
		at := path.Clean(m.Destination)
		wanted := paths == nil && m.Type == "volume" || slices.Contains(paths, at)
		if !wanted {
			continue
		}
		found[at] = true
		if why := m.whyNot(); why != "" {
			left = append(left, at+" "+why)
			continue
		}
		mounts = append(mounts, m.mount())
	}
	for _, p := range paths {
		if !found[p] {
			left = append(left, p+" is not mounted")
		}
	}
	slices.SortFunc(mounts, func(x, y snapshot.Mount) int { return strings.Compare(x.Path, y.Path) })
	return mounts, left, nil
}

func (m mountPoint) mount() snapshot.Mount {
	out := snapshot.Mount{Path: path.Clean(m.Destination), Type: m.Type, Source: m.Name}
	if m.Type == "bind" {
		out.Source = m.Source
	}
	return out
}

func (m mountPoint) whyNot() string {
	switch {
	case m.Type != "volume" && m.Type != "bind":
		return "is neither a volume nor a bind"
	case !m.RW:
		return "is mounted read-only"
	case m.Type == "bind" && forbidden(m.Source):
		return "is " + m.Source + " of the host, which is not to be replaced"
	}
	return ""
}

// Users lists other running containers that have one of the mounts as well, or a part of it. Of these only the list and
// the state are read: they may not be enabled.
func (e *Engine) Users(ctx context.Context, mounts []snapshot.Mount, except ...string) ([]string, error) {
	rows, err := e.rows(ctx, filters.NewArgs())
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(row container.Summary) bool {
		return slices.Contains(except, row.ID) || row.Labels[helperLabel] != "" || !mountsAny(row, mounts)
	})
	states, err := e.states(ctx, idsOf(rows))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, row := range rows {
		if snapshot.Alive(states[row.ID]) {
			out = append(out, nameOf(row))
		}
	}
	slices.Sort(out)
	return out, nil
}

func mountsAny(row container.Summary, mounts []snapshot.Mount) bool {
	return slices.ContainsFunc(row.Mounts, func(point container.MountPoint) bool {
		theirs := mountPoint{Type: string(point.Type), Name: point.Name, Source: point.Source}.mount()
		return slices.ContainsFunc(mounts, func(m snapshot.Mount) bool { return overlaps(m, theirs) })
	})
}

func overlaps(a, b snapshot.Mount) bool {
	if a.Type != b.Type {
		return false
	}
	return a.Source == b.Source || a.Type == "bind" && (under(a.Source, b.Source) || under(b.Source, a.Source))
}

// has checks, right before a mount's contents are moved, that the container is enabled and has it.
func (e *Engine) has(ctx context.Context, id string, m snapshot.Mount) error {
	d, err := e.allowed(ctx, id)
	if err != nil {
		return err
	}
	mine := func(point mountPoint) bool {
		there := point.mount()
		return there.Type == m.Type && there.Source == m.Source && point.whyNot() == ""
	}
	if !slices.ContainsFunc(d.Mounts, mine) {
		return fmt.Errorf("%s does not have %s mounted: %w", d.Name, m.Source, snapshot.ErrGone)
	}
	if m.Type != "volume" {
		return nil
	}
	there, err := e.HasVolume(ctx, m.Source)
	if err == nil && !there { // a helper would make an empty one
		err = fmt.Errorf("volume %s: %w", m.Source, snapshot.ErrGone)
	}
	return err
}

// Pack implements capture.Contents.
func (e *Engine) Pack(ctx context.Context, id string, m snapshot.Mount, w io.Writer) (snapshot.Packed, error) {
	if err := again(ctx, func() error { return e.has(ctx, id, m) }); err != nil {
		return snapshot.Packed{}, err
	}
	name := e.helperRepo + "-pack-" + strings.ToLower(rand.Text()[:16])
	report, err := e.move(ctx, name, "pack", m, nil, w)
	if err != nil {
		return snapshot.Packed{}, fmt.Errorf("reading %s: %w", m.Path, err)
	}
	if report.File {
		return snapshot.Packed{}, fmt.Errorf("reading %s: %w", m.Path, snapshot.ErrNoFolder)
	}
	return packed(report), nil
}

func packed(r volumetar.Report) snapshot.Packed {
	p := snapshot.Packed{Entries: r.Entries, Content: r.Bytes, Left: r.Left}
	if r.More > 0 {
		p.Left = append(p.Left, fmt.Sprintf("%d more", r.More))
	}
	return p
}

// Unpack implements capture.Contents. The helper's name is the mount's, so that there is never more than one: the former is removed.
func (e *Engine) Unpack(ctx context.Context, id string, m snapshot.Mount, r io.Reader) error {
	if err := again(ctx, func() error { return e.has(ctx, id, m) }); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(m.Type + " " + m.Source))
	name := e.helperRepo + "-unpack-" + hex.EncodeToString(sum[:8])
	if _, err := e.move(ctx, name, "unpack", m, r, io.Discard); err != nil {
		return fmt.Errorf("filling %s: %w", m.Path, err)
	}
	return nil
}

// Pause freezes the container's processes. It does nothing to one that is paused already, or does not run.
func (e *Engine) Pause(ctx context.Context, id string) (bool, error) {
	d, err := e.expendable(ctx, id)
	if err != nil || d.State.Status != "running" {
		return false, err
	}
	err = frozen(ctx, func() error { return e.cli.ContainerPause(ctx, id) })
	if errors.Is(err, cerrdefs.ErrConflict) { // it has just ended, or been paused
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("pausing %s: %w", d.Name, d.known(err, snapshot.ErrGone))
	}
	return true, nil
}
