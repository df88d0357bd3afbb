// Package store is Postgres: the only package with SQL. Everything that must outlive a bot goes through it, and
// whatever belongs together is written in one transaction: a change, its timeline entry, and the job that tells it.
//
// It implements the small interfaces that incidents, snapshot, bot, api and terminal declare, and decides nothing.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// ErrAway says that Postgres can't be reached. Nothing was written.
var ErrAway = snapshot.ErrJournalAway

// Sealer encrypts what must not be readable at rest; about binds it to what it belongs to. It signs what must not be
// changed.
type Sealer interface {
	incidents.Signer
	Seal(purpose, about string, text []byte) ([]byte, error)
	Open(purpose, about string, sealed []byte) ([]byte, error)
}

// Config is what a DB needs; URL and Keys are required.
type Config struct {
	URL    string
	Keys   Sealer
	Bot    string       // this bot's name, as others hear of it; "": it is none
	Logger *slog.Logger // nil: silent
	Conns  int32        // how many connections at most; 0: pool_max_conns of the URL, or as many as are wanted
	// Reread is the URL as it is set by now, whose password new connections use; nil: it is not looked at again.
	Reread func() (string, error)
	// PublicURL is the base of the links to what entries tell whose source has no link of its own; "": they get none.
	PublicURL string
	// Recordings says when those of shells are removed, by Housekeep.
	Recordings Removal
}

// DB is a pool of connections and the methods on it. It is safe for concurrent use.
type DB struct {
	pool      *pgxpool.Pool
	keys      Sealer
	log       *slog.Logger
	bot       string
	publicURL string
	removal   Removal
	jobs      *river.Client[pgx.Tx] // inserts; Work starts one that works as well

	opened   atomic.Pointer[pgxpool.Pool] // pool, once it is there
	left     leftAlone                    // recordings that can't be removed yet
	diskFull atomic.Int64                 // when Postgres' disk was full, in seconds since 1970
	locks    chan struct{}                // a place for each lock that may be held at once
}

// Open connects. The schema has to be there: see Migrate.
func Open(ctx context.Context, c Config) (*DB, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	pc, err := poolConfig(c.URL)
	if err != nil {
		return nil, err
	}
	if c.Conns > 0 {
		pc.MaxConns = c.Conns
	}
	follow(pc, c.Reread)
	db := &DB{keys: c.Keys, log: c.Logger, bot: c.Bot, publicURL: c.PublicURL, removal: c.Recordings, locks: make(chan struct{}, max(1, (pc.MaxConns-spareConns)/2))}
	db.watchErrors(pc.ConnConfig)
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", away(err))
	}
	db.pool = pool
	db.opened.Store(pool)
	if db.jobs, err = newInserter(pool); err != nil {
		pool.Close()
		return nil, err
	}
	return db, nil
}

// Close ends all connections.
func (db *DB) Close() { db.pool.Close() }

// Pool is for adapters that bring tables of their own.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// tx runs do in one transaction. An error rolls everything back.
func (db *DB) tx(ctx context.Context, do func(pgx.Tx) error) error {
	return away(pgx.BeginFunc(ctx, db.pool, do))
}

// querier is the pool, or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// collect reads all rows of a query. Its error is marked by away.
func collect[T any](ctx context.Context, q querier, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, _ := q.Query(ctx, sql, args...) // the rows have its error too
	list, err := pgx.CollectRows(rows, scan)
	return list, away(err)
}

// first returns none when there is nothing.
func first[T any](list []T, err, none error) (T, error) {
	if err == nil && len(list) > 0 {
		return list[0], nil
	}
	return *new(T), cmp.Or(err, none)
}

// away marks errors that mean "Postgres is not there" rather than "Postgres says no".
func away(err error) error {
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	var netErr net.Error
	switch {
	case err == nil, errors.Is(err, ErrAway):
		return err
	case errors.As(err, &connect): // also for a refused password or a database that is not there: it may be again
	case errors.As(err, &pg):
		if !awayCode(pg.Code) {
			return err
		}
	case errors.As(err, &netErr), pgconn.SafeToRetry(err), errors.Is(err, net.ErrClosed):
	case pgconn.Timeout(err):
	case errors.Is(err, io.ErrUnexpectedEOF), err.Error() == "conn closed":
	default:
		return err
	}
	return fmt.Errorf("%w: %w", ErrAway, err)
}

// awayCode says so of a SQLSTATE. 08: connection; 53: no disk, no memory, no connection left; 57P01–57P03: shutting down,
// crashed, starting; 25006: it takes no writes, as after a failover.
func awayCode(code string) bool {
	class := code[:min(2, len(code))]
	return class == "08" || class == "53" || code == "57P01" || code == "57P02" || code == "57P03" || code == codeReadOnly
}

// isUnique says that err is a violation of the named unique constraint or index.
func isUnique(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505" && pg.ConstraintName == constraint
}

// zero turns a null time into the zero time, and makes the others UTC.
func zero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// null turns a zero value into a null.
func null[T comparable](v T) *T {
	var none T
	if v == none {
		return nil
	}
	return &v
}
