package store_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/snapback/snapback/internal/pgtest"
	"github.com/snapback/snapback/migrations"
	"github.com/snapback/snapback/store"
)

// before60 is the schema of the release that knew engines by their IDs alone.
func before60(ctx context.Context, dsn string) error {
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.Files)
	if err != nil {
		return err
	}
	_, err = provider.UpTo(ctx, 50)
	return err
}

func TestEngineThatAnEarlierReleaseSawUpgradedIsTheOneFromBefore(t *testing.T) {
	t.Parallel()
	dsn := pgtest.New(t, before60)
	conn, err := pgx.Connect(t.Context(), dsn)
	check(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), `INSERT INTO containers (key, engine, name, engine_id, doc, labels, seen_at) VALUES
		('OLD/name/api', 'OLD', 'api', 'c1', '{}', '{}', now() - interval '2 days'), ('NEW/name/api', 'NEW', 'api', 'c1', '{}', '{}', now()),
		('NEW/name/web', 'NEW', 'web', 'c2', '{}', '{}', now()), ('OTHER/name/api', 'OTHER', 'api', 'c3', '{}', '{}', now())`)
	check(t, err)
	_, err = store.Migrate(t.Context(), dsn)
	check(t, err)
	rows, err := conn.Query(t.Context(), `SELECT id || ' is ' || name FROM engines ORDER BY id`)
	check(t, err)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	check(t, err)
	if diff := cmp.Diff([]string{"NEW is OLD", "OLD is OLD", "OTHER is OTHER"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
