package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
)

var aNote = incidents.Entry{Kind: "note", Summary: "hello"}

// admin runs statements on the database, apart from the pool.
func admin(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	testkit.OK(t, err)
	defer conn.Close(context.Background())
	for _, sql := range statements {
		_, err := conn.Exec(t.Context(), sql)
		testkit.OK(t, err)
	}
}

func databaseOf(t *testing.T, dsn string) string {
	t.Helper()
	cc, err := pgx.ParseConfig(dsn)
	testkit.OK(t, err)
	return cc.Database
}

// wantAway wants both what writes and readiness to say that the database is away.
func wantAway(t *testing.T, db *store.DB, when string) {
	t.Helper()
	if err := db.Ready(t.Context()); !errors.Is(err, store.ErrAway) {
		t.Errorf("%s, ready says %v, want ErrAway", when, err)
	}
	if _, err := db.Record(t.Context(), aNote); !errors.Is(err, store.ErrAway) {
		t.Errorf("%s, an entry says %v, want ErrAway", when, err)
	}
}

func TestServerThatTakesNoWritesIsAwayAndItsConnectionsAreNotKept(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	db := open(t, dsn)
	testkit.OK(t, db.Ready(t.Context()))
	name := databaseOf(t, dsn)
	cut := `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
	admin(t, dsn, `ALTER DATABASE `+name+` SET default_transaction_read_only = on`, cut)
	for range 3 {
		wantAway(t, db, "while the address leads to a read-only server")
	}
	admin(t, dsn, `SET default_transaction_read_only = off`, `ALTER DATABASE `+name+` RESET default_transaction_read_only`)
	testkit.OK(t, db.Ready(t.Context()))
	_, err := db.Record(t.Context(), aNote)
	testkit.OK(t, err)
}

func TestOneReadOnlyConnectionDropsThemAll(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.URL(t))
	var held []interface{ Release() }
	for range 5 {
		conn, err := db.Pool().Acquire(t.Context())
		testkit.OK(t, err)
		_, err = conn.Exec(t.Context(), `SET default_transaction_read_only = on`) // as on a primary that was demoted
		testkit.OK(t, err)
		held = append(held, conn)
	}
	for _, conn := range held {
		conn.Release()
	}
	if _, err := db.Record(t.Context(), aNote); !errors.Is(err, store.ErrAway) {
		t.Fatalf("an entry says %v, want ErrAway", err)
	}
	for range 10 {
		_, err := db.Record(t.Context(), aNote)
		testkit.OK(t, err)
	}
}

func TestFullDiskIsAway(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	db := open(t, dsn)
	admin(t, dsn, `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'could not extend file "base/1/2": No space left on device' USING ERRCODE = 'disk_full'; END $$`,
		`CREATE TRIGGER full_disk BEFORE INSERT ON timeline FOR EACH ROW EXECUTE FUNCTION full_disk()`)
	if _, err := db.Record(t.Context(), aNote); !errors.Is(err, store.ErrAway) {
		t.Errorf("an entry says %v, want ErrAway", err)
	}
	if err := db.Ready(t.Context()); !errors.Is(err, store.ErrAway) || !strings.Contains(err.Error(), "disk") {
		t.Errorf("ready says %v, want that the disk is full", err)
	}
}

func TestPoolKeepsToPoolMaxConns(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	for _, c := range []struct {
		set   string
		conns int32
	}{{"", 36}, {"pool_max_conns=9", 9}, {"pool_max_conns=60", 60}} {
		u, err := url.Parse(dsn)
		testkit.OK(t, err)
		u.RawQuery += "&" + c.set
		conns, err := store.Check(t.Context(), u.String())
		if err != nil || conns != c.conns {
			t.Errorf("%q: %d connections, %v; want %d", c.set, conns, err, c.conns)
		}
		if got := open(t, u.String()).Pool().Config().MaxConns; got != c.conns {
			t.Errorf("%q: the pool may have %d connections, want %d", c.set, got, c.conns)
		}
	}
	u, err := url.Parse(dsn)
	testkit.OK(t, err)
	u.RawQuery += "&pool_max_conns=3"
	if _, err := store.Check(t.Context(), u.String()); !errors.Is(err, store.ErrUnfit) || !strings.Contains(err.Error(), "pool_max_conns=3") {
		t.Errorf("with three connections: %v, want ErrUnfit", err)
	}
}

func TestConnectionLimitOfTheDatabaseIsKeptTo(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	name := databaseOf(t, dsn)
	admin(t, dsn, `ALTER DATABASE `+name+` CONNECTION LIMIT 14`)
	if conns, err := store.Check(t.Context(), dsn); err != nil || conns != 12 {
		t.Errorf("%d connections, %v; want 12: two are left for commands", conns, err)
	}
	admin(t, dsn, `ALTER DATABASE `+name+` CONNECTION LIMIT 5`)
	if _, err := store.Check(t.Context(), dsn); !errors.Is(err, store.ErrUnfit) || !strings.Contains(err.Error(), "CONNECTION LIMIT") {
		t.Errorf("with five: %v, want ErrUnfit", err)
	}
}

// Everybody holds a lock, takes a second one, and works beneath both.
func TestManyLocksDoNotStarveASmallPool(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.URL(t)+"&pool_max_conns=8")
	ended := make(chan error, 30)
	for i := range cap(ended) {
		go func() {
			ended <- db.Alone(t.Context(), fmt.Sprint("outer ", i), func(ctx context.Context) error {
				return db.Alone(ctx, fmt.Sprint("inner ", i), func(ctx context.Context) error {
					_, err := db.Record(ctx, aNote)
					return err
				})
			})
		}()
	}
	for range cap(ended) {
		testkit.OK(t, <-ended)
	}
}

func TestChangedPasswordIsReadAgain(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	file := filepath.Join(t.TempDir(), "url")
	testkit.OK(t, os.WriteFile(file, []byte(strings.Replace(dsn, "@", "", 1)), 0o600))
	var asked []string
	db, err := store.Open(t.Context(), store.Config{URL: dsn, Reread: func() (string, error) {
		text, err := os.ReadFile(file)
		asked = append(asked, string(text))
		return "postgres://nobody-knows:changed@/x", err
	}})
	testkit.OK(t, err)
	t.Cleanup(db.Close)
	if err := db.Ready(t.Context()); !errors.Is(err, store.ErrAway) || !strings.Contains(err.Error(), "nobody-knows") {
		t.Errorf("ready says %v, want that nobody-knows is refused", err)
	}
	if len(asked) == 0 {
		t.Error("the setting was not read again")
	}
}
