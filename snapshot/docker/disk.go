package docker

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/system"

	"github.com/snapback/snapback/snapshot"
)

// An engine keeps its containers' layers in its own folder, or leaves them to containerd: then they are in containerd's
// folder, which may be another disk. That is so where the image store is containerd's, as it is by default in new
// installations from Docker 29 on.

// DiskUsed is how full the file system is on which the engine keeps its layers. A bot that runs in a container does not see
// the engine's folder; it looks at its own data folder instead, which a named volume puts onto the same file system. For
// containerd's folder nothing stands in. It returns an error that wraps snapshot.ErrDiskUnseen when neither is there, and for
// every engine that is not behind a Unix socket: what has the folder's name here may be another disk.
func (e *Engine) DiskUsed(ctx context.Context) (snapshot.DiskUse, error) {
	info, err := e.cli.Info(ctx)
	if err != nil {
		return snapshot.DiskUse{}, fmt.Errorf("asking for the engine's data folder: %w", known(err, nil))
	}
	use := snapshot.DiskUse{Engine: info.ID, Host: info.Name, Folder: layers(info)}
	if !strings.HasPrefix(e.cli.DaemonHost(), "unix://") {
		return use, fmt.Errorf("%w: the engine is not behind a Unix socket", snapshot.ErrDiskUnseen)
	}
	err = measure(&use)
	switch {
	case !errors.Is(err, fs.ErrNotExist):
	case inContainerd(info):
		err = fmt.Errorf("%w; the layers are containerd's: if the bot is in a container, mount that folder into it, read-only and under the same name", err)
	case e.dataDir != "":
		use.Folder = e.dataDir
		err = measure(&use)
	}
	return use, err
}

// inContainerd says that the layers are in containerd's image store.
func inContainerd(info system.Info) bool {
	for _, line := range info.DriverStatus {
		if line[0] == "driver-type" && strings.HasPrefix(line[1], "io.containerd.snapshotter.") {
			return true
		}
	}
	return false
}

const (
	containerdRoot   = "/var/lib/containerd"
	containerdConfig = "/etc/containerd/config.toml"
)

// layers is the folder with the layers. A containerd that the engine has started itself is in the engine's folder. Another
// one says in its configuration where it is; engines before Docker 27 don't say which of the two they have.
func layers(info system.Info) string {
	if !inContainerd(info) {
		return info.DockerRootDir
	}
	own := filepath.Join(info.DockerRootDir, "containerd", "daemon")
	config, _ := os.ReadFile(containerdConfig) // without one, it has its default
	other := cmp.Or(rootOf(config), containerdRoot)
	if info.Containerd != nil && info.Containerd.Address != "" {
		if strings.HasSuffix(info.Containerd.Address, "/docker/containerd/containerd.sock") {
			return own
		}
		return other
	}
	if _, err := os.Stat(filepath.Join(own, "io.containerd.metadata.v1.bolt")); err == nil {
		return own
	}
	return other
}

// rootOf is the folder that a configuration of containerd names; "" when it names none.
func rootOf(config []byte) string {
	for lines := bufio.NewScanner(bytes.NewReader(config)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			return "" // what is beneath a heading is not at the top
		}
		if key, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(key) == "root" {
			value, _, _ = strings.Cut(value, "#")
			return strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return ""
}

// measure fills in the share as df has it: what is kept for root counts as in use.
func measure(use *snapshot.DiskUse) error {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(use.Folder, &stat); err != nil {
		return fmt.Errorf("%w: looking at the disk of %s: %w", snapshot.ErrDiskUnseen, use.Folder, err)
	}
	if stat.Blocks == 0 {
		return fmt.Errorf("%w: the file system of %s does not tell its size", snapshot.ErrDiskUnseen, use.Folder)
	}
	used := stat.Blocks - stat.Bfree
	use.Share, use.Bytes = float64(used)/float64(used+stat.Bavail), int64(used+stat.Bavail)*stat.Bsize
	return nil
}

// CommitTakes is how many bytes a commit of the container takes of that disk, at most. With containerd's store, it is
// what the container has written, twice: once as a compressed blob, and once unpacked.
func (e *Engine) CommitTakes(ctx context.Context, id string) (int64, error) {
	d, err := e.allowed(ctx, id)
	if err != nil {
		return 0, err
	}
	info, err := e.cli.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("asking how the engine keeps layers: %w", known(err, nil))
	}
	sized, _, err := e.cli.ContainerInspectWithRaw(ctx, id, true)
	if err != nil {
		return 0, fmt.Errorf("asking how much %s has written: %w", d.Name, d.known(err, snapshot.ErrGone))
	}
	if sized.ContainerJSONBase == nil || sized.SizeRw == nil {
		return 0, nil
	}
	if inContainerd(info) {
		return 2 * *sized.SizeRw, nil
	}
	return *sized.SizeRw, nil
}

// noRoom is what the engine says when its disk is full, with status 500.
func noRoom(err error) bool {
	return cerrdefs.IsInternal(err) && strings.Contains(err.Error(), "no space left on device")
}
