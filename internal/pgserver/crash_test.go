package pgserver_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/pgserver"
	"github.com/snapback/snapback/internal/testkit"
)

func TestKilledServerIsRestartedWithAllThatWasCommitted(t *testing.T) {
	t.Parallel()
	srv := start(t, pgserver.Config{Dir: filepath.Join(t.TempDir(), "pg")})
	query(t, srv.URL(), "CREATE TABLE kept AS SELECT 42 AS n")
	for range 2 {
		before := srv.PID()
		testkit.OK(t, syscall.Kill(before, syscall.SIGKILL))
		testkit.Eventually(t, "another server", func() bool { return srv.PID() != before })
		if got := query(t, srv.URL(), "SELECT n FROM kept"); got != "42" {
			t.Errorf("n = %q", got)
		}
	}
}

func TestKilledAdoptedServerIsRestarted(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	owner := newVictim(t, self(t), dir, nil)
	pid, _ := owner.started(t)
	srv := start(t, pgserver.Config{Dir: dir})
	owner.kill(t)
	testkit.OK(t, syscall.Kill(pid, syscall.SIGKILL))
	testkit.Eventually(t, "another server", func() bool { return srv.PID() != pid })
	query(t, srv.URL(), "SELECT 1")
}

func TestServerOfAKilledProgramIsAdoptedAndStopped(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	program := newVictim(t, self(t), dir, nil)
	pid, url := program.started(t)
	query(t, url, "CREATE TABLE kept AS SELECT 42 AS n")
	program.kill(t)

	srv := start(t, pgserver.Config{Dir: dir})
	if srv.PID() != pid {
		t.Errorf("process %d, want the adopted %d", srv.PID(), pid)
	}
	if got := query(t, srv.URL(), "SELECT n FROM kept"); got != "42" {
		t.Errorf("n = %q", got)
	}
	testkit.OK(t, srv.Stop(context.Background()))
	testkit.Eventually(t, "the adopted server has ended", func() bool { return !running(pid) })
}

func TestBothKilledRecovers(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strconv.Itoa(1<<40)+fmt.Sprintf("%0100d", 0)) // its socket is in /tmp
	program := newVictim(t, self(t), dir, nil)
	pid, url := program.started(t)
	query(t, url, "CREATE TABLE kept AS SELECT 42 AS n")
	stale := query(t, url, "SHOW unix_socket_directories")
	program.kill(t)
	testkit.OK(t, syscall.Kill(pid, syscall.SIGKILL))

	srv := start(t, pgserver.Config{Dir: dir})
	if got := query(t, srv.URL(), "SELECT n FROM kept"); got != "42" {
		t.Errorf("n = %q", got)
	}
	if there(stale) {
		t.Errorf("%s is left", stale)
	}
}

func TestPidFileThatNamesAnotherProcessIsStale(t *testing.T) {
	t.Parallel()
	cfg := pgserver.Config{Dir: filepath.Join(t.TempDir(), "pg")}
	testkit.OK(t, start(t, cfg).Stop(context.Background()))
	// A process of the server's account, which PostgreSQL itself would take for a server.
	other := exec.Command("sleep", "60")
	other.SysProcAttr = serversAccount(t, cfg.Dir)
	testkit.OK(t, other.Start())
	t.Cleanup(func() { _ = other.Process.Kill(); _ = other.Wait() })
	pidfile := fmt.Sprintf("%d\n%s/data\n1\n5432\n/tmp\n\n\nready\n", other.Process.Pid, cfg.Dir)
	testkit.OK(t, os.WriteFile(filepath.Join(cfg.Dir, "data", "postmaster.pid"), []byte(pidfile), 0o600))

	srv := start(t, cfg)
	query(t, srv.URL(), "SELECT 1")
	if !running(other.Process.Pid) {
		t.Error("the other process was killed")
	}
}

func TestProgramKilledWhileItMakesTheDataIsRedone(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"PG_VERSION", "pg_wal", "global/pg_control", "base/5"} {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "pg")
			program := newVictim(t, self(t), dir, nil)
			testkit.Eventually(t, file+" is made", func() bool { return there(dir, "data.new", file) || there(dir, "data") })
			program.kill(t)
			srv := start(t, pgserver.Config{Dir: dir})
			query(t, srv.URL(), "SELECT 1")
			if there(dir, "data.new") {
				t.Error("half-made data are left")
			}
		})
	}
}

func TestOrphanIsStoppedAndForgotten(t *testing.T) {
	t.Parallel()
	cfg := pgserver.Config{Dir: filepath.Join(t.TempDir(), "pg"), OrphanTimeout: time.Second, Ephemeral: true}
	one, two := start(t, cfg), start(t, cfg)
	one.Release()
	query(t, two.URL(), "SELECT 1")
	two.Release()
	testkit.Eventually(t, "the orphan has ended", func() bool { return !running(two.PID()) && !there(cfg.Dir, "data") })
	query(t, start(t, cfg).URL(), "SELECT 1")
}

func TestUsedServerIsNoOrphan(t *testing.T) {
	t.Parallel()
	cfg := pgserver.Config{Dir: filepath.Join(t.TempDir(), "pg"), OrphanTimeout: time.Second, Ephemeral: true}
	srv := start(t, cfg)
	pid := srv.PID()
	for limit := time.After(3 * time.Second); ; {
		select {
		case <-limit:
			return
		default:
			query(t, srv.URL(), "SELECT pg_sleep(0.1)::text")
			if srv.PID() != pid {
				t.Fatal("the server was stopped under its user")
			}
		}
	}
}

func TestOtherAccountsAreNotLetIn(t *testing.T) {
	t.Parallel()
	onlyRoot(t)
	dir := filepath.Join(t.TempDir(), "pg")
	srv := start(t, pgserver.Config{Dir: dir})
	// The folder keeps others out already. Opened, the server must do so by itself.
	testkit.OK(t, os.Chmod(filepath.Join(dir, "run"), 0o711))
	testkit.OK(t, os.Chmod(filepath.Join(dir, "run", ".s.PGSQL.5432"), 0o777))
	cmd := exec.Command(copyOfSelf(t))
	cmd.Env = []string{"PGSERVER_TEST_CLIENT=" + srv.URL()}
	cmd.SysProcAttr, cmd.Dir = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}, "/"
	out, err := cmd.CombinedOutput()
	testkit.OK(t, err)
	if string(out) != "28000" {
		t.Errorf("another account was told %q, want 28000 (invalid authorization)", out)
	}
}

func TestAccountWithoutRightsRunsAServerOfItsOwn(t *testing.T) {
	t.Parallel()
	onlyRoot(t)
	home := t.TempDir()
	testkit.OK(t, os.Chmod(filepath.Dir(home), 0o711))
	testkit.OK(t, os.Chown(home, 65534, 65534))
	attr := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	program := newVictim(t, copyOfSelf(t), filepath.Join(home, "pg"), attr)
	pid, _ := program.started(t)
	program.kill(t)

	heir := newVictim(t, copyOfSelf(t), filepath.Join(home, "pg"), attr)
	adopted, url := heir.started(t)
	if adopted != pid {
		t.Errorf("process %d, want the adopted %d", adopted, pid)
	}
	query(t, url, "SELECT 1") // root is let in
	testkit.OK(t, heir.stdin.Close())
	testkit.OK(t, heir.cmd.Wait())
	testkit.Eventually(t, "the server has ended with its last user", func() bool { return !running(pid) })
}

func TestAccountWithoutANameIsToldWhatToDo(t *testing.T) {
	t.Parallel()
	onlyRoot(t)
	for name, setting := range map[string]string{"and without USER": "X=y", "and with USER": "USER=somebody"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			testkit.OK(t, os.Chmod(filepath.Dir(home), 0o711))
			testkit.OK(t, os.Chown(home, 54321, 54321))
			cmd := exec.Command(copyOfSelf(t))
			cmd.Env = []string{"PGSERVER_TEST_PROGRAM=" + filepath.Join(home, "pg"), "HOME=" + home, setting}
			cmd.SysProcAttr, cmd.Dir = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 54321, Gid: 54321}}, "/"
			out, _ := cmd.CombinedOutput() // it fails, and says why
			if said := string(out); strings.Count(said, "\n") != 1 || !strings.Contains(said, "uid 54321") || !strings.Contains(said, "DATABASE_URL") {
				t.Errorf("it said %q", said)
			}
		})
	}
}

// serversAccount is for a process of the account that runs the server in dir.
func serversAccount(t *testing.T, dir string) *syscall.SysProcAttr {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	_, uid := mode(t, filepath.Join(dir, "data"))
	u, err := user.LookupId(strconv.Itoa(int(uid)))
	testkit.OK(t, err)
	gid, err := strconv.Atoi(u.Gid)
	testkit.OK(t, err)
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uint32(gid)}}
}

// copyOfSelf is the test binary in a place from which other accounts can run it.
func copyOfSelf(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	testkit.OK(t, os.Chmod(filepath.Dir(dir), 0o711))
	path := filepath.Join(dir, "program")
	// By another process: a descriptor open for writing here would be inherited by whatever a parallel test is
	// just starting, and a file somebody can write to can't be run.
	testkit.OK(t, exec.Command("install", "-m", "755", self(t), path).Run())
	return path
}
