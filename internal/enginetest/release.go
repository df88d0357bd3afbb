package enginetest

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Release is a release of Docker's engine that a Daemon can run. The zero value is none.
type Release struct {
	Name  string // such as 26.1
	enter string // a shell function that makes the namespaces' file system the one with that engine
}

// Newer finds the releases among the folders that scripts/engine-matrix makes (SNAPBACK_ENGINE_RELEASES), and says why one can't be had.
func Newer(name string) (Release, error) {
	folder := cmp.Or(os.Getenv("SNAPBACK_ENGINE_RELEASES"), "/var/tmp/snapback-engines")
	tree, also := filepath.Join(folder, "trixie"), ""
	switch name {
	case "26.1":
	case "28.5":
		tree = filepath.Join(folder, "sid")
	case "29":
		tree = filepath.Join(folder, "sid")
		found, _ := filepath.Glob(filepath.Join(folder, "moby-*", "dockerd")) // the pattern is one
		if len(found) == 0 {
			return Release{}, fmt.Errorf("there is no dockerd of Docker %s in %s", name, folder)
		}
		also = filepath.Dir(found[0])
	default:
		return Release{}, fmt.Errorf("nobody knows Docker %s here", name)
	}
	tree, err := filepath.EvalSymlinks(tree)
	if err != nil {
		return Release{}, fmt.Errorf("there is no Docker %s: %w", name, err)
	}
	if _, err := os.Stat(filepath.Join(tree, "usr/sbin/dockerd")); err != nil {
		return Release{}, fmt.Errorf("there is no Docker %s: %w", name, err)
	}
	return Release{name, strings.NewReplacer("TREE", tree, "ALSO", also).Replace(enterTree)}, nil
}

// enterTree makes a Debian release in a folder the root. The folder stays as it is. A mere chroot is not enough: the pivot_root
// of runc fails after one.
const enterTree = `
enter() {
	root=TREE also=ALSO
	mount --bind "$root" "$root"
	mount -o remount,bind,ro "$root"
	mount -t proc proc "$root/proc"
	mount -t sysfs sysfs "$root/sys" # of the new network
	mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
	mount --rbind /dev "$root/dev"
	mount -t tmpfs tmpfs "$root/run"
	mount -t tmpfs tmpfs "$root/tmp"
	mkdir -p "$root$1" "$root/tmp/old" "$root/tmp/also"
	mount --bind "$1" "$root$1"
	[ -z "$also" ] || mount --bind "$also" "$root/tmp/also"
	cd "$root"
	pivot_root . tmp/old
	umount -l /tmp/old
	mount --make-rshared /
	PATH=/tmp/also:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
}
`
