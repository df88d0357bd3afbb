package volumetar

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A bind names a folder by its path, and a path is what it is at the moment at which it is used. Whoever can write to one
// of the folders above, such as a container that has it mounted, can put a symbolic link in the place of the next one,
// and the engine mounts what that leads to. So the helper is asked twice. Find, with the host's root at hand and nothing
// else, says which folder is meant. Pack and Replace, with the folder at hand and nothing else, refuse any other.

// Place is a folder, whatever path leads to it.
type Place struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
}

// String is what ParsePlace reads.
func (p Place) String() string { return fmt.Sprintf("%d:%d", p.Device, p.Inode) }

// ParsePlace reads what String wrote.
func ParsePlace(s string) (Place, error) {
	device, inode, _ := strings.Cut(s, ":")
	d, err := strconv.ParseUint(device, 10, 64)
	i, inodeErr := strconv.ParseUint(inode, 10, 64)
	if err != nil || inodeErr != nil {
		return Place{}, fmt.Errorf("%q is no place", s)
	}
	return Place{d, i}, nil
}

// Question is what Find is asked. Paths are absolute, as the host has them.
type Question struct {
	Source string   `json:"source"` // the folder that is meant
	Vital  []string `json:"vital"`  // what it must not be, by whatever path
	Under  []string `json:"under"`  // what it must not be in, either
}

// maxLinks is how many symbolic links a path may lead through.
const maxLinks = 10

// Find says which folder of the host a path means, when host is where the host's root is. A symbolic link counts where
// nobody but the host's root can have put it: right in / and in /var. Through any other, and to a vital folder, it is refused.
func Find(host string, q Question) (Report, error) {
	at, st, err := find(host, path.Clean(q.Source), false)
	var linked *linkError
	if errors.As(err, &linked) {
		return Report{Refused: linked.Error()}, nil
	}
	if err != nil {
		return Report{}, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return Report{File: true}, nil
	}
	place := Place{st.Dev, st.Ino}
	for _, folder := range q.Vital {
		if _, other, err := find(host, folder, true); err == nil && (Place{other.Dev, other.Ino}) == place {
			return Report{Refused: fmt.Sprintf("is %s of the host, which is not to be replaced", folder)}, nil
		}
	}
	for _, folder := range q.Under {
		if at == folder || strings.HasPrefix(at, folder+"/") {
			return Report{Refused: fmt.Sprintf("is in %s of the host, which is not to be replaced", folder)}, nil
		}
	}
	return Report{Place: &place}, nil
}

// linkError is a symbolic link that does not count.
type linkError struct{ link string }

func (l *linkError) Error() string {
	return fmt.Sprintf("leads through %s, a symbolic link, which a container may have put there: mount the folder itself, by a path without links", l.link)
}

// find returns where a path leads to. It goes from folder to folder without the kernel's help, which would follow links.
func find(host, to string, anyLink bool) (string, unix.Stat_t, error) {
	var st unix.Stat_t
	for range maxLinks {
		link, target, err := walk(host, to, &st)
		if err != nil || link == "" {
			return to, st, err
		}
		folder := path.Dir(link)
		if !anyLink && folder != "/" && folder != "/var" {
			return "", st, &linkError{link}
		}
		if !path.IsAbs(target) {
			target = path.Join(folder, target)
		}
		to = path.Join(target, strings.TrimPrefix(to, link))
	}
	return "", st, errors.New("the path leads through too many symbolic links")
}

// walk goes along a clean absolute path up to its end, of which it fills in st, or to the first symbolic link.
func walk(host, to string, st *unix.Stat_t) (link, target string, err error) {
	failed := func(at string, err error) error { return &fs.PathError{Op: "looking at", Path: at, Err: err} }
	fd, err := unix.Open(host, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", "", failed(host, err)
	}
	defer func() { _ = unix.Close(fd) }()
	at := "/"
	for name := range strings.SplitSeq(strings.Trim(to, "/"), "/") {
		if name == "" {
			break // the root itself
		}
		next, err := unix.Openat(fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		at = path.Join(at, name)
		if err != nil {
			return "", "", failed(at, err)
		}
		_ = unix.Close(fd)
		fd = next
		if err := unix.Fstat(fd, st); err != nil {
			return "", "", failed(at, err)
		}
		if st.Mode&unix.S_IFMT == unix.S_IFLNK {
			buf := make([]byte, unix.PathMax)
			n, err := unix.Readlinkat(fd, "", buf)
			if err != nil {
				return "", "", failed(at, err)
			}
			return at, string(buf[:n]), nil
		}
	}
	if err := unix.Fstat(fd, st); err != nil {
		return "", "", failed(at, err)
	}
	return "", "", nil
}

// check says in words why root may not be read or replaced: it has to be the place that is meant, if one is, with no other
// file system mounted in it, which could not be removed and would not come back.
func check(root, meant string) (why string, err error) {
	var st unix.Stat_t
	if err := unix.Stat(root, &st); err != nil {
		return "", &fs.PathError{Op: "stat", Path: root, Err: err}
	}
	if meant != "" {
		place, err := ParsePlace(meant)
		if err != nil {
			return "", err
		}
		if (Place{st.Dev, st.Ino}) != place {
			return "is not the folder any more that was mounted: something on the host has changed its path just now", nil
		}
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	if inner := mountsIn(table, root); len(inner) > 0 {
		return fmt.Sprintf("has other file systems mounted in it (%s): mount them into the container by themselves", strings.Join(inner, ", ")), nil
	}
	return "", nil
}

// mountsIn lists what is mounted below a folder, by its path in there.
func mountsIn(table []byte, root string) []string {
	var out []string
	for line := range bytes.Lines(table) {
		fields := strings.Fields(string(line))
		if len(fields) < 5 {
			continue
		}
		if rel, err := filepath.Rel(root, unescape(fields[4])); err == nil && rel != "." && filepath.IsLocal(rel) {
			out = append(out, rel)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// unescape reads a path of mountinfo, in which blanks and the like are octal.
func unescape(s string) string {
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out, i = append(out, byte(c)), i+3
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}
