package store

import (
	"context"
	"time"

	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/snapshot"
)

// LastDeploys is the newest deploy of each of the containers. Who has had none is not in it.
func (db *DB) LastDeploys(ctx context.Context, keys []string) (map[string]snapshot.Deploy, error) {
	list, err := collect(ctx, db.pool, scanDeploy, `SELECT d.* FROM unnest($1::text[]) AS k (key), LATERAL (
		SELECT `+deployColumns+` FROM deploys WHERE deploys.key = k.key ORDER BY at DESC, id DESC LIMIT 1) d`, keys)
	out := map[string]snapshot.Deploy{}
	for _, d := range list {
		out[d.Key] = d
	}
	return out, away(err)
}

// ErrorMinutesOf is ErrorMinutes of several containers at once, by the minute.
func (db *DB) ErrorMinutesOf(ctx context.Context, keys []string, since time.Time) (map[string][]flat.Minute, error) {
	rows, err := db.pool.Query(ctx, `SELECT k.key, m.at, m.errors, coalesce(m.requests, 0), m.requests IS NOT NULL, m.seconds, m.read
		FROM error_minutes m JOIN error_keys k ON k.id = m.key_id WHERE m.at >= $2 AND k.key = ANY($1) ORDER BY m.at`, keys, since)
	if err != nil {
		return nil, away(err)
	}
	defer rows.Close()
	out := map[string][]flat.Minute{}
	for rows.Next() {
		var key string
		var m flat.Minute
		var read float64
		if err := rows.Scan(&key, &m.At, &m.Errors, &m.Requests, &m.Traffic, &m.Seconds, &read); err != nil {
			return nil, err
		}
		if m.At = m.At.UTC(); m.Seconds > 0 {
			m.Share = read / m.Seconds
		}
		out[key] = append(out[key], m)
	}
	return out, away(rows.Err())
}
