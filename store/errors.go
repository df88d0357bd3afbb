package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents/flat"
)

// SaveErrors implements flat.Store.
func (db *DB) SaveErrors(ctx context.Context, counts []flat.Count, steps flat.Steps) error {
	of := map[string][]flat.Count{}
	for _, c := range counts {
		of[c.Key] = append(of[c.Key], c)
	}
	return db.tx(ctx, func(tx pgx.Tx) error {
		keys, now, err := lockErrorKeys(ctx, tx, slices.Sorted(maps.Keys(of)))
		if err != nil {
			return err
		}
		var minutes, moments errorRows
		for i, k := range keys {
			timely := slices.DeleteFunc(of[k.Key], func(c flat.Count) bool { return c.To.After(now.Add(time.Minute)) })
			split, to := flat.Split(timely, k.To, steps.Minute)
			minutes.add(k.ID, split)
			split, _ = flat.Split(timely, k.To, steps.Moment)
			moments.add(k.ID, split)
			keys[i].To = to
		}
		return errorBatch(ctx, tx, keys, minutes, moments)
	})
}

func errorBatch(ctx context.Context, tx pgx.Tx, keys []errorKey, minutes, moments errorRows) error {
	if err := minutes.upsert(ctx, tx, "error_minutes"); err != nil {
		return err
	}
	if err := moments.upsert(ctx, tx, "error_moments"); err != nil {
		return err
	}
	var ids []int32
	var to []time.Time
	for _, k := range keys {
		ids, to = append(ids, k.ID), append(to, k.To)
	}
	_, err := tx.Exec(ctx, `UPDATE error_keys k SET counted_to = n.to FROM unnest(@ids::integer[], @to::timestamptz[]) AS n (id, "to")
		WHERE k.id = n.id AND n.to > '0001-01-01'`, pgx.NamedArgs{"ids": ids, "to": to})
	return err
}

type errorKey struct {
	ID  int32
	Key string
	To  time.Time // up to which moment it is counted
}

// lockErrorKeys locks the rows of keys in their order, so that two bots don't wait for each other, and makes those that are not
// there. A moment in the future, from a clock that went wrong, does not count.
func lockErrorKeys(ctx context.Context, tx pgx.Tx, sorted []string) (keys []errorKey, now time.Time, err error) {
	if err = tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now); err != nil {
		return nil, now, err
	}
	if _, err = tx.Exec(ctx, `INSERT INTO error_keys (key) SELECT unnest($1::text[]) EXCEPT SELECT key FROM error_keys ORDER BY 1
		ON CONFLICT DO NOTHING`, sorted); err != nil {
		return nil, now, err
	}
	keys, err = collect(ctx, tx, pgx.RowToStructByPos[errorKey], `SELECT id, key, CASE WHEN counted_to BETWEEN '1970-01-01' AND @now::timestamptz + interval '1 minute'
		THEN counted_to ELSE '0001-01-01' END FROM error_keys WHERE key = ANY(@keys) ORDER BY key FOR UPDATE`,
		pgx.NamedArgs{"keys": sorted, "now": now})
	return keys, now, err
}

// errorRows are rows as columns.
type errorRows struct {
	ids                             []int32
	at                              []time.Time
	errors, requests, seconds, read []float64
	known                           []bool
}

func (r *errorRows) add(id int32, split []flat.Minute) {
	for _, m := range split {
		r.ids, r.at = append(r.ids, id), append(r.at, m.At)
		r.errors, r.requests = append(r.errors, m.Errors), append(r.requests, m.Requests)
		r.seconds, r.read, r.known = append(r.seconds, m.Seconds), append(r.read, m.Exposure()), append(r.known, m.Traffic)
	}
}

// upsert adds to what is there. Requests that are not known for a part of a minute are not known for all of it.
func (r *errorRows) upsert(ctx context.Context, tx pgx.Tx, table string) error {
	_, err := tx.Exec(ctx, `INSERT INTO `+table+` AS m (key_id, at, errors, requests, seconds, read)
		SELECT id, at, errors, CASE WHEN known THEN requests END, seconds, read
		FROM unnest(@ids::integer[], @at::timestamptz[], @errors::real[], @requests::real[], @seconds::real[], @read::real[], @known::boolean[])
			AS n (id, at, errors, requests, seconds, read, known)
		ON CONFLICT (at, key_id) DO UPDATE SET errors = m.errors + excluded.errors, requests = m.requests + excluded.requests,
			seconds = m.seconds + excluded.seconds, read = m.read + excluded.read`, pgx.NamedArgs{
		"ids": r.ids, "at": r.at, "errors": r.errors, "requests": r.requests, "seconds": r.seconds, "read": r.read, "known": r.known,
	})
	return err
}

// ErrorMinutes implements flat.Store.
func (db *DB) ErrorMinutes(ctx context.Context, key string, since time.Time, fine bool) ([]flat.Minute, error) {
	table := "error_minutes"
	if fine {
		table = "error_moments"
	}
	return collect(ctx, db.pool, scanMinute, `SELECT m.at, m.errors, coalesce(m.requests, 0), m.requests IS NOT NULL, m.seconds, m.read
		FROM `+table+` m JOIN error_keys k ON k.id = m.key_id WHERE k.key = @key AND m.at >= @since ORDER BY m.at`,
		pgx.NamedArgs{"key": key, "since": since})
}

func scanMinute(row pgx.CollectableRow) (m flat.Minute, err error) {
	var read float64
	err = row.Scan(&m.At, &m.Errors, &m.Requests, &m.Traffic, &m.Seconds, &read)
	m.At = m.At.UTC()
	if m.Seconds > 0 {
		m.Share = read / m.Seconds
	}
	return m, err
}

// ForgetErrors removes counts whose time is over, and containers of which there are none any more.
func (db *DB) ForgetErrors(ctx context.Context) error {
	return db.tx(ctx, func(tx pgx.Tx) error {
		for _, sql := range []string{
			`DELETE FROM error_minutes WHERE at < now() - make_interval(secs => @minutes)`,
			`DELETE FROM error_moments WHERE at < now() - make_interval(secs => @moments)`,
			`DELETE FROM error_keys k WHERE counted_to < now() - make_interval(secs => @minutes)
				AND NOT EXISTS (SELECT FROM error_minutes m WHERE m.key_id = k.id)`,
		} {
			args := pgx.NamedArgs{"minutes": flat.KeepMinutes.Seconds(), "moments": flat.KeepMoments.Seconds()}
			if _, err := tx.Exec(ctx, sql, args); err != nil {
				return err
			}
		}
		return nil
	})
}
