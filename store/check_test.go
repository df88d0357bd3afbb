package store_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/pgtest"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/migrations"
	"github.com/snapback/snapback/store"
)

// pooled starts a PgBouncer in front of the database, and returns its address.
func pooled(t *testing.T, dsn, mode string, size int) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program = "/usr/sbin/pgbouncer"; !exists(program) {
			t.Skip("pgbouncer is not installed: apt-get install pgbouncer")
		}
	}
	cc, err := pgx.ParseConfig(dsn)
	testkit.OK(t, err)
	dir, err := os.MkdirTemp("", "sbp") // short, for the sockets
	testkit.OK(t, err)
	testkit.OK(t, os.Chmod(dir, 0o777)) // PgBouncer refuses to run as root
	t.Cleanup(func() { testkit.OK(t, os.RemoveAll(dir)) })
	if !filepath.IsAbs(cc.Host) {
		t.Skip("the database has no socket here that could be led to")
	}
	relay(t, filepath.Join(dir, ".s.PGSQL.5432"), filepath.Join(cc.Host, fmt.Sprint(".s.PGSQL.", cc.Port)))
	ini := filepath.Join(dir, "pgbouncer.ini")
	testkit.OK(t, os.WriteFile(ini, fmt.Appendf(nil, `[databases]
%[1]s = host=%[2]s port=5432 user=%[3]s
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = %[2]s
auth_type = any
pool_mode = %[4]s
default_pool_size = %[5]d
`, cc.Database, dir, cc.User, mode, size), 0o644))
	args := []string{ini}
	if os.Geteuid() == 0 {
		args = append(args, "-u", "nobody")
	}
	cmd := exec.Command(program, args...)
	var said strings.Builder
	cmd.Stderr = &said
	testkit.OK(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	address := url.URL{Scheme: "postgres", User: url.User(cc.User), Path: "/" + cc.Database}
	address.RawQuery = url.Values{"host": {dir}, "port": {"6432"}}.Encode()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, address.String())
		if err == nil {
			testkit.OK(t, conn.Close(ctx))
			return address.String()
		}
		select {
		case <-ctx.Done():
			t.Fatalf("PgBouncer does not answer: %v\n%s", err, said.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// relay leads a socket that anybody may use to the server's, which lets this account in alone.
func relay(t *testing.T, at, to string) {
	t.Helper()
	l, err := net.Listen("unix", at)
	testkit.OK(t, err)
	testkit.OK(t, os.Chmod(at, 0o777))
	t.Cleanup(func() { _ = l.Close() })
	go func() { // ends with the listener
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", to)
			if err != nil {
				_ = from.Close()
				continue
			}
			for _, way := range [][2]net.Conn{{from, server}, {server, from}} {
				go func() { // ends with either side
					_, _ = io.Copy(way[0], way[1])
					_ = way[0].Close()
				}()
			}
		}
	}()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestPoolerThatSharesSessionsIsRefused(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	for _, size := range []int{1, 5} {
		_, err := store.Check(t.Context(), pooled(t, dsn, "transaction", size))
		if !errors.Is(err, store.ErrUnfit) || !strings.Contains(err.Error(), "pool_mode = session") {
			t.Errorf("%d sessions in transaction mode: %v, want ErrUnfit with what to set", size, err)
		}
	}
	if _, err := store.Check(t.Context(), pooled(t, dsn, "statement", 5)); err == nil {
		t.Error("statement mode passes")
	}
	if _, err := store.Check(t.Context(), pooled(t, dsn, "session", 50)); err != nil {
		t.Errorf("session mode: %v", err)
	}
}

// What the release after this one leaves, and the one after that: each says what the one before it knew.
var (
	next = fmt.Sprintf(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99998, true); UPDATE schema_readers SET oldest = %d;
		INSERT INTO river_migration (line, version) VALUES ('main', 98)`, newestMigration())
	afterNext = next + `; INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true); UPDATE schema_readers SET oldest = 99998`
)

func newestMigration() (newest int) {
	files, _ := migrations.Files.ReadDir(".") // they are embedded
	_, _ = fmt.Sscanf(files[len(files)-1].Name(), "%d_", &newest)
	return newest
}

func TestSchemaOfTheNextReleaseIsTakenAndLeftAsItIs(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	admin(t, dsn, next)
	if _, err := store.Check(t.Context(), dsn); err != nil {
		t.Errorf("check: %v", err)
	}
	if files, err := store.Pending(t.Context(), dsn); err != nil || len(files) != 0 {
		t.Errorf("pending: %q, %v", files, err)
	}
	if applied, err := store.Migrate(t.Context(), dsn); err != nil || len(applied) != 0 {
		t.Errorf("migrate: %v, %v", applied, err)
	}
	db := open(t, dsn)
	receive(t, db, "E1", incidents.Incident{PagerDutyID: "P1", Title: "after going back", Status: incidents.Triggered}, evening)
	admin(t, dsn, `DO $$ BEGIN ASSERT (SELECT oldest FROM schema_readers) = `+fmt.Sprint(newestMigration())+`; END $$`)
}

func TestSchemaSaysWhatTheReleaseBeforeKnew(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	admin(t, dsn, fmt.Sprintf(`DO $$ BEGIN ASSERT (SELECT oldest FROM schema_readers) = %d; END $$; UPDATE schema_readers SET oldest = 1`, migrations.Before))
	if _, err := store.Migrate(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	admin(t, dsn, fmt.Sprintf(`DO $$ BEGIN ASSERT (SELECT oldest FROM schema_readers) = %d; END $$`, migrations.Before))
}

func TestSchemaOfALaterReleaseIsRefused(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	admin(t, dsn, afterNext)
	_, checked := store.Check(t.Context(), dsn)
	_, migrated := store.Migrate(t.Context(), dsn)
	for what, err := range map[string]error{"check": checked, "migrate": migrated} {
		if !errors.Is(err, store.ErrNewer) || !strings.Contains(err.Error(), "99999") {
			t.Errorf("%s says %v, want ErrNewer", what, err)
		}
	}
}

func TestRoleThatMayMakeNoTablesIsToldWhatToGrant(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t, nil)
	role := databaseOf(t, dsn) + "_role"
	admin(t, dsn, `CREATE ROLE `+role+` LOGIN`)
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), dsn)
		testkit.OK(t, err)
		defer conn.Close(context.Background())
		_, err = conn.Exec(context.Background(), `DROP ROLE `+role)
		testkit.OK(t, err)
	})
	u, err := url.Parse(dsn)
	testkit.OK(t, err)
	query := u.Query()
	query.Set("options", "-c role="+role)
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	if _, err := store.Migrate(t.Context(), u.String()); !errors.Is(err, store.ErrUnfit) || !strings.Contains(err.Error(), "GRANT CREATE") {
		t.Errorf("migrating says %v, want what to grant", err)
	}
}
