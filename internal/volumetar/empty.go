package volumetar

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// empty removes all that is in a folder, one after the other, so that it can be seen to get on.
func empty(root string, p *progress) error {
	folder, err := os.Open(root)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	return emptyFolder(folder, p)
}

// emptyFolder reads a folder from its beginning again and again: what is removed meanwhile shifts the rest.
func emptyFolder(folder *os.File, p *progress) error {
	for {
		if _, err := folder.Seek(0, io.SeekStart); err != nil {
			return err
		}
		names, err := folder.Readdirnames(1024)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := remove(folder, name, p); err != nil {
				return err
			}
			p.step()
		}
	}
}

// remove removes one entry of a folder, and all below it. It follows no link.
func remove(folder *os.File, name string, p *progress) error {
	at := int(folder.Fd())
	failed := func(op string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }
	err := unix.Unlinkat(at, name, 0)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	if !errors.Is(err, unix.EISDIR) {
		return failed("unlink", err)
	}
	fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return failed("open", err)
	}
	inner := os.NewFile(uintptr(fd), name)
	err = emptyFolder(inner, p)
	_ = inner.Close()
	if err != nil {
		return err
	}
	if err := unix.Unlinkat(at, name, unix.AT_REMOVEDIR); err != nil && !errors.Is(err, unix.ENOENT) {
		return failed("rmdir", err)
	}
	return nil
}
