// Package vault keeps the contents of volumes on this bot's own disk: sealed with the key ring, checksummed, whole or not
// there at all, and readable by the bot alone.
//
//	volumes/<set>/manifest   what is in the set, sealed
//	volumes/<set>/0.sealed   the contents of the first mount: tar, compressed with zstd, sealed
//	volumes/<set>/+begun     a step that a restore has taken with the set
//	volumes/.new-<set>/      a set that is being written, or that a crash has left
//	volumes/.frozen/<id>     a container that is paused while it is being read
//
// It decides nothing: what a set is for, and when it may go, is the snapshot package's matter.
package vault

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
)

// Config is what a Vault needs; Dir and Keys are required.
type Config struct {
	Dir   string // made if it is not there
	Keys  *keyring.Ring
	Limit float64 // how full the disk may be, from 0 to 1; 0: 0.9
}

// Vault implements capture.Vault. It can be used from several goroutines, of one process.
type Vault struct{ Config }

var _ capture.Vault = (*Vault)(nil)

const (
	sealContents = "volume contents"
	sealManifest = "volume manifest"
	manifestFile = "manifest"
	newPrefix    = ".new-"
	frozenDir    = ".frozen"
	markPrefix   = "+"
)

// New returns a Vault in a folder that only its owner can read.
func New(c Config) (*Vault, error) {
	if c.Limit == 0 {
		c.Limit = 0.9
	}
	if err := os.MkdirAll(filepath.Join(c.Dir, frozenDir), 0o700); err != nil {
		return nil, err
	}
	return &Vault{c}, os.Chmod(c.Dir, 0o700)
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// at is a path in the vault. What comes from a database can't lead elsewhere.
func (v *Vault) at(names ...string) (string, error) {
	for _, name := range names {
		if !plainName.MatchString(name) {
			return "", fmt.Errorf("%q is no name in the vault", name)
		}
	}
	return filepath.Join(append([]string{v.Dir}, names...)...), nil
}

// Manifest implements capture.Vault.
func (v *Vault) Manifest(set string) (snapshot.VolumeSet, error) {
	var s snapshot.VolumeSet
	path, err := v.at(set, manifestFile)
	if err != nil {
		return s, err
	}
	sealed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, snapshot.ErrNoArchive
	}
	if err != nil {
		return s, err
	}
	doc, err := v.Keys.Open(sealManifest, set, sealed)
	if err != nil {
		return s, fmt.Errorf("%w: %w", snapshot.ErrBadArchive, err)
	}
	return s, json.Unmarshal(doc, &s)
}

// Present implements capture.Vault.
func (v *Vault) Present(s snapshot.VolumeSet) error {
	for _, a := range s.Archives {
		path, err := v.at(s.ID, a.File)
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return snapshot.ErrNoArchive
		}
		if err != nil {
			return err
		}
		if info.Size() != a.Bytes {
			return snapshot.ErrBadArchive
		}
	}
	return nil
}

// Mark implements capture.Vault.
func (v *Vault) Mark(set, step string) error {
	dir, err := v.at(set)
	if err != nil {
		return err
	}
	return note(dir, markPrefix+step)
}

// Marked implements capture.Vault.
func (v *Vault) Marked(set, step string) (bool, error) {
	dir, err := v.at(set)
	if err != nil {
		return false, err
	}
	_, err = os.Stat(filepath.Join(dir, markPrefix+step))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Sets implements capture.Vault.
func (v *Vault) Sets() (map[string]time.Time, error) {
	list, err := os.ReadDir(v.Dir)
	if err != nil {
		return nil, err
	}
	out := map[string]time.Time{}
	for _, entry := range list {
		name := strings.TrimPrefix(entry.Name(), newPrefix)
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) || name == frozenDir || !plainName.MatchString(name) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if info.ModTime().After(out[name]) {
			out[name] = info.ModTime()
		}
	}
	return out, nil
}

// Drop implements capture.Vault. The manifest goes first, so that what a crash leaves is not taken for whole.
func (v *Vault) Drop(set string) error {
	dir, err := v.at(set)
	if err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, manifestFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(os.RemoveAll(dir), os.RemoveAll(filepath.Join(v.Dir, newPrefix+set)))
}

// NoteFrozen implements capture.Vault.
func (v *Vault) NoteFrozen(id string) error {
	if _, err := v.at(id); err != nil {
		return err
	}
	return note(filepath.Join(v.Dir, frozenDir), id)
}

// ForgetFrozen implements capture.Vault.
func (v *Vault) ForgetFrozen(id string) error {
	if _, err := v.at(id); err != nil {
		return err
	}
	err := os.Remove(filepath.Join(v.Dir, frozenDir, id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// FrozenOnes implements capture.Vault.
func (v *Vault) FrozenOnes() ([]string, error) {
	list, err := os.ReadDir(filepath.Join(v.Dir, frozenDir))
	var out []string
	for _, entry := range list {
		out = append(out, entry.Name())
	}
	return out, err
}

// note makes an empty file that outlives a power cut.
func note(dir, name string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), syncDir(dir))
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// room returns an error that wraps snapshot.ErrDiskFull when nothing more may be written.
func (v *Vault) room() error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(v.Dir, &st); err != nil {
		return fmt.Errorf("looking at the disk of %s: %w", v.Dir, err)
	}
	used := st.Blocks - st.Bfree
	if share := float64(used) / float64(max(used+st.Bavail, 1)); share >= v.Limit {
		return fmt.Errorf("%w: %.0f %% of the disk of the data folder are in use, the limit is %.0f %%", snapshot.ErrDiskFull, share*100, v.Limit*100)
	}
	return nil
}
