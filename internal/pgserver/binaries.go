package pgserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrNoBinaries means that this machine has no PostgreSQL server to run.
var ErrNoBinaries = errors.New("no PostgreSQL server on this machine: apt-get install postgresql, or set DATABASE_URL")

// ErrVersion means that the data were written by a major version of PostgreSQL that is not installed.
var ErrVersion = errors.New("the data need another version of PostgreSQL")

// binaries is one installed PostgreSQL.
type binaries struct {
	dir   string
	major string // "15", as in PG_VERSION
}

func (b binaries) path(name string) string { return filepath.Join(b.dir, name) }

// Find returns the folder of the server that a new data folder would be made with. It returns ErrNoBinaries.
func Find(ctx context.Context) (dir string, err error) {
	bin, err := findBinaries(ctx, "", "")
	return bin.dir, err
}

// findBinaries returns the installation that can read data of the given major version, or the
// best one when major is empty. Several versions are installed side by side in the middle of a
// distribution's upgrade, and the data still are the old one's.
func findBinaries(ctx context.Context, bin, major string) (binaries, error) {
	var seen []string
	for _, dir := range candidates(ctx, bin) {
		have, err := majorVersion(ctx, dir)
		if err != nil {
			continue
		}
		if major == "" || have == major {
			return binaries{dir, have}, nil
		}
		seen = append(seen, have)
	}
	switch {
	case len(seen) > 0:
		return binaries{}, fmt.Errorf("%w: they are of %s, installed is %s: apt-get install postgresql-%s, or set DATABASE_URL",
			ErrVersion, major, strings.Join(slices.Compact(seen), ", "), major)
	case bin != "":
		return binaries{}, fmt.Errorf("%w (nothing usable in %s)", ErrNoBinaries, bin)
	}
	return binaries{}, ErrNoBinaries
}

// candidates lists folders that may hold the server, best first.
func candidates(ctx context.Context, bin string) []string {
	if bin != "" {
		return []string{bin}
	}
	var dirs []string
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	// The pattern is valid, so Glob has no error to give.
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(debian, func(a, b string) int { return cmp.Compare(debianVersion(b), debianVersion(a)) })
	return append(dirs, debian...)
}

// debianVersion reads 15 from /usr/lib/postgresql/15/bin; as text, 9 would come before 15.
func debianVersion(bin string) float64 {
	v, err := strconv.ParseFloat(filepath.Base(filepath.Dir(bin)), 64)
	if err != nil {
		return 0
	}
	return v
}

// majorVersion asks the server itself; a folder without initdb (client packages only) doesn't count.
func majorVersion(ctx context.Context, dir string) (string, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return "", err
	}
	return parseMajor(string(out))
}

// parseMajor reads "15" from "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)" or "… 16beta1".
func parseMajor(banner string) (string, error) {
	_, version, ok := strings.Cut(banner, "(PostgreSQL) ")
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(version)
	}
	if !ok || end == 0 {
		return "", fmt.Errorf("reading the version of PostgreSQL from %q", banner)
	}
	return version[:end], nil
}
