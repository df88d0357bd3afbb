package vault

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/snapback/snapback/internal/sealstream"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
)

// draft is a set that is being written.
type draft struct {
	v     *Vault
	set   string
	dir   string // until Commit
	count int
}

// Begin implements capture.Vault.
func (v *Vault) Begin(set string) (capture.VaultDraft, error) {
	if _, err := v.at(set); err != nil {
		return nil, err
	}
	d := &draft{v: v, set: set, dir: filepath.Join(v.Dir, newPrefix+set)}
	if err := os.RemoveAll(d.dir); err != nil {
		return nil, err
	}
	return d, os.Mkdir(d.dir, 0o700)
}

// about binds an archive to its set and to the path that it belongs to.
func about(set string, a snapshot.Archive) string { return set + "/" + a.File + a.Path }

// Add implements capture.VaultDraft.
func (d *draft) Add(ctx context.Context, a *snapshot.Archive, write func(io.Writer) error) error {
	a.File = fmt.Sprintf("%d.sealed", d.count)
	d.count++
	f, err := os.OpenFile(filepath.Join(d.dir, a.File), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	to := &sink{ctx: ctx, file: f, sum: sha256.New(), room: d.v.room}
	err = d.seal(to, *a, write)
	if err == nil {
		err = f.Sync()
	}
	a.Bytes, a.SHA256 = to.written, hex.EncodeToString(to.sum.Sum(nil))
	if err = errors.Join(err, f.Close()); err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

func (d *draft) seal(to io.Writer, a snapshot.Archive, write func(io.Writer) error) error {
	w, err := sealstream.NewWriter(to, d.v.Keys, sealContents, about(d.set, a))
	if err != nil {
		return err
	}
	if err := write(w); err != nil {
		return err
	}
	return w.Close()
}

// Commit implements capture.VaultDraft.
func (d *draft) Commit(s snapshot.VolumeSet) error {
	doc, err := json.Marshal(s)
	if err != nil {
		return err
	}
	sealed, err := d.v.Keys.Seal(sealManifest, d.set, doc)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(d.dir, manifestFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(sealed); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close(), syncDir(d.dir)); err != nil {
		return err
	}
	if err := os.Rename(d.dir, filepath.Join(d.v.Dir, d.set)); err != nil {
		return err
	}
	return syncDir(d.v.Dir)
}

// Discard implements capture.VaultDraft.
func (d *draft) Discard() error { return os.RemoveAll(d.dir) }

// sink writes to the file, counts, sums up, and sees to it that the disk does not fill up.
type sink struct {
	ctx     context.Context
	file    *os.File
	sum     hash.Hash
	room    func() error
	written int64
	asked   int64 // how much was written when room was asked last
	begun   bool
}

const roomEvery = 16 << 20

func (s *sink) Write(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	if !s.begun || s.written-s.asked >= roomEvery {
		if err := s.room(); err != nil {
			return 0, err
		}
		s.begun, s.asked = true, s.written
	}
	n, err := s.file.Write(p)
	s.sum.Write(p[:n])
	s.written += int64(n)
	return n, err
}

// Verify implements capture.Vault. It also opens every seal, since a checksum that was changed along with the file says
// nothing.
func (v *Vault) Verify(ctx context.Context, set string, a snapshot.Archive, read io.Writer) error {
	path, err := v.at(set, a.File)
	if err != nil {
		return err
	}
	f, err := open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	n, err := io.Copy(io.Discard, contents{v, set, a, io.TeeReader(canceled{ctx, f}, io.MultiWriter(sum, read))}.reader())
	if err != nil {
		return fmt.Errorf("reading the archive of %s after %d bytes: %w", a.Path, n, err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != a.SHA256 {
		return fmt.Errorf("the checksum of the archive of %s: %w", a.Path, snapshot.ErrBadArchive)
	}
	return nil
}

// Open implements capture.Vault.
func (v *Vault) Open(set string, a snapshot.Archive) (io.ReadCloser, error) {
	path, err := v.at(set, a.File)
	if err != nil {
		return nil, err
	}
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{contents{v, set, a, f}.reader(), f}, nil
}

func open(path string) (*os.File, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = snapshot.ErrNoArchive
	}
	return f, err
}

// contents opens the seals of one archive.
type contents struct {
	v    *Vault
	set  string
	a    snapshot.Archive
	from io.Reader
}

func (c contents) reader() io.Reader {
	r, err := sealstream.NewReader(c.from, c.v.Keys, sealContents, about(c.set, c.a))
	return checked{r, bad(err)}
}

// checked tells damage in the domain's words.
type checked struct {
	r      *sealstream.Reader
	failed error
}

func (c checked) Read(p []byte) (int, error) {
	if c.failed != nil {
		return 0, c.failed
	}
	n, err := c.r.Read(p)
	return n, bad(err)
}

func bad(err error) error {
	if errors.Is(err, sealstream.ErrTampered) {
		return fmt.Errorf("%w: %w", snapshot.ErrBadArchive, err)
	}
	return err
}

// canceled stops reading when nobody wants the answer any more.
type canceled struct {
	ctx context.Context
	r   io.Reader
}

func (c canceled) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}
