package docker

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/volume"

	"github.com/snapback/snapback/internal/volumetar"
	"github.com/snapback/snapback/snapshot"
)

// vital are folders of the host that nobody means to have emptied and filled again, and inviolable those with all that is in them.
var (
	vital = []string{
		"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys", "/usr",
		"/var", "/var/lib", "/var/lib/containerd", "/var/lib/docker", "/var/run",
	}
	inviolable = []string{"/dev", "/proc", "/sys"}
)

// forbidden says that a path is one of those.
func forbidden(source string) bool {
	source = path.Clean(source)
	return slices.Contains(vital, source) || slices.ContainsFunc(inviolable, func(folder string) bool { return under(source, folder) })
}

// meant has a helper find out which folder of the host a mount leads to, before another one mounts it: a container that can
// write to a folder above can put a link in its place. It returns nil for what no path of the host leads to, and
// ErrUnsafeMount, ErrNoFolder, or ErrGone for a volume that is not there.
func (e *Engine) meant(ctx context.Context, m snapshot.Mount) (*volumetar.Place, error) {
	source, err := e.hostPath(ctx, m)
	if source == "" || err != nil {
		return nil, err
	}
	question, err := json.Marshal(volumetar.Question{Source: source, Vital: e.vitalHere(ctx), Under: inviolable})
	if err != nil {
		return nil, err
	}
	report, err := e.do(ctx, task{
		name: e.helperRepo + "-find-" + strings.ToLower(rand.Text()[:16]), args: []string{"find", string(question)}, path: m.Path,
		mount: mount.Mount{Type: mount.TypeBind, Source: "/", Target: volumetar.HostMount, ReadOnly: true},
	}, nil, io.Discard)
	switch {
	case err != nil:
		return nil, fmt.Errorf("looking where %s leads to: %w", m.Path, err)
	case report.File:
		return nil, fmt.Errorf("%s: %w", m.Path, snapshot.ErrNoFolder)
	}
	return report.Place, nil
}

// hostPath is the path of the host by which the engine mounts something; "" when it does not go by one. A volume of the
// local driver can be a bind as well.
func (e *Engine) hostPath(ctx context.Context, m snapshot.Mount) (string, error) {
	if m.Type == "bind" {
		return m.Source, nil
	}
	var v volume.Volume
	err := again(ctx, func() (err error) { v, err = e.cli.VolumeInspect(ctx, m.Source); return err })
	if err != nil {
		return "", fmt.Errorf("looking up volume %s: %w", m.Source, known(err, snapshot.ErrGone))
	}
	options := strings.Split(v.Options["o"], ",")
	if v.Driver != "local" || !slices.Contains(options, "bind") && !slices.Contains(options, "rbind") {
		return "", nil
	}
	return v.Options["device"], nil
}

// vitalHere are the vital folders of this engine's host, with the engine's own and the bot's.
func (e *Engine) vitalHere(ctx context.Context) []string {
	out := slices.Clone(vital)
	if info, err := e.cli.Info(ctx); err == nil && path.IsAbs(info.DockerRootDir) {
		for at := path.Clean(info.DockerRootDir); at != "/"; at = path.Dir(at) {
			out = append(out, at)
		}
	}
	if path.IsAbs(e.dataDir) {
		out = append(out, path.Clean(e.dataDir))
	}
	return out
}
