package pgserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
)

// maxSocketPath is the longest path of a Unix socket on Linux (sun_path is 108 bytes with its NUL).
const maxSocketPath = 107

const socketName = ".s.PGSQL.5432"

// folder is where the server lives; the package's comment lists what is in it.
type folder struct {
	root string
	acct account
}

func (f folder) path(name string) string { return filepath.Join(f.root, name) }
func (f folder) data() string            { return f.path("data") }
func (f folder) log() string             { return f.path("server.log") }

// openFolder makes dir if needed, and sees to it that it is ours and that the server can get to it.
func openFolder(dir string, acct account) (folder, error) {
	if dir == "" {
		return folder{}, errors.New("no folder for the database")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return folder{}, fmt.Errorf("finding the folder for the database: %w", err)
	}
	mode := fs.FileMode(0o700)
	if acct.drop {
		mode = 0o711
	}
	// Nothing is made in another account's folder: that one could not use it any more.
	if _, err := os.Stat(filepath.Dir(dir)); err == nil && acct.drop {
		if err := makeReachable(filepath.Dir(dir), acct); err != nil {
			return folder{}, err
		}
	}
	if err := makeFolder(dir, mode); err != nil {
		return folder{}, err
	}
	if acct.drop {
		if err := makeReachable(filepath.Dir(dir), acct); err != nil {
			return folder{}, err
		}
	}
	return folder{dir, acct}, nil
}

func makeFolder(dir string, mode fs.FileMode) error {
	if err := os.MkdirAll(dir, mode); err != nil {
		return fmt.Errorf("making the folder for the database: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("making the folder for the database: %w", err)
	}
	if !info.IsDir() || !ownedByUs(info) {
		return fmt.Errorf("the folder for the database, %s, is not a folder of this account's own", dir)
	}
	return os.Chmod(dir, mode)
}

// makeReachable lets the server's account pass through the folders above its own: pass, not
// list or read, so that what is beside it must be 0600 (as our keys are) or in a 0700 folder. Only two kinds
// of our folders are opened: the one directly above, which is the program's data folder, and those below
// a public scratch folder such as /tmp. Anything further up is the administrator's to decide.
func makeReachable(dir string, acct account) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return fmt.Errorf("looking at the folders above the database: %w", err)
	}
	for first := true; ; first = false {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("looking at the folders above the database: %w", err)
		}
		if err := openFor(dir, info, acct, first); err != nil {
			return err
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
		dir = filepath.Dir(dir)
	}
}

func openFor(dir string, info os.FileInfo, acct account, first bool) error {
	if acct.reaches(info) {
		return nil
	}
	if !ownedByUs(info) || !(first || belowScratch(dir)) {
		return fmt.Errorf("the database's account (uid %d) can't pass through %s%s chmod o+x %s, or choose another SNAPBACK_DATA_DIR", acct.uid, dir, whose(info), dir)
	}
	if err := os.Chmod(dir, info.Mode()|0o011); err != nil {
		return fmt.Errorf("letting the database through %s: %w", dir, err)
	}
	return nil
}

// whose says what to do about a folder that belongs to somebody else; ":" when it is ours.
func whose(info os.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || ownedByUs(info) {
		return ":"
	}
	name := fmt.Sprintf("#%d", st.Uid)
	if u, err := user.LookupId(fmt.Sprint(st.Uid)); err == nil {
		name = u.Username
	}
	return fmt.Sprintf(", which is %s's: run this as that account (sudo -u %[1]s …), or", name)
}

// belowScratch tells whether one of the folders above is world-writable and sticky, as /tmp is.
func belowScratch(dir string) bool {
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		if info, err := os.Stat(dir); err == nil && info.Mode()&fs.ModeSticky != 0 && info.Mode()&0o002 != 0 {
			return true
		}
	}
	return false
}

// socketFolder is below our own folder, or, when that is too long for a socket's path or has the comma that
// separates hosts in a URL, a fresh one in /tmp. Either way only the server's account, and root, can enter it.
func (f folder) socketFolder() (string, error) {
	dir := f.path("run")
	if len(filepath.Join(dir, socketName)) <= maxSocketPath && !strings.Contains(dir, ",") {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", fmt.Errorf("making the socket's folder: %w", err)
		}
	} else {
		short, err := os.MkdirTemp("/tmp", "snapback-pg-")
		if err != nil {
			return "", fmt.Errorf("making the socket's folder: %w", err)
		}
		dir = short
	}
	if err := f.acct.give(dir); err != nil {
		return "", fmt.Errorf("making the socket's folder: %w", err)
	}
	return dir, nil
}

// dropSocketFolder removes a folder that socketFolder made outside of ours.
func (f folder) dropSocketFolder(dir string) error {
	if dir == "" || dir == f.path("run") {
		return nil
	}
	return os.Remove(dir)
}

// writeFile replaces a file of ours as a whole and tells whether that changed it.
func (f folder) writeFile(name, content string) (changed bool, err error) {
	path := f.path(name)
	if old, err := os.ReadFile(path); err == nil && string(old) == content {
		return false, nil
	}
	next := path + ".new"
	if err := os.WriteFile(next, []byte(content), 0o644); err != nil {
		return false, fmt.Errorf("writing the database's settings: %w", err)
	}
	// The mode is set apart: the umask may have taken the right to read from the server.
	if err := os.Chmod(next, 0o644); err != nil {
		return false, fmt.Errorf("writing the database's settings: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return false, fmt.Errorf("writing the database's settings: %w", err)
	}
	return true, nil
}

// sync makes a rename in the folder last.
func (f folder) sync() error {
	d, err := os.Open(f.root)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
