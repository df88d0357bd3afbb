package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/internal/pgserver"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
)

// beside runs a command where a bot may run, and returns what it says.
func beside(t *testing.T, env map[string]string, want int, args string) string {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), strings.Fields(args), func(k string) string { return env[k] }, strings.NewReader(""), &out, &out)
	if got := exitCode(err); got != want {
		t.Errorf("snapback %s: exit code %d, want %d:\n%s", args, got, want, out.String())
	}
	return out.String()
}

// TestWhoOnlyReadsDoesNotMigrate has a database to which one migration has still to come.
func TestWhoOnlyReadsDoesNotMigrate(t *testing.T) {
	t.Parallel()
	dsn := storetest.URL(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	testkit.OK(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	_, err = conn.Exec(t.Context(), `DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)`)
	testkit.OK(t, err)
	newest := func() (n int64) {
		t.Helper()
		testkit.OK(t, conn.QueryRow(t.Context(), `SELECT max(version_id) FROM goose_db_version`).Scan(&n))
		return n
	}
	before := newest()
	env := map[string]string{
		"DATABASE_URL": dsn, "SNAPBACK_DATA_DIR": t.TempDir(), "SNAPBACK_SECRET_KEYS": "k:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"SNAPBACK_PUBLIC_URL": "https://bot.example.com", "PAGERDUTY_API_TOKEN": "pd-token", "PAGERDUTY_FROM": "bot@example.com",
	}
	for _, args := range []string{"token list", "token list --json", "person list", "pagerduty status", "pagerduty status --json", "uninstall"} {
		lacks(t, beside(t, env, exitRefused, args), "DATABASE_URL: the schema is older than this program", "run snapback migrate, or start serve")
		if now := newest(); now != before {
			t.Fatalf("%s has brought the schema from %d to %d", args, before, now)
		}
	}
	for _, c := range checks(config{DatabaseURL: dsn, Engines: []engineAt{{}}}) {
		if c.name != "engine" && c.name != "addresses" {
			continue
		}
		if got := c.run(t.Context()); got.State != checkWarning || !strings.Contains(got.Found, errOlder.Error()) {
			t.Errorf("doctor's %s: %+v", c.name, got)
		}
	}
	lacks(t, beside(t, env, 0, "migrate --dry-run"), "would apply 00")
}

// TestThePrivateDatabaseIsMigratedByCommand has one that a bot has made, and begins with nothing in it.
func TestThePrivateDatabaseIsMigratedByCommand(t *testing.T) {
	t.Parallel()
	env := map[string]string{"SNAPBACK_DATA_DIR": shortDir(t)}
	server, err := pgserver.Start(t.Context(), pgserver.Config{Dir: filepath.Join(env["SNAPBACK_DATA_DIR"], "postgres")})
	testkit.OK(t, err)
	lacks(t, beside(t, env, 0, "migrate --dry-run"), "would apply 00120", "would apply job queue 001") // beside who has it running
	testkit.OK(t, server.Stop(t.Context()))
	lacks(t, beside(t, env, exitRefused, "token list"), "the schema is older")
	lacks(t, beside(t, env, 0, "migrate"), "the schema is up to date")
	lacks(t, beside(t, env, 0, "migrate --dry-run"), "nothing would be done")
	lacks(t, beside(t, env, 0, "token list"), "LAST USED")
}
