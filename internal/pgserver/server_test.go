package pgserver_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/snapback/snapback/internal/pgserver"
	"github.com/snapback/snapback/internal/testkit"
)

func TestServerListensOnItsSocketAloneAndKeepsItsPromises(t *testing.T) {
	t.Parallel()
	srv := start(t, pgserver.Config{Dir: filepath.Join(t.TempDir(), "pg")})
	for setting, want := range map[string]string{
		"listen_addresses": "", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
		"data_checksums": "on", "server_encoding": "UTF8", "max_connections": "120",
	} {
		if got := query(t, srv.URL(), "SHOW "+setting); got != want {
			t.Errorf("%s = %q, want %q", setting, got, want)
		}
	}
	if got := query(t, srv.URL(), "SELECT current_database() || current_user"); got != "snapbacksnapback" {
		t.Errorf("database and user: %q", got)
	}
}

func TestServerNeverRunsAsRootAndOwnsOnlyItsData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	srv := start(t, pgserver.Config{Dir: dir})
	_, server := mode(t, "/proc/"+strconv.Itoa(srv.PID()))
	if server == 0 {
		t.Error("the server runs as root")
	}
	for _, name := range []string{"data", "run"} {
		if perm, uid := mode(t, filepath.Join(dir, name)); perm != 0o700 || uid != server {
			t.Errorf("%s: mode %o of %d, want 700 of %d", name, perm, uid, server)
		}
	}
	for _, name := range []string{"", "postgresql.conf", "pg_hba.conf", "pg_ident.conf", "server.log"} {
		if perm, uid := mode(t, filepath.Join(dir, name)); perm&0o022 != 0 || int(uid) != os.Geteuid() {
			t.Errorf("%q: mode %o of %d, want our own", name, perm, uid)
		}
	}
}

func TestTerminalsSignalsDoNotReachTheServer(t *testing.T) {
	t.Parallel()
	srv := start(t, pgserver.Config{Dir: filepath.Join(t.TempDir(), "pg")})
	if session := stat(srv.PID())[3]; session != strconv.Itoa(srv.PID()) {
		t.Errorf("session %s, want the server's own, %d", session, srv.PID())
	}
}

func TestProgramsSecretsAreNotInTheServersEnvironment(t *testing.T) {
	t.Setenv("SLACK_BOT_TOKEN", "xoxb-secret")
	t.Setenv("PGDATA", "/nowhere")
	srv := start(t, pgserver.Config{Dir: filepath.Join(t.TempDir(), "pg")})
	env, err := os.ReadFile("/proc/" + strconv.Itoa(srv.PID()) + "/environ")
	testkit.OK(t, err)
	if strings.Contains(string(env), "xoxb") || strings.Contains(string(env), "PGDATA=/nowhere") {
		t.Errorf("environment: %q", env)
	}
}

func TestDataOutliveAStop(t *testing.T) {
	t.Parallel()
	cfg := pgserver.Config{Dir: filepath.Join(t.TempDir(), "pg")}
	first := start(t, cfg)
	query(t, first.URL(), "CREATE TABLE kept AS SELECT 42 AS n")
	pid := first.PID()
	testkit.OK(t, first.Stop(context.Background()))
	if running(pid) {
		t.Error("the server runs on after Stop")
	}
	testkit.OK(t, first.Stop(context.Background()))

	second := start(t, cfg)
	if got := query(t, second.URL(), "SELECT n FROM kept"); got != "42" {
		t.Errorf("n = %q", got)
	}
}

func TestSeveralUsersShareAServerAndTheLastStopsIt(t *testing.T) {
	t.Parallel()
	cfg := pgserver.Config{Dir: filepath.Join(t.TempDir(), "pg")}
	one, two := start(t, cfg), start(t, cfg)
	if one.PID() != two.PID() {
		t.Fatalf("processes %d and %d, want one", one.PID(), two.PID())
	}
	testkit.OK(t, one.Stop(context.Background()))
	query(t, two.URL(), "SELECT 1")
	testkit.OK(t, two.Stop(context.Background()))
	testkit.Eventually(t, "the server has ended with its last user", func() bool { return !running(two.PID()) })
}

func TestFolderWithALongNameHasItsSocketElsewhere(t *testing.T) {
	t.Parallel()
	srv := start(t, pgserver.Config{Dir: filepath.Join(t.TempDir(), strings.Repeat("long", 30))})
	socket := query(t, srv.URL(), "SHOW unix_socket_directories")
	if perm, _ := mode(t, socket); perm != 0o700 {
		t.Errorf("%s has mode %o, want 700", socket, perm)
	}
	testkit.OK(t, srv.Stop(context.Background()))
	if there(socket) {
		t.Errorf("%s is left", socket)
	}
}

func TestFolderNameNeedsNoPlainLetters(t *testing.T) {
	t.Parallel()
	srv := start(t, pgserver.Config{Dir: filepath.Join(t.TempDir(), "a b&c=d'é,%41")})
	query(t, srv.URL(), "SELECT 1")
}

func TestLogStaysSmall(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	srv := start(t, pgserver.Config{Dir: dir})
	query(t, srv.URL(), `DO $$ BEGIN FOR i IN 1..50 LOOP RAISE LOG '%', repeat('x', 100000); END LOOP; END $$`)
	testkit.Eventually(t, "the log is cut", func() bool {
		info, err := os.Stat(filepath.Join(dir, "server.log"))
		return err == nil && there(dir, "server.log.1") && info.Size() < 1<<20
	})
}

func TestStatementsWithSecretsAreNotLogged(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	srv := start(t, pgserver.Config{Dir: dir})
	query(t, srv.URL(), "CREATE TABLE t (n text UNIQUE); INSERT INTO t VALUES ('hunter2')")
	if _, err := tryQuery(deadline(t), srv.URL(), "INSERT INTO t VALUES ('hunter2')"); err == nil {
		t.Fatal("the second row went in")
	}
	log, err := os.ReadFile(filepath.Join(dir, "server.log"))
	testkit.OK(t, err)
	if !strings.Contains(string(log), "duplicate key") || strings.Contains(string(log), "hunter2") {
		t.Errorf("want the error without the value: %s", log)
	}
}

func TestMissingBinariesAreSaidInOneLine(t *testing.T) {
	t.Parallel()
	_, err := pgserver.Start(deadline(t), pgserver.Config{Dir: t.TempDir(), Bin: t.TempDir()})
	oneLine(t, err, pgserver.ErrNoBinaries)
}

func TestDataOfAnotherVersionAreSaidInOneLine(t *testing.T) {
	t.Parallel()
	cfg := pgserver.Config{Dir: filepath.Join(t.TempDir(), "pg")}
	testkit.OK(t, start(t, cfg).Stop(context.Background()))
	testkit.OK(t, os.WriteFile(filepath.Join(cfg.Dir, "data", "PG_VERSION"), []byte("9\n"), 0o600))
	_, err := pgserver.Start(deadline(t), cfg)
	oneLine(t, err, pgserver.ErrVersion)
}

func TestFolderOfSomebodyElseIsRefused(t *testing.T) {
	t.Parallel()
	onlyRoot(t)
	dir := filepath.Join(t.TempDir(), "pg")
	testkit.OK(t, os.Mkdir(dir, 0o700))
	testkit.OK(t, os.Chown(dir, 65534, 65534))
	_, err := pgserver.Start(deadline(t), pgserver.Config{Dir: dir})
	oneLine(t, err, nil)
}

func TestFullDiskIsSaidInOneLine(t *testing.T) {
	t.Parallel()
	onlyRoot(t)
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=20m,mode=0711"); err != nil {
		t.Skipf("no small disk can be made here: %v", err)
	}
	t.Cleanup(func() { testkit.OK(t, syscall.Unmount(dir, syscall.MNT_DETACH)) }) // what initdb has started may still be ending
	_, err := pgserver.Start(deadline(t), pgserver.Config{Dir: filepath.Join(dir, "pg")})
	oneLine(t, err, syscall.ENOSPC)
	if there(dir, "pg", "data.new") {
		t.Error("the half-made data still fill the disk")
	}
}

func oneLine(t *testing.T, err, want error) {
	t.Helper()
	if err == nil || strings.Contains(err.Error(), "\n") || want != nil && !errors.Is(err, want) {
		t.Fatalf("want one line of %v: %v", want, err)
	}
	t.Log(err)
}

// The bot's data folder is its account's, and root runs a command beside it.
func TestNothingIsMadeInAnotherAccountsFolder(t *testing.T) {
	t.Parallel()
	onlyRoot(t)
	data := t.TempDir()
	if err := errors.Join(os.Chmod(data, 0o700), os.Chown(data, 1, 1)); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(data, "postgres")
	_, err := pgserver.Start(t.Context(), pgserver.Config{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "run this as that account (sudo -u daemon …)") {
		t.Errorf("it says %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it has made a folder there: %v", err)
	}
}
