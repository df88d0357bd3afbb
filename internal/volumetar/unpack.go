package volumetar

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

// Replace removes all that is in root, and puts there what Pack wrote. It returns nil only when all of it is there and
// on the disk. After an error root holds anything; done again, it holds the right thing.
func Replace(from io.Reader, root string) (Report, error) {
	return replace(from, root, syncfs, &progress{})
}

// syncfs has the file system of an open folder write everything down.
func syncfs(folder *os.File) error { return unix.Syncfs(int(folder.Fd())) }

func replace(from io.Reader, root string, sync func(*os.File) error, p *progress) (Report, error) {
	if err := empty(root, p); err != nil {
		return Report{}, fmt.Errorf("emptying the folder: %w", err)
	}
	z, err := zstd.NewReader(bufio.NewReaderSize(from, 256<<10), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return Report{}, err
	}
	defer z.Close()
	u := unpacker{root: root, tar: tar.NewReader(counted{z, p}), buf: make([]byte, 256<<10), progress: p}
	if err := u.all(); err != nil {
		return u.report, err
	}
	if _, err := io.Copy(io.Discard, z); err != nil { // checks that the stream is whole
		return u.report, fmt.Errorf("reading the archive's end: %w", err)
	}
	return u.report, p.during(syncFor, func() error { return syncAll(root, sync) })
}

func syncAll(root string, sync func(*os.File) error) error {
	folder, err := os.Open(root)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	if err := sync(folder); err != nil {
		return fmt.Errorf("syncing the file system: %w", err)
	}
	return nil
}

// counted counts what is read.
type counted struct {
	io.Reader
	progress *progress
}

func (c counted) Read(b []byte) (int, error) {
	c.progress.step()
	return c.Reader.Read(b)
}

type unpacker struct {
	root    string
	tar     *tar.Reader
	folders []*tar.Header // their modes and times come last: what is put into them changes both
	buf     []byte
	report  Report

	progress *progress
}

func (u *unpacker) all() error {
	for {
		h, err := u.tar.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the archive: %w", err)
		}
		if err := u.entry(h); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
		u.report.Entries++
	}
	if u.report.Entries == 0 {
		return errors.New("the archive holds nothing, not even the folder itself")
	}
	for _, h := range slices.Backward(u.folders) {
		u.progress.step()
		if err := u.finish(h); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
	return nil
}

// path is where an entry goes. Names that lead elsewhere are refused.
func (u *unpacker) path(name string) (string, error) {
	if clean := strings.TrimSuffix(name, "/"); clean == "." || filepath.IsLocal(clean) {
		return filepath.Join(u.root, clean), nil
	}
	return "", errors.New("the name leads out of the folder")
}

func (u *unpacker) entry(h *tar.Header) error {
	path, err := u.path(h.Name)
	if err != nil {
		return err
	}
	if h.Typeflag == tar.TypeLink {
		first, err := u.path(h.Linkname)
		if err != nil {
			return err
		}
		return os.Link(first, path)
	}
	if err := u.create(path, h); err != nil {
		return err
	}
	if h.Typeflag == tar.TypeDir {
		u.folders = append(u.folders, h)
		return nil
	}
	return u.finish(h)
}

func (u *unpacker) create(path string, h *tar.Header) error {
	device := int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor)))
	switch h.Typeflag {
	case tar.TypeReg:
		return u.regular(path, h)
	case tar.TypeDir:
		if path == u.root {
			return nil
		}
		return os.Mkdir(path, 0o700)
	case tar.TypeSymlink:
		return os.Symlink(h.Linkname, path)
	case tar.TypeFifo:
		return unix.Mkfifo(path, 0o600)
	case tar.TypeChar:
		return unix.Mknod(path, unix.S_IFCHR|0o600, device)
	case tar.TypeBlock:
		return unix.Mknod(path, unix.S_IFBLK|0o600, device)
	}
	return fmt.Errorf("unknown type %q", h.Typeflag)
}

func (u *unpacker) regular(path string, h *tar.Header) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	err = u.fill(f, h)
	return errors.Join(err, f.Close())
}

func (u *unpacker) fill(f *os.File, h *tar.Header) error {
	pieces := []piece{{0, h.Size}}
	if record, sparse := h.PAXRecords[sparseRecord]; sparse {
		size, data, err := undescribe(record, h.Size)
		if err != nil {
			return err
		}
		pieces = data
		if err := f.Truncate(size); err != nil {
			return err
		}
	}
	for _, p := range pieces {
		into := io.NewOffsetWriter(f, p.offset)
		n, err := io.CopyBuffer(struct{ io.Writer }{into}, io.LimitReader(u.tar, p.length), u.buf)
		u.report.Bytes += n
		if err != nil {
			return err
		}
		if n != p.length {
			return io.ErrUnexpectedEOF
		}
	}
	return nil
}

// finish sets owner, attributes, mode and time, in this order: each can undo what a later one sets.
func (u *unpacker) finish(h *tar.Header) error {
	path, err := u.path(h.Name)
	if err != nil {
		return err
	}
	if err := os.Lchown(path, h.Uid, h.Gid); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeSymlink {
		if err := unix.Chmod(path, uint32(h.Mode)&0o7777); err != nil {
			return &fs.PathError{Op: "chmod", Path: path, Err: err}
		}
	}
	if err := setXattrs(path, h); err != nil {
		return err
	}
	return setTime(path, h.ModTime)
}

func setXattrs(path string, h *tar.Header) error {
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, xattrRecord)
		if !ok {
			continue
		}
		err := unix.Lsetxattr(path, name, []byte(value), 0)
		if err != nil && name != "security.selinux" { // which the host gives by itself
			return &fs.PathError{Op: "setting " + name + " of", Path: path, Err: err}
		}
	}
	return nil
}

func setTime(path string, at time.Time) error {
	mtime, err := unix.TimeToTimespec(at)
	if err != nil {
		return err
	}
	times := []unix.Timespec{{Nsec: unix.UTIME_NOW}, mtime}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, path, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &fs.PathError{Op: "utimes", Path: path, Err: err}
	}
	return nil
}
