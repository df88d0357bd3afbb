package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/snapback/snapback/migrations"
)

// riverLock is the advisory lock under which River's own tables are made; goose has one of its own.
const riverLock = 0x736e6170 // "snap"

// Migrate brings the schema of the database at url up to this release. Several bots may do so at once: one does the
// work, the others wait for it. It returns the versions that it applied.
func Migrate(ctx context.Context, url string) (applied []int64, err error) {
	pc, err := poolConfig(url)
	if err != nil {
		return nil, err
	}
	pc.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", away(err))
	}
	defer pool.Close()
	if err := pool.Ping(ctx); err != nil {
		return nil, fmt.Errorf("connecting: %w", away(err))
	}
	if err := refuseForeign(ctx, pool); err != nil {
		return nil, away(err)
	}
	if err := migrateRiver(ctx, pool); err != nil {
		return nil, fmt.Errorf("migrating the job queue: %w", mayNot(err))
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120))
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.Files, goose.WithSessionLocker(locker), goose.WithAllowOutofOrder(true))
	if err != nil {
		return nil, fmt.Errorf("reading the migrations: %w", err)
	}
	results, err := provider.Up(ctx)
	for _, r := range results {
		applied = append(applied, r.Source.Version)
	}
	if err != nil {
		return applied, fmt.Errorf("migrating: %w", mayNot(err))
	}
	return applied, nil
}

// ErrNewer says that a later release has been at work in the database.
var ErrNewer = errors.New("the schema is of a later release")

// schemaFile is the number of the file that makes the whole schema. Before the first release there were others with lower numbers: a
// database that has them all up to this one is the same, and goes on.
const schemaFile = 120

// refuseForeign returns ErrNewer when the database has a migration of which this program knows nothing, and ErrUnfit when
// its schema was begun by the files from before schemaFile and not brought to their end.
func refuseForeign(ctx context.Context, q interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}) error {
	var there bool
	if err := q.QueryRow(ctx, `SELECT to_regclass('goose_db_version') IS NOT NULL`).Scan(&there); err != nil || !there {
		return err
	}
	var applied []int64
	if err := q.QueryRow(ctx, `SELECT coalesce(array_agg(version_id ORDER BY version_id), '{}') FROM goose_db_version WHERE version_id > 0`).Scan(&applied); err != nil {
		return err
	}
	known, err := knownMigrations()
	if err != nil || len(applied) == 0 {
		return err
	}
	newest := applied[len(applied)-1]
	switch {
	case newest > schemaFile && !slices.Contains(known, newest):
		return fmt.Errorf("%w: it has migration %d, which this program does not know; run that release or one after it", ErrNewer, newest)
	case !slices.Contains(applied, schemaFile):
		return fmt.Errorf("%w: an earlier build has brought its schema to migration %d of %d; bring it to the end with a build that has them, or name an empty database",
			ErrUnfit, newest, schemaFile)
	}
	return nil
}

// knownMigrations are the numbers that the names of the files begin with.
func knownMigrations() ([]int64, error) {
	files, err := migrations.Files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var known []int64
	for _, f := range files {
		n, err := goose.NumericComponent(f.Name())
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", f.Name(), err)
		}
		known = append(known, n)
	}
	return known, nil
}

// mayNot says what to set when the database does not let the bot make its tables.
func mayNot(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42501" {
		return fmt.Errorf("%w: the role has to make its tables (GRANT CREATE ON SCHEMA public TO …): %w", ErrUnfit, err)
	}
	return away(err)
}

func migrateRiver(ctx context.Context, pool *pgxpool.Pool) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, riverLock); err != nil {
			return err
		}
		migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
		if err != nil {
			return err
		}
		_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	})
}
