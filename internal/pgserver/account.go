package pgserver

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// account is whom the server runs as.
type account struct {
	uid, gid uint32
	self     string // the name of the account that this program runs as, whom the server lets in
	drop     bool   // we are root, and the server isn't
}

// serverAccount is our own account, or, as root, postgres or else nobody: PostgreSQL refuses root.
func serverAccount() (account, error) {
	self, err := user.Current()
	if err != nil {
		return account{}, nameless()
	}
	if os.Geteuid() != 0 {
		return account{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid()), self: self.Username}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			return accountOf(u, self.Username)
		}
	}
	return account{}, errors.New("PostgreSQL refuses to run as root, and there is no account postgres or nobody: add one, or set DATABASE_URL")
}

// ErrNameless means that this program's account has no name, which initdb and peer authentication need.
var ErrNameless = errors.New("this account has no name here, which PostgreSQL needs")

func nameless() error {
	return fmt.Errorf("%w: add uid %d to /etc/passwd, run the bot as another user, or set DATABASE_URL", ErrNameless, os.Geteuid())
}

func accountOf(u *user.User, self string) (account, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("reading the account %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("reading the account %s: %w", u.Username, err)
	}
	if uid == 0 {
		return account{}, fmt.Errorf("PostgreSQL refuses to run as root, and %s is root here", u.Username)
	}
	return account{uid: uint32(uid), gid: uint32(gid), self: self, drop: true}, nil
}

// attributes put a child into the account and a session of its own: the terminal's Ctrl-C and
// hang-up reach us, and must reach the server only by way of Stop.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true}
	if a.drop {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}

// environment is all that a child gets of ours: the program's own holds tokens, and PG* variables
// would change what the server and initdb do.
func (a account) environment() []string {
	return []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TZ=UTC"}
}

// give makes a folder the server's alone.
func (a account) give(dir string) error {
	if a.drop {
		if err := os.Lchown(dir, int(a.uid), int(a.gid)); err != nil {
			return err
		}
	}
	return os.Chmod(dir, 0o700)
}

// reaches tells whether the account can pass through a folder, by its owner, group and mode alone.
func (a account) reaches(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return false
	case st.Uid == a.uid:
		return info.Mode()&0o100 != 0
	case st.Gid == a.gid:
		return info.Mode()&0o010 != 0
	}
	return info.Mode()&0o001 != 0
}

func ownedByUs(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}
