package store

import (
	"context"
	"time"
)

// ErrorsCountedTo is up to which moment errors of the containers have been counted, by any bot. Of whom nothing is known is not
// in it.
func (db *DB) ErrorsCountedTo(ctx context.Context, keys []string) (map[string]time.Time, error) {
	rows, err := db.pool.Query(ctx, `SELECT key, counted_to FROM error_keys
		WHERE key = ANY($1) AND counted_to BETWEEN '1970-01-01' AND now() + interval '1 minute'`, keys)
	if err != nil {
		return nil, away(err)
	}
	defer rows.Close()
	to := map[string]time.Time{}
	for rows.Next() {
		var key string
		var at time.Time
		if err := rows.Scan(&key, &at); err != nil {
			return nil, err
		}
		to[key] = at.UTC()
	}
	return to, away(rows.Err())
}
