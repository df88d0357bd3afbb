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
	pool, err := openToMigrate(ctx, url)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	if err := migrateRiver(ctx, pool); err != nil {
		return nil, fmt.Errorf("migrating the job queue: %w", mayNot(err))
	}
	provider, done, err := gooseOn(pool)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := admitReleaseBefore(ctx, pool); err != nil { // those from before that one may not work with what comes now
		return nil, fmt.Errorf("migrating: %w", mayNot(err))
	}
	results, err := provider.Up(ctx)
	for _, r := range results {
		applied = append(applied, r.Source.Version)
	}
	if err == nil {
		err = admitReleaseBefore(ctx, pool)
	}
	if err != nil {
		return applied, fmt.Errorf("migrating: %w", mayNot(err))
	}
	return applied, nil
}

// admitReleaseBefore lets programs of the release before this one work with the schema, and none from before that. What a later release
// has written stays.
func admitReleaseBefore(ctx context.Context, pool *pgxpool.Pool) error {
	says, err := admits(ctx, pool)
	if err != nil || !says {
		return err
	}
	_, err = pool.Exec(ctx, `INSERT INTO schema_readers AS r (oldest) VALUES ($1)
		ON CONFLICT (only_row) DO UPDATE SET oldest = excluded.oldest WHERE r.oldest < excluded.oldest`, migrations.Before)
	return err
}

// openToMigrate refuses a database whose schema is not for this program.
func openToMigrate(ctx context.Context, url string) (*pgxpool.Pool, error) {
	pc, err := poolConfig(url)
	if err != nil {
		return nil, err
	}
	pc.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", away(err))
	}
	err = pool.Ping(ctx)
	if err != nil {
		err = fmt.Errorf("connecting: %w", away(err))
	} else {
		err = away(refuseForeign(ctx, pool))
	}
	if err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

func gooseOn(pool *pgxpool.Pool) (provider *goose.Provider, done func(), err error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120))
	if err != nil {
		return nil, nil, err
	}
	db := stdlib.OpenDBFromPool(pool)
	provider, err = goose.NewProvider(goose.DialectPostgres, db, migrations.Files, goose.WithSessionLocker(locker), goose.WithAllowOutofOrder(true))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("reading the migrations: %w", err), db.Close())
	}
	return provider, func() { _ = db.Close() }, nil
}

// Pending says what Migrate would apply, as the names of files, and of the job queue's own migrations. It changes nothing.
func Pending(ctx context.Context, url string) (files []string, err error) {
	pool, err := openToMigrate(ctx, url)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	applied, err := appliedMigrations(ctx, pool)
	if err != nil {
		return nil, away(err)
	}
	queue, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return nil, err
	}
	have, err := queueMigrations(ctx, pool)
	if err != nil {
		return nil, fmt.Errorf("asking for the job queue's migrations: %w", away(err))
	}
	for _, m := range queue.AllVersions() {
		if !slices.Contains(have, m.Version) {
			files = append(files, fmt.Sprintf("job queue %03d %s", m.Version, m.Name))
		}
	}
	ours, err := migrations.Files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, f := range ours {
		n, err := goose.NumericComponent(f.Name())
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", f.Name(), err)
		}
		if !slices.Contains(applied, n) {
			files = append(files, f.Name())
		}
	}
	return files, nil
}

// appliedMigrations are nil for an empty database.
func appliedMigrations(ctx context.Context, q rower) (applied []int64, err error) {
	var there bool
	if err := q.QueryRow(ctx, `SELECT to_regclass('goose_db_version') IS NOT NULL`).Scan(&there); err != nil || !there {
		return nil, err
	}
	err = q.QueryRow(ctx, `SELECT coalesce(array_agg(version_id ORDER BY version_id), '{}') FROM goose_db_version WHERE version_id > 0`).Scan(&applied)
	return applied, err
}

// queueMigrations are those of the job queue. Its own package does not tell them when a later program's has more.
func queueMigrations(ctx context.Context, q rower) (have []int, err error) {
	var there bool
	if err := q.QueryRow(ctx, `SELECT to_regclass('river_migration') IS NOT NULL`).Scan(&there); err != nil || !there {
		return nil, err
	}
	err = q.QueryRow(ctx, `SELECT coalesce(array_agg(version), '{}') FROM river_migration WHERE line = 'main'`).Scan(&have)
	return have, err
}

type rower interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// ErrNewer says that a later release has been at work in the database.
var ErrNewer = errors.New("the schema is of a later release")

// schemaFile is the number of the file that makes the whole schema. Before the first release there were others with lower numbers: a
// database that has them all up to this one is the same, and goes on.
const schemaFile = 120

// refuseForeign returns ErrNewer when the database has a migration of which this program knows nothing, unless the release that made
// it says that this program may work there; and ErrUnfit when the schema was begun by the files from before schemaFile and not
// brought to their end.
func refuseForeign(ctx context.Context, q rower) error {
	applied, err := appliedMigrations(ctx, q)
	if err != nil || len(applied) == 0 {
		return err
	}
	known, err := knownMigrations()
	if err != nil {
		return err
	}
	if !slices.Contains(applied, schemaFile) {
		return fmt.Errorf("%w: an earlier build has brought its schema to migration %d of %d; bring it to the end with a build that has them, or name an empty database",
			ErrUnfit, applied[len(applied)-1], schemaFile)
	}
	for _, n := range slices.Backward(applied) {
		if n > schemaFile && !slices.Contains(known, n) {
			return refuseUnlessAdmitted(ctx, q, n, slices.Max(known))
		}
	}
	return nil
}

// admits says whether the schema tells which programs may work with it.
func admits(ctx context.Context, q rower) (says bool, err error) {
	err = q.QueryRow(ctx, `SELECT to_regclass('schema_readers') IS NOT NULL`).Scan(&says)
	return says, err
}

// refuseUnlessAdmitted returns ErrNewer because of a migration, unless programs are admitted that know no more than newest.
func refuseUnlessAdmitted(ctx context.Context, q rower, migration, newest int64) error {
	admitted := false
	says, err := admits(ctx, q)
	if err == nil && says {
		err = q.QueryRow(ctx, `SELECT coalesce(max(oldest) <= $1, false) FROM schema_readers`, newest).Scan(&admitted)
	}
	if err != nil || admitted {
		return err
	}
	return fmt.Errorf("%w: it has migration %d, which this program does not know; run that release or one after it", ErrNewer, migration)
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
