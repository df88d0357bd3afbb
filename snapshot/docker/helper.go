package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/snapback/snapback/internal/volumetar"
	"github.com/snapback/snapback/snapshot"
)

// The engine's own archive call leaves out extended attributes and holes, follows mounts below the one that is meant,
// and can't remove anything. So contents are moved by a helper: a container that has the volume mounted and nothing else,
// from an image that holds nothing but this program. The image is made when it is first needed; nothing is pulled.
// Another helper says beforehand which folder of the host is meant, and has the host's root mounted for that: see meant.
//
// A helper has no network, a read-only root, and no privileges but those over files. It removes itself when it ends. One
// whose bot has died reads the end of its input, or writes to nobody, and ends as well.

const (
	helperLabel = "snapback.helper"
	helperRepo  = "snapback-helper"
)

// Of helpers docs/limits.md tells these.
const (
	helperStall = 2 * time.Minute  // without a sign of getting on it is taken for stuck
	helperGone  = 30 * time.Second // how long the engine may take to remove one
)

// capabilities are those over files, which the contents of a volume take.
var capabilities = []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP"}

// task is what a helper is to do, and with what.
type task struct {
	name  string
	args  []string
	mount mount.Mount
	path  string // of the mount in its container, for people
	reads bool   // it has no input
}

// moves says that contents are read or replaced. What a mount leads to is only looked at.
func (t task) moves() bool { return t.args[0] != "find" }

// createHelper makes the container of a helper. What a try before this one may have made under the name is removed first.
func (e *Engine) createHelper(ctx context.Context, t task) (string, error) {
	ref, err := e.helperImage(ctx)
	if err != nil {
		return "", err
	}
	config := &container.Config{
		Image: ref, Cmd: t.args, User: "0:0", Labels: map[string]string{helperLabel: t.args[0]}, NetworkDisabled: true,
		AttachStdout: true, AttachStderr: true, AttachStdin: !t.reads, OpenStdin: !t.reads, StdinOnce: !t.reads,
	}
	host := &container.HostConfig{
		AutoRemove: true, NetworkMode: "none", ReadonlyRootfs: true, CapDrop: []string{"ALL"}, CapAdd: capabilities,
		SecurityOpt: []string{"no-new-privileges", "label=disable"}, LogConfig: container.LogConfig{Type: "none"},
		Mounts: []mount.Mount{t.mount},
	}
	if err := e.removeFormer(ctx, t.name); err != nil {
		return "", err
	}
	made, err := e.cli.ContainerCreate(ctx, config, host, nil, nil, t.name)
	if err != nil {
		return "", fmt.Errorf("creating a helper for %s: %w", t.path, known(err, snapshot.ErrGone))
	}
	return made.ID, nil
}

// removeFormer removes the helper that was at the same work before. A name is anybody's to take: what bears it goes only
// if it is a helper, and by its ID.
func (e *Engine) removeFormer(ctx context.Context, name string) error {
	d, _, err := e.look(ctx, name)
	if errors.Is(err, snapshot.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	if d.Config.Labels[helperLabel] == "" || d.Name != name {
		return fmt.Errorf("container %s has a helper's name and is none: rename or remove it", name)
	}
	return e.removeHelper(ctx, d.ID)
}

// removeHelper also works when ctx is over, which may be why.
func (e *Engine) removeHelper(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), helperGone)
	defer cancel()
	return again(ctx, func() error { return e.removeHelperOnce(ctx, id) })
}

func (e *Engine) removeHelperOnce(ctx context.Context, id string) error {
	err := e.cli.ContainerRemove(ctx, id, container.RemoveOptions{Force: true})
	if err == nil || notFound(err) {
		return nil
	}
	if !cerrdefs.IsConflict(err) {
		return fmt.Errorf("removing a helper: %w", known(err, nil))
	}
	done, errs := e.cli.ContainerWait(ctx, id, container.WaitConditionRemoved)
	select {
	case <-done:
		return nil
	case err := <-errs:
		if notFound(err) {
			return nil
		}
		return fmt.Errorf("waiting until a helper is removed: %w", known(err, nil))
	}
}

// do has a helper do a task with the given streams, and returns what it reported. in nil: it has no input. It returns
// ErrUnsafeMount when the helper has refused, and ErrLostReport. As long as nothing has moved, it is tried again where the engine has failed.
func (e *Engine) do(ctx context.Context, t task, in io.Reader, out io.Writer) (report volumetar.Report, err error) {
	t.reads = in == nil
	var broke error // what can't be tried again
	err = again(ctx, func() error {
		id, err := e.createHelper(ctx, t)
		if err != nil {
			return err
		}
		run := helperRun{engine: e, id: id, in: in, out: out}
		report, err = run.all(ctx)
		err = e.endHelper(ctx, t, id, err)
		if run.begun && (t.moves() || !errors.Is(err, snapshot.ErrLostReport)) {
			broke, err = err, nil
		}
		return err
	})
	if err = errors.Join(broke, err); err == nil && report.Refused != "" {
		err = fmt.Errorf("%s: %w %s", t.path, snapshot.ErrUnsafeMount, report.Refused)
	}
	return report, err
}

// endHelper removes a helper that has done its work, or failed with err. One that has done it has ended, and is removed later if that
// fails now: what it has moved is whole.
func (e *Engine) endHelper(ctx context.Context, t task, id string, err error) error {
	left := e.removeHelper(ctx, id)
	if err == nil && left != nil {
		e.log.WarnContext(ctx, "a helper that has done its work is left for later", "container", t.name, "err", left)
		return nil
	}
	return errors.Join(err, left)
}

// move has a helper read or fill a mount.
func (e *Engine) move(ctx context.Context, name, act string, m snapshot.Mount, in io.Reader, out io.Writer) (volumetar.Report, error) {
	place, err := e.meant(ctx, m)
	if err != nil {
		return volumetar.Report{}, err
	}
	t := task{name: name, args: []string{act}, path: m.Path, mount: mount.Mount{
		Type: mount.Type(m.Type), Source: m.Source, Target: volumetar.Mount, ReadOnly: in == nil,
	}}
	if place != nil {
		t.args = append(t.args, place.String())
	}
	if m.Type == "volume" {
		t.mount.VolumeOptions = &mount.VolumeOptions{NoCopy: true}
	}
	return e.do(ctx, t, in, out)
}
