package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// VolumeSets lists the sets of volumes' contents that something refers to: a snapshot; a restore that is running, that can
// be undone, or that was done within a day.
func (db *DB) VolumeSets(ctx context.Context) (map[string]bool, error) {
	ids, err := collect(ctx, db.pool, pgx.RowTo[string], `
		SELECT volumes->>'id' FROM snapshots WHERE deleted_at IS NULL AND volumes->>'id' IS NOT NULL
		UNION SELECT v.set FROM restores r, LATERAL (VALUES (r.record->'plan'->'volumes'->'from'->>'id'), (r.record->'plan'->'volumes'->>'keep')) v (set)
			WHERE v.set IS NOT NULL AND (`+stillRunning+` OR kept_until IS NOT NULL OR verified_at > now() - interval '1 day')`)
	out := map[string]bool{}
	for _, id := range ids {
		out[id] = true
	}
	return out, away(err)
}
