package pgserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// major is the version that wrote the data, or "" when there are none yet.
func (f folder) major() (string, error) {
	version, err := os.ReadFile(f.data() + "/PG_VERSION")
	switch {
	case err == nil:
		return strings.TrimSpace(string(version)), nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("reading the version of the data: %w", err)
	}
	if _, err := os.Lstat(f.data()); err == nil {
		return "", fmt.Errorf("%s has no PG_VERSION: it is no database, or a damaged one; restore it or move it away", f.data())
	}
	return "", nil
}

// initdb makes the data under another name and renames them when they are whole, so that
// a crash on the way leaves something that can be told from a database. Should we be killed, initdb goes on; as it and
// its children have the lock's descriptor, the next one waits for their end before it clears away what they wrote.
func (f folder) initdb(ctx context.Context, bin binaries, ephemeral bool) error {
	busy, err := openLock(f.path("initdb.lock"))
	if err != nil {
		return err
	}
	defer busy.release()
	if err := busy.take(ctx, syscall.LOCK_EX); err != nil {
		return err
	}
	next := f.path("data.new")
	if err := os.RemoveAll(next); err != nil {
		return fmt.Errorf("removing half-made data: %w", err)
	}
	if err := os.Mkdir(next, 0o700); err != nil {
		return fmt.Errorf("making the data: %w", err)
	}
	if err := f.acct.give(next); err != nil {
		return fmt.Errorf("making the data: %w", err)
	}
	if err := f.runInitdb(ctx, bin, next, ephemeral, busy); err != nil {
		return errors.Join(err, os.RemoveAll(next))
	}
	if err := os.Rename(next, f.data()); err != nil {
		return fmt.Errorf("making the data: %w", err)
	}
	return f.sync()
}

// runInitdb uses the C locale: it sorts by bytes on every machine, so that the libraries' next
// version can't break an index.
func (f folder) runInitdb(ctx context.Context, bin binaries, dir string, ephemeral bool, busy *lock) error {
	args := []string{"-D", dir, "--username=" + owner, "--auth=peer", "--encoding=UTF8", "--locale=C", "--data-checksums"}
	if ephemeral {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, bin.path("initdb"), args...)
	cmd.Env, cmd.Dir, cmd.SysProcAttr = f.acct.environment(), "/", f.acct.attributes()
	cmd.ExtraFiles = []*os.File{busy.file}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		if strings.Contains(output.String(), "could not look up effective user ID") {
			return nameless()
		}
		return fmt.Errorf("making the data: initdb: %w", explain(err, output.String()))
	}
	return nil
}
