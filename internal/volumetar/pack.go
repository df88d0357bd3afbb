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
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

const (
	xattrRecord  = "SCHILY.xattr."
	sparseRecord = "SNAPBACK.sparse" // size, then offset and length of every piece of data, separated by commas
	maxPieces    = 20000             // beyond that a file is written as if it had no holes: the record has to fit
)

// Pack writes all that is in root, and nothing when that is no folder. Files that change, grow, shrink or go away meanwhile are no error: whoever wants
// them still has to keep them still.
func Pack(to io.Writer, root string) (Report, error) {
	return pack(to, root, &progress{})
}

func pack(to io.Writer, root string, did *progress) (Report, error) {
	info, err := os.Stat(root)
	if err != nil {
		return Report{}, err
	}
	if !info.IsDir() {
		return Report{File: true}, nil
	}
	out := bufio.NewWriterSize(to, 256<<10)
	z, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(1<<20))
	if err != nil {
		return Report{}, err
	}
	p := packer{root: root, tar: tar.NewWriter(z), linked: map[inode]string{}, buf: make([]byte, 256<<10), progress: did}
	err = filepath.WalkDir(root, p.visit)
	for _, end := range []func() error{p.tar.Close, z.Close, out.Flush} {
		if err == nil {
			err = end()
		}
	}
	return p.report, err
}

type inode struct{ dev, ino uint64 }

type packer struct {
	root   string
	tar    *tar.Writer
	linked map[inode]string // files with several names: the first one
	buf    []byte
	report Report

	progress *progress
}

func (p *packer) visit(path string, _ fs.DirEntry, err error) error {
	p.progress.step()
	if err == nil {
		err = p.add(path)
	}
	if errors.Is(err, fs.ErrNotExist) && path != p.root {
		p.report.leave(p.name(path) + " went away while it was read")
		return nil
	}
	return err
}

func (p *packer) name(path string) string {
	rel, err := filepath.Rel(p.root, path)
	if err != nil || rel == "." {
		return "./"
	}
	return rel
}

func (p *packer) add(path string) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	h := &tar.Header{
		Name: p.name(path), Mode: int64(st.Mode & 0o7777), Uid: int(st.Uid), Gid: int(st.Gid),
		ModTime: time.Unix(st.Mtim.Unix()), Format: tar.FormatPAX, PAXRecords: map[string]string{},
	}
	file := inode{st.Dev, st.Ino}
	if first, seen := p.linked[file]; seen {
		h.Typeflag, h.Linkname = tar.TypeLink, first
		return p.write(h)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR && st.Nlink > 1 {
		p.linked[file] = h.Name
	}
	if err := p.xattrs(path, h); err != nil {
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return p.regular(path, h)
	case unix.S_IFDIR:
		h.Typeflag, h.Name = tar.TypeDir, strings.TrimSuffix(h.Name, "/")+"/"
	case unix.S_IFLNK:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		h.Typeflag, h.Linkname = tar.TypeSymlink, target
	case unix.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	case unix.S_IFCHR, unix.S_IFBLK:
		h.Typeflag = tar.TypeChar
		if st.Mode&unix.S_IFMT == unix.S_IFBLK {
			h.Typeflag = tar.TypeBlock
		}
		h.Devmajor, h.Devminor = int64(unix.Major(st.Rdev)), int64(unix.Minor(st.Rdev))
	default:
		p.report.leave(h.Name + " is a socket")
		delete(p.linked, file)
		return nil
	}
	return p.write(h)
}

func (p *packer) write(h *tar.Header) error {
	p.report.Entries++
	if err := p.tar.WriteHeader(h); err != nil {
		return fmt.Errorf("%s: %w", h.Name, err)
	}
	return nil
}

// regular writes a file's data, and only that when it has holes.
func (p *packer) regular(path string, h *tar.Header) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fs.ErrNotExist // it became something else between the two looks
	}
	whole := []piece{{0, st.Size}}
	pieces := whole
	if st.Blocks*512 < st.Size {
		pieces = dataOf(f, st.Size)
	}
	h.Typeflag = tar.TypeReg
	if len(pieces) != 1 || pieces[0] != whole[0] {
		h.PAXRecords[sparseRecord] = describe(st.Size, pieces)
	}
	for _, d := range pieces {
		h.Size += d.length
	}
	if err := p.write(h); err != nil {
		return err
	}
	p.report.Bytes += h.Size
	for _, d := range pieces {
		if err := p.copy(io.NewSectionReader(f, d.offset, d.length), d.length); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
	return nil
}

// copy writes exactly n bytes; what a file that has shrunk lacks is zeros.
func (p *packer) copy(from io.Reader, n int64) error {
	got, err := io.CopyBuffer(struct{ io.Writer }{p.tar}, counted{from, p.progress}, p.buf)
	if err != nil || got == n {
		return err
	}
	clear(p.buf)
	for got < n {
		w, err := p.tar.Write(p.buf[:min(int64(len(p.buf)), n-got)])
		if got += int64(w); err != nil {
			return err
		}
	}
	return nil
}

// xattrs adds the extended attributes, also of symbolic links. A file system without any has none.
func (p *packer) xattrs(path string, h *tar.Header) error {
	size, err := unix.Llistxattr(path, nil)
	if size == 0 || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "llistxattr", Path: path, Err: err}
	}
	list := make([]byte, size+4096)
	if size, err = unix.Llistxattr(path, list); err != nil {
		return &fs.PathError{Op: "llistxattr", Path: path, Err: err}
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list[:size]), "\x00"), "\x00") {
		value := make([]byte, 64<<10) // the kernel's limit
		n, err := unix.Lgetxattr(path, name, value)
		switch {
		case errors.Is(err, unix.ENODATA):
		case err != nil || strings.Contains(name, "="):
			p.report.leave(h.Name + ": attribute " + name)
		default:
			h.PAXRecords[xattrRecord+name] = string(value[:n])
		}
	}
	return nil
}
