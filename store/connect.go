package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrReadOnly says that a server takes no writes.
var ErrReadOnly = errors.New("the server takes no writes: it is a standby, or read-only; name the primary")

// Errors of Postgres that are looked for, by their SQLSTATE.
const (
	codeReadOnly = "25006"
	codeDiskFull = "53100"
)

// How many connections the pool may have. Whoever holds a lock needs another one: eight jobs, seven containers that the watch
// is at, and commits with two each. With fewer, fewer locks are held at once.
const (
	wantedConns = 36
	leastConns  = 8
	spareConns  = 4 // that hold no lock: one listens for jobs, the others do the work
)

var namesMaxConns = regexp.MustCompile(`\bpool_max_conns\s*=`)

// poolConfig is what the setting says, with what the bot adds to it.
func poolConfig(url string) (*pgxpool.Config, error) {
	pc, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnfit, unquoted(err))
	}
	if !namesMaxConns.MatchString(url) {
		pc.MaxConns = wantedConns
	}
	pc.ConnConfig.ConnectTimeout = 5 * time.Second
	if pc.ConnConfig.RuntimeParams["application_name"] == "" {
		pc.ConnConfig.RuntimeParams["application_name"] = "snapback"
	}
	pc.ConnConfig.RuntimeParams["timezone"] = "UTC"
	if pc.ConnConfig.ValidateConnect == nil {
		pc.ConnConfig.ValidateConnect = writable
	}
	return pc, nil
}

// unquoted is what is wrong with a setting that can't be read. The driver's words quote it, and hide the password only where
// they find it.
func unquoted(err error) error {
	var parse *pgconn.ParseConfigError
	if !errors.As(err, &parse) {
		return err
	}
	if text := parse.Error(); strings.Contains(text, "failed to parse as") || strings.Contains(text, "invalid port") {
		return errors.New("want postgres://user:password@host:port/database, with what is no letter or digit in the password as %XX")
	}
	return cmp.Or(parse.Unwrap(), errors.New("its parameters can't be read"))
}

// writable is target_session_attrs=read-write, for whoever did not ask for anything else: after a failover the address may
// lead to the old primary for a while.
func writable(ctx context.Context, conn *pgconn.PgConn) error {
	if err := pgconn.ValidateConnectTargetSessionAttrsReadWrite(ctx, conn); err != nil {
		if ctx.Err() != nil || conn.IsClosed() {
			return err
		}
		return fmt.Errorf("%w (%w)", ErrReadOnly, err)
	}
	return nil
}

// follow makes new connections with the name and password that the setting has by then: passwords are changed while bots run.
func follow(pc *pgxpool.Config, reread func() (string, error)) {
	if reread == nil {
		return
	}
	pc.BeforeConnect = func(_ context.Context, cc *pgx.ConnConfig) error {
		url, err := reread()
		if err != nil {
			return nil // it may just be written; the password from before may do
		}
		if now, err := pgx.ParseConfig(url); err == nil {
			cc.User, cc.Password = now.User, now.Password
		}
		return nil
	}
}

// watchErrors drops all connections as soon as one of them turns out to lead to a server that takes no writes any more, and
// notes when the disk was full.
func (db *DB) watchErrors(cc *pgx.ConnConfig) {
	usual := cc.OnPgError
	cc.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		switch err.Code {
		case codeReadOnly:
			if pool := db.opened.Load(); pool != nil {
				pool.Reset()
			}
			return false
		case codeDiskFull:
			db.diskFull.Store(time.Now().Unix())
		}
		return usual == nil || usual(conn, err)
	}
}

// diskFullFor is how long a disk that was full is taken for full.
const diskFullFor = 30 * time.Second

// Ready returns nil when Postgres takes writes, and an error that wraps ErrAway when it does not.
func (db *DB) Ready(ctx context.Context) error {
	if at := time.Unix(db.diskFull.Load(), 0); time.Since(at) < diskFullFor {
		return fmt.Errorf("%w: its disk was full at %s", ErrAway, at.UTC().Format(time.TimeOnly))
	}
	_, err := db.pool.Exec(ctx, `INSERT INTO schedule_ticks (key, tick) VALUES ('takes writes', 'epoch')
		ON CONFLICT (key, tick) DO UPDATE SET tick = excluded.tick`)
	return away(err)
}
