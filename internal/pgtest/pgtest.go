// Package pgtest gives each test a PostgreSQL database of its own, with the schema in it.
//
// A template database is migrated once and cloned for each test, which takes milliseconds. The server is the one that
// DATABASE_URL names, or one that all test programs of this account share: the first one starts it, and it ends
// by itself a few seconds after the last one, however that ended, with all its data. It promises nothing about crashes: a test
// that kills a server starts its own with pgserver.
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snapback/snapback/internal/pgserver"
)

// Migrate brings the empty database at dsn to the newest schema and leaves no connection to it open.
type Migrate = func(ctx context.Context, dsn string) error

// patience bounds each step, as a test's own deadline is far off.
const patience = 2 * time.Minute

// New returns the URL of a fresh database that exists until the test's cleanup, where it is dropped whoever still is connected.
//
// The template is shared by all tests, of all programs, whose migrate is the same function in unchanged
// source files; what a closure captures is not looked at. A nil migrate gives an empty database.
func New(t testing.TB, migrate Migrate) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	srv := server{admin: serverURL(ctx, t)}
	template := "template0"
	if migrate != nil {
		var err error
		if template, err = srv.template(ctx, migrate); err != nil {
			t.Fatalf("making the template database: %v", err)
		}
	}
	name := fmt.Sprintf("%s%d_%s", testPrefix, time.Now().Unix(), strings.ToLower(rand.Text()[:10]))
	if err := srv.clone(ctx, template, name); err != nil {
		t.Fatalf("making a database for the test: %v", err)
	}
	t.Cleanup(func() { drop(t, srv, name) })
	return srv.url(name)
}

func drop(t testing.TB, srv server, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := srv.drop(ctx, name); err != nil {
		t.Errorf("dropping the test's database: %v", err)
	}
}

// serverURL is DATABASE_URL, or the shared server's, which stays up until the test's cleanup at least.
func serverURL(ctx context.Context, t testing.TB) string {
	t.Helper()
	if url := os.Getenv("DATABASE_URL"); url != "" {
		return url
	}
	shared, err := pgserver.Start(ctx, pgserver.Config{
		Dir:            folder(),
		MaxConnections: 400,
		OrphanTimeout:  15 * time.Second, // bridges the gaps between the programs of one go test
		Ephemeral:      true,
	})
	if err != nil {
		t.Fatalf("starting the tests' database server: %v", err)
	}
	t.Cleanup(shared.Release)
	return shared.URL()
}

// room is what the shared server may need, in bytes.
const room = 2 << 30

// folder is the same for all programs of this account, even where a test has set TMPDIR. It is in memory where there is room, which takes a
// tenth of a disk's time for the five hundred files that a database has.
func folder() string {
	name := "snapback-pgtest-" + strconv.Itoa(os.Geteuid())
	var memory unix.Statfs_t
	if unix.Statfs("/dev/shm", &memory) == nil && memory.Bavail*uint64(memory.Bsize) > room {
		return filepath.Join("/dev/shm", name)
	}
	if info, err := os.Stat("/tmp"); err == nil && info.IsDir() {
		return filepath.Join("/tmp", name)
	}
	return filepath.Join(os.TempDir(), name)
}
