package pgtest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/internal/pgserver"
	"github.com/snapback/snapback/internal/pgtest"
	"github.com/snapback/snapback/internal/testkit"
)

// TestMain makes the test binary another test program, when it is called as such.
func TestMain(m *testing.M) {
	if os.Getenv("PGTEST_HOLD") != "" {
		os.Exit(hold())
	}
	os.Exit(m.Run())
}

// hold uses a database, says which, and waits to be killed.
func hold() int {
	t := &holder{}
	fmt.Println(pgtest.New(t, migrate))
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
		return 1
	}
	return 0
}

// holder is a test that has no end.
type holder struct{ testing.TB }

func (*holder) Helper()                         {}
func (*holder) Cleanup(func())                  {}
func (*holder) Fatalf(format string, is ...any) { panic(fmt.Sprintf(format, is...)) }

func migrate(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE TABLE notes (n int); INSERT INTO notes VALUES (7)")
	return errors.Join(err, conn.Close(ctx))
}

func ask(t *testing.T, dsn, sql string) (answer string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	testkit.OK(t, err)
	defer conn.Close(ctx)
	if err := conn.QueryRow(ctx, sql).Scan(&answer); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatal(err)
	}
	return answer
}

func TestEachTestHasTheSchemaAndADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	one, two := pgtest.New(t, migrate), pgtest.New(t, migrate)
	ask(t, one, "INSERT INTO notes VALUES (8)")
	if a, b := ask(t, one, "SELECT sum(n)::text FROM notes"), ask(t, two, "SELECT sum(n)::text FROM notes"); a != "15" || b != "7" {
		t.Errorf("sums %s and %s, want 15 and 7", a, b)
	}
}

func TestDatabaseIsDroppedThoughSomebodyIsConnected(t *testing.T) {
	t.Parallel()
	keep := pgtest.New(t, nil) // so that the server stays
	var name string
	t.Run("test", func(t *testing.T) {
		dsn := pgtest.New(t, migrate)
		name = ask(t, dsn, "SELECT current_database()")
		conn, err := pgx.Connect(context.Background(), dsn)
		testkit.OK(t, err)
		t.Cleanup(func() { _ = conn })
	})
	if got := ask(t, keep, "SELECT datname FROM pg_database WHERE datname = '"+name+"'"); got != "" {
		t.Errorf("%s is left", got)
	}
}

func TestSchemaIsMigratedOnce(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	runs := 0
	counted := func(ctx context.Context, dsn string) error {
		mu.Lock()
		defer mu.Unlock()
		runs++
		return migrate(ctx, dsn)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { pgtest.New(t, counted) })
	}
	all.Wait()
	if runs > 1 {
		t.Errorf("migrated %d times", runs)
	}
}

// TestFailedMigrationIsNoTemplate makes none at all: it would be there the next time.
func TestFailedMigrationIsNoTemplate(t *testing.T) {
	t.Parallel()
	tries := 0
	failing := func(context.Context, string) error {
		tries++
		return fmt.Errorf("try %d", tries)
	}
	for n := range 2 {
		said := &failure{TB: t}
		func() {
			defer func() {
				if why := recover(); why != nil && why != said.said {
					panic(why)
				}
			}()
			t.Errorf("there is %s", pgtest.New(said, failing))
		}()
		if want := fmt.Sprintf("try %d", n+1); !strings.Contains(said.said, want) {
			t.Fatalf("said %q, want %q", said.said, want)
		}
	}
}

// failure is a test that is expected to fail.
type failure struct {
	testing.TB
	said string
}

func (f *failure) Fatalf(format string, args ...any) {
	f.said = fmt.Sprintf(format, args...)
	panic(f.said)
}

// Not parallel: it changes the environment.
func TestServerOfDatabaseURLIsUsedAndSweptOfOldLeftovers(t *testing.T) {
	srv, err := pgserver.Start(context.Background(), pgserver.Config{Dir: filepath.Join(t.TempDir(), "pg"), Ephemeral: true})
	testkit.OK(t, err)
	t.Cleanup(func() { testkit.OK(t, srv.Stop(context.Background())) })
	old, young := "snapback_test_1700000000_killed", fmt.Sprintf("snapback_test_%d_running", time.Now().Unix())
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, srv.URL())
	testkit.OK(t, err)
	for _, name := range []string{old, young} {
		_, err := conn.Exec(ctx, "CREATE DATABASE "+name)
		testkit.OK(t, err)
	}
	testkit.OK(t, conn.Close(ctx))
	for _, url := range []string{srv.URL(), keywords(t, srv.URL())} {
		t.Setenv("DATABASE_URL", url)
		dsn := pgtest.New(t, migrate)
		if got := ask(t, dsn, "SELECT current_setting('data_directory')"); !strings.HasPrefix(got, filepath.Dir(t.TempDir())) {
			t.Errorf("the server is another one: %s", got)
		}
	}
	left := ask(t, srv.URL(), "SELECT string_agg(datname, ' ') FROM pg_database WHERE datname IN ('"+old+"', '"+young+"')")
	if left != young {
		t.Errorf("left: %q, want %q", left, young)
	}
}

// keywords is the other form of a libpq address.
func keywords(t *testing.T, url string) string {
	t.Helper()
	cfg, err := pgx.ParseConfig(url)
	testkit.OK(t, err)
	return fmt.Sprintf("host='%s' port=%d user=%s dbname=%s", cfg.Host, cfg.Port, cfg.User, cfg.Database)
}

func TestProgramsShareTheServerAndTheTemplate(t *testing.T) {
	t.Parallel()
	if os.Getenv("DATABASE_URL") != "" {
		t.Skip("DATABASE_URL names a server that isn't shared by us")
	}
	binary, err := os.Executable()
	testkit.OK(t, err)
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), "PGTEST_HOLD=1", "TMPDIR="+t.TempDir())
	_, err = cmd.StdinPipe()
	testkit.OK(t, err)
	stdout, err := cmd.StdoutPipe()
	testkit.OK(t, err)
	testkit.OK(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	var theirs string
	_, err = fmt.Fscanln(stdout, &theirs)
	testkit.OK(t, err)
	testkit.OK(t, cmd.Process.Kill())
	ours := pgtest.New(t, migrate)
	where := "SELECT current_setting('data_directory') || (SELECT max(datname) FROM pg_database WHERE datname ^@ 'snapback_template')"
	if a, b := ask(t, theirs, where), ask(t, ours, where); a != b {
		t.Errorf("servers %s and %s", a, b)
	}
}

func BenchmarkNew(b *testing.B) {
	pgtest.New(b, migrate)
	for b.Loop() {
		pgtest.New(b, migrate)
	}
}
