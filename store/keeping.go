package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/snapshot/watch"
)

// holding are the open incidents for whose sake snapshots, and containers from before restores, are held beyond their time. One
// that nobody resolves holds nothing for ever.
const holding = `status <> 'resolved' AND opened_at > now() - interval '7 days'`

// Referred implements watch.Retention: what open incidents have restored from and what that has replaced, and whatever
// their timelines name; of those that may offer this container, being of its service or of one that no container names, the
// snapshots of deploys in the day before and the day after they opened, and that of the last deploy before. What an undo would
// need is referred to as well, and what a deploy on hold would be replaced with once more.
func (db *DB) Referred(ctx context.Context, key string) (map[int64]bool, error) {
	ids, err := collect(ctx, db.pool, pgx.RowTo[int64], `
		WITH open AS (SELECT id, opened_at, service_id FROM incidents WHERE `+holding+`),
		services AS (SELECT key, trim(service) AS service
			FROM containers, unnest(string_to_array(labels->>'snapback.pagerduty.service', ',')) AS service),
		offering AS (SELECT opened_at FROM open o WHERE
			EXISTS (SELECT FROM services n WHERE n.service = o.service_id AND n.key = $1)
			OR NOT EXISTS (SELECT FROM services n WHERE n.service = o.service_id)),
		named AS (
			SELECT d.snapshot AS name FROM deploys d JOIN offering o
				ON d.at > o.opened_at - interval '1 day' AND d.at < o.opened_at + interval '1 day' WHERE d.key = $1
			UNION SELECT (SELECT d.snapshot FROM deploys d WHERE d.key = $1 AND d.at <= o.opened_at ORDER BY d.at DESC, d.id DESC LIMIT 1) FROM offering o
			UNION SELECT t.details->>'snapshot' FROM timeline t JOIN open o ON t.incident_id = o.id
				WHERE t.details->>'container' IN (SELECT container FROM snapshots WHERE key = $1))
		SELECT s.id FROM snapshots s WHERE s.key = $1 AND s.deleted_at IS NULL AND (
			s.name IN (SELECT name FROM named WHERE name IS NOT NULL)
			OR EXISTS (SELECT FROM restores r JOIN open o ON r.incident_id = o.id WHERE r.snapshot_id = s.id)
			OR EXISTS (SELECT FROM holds h JOIN restores r ON r.id = h.restore_id
				WHERE `+isOn+` AND h.since > now() - interval '7 days' AND r.snapshot_id = s.id)
			OR EXISTS (SELECT FROM restores r WHERE r.key = $1 AND (r.record->'plan'->>'before_id')::bigint = s.id
				AND (r.kept_until IS NOT NULL OR r.incident_id IN (SELECT id FROM open))))`, key)
	out := map[int64]bool{}
	for _, id := range ids {
		out[id] = true
	}
	return out, away(err)
}

// Kept implements watch.Retention.
func (db *DB) Kept(ctx context.Context, engine string) (map[string][]snapshot.Snapshot, error) {
	list, err := collect(ctx, db.pool, db.scanSnapshot, `SELECT `+plainColumns+` FROM snapshots
		WHERE starts_with(key, $1 || '/') AND deleted_at IS NULL ORDER BY created_at DESC, id DESC`, engine)
	kept := map[string][]snapshot.Snapshot{}
	for _, s := range list {
		kept[s.Key] = append(kept[s.Key], s)
	}
	return kept, away(err)
}

// Held implements watch.MissingImages.
func (db *DB) Held(ctx context.Context, engine string) ([]watch.Held, error) {
	return collect(ctx, db.pool, pgx.RowToStructByPos[watch.Held], `SELECT id, key, container, name, image_id, image_ref, missing_since IS NOT NULL
		FROM snapshots WHERE starts_with(key, $1 || '/') AND deleted_at IS NULL ORDER BY id`, engine)
}

// longBegun is how old a tag is that was begun for a snapshot which will never be written down: its archives may take hours.
const longBegun = `begun_at < now() - interval '1 day'`

// TagsLeft implements watch.LeftTags.
func (db *DB) TagsLeft(ctx context.Context, engine string) ([]watch.LeftTag, error) {
	return collect(ctx, db.pool, pgx.RowToStructByPos[watch.LeftTag], `
		WITH tags AS (
			SELECT key, name, image_ref FROM snapshots WHERE tag_left AND deleted_at IS NOT NULL
			UNION SELECT key, name, image_ref FROM tags_begun WHERE `+longBegun+`)
		SELECT key, name, image_ref FROM tags WHERE starts_with(key, $1 || '/')
			AND NOT EXISTS (SELECT FROM snapshots other WHERE other.image_ref = tags.image_ref AND other.deleted_at IS NULL)
			AND NOT EXISTS (SELECT FROM tags_begun other WHERE other.image_ref = tags.image_ref AND NOT `+longBegun+`)
		ORDER BY key, name`, engine)
}

// BeginTag implements snapshot.Store.
func (db *DB) BeginTag(ctx context.Context, s snapshot.Snapshot) error {
	_, err := db.pool.Exec(ctx, `INSERT INTO tags_begun (key, image_ref, name) VALUES ($1, $2, $3)
		ON CONFLICT (key, image_ref) DO UPDATE SET begun_at = now()`, s.Key, s.ImageRef, s.Name)
	if err != nil {
		return fmt.Errorf("noting the tag of snapshot %s: %w", s.Name, away(err))
	}
	return nil
}

// Untagged implements snapshot.Store.
func (db *DB) Untagged(ctx context.Context, key, ref string) error {
	return db.tx(ctx, func(tx pgx.Tx) error { return forgetTag(ctx, tx, key, ref) })
}

// forgetTag: nobody has to remove that tag any more.
func forgetTag(ctx context.Context, tx pgx.Tx, key, ref string) error {
	_, err := tx.Exec(ctx, `DELETE FROM tags_begun WHERE key = $1 AND image_ref = $2`, key, ref)
	if err == nil {
		_, err = tx.Exec(ctx, `UPDATE snapshots SET tag_left = false WHERE key = $1 AND image_ref = $2 AND deleted_at IS NOT NULL AND tag_left`, key, ref)
	}
	if err != nil {
		return fmt.Errorf("forgetting the tag %s: %w", ref, err)
	}
	return nil
}

// MarkGone implements watch.MissingImages. Messages of open incidents lose their button.
func (db *DB) MarkGone(ctx context.Context, ids []int64, e incidents.Entry) error {
	return db.tx(ctx, func(tx pgx.Tx) error {
		keys, err := mark(ctx, tx, ids, true)
		if err != nil || len(keys) == 0 {
			return err
		}
		if _, err := db.record(ctx, tx, e); err != nil {
			return err
		}
		return db.queueNewsOfOffers(ctx, tx, keys)
	})
}

// MarkMissing implements watch.MissingImages. Messages of open incidents then offer it no more, or again.
func (db *DB) MarkMissing(ctx context.Context, id int64, missing bool) (news bool, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		keys, err := mark(ctx, tx, []int64{id}, missing)
		news = len(keys) > 0
		if err != nil || !news {
			return err
		}
		return db.queueNewsOfOffers(ctx, tx, keys)
	})
	return news && err == nil, err
}

// mark returns whose snapshots those are of which it was news.
func mark(ctx context.Context, tx pgx.Tx, ids []int64, missing bool) (keys []string, err error) {
	rows, err := tx.Query(ctx, `UPDATE snapshots SET missing_since = CASE WHEN $2 THEN now() END
		WHERE id = ANY($1) AND deleted_at IS NULL AND (missing_since IS NOT NULL) <> $2 RETURNING key`, ids, missing)
	if err == nil {
		keys, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		return nil, fmt.Errorf("marking snapshots as missing: %w", err)
	}
	return keys, nil
}

// KeptLeft implements restore.LeftoverStore.
func (db *DB) KeptLeft(ctx context.Context) ([]restore.Restore, error) {
	return restores(ctx, db.pool, `WHERE state = 'verified' AND kept_until IS NULL AND undone_by IS NULL
		AND verified_at > now() - interval '30 days' ORDER BY id`, pgx.NamedArgs{})
}

// Leavings implements restore.LeftoverStore. A create that its restore has given up ends within minutes; a copy may be in use
// for long, and what the engine would not remove may stay until its host is started again.
func (db *DB) Leavings(ctx context.Context) ([]restore.Restore, error) {
	return restores(ctx, db.pool, `WHERE NOT (`+stillRunning+`) AND (
		record->'plan'->>'temp_name' <> '' AND entered_at > now() - interval '1 day' OR
		(record->'plan'->>'stand_in_ref' <> '' OR record->'plan' ? 'unremoved') AND entered_at > now() - interval '30 days') ORDER BY id`, pgx.NamedArgs{})
}

// Sweep implements watch.Retention. The last tick of a schedule stays, however long ago it was.
func (db *DB) Sweep(ctx context.Context, engine string, shown time.Duration) error {
	_, err := db.pool.Exec(ctx, `DELETE FROM containers c WHERE engine = $1 AND gone_at < now() - greatest(interval '7 days', $2::interval)
		AND NOT EXISTS (SELECT FROM snapshots s WHERE s.key = c.key AND s.deleted_at IS NULL)`, engine, shown)
	if err != nil {
		return fmt.Errorf("forgetting containers: %w", away(err))
	}
	if err := db.sweepSnapshots(ctx, engine); err != nil {
		return fmt.Errorf("forgetting removed snapshots: %w", away(err))
	}
	_, err = db.pool.Exec(ctx, `DELETE FROM schedule_ticks t WHERE tick < now() - interval '30 days'
		AND EXISTS (SELECT FROM schedule_ticks newer WHERE newer.key = t.key AND newer.tick > t.tick)`)
	return away(err)
}

// sweepSnapshots empties the documents of removed snapshots once no restore can need them, and forgets the rows themselves
// after a week. By then their duplicates on the engine are gone too, which are told from lost ones by these rows.
func (db *DB) sweepSnapshots(ctx context.Context, engine string) error {
	_, err := db.pool.Exec(ctx, `UPDATE snapshots s SET document = '' WHERE starts_with(key, $1 || '/')
		AND deleted_at < now() - interval '10 minutes' AND octet_length(document) > 0
		AND NOT EXISTS (SELECT FROM restores r WHERE r.key = s.key AND (r.snapshot_id = s.id OR (r.record->'plan'->>'before_id')::bigint = s.id)
			AND (`+stillRunning+` OR r.kept_until IS NOT NULL OR r.late <> '{}' OR r.entered_at > now() - interval '1 day'))`, engine)
	if err != nil {
		return err
	}
	_, err = db.pool.Exec(ctx, `DELETE FROM snapshots s WHERE starts_with(key, $1 || '/')
		AND deleted_at < now() - interval '7 days' AND NOT tag_left AND document = ''
		AND NOT EXISTS (SELECT FROM restores r WHERE r.snapshot_id = s.id)`, engine)
	return err
}

// Restoring implements watch.Restores.
func (db *DB) Restoring(ctx context.Context, key string) (running bool, err error) {
	err = db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM restores WHERE key = $1 AND `+stillRunning+`)`, key).Scan(&running)
	return running, away(err)
}
