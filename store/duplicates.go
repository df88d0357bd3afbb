package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// ToDuplicate implements recovery.Store.
func (db *DB) ToDuplicate(ctx context.Context, engine string) ([]snapshot.Snapshot, error) {
	rows, err := db.pool.Query(ctx, `SELECT id, key, container, name, created_at, changes, missing_since FROM snapshots
		WHERE starts_with(key, $1 || '/') AND deleted_at IS NULL ORDER BY id`, engine)
	if err != nil {
		return nil, away(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s snapshot.Snapshot, err error) {
		var missing *time.Time
		err = row.Scan(&s.ID, &s.Key, &s.Container, &s.Name, &s.CreatedAt, &s.Changes, &missing)
		s.CreatedAt, s.MissingSince = s.CreatedAt.UTC(), zero(missing)
		return s, err
	})
	return list, away(err)
}

// Remembered implements recovery.Store. A snapshot is known by its identity and its moment: its name may be
// another one since it was found again, and its identity's key as well: see moved_keys.
func (db *DB) Remembered(ctx context.Context, list []snapshot.Duplicate) ([]snapshot.Duplicate, error) {
	keys, moments := make([]string, len(list)), make([]time.Time, len(list))
	for i, d := range list {
		keys[i], moments[i] = d.Key, d.CreatedAt
	}
	places, err := collect(ctx, db.pool, pgx.RowTo[int64], `SELECT n FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS d (key, at, n)
		WHERE EXISTS (SELECT FROM snapshots s WHERE s.created_at = d.at AND (s.key = d.key
			OR s.key = (SELECT m.key FROM moved_keys m WHERE m.was = d.key))) ORDER BY n`, keys, moments)
	known := make([]snapshot.Duplicate, len(places))
	for i, n := range places {
		known[i] = list[n-1]
	}
	return known, away(err)
}

// Readd implements recovery.Store.
func (db *DB) Readd(ctx context.Context, list []snapshot.Snapshot, seats []snapshot.Occupant, entry func([]snapshot.Snapshot) incidents.Entry) ([]snapshot.Snapshot, error) {
	var added []snapshot.Snapshot
	err := db.tx(ctx, func(tx pgx.Tx) error {
		added = nil
		for _, s := range list {
			id, err := db.insertSnapshot(ctx, tx, s, `ON CONFLICT DO NOTHING`)
			if errors.Is(err, pgx.ErrNoRows) {
				continue
			}
			if err != nil {
				return fmt.Errorf("writing snapshot %s: %w", s.Name, err)
			}
			s.ID = id
			added = append(added, s)
		}
		if len(added) == 0 {
			return nil
		}
		if err := db.reseat(ctx, tx, seats); err != nil {
			return err
		}
		_, err := db.record(ctx, tx, entry(added))
		return err
	})
	if err != nil {
		return nil, err
	}
	return added, nil
}

// reseat writes down who ran under an identity of which nothing is known. Whether it still does, the watch finds out.
func (db *DB) reseat(ctx context.Context, tx pgx.Tx, seats []snapshot.Occupant) error {
	for _, s := range seats {
		var known bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM containers WHERE key = $1)`, s.Key).Scan(&known); err != nil {
			return err
		}
		if known {
			continue
		}
		if err := db.setOccupant(ctx, tx, s); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE containers SET gone_at = now() WHERE key = $1`, s.Key); err != nil {
			return fmt.Errorf("writing container %s: %w", s.Name, err)
		}
	}
	return nil
}
