package pgserver_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/snapback/snapback/internal/pgserver"
	"github.com/snapback/snapback/internal/testkit"
)

// TestMain makes the test binary the program that is killed, when it is called as such.
func TestMain(m *testing.M) {
	if dir := os.Getenv("PGSERVER_TEST_PROGRAM"); dir != "" {
		os.Exit(program(dir))
	}
	if url := os.Getenv("PGSERVER_TEST_CLIENT"); url != "" {
		fmt.Print(refusal(url))
		os.Exit(0)
	}
	if os.Getenv("DATABASE_URL") != "" && !installed() {
		fmt.Println("skipped: DATABASE_URL names a server, and there are no binaries to run another")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// program starts a server, prints its process and URL, and stops it when its input ends.
func program(dir string) int {
	srv, err := pgserver.Start(context.Background(), pgserver.Config{Dir: dir})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println(srv.PID(), srv.URL())
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return 1
	}
	if err := srv.Stop(context.Background()); err != nil {
		return 1
	}
	return 0
}

// installed tells whether there is a PostgreSQL to test with.
func installed() bool {
	dir, err := os.MkdirTemp("", "pgserver")
	if err != nil {
		return true // and the tests will say so
	}
	defer os.RemoveAll(dir)
	srv, err := pgserver.Start(context.Background(), pgserver.Config{Dir: filepath.Join(dir, "pg")})
	if err == nil {
		err = srv.Stop(context.Background())
	}
	return !errors.Is(err, pgserver.ErrNoBinaries)
}

// refusal is the code with which the server turns this account away, or what came instead.
func refusal(url string) string {
	_, err := tryQuery(context.Background(), url, "SELECT 1")
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return fmt.Sprint(err)
}

// victim is a run of program.
type victim struct {
	cmd   *exec.Cmd
	stdin io.Closer
	out   *bufio.Reader
}

func newVictim(t *testing.T, binary, dir string, attr *syscall.SysProcAttr) *victim {
	t.Helper()
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), "PGSERVER_TEST_PROGRAM="+dir)
	cmd.SysProcAttr, cmd.Dir = attr, "/"
	stdin, err := cmd.StdinPipe()
	testkit.OK(t, err)
	stdout, err := cmd.StdoutPipe()
	testkit.OK(t, err)
	testkit.OK(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return &victim{cmd, stdin, bufio.NewReader(stdout)}
}

// started returns the server's process and URL.
func (v *victim) started(t *testing.T) (pid int, url string) {
	t.Helper()
	line, err := v.out.ReadString('\n')
	testkit.OK(t, err)
	first, url, _ := strings.Cut(strings.TrimSpace(line), " ")
	pid, err = strconv.Atoi(first)
	if err != nil {
		t.Fatalf("the program says: %s", line)
	}
	return pid, url
}

func (v *victim) kill(t *testing.T) {
	t.Helper()
	testkit.OK(t, v.cmd.Process.Kill())
	// The exit status is that of a killed process, which is the purpose.
	_ = v.cmd.Wait()
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	testkit.OK(t, err)
	return path
}

func start(t *testing.T, cfg pgserver.Config) *pgserver.Server {
	t.Helper()
	srv, err := pgserver.Start(deadline(t), cfg)
	testkit.OK(t, err)
	t.Cleanup(func() { testkit.OK(t, srv.Stop(context.Background())) })
	return srv
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// query runs SQL and returns the first column of its first row as text, or "".
func query(t *testing.T, url, sql string) string {
	t.Helper()
	got, err := tryQuery(deadline(t), url, sql)
	testkit.OK(t, err)
	return got
}

func tryQuery(ctx context.Context, url, sql string) (string, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return "", err
	}
	values, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		all, err := row.Values()
		return fmt.Sprint(all[0]), err
	})
	if err != nil || len(values) == 0 {
		return "", err
	}
	return values[0], nil
}

func running(pid int) bool { return syscall.Kill(pid, 0) == nil && state(pid) != "Z" }

// state is the letter of the process in /proc/PID/stat.
func state(pid int) string {
	fields := stat(pid)
	if len(fields) == 0 {
		return ""
	}
	return fields[0]
}

// stat is what follows the name in /proc/PID/stat: state, parent, group, session, …
func stat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.Fields(rest)
}

// there tells whether a path below dir exists.
func there(dir string, names ...string) bool {
	_, err := os.Lstat(filepath.Join(append([]string{dir}, names...)...))
	return err == nil
}

func mode(t *testing.T, path string) (fs.FileMode, uint32) {
	t.Helper()
	info, err := os.Lstat(path)
	testkit.OK(t, err)
	return info.Mode().Perm(), info.Sys().(*syscall.Stat_t).Uid
}

func onlyRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("changing accounts takes root")
	}
}
