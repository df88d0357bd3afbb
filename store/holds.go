package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// isOn says in SQL that a hold h is on.
const isOn = `h.ended_at IS NULL AND (h.until > now() OR h.until IS NULL AND EXISTS (
	SELECT FROM incidents i WHERE i.id = h.incident_id AND i.status <> 'resolved'))`

// mayBeOn says in SQL that a hold h is on, or is again once its incident is opened again.
const mayBeOn = `h.ended_at IS NULL AND (h.until > now() OR h.until IS NULL)`

const forUpdate = `FOR UPDATE OF h`

const holdColumns = `h.id, h.key, r.container, h.restore_id, r.snapshot, coalesce(h.incident_id, 0), r.requested_by, h.since, h.until,
	h.image, h.image_id, h.digests, h.content, h.changes, h.document, coalesce(h.back_id, ''), h.back_at, h.ended_at IS NOT NULL`

// Holds implements restore.Past and watch.Restores.
func (db *DB) Holds(ctx context.Context, key string) ([]snapshot.Hold, error) {
	return db.holds(ctx, db.pool, `h.key = @key`, "", pgx.NamedArgs{"key": key})
}

// ToldHolds implements snapshot.HoldStore.
func (db *DB) ToldHolds(ctx context.Context, incident int64) ([]snapshot.Hold, error) {
	return db.holdsWhere(ctx, db.pool, `h.incident_id = @incident AND (`+isOn+` OR h.ended_by IS NOT NULL AND h.back_id IS NOT NULL
		AND h.id = (SELECT max(l.id) FROM holds l WHERE l.key = h.key))`, "", pgx.NamedArgs{"incident": incident})
}

// AllHolds lists those of all containers, newest first.
func (db *DB) AllHolds(ctx context.Context) ([]snapshot.Hold, error) {
	return db.holds(ctx, db.pool, "true", "", pgx.NamedArgs{})
}

// holds reads those that are on, and locks them by lock.
func (db *DB) holds(ctx context.Context, q querier, where, lock string, args pgx.NamedArgs) ([]snapshot.Hold, error) {
	return db.holdsWhere(ctx, q, isOn+` AND `+where, lock, args)
}

func (db *DB) holdsWhere(ctx context.Context, q querier, where, lock string, args pgx.NamedArgs) ([]snapshot.Hold, error) {
	return collect(ctx, q, db.scanHold, `SELECT `+holdColumns+` FROM holds h JOIN restores r ON r.id = h.restore_id
		WHERE `+where+` ORDER BY h.id DESC `+lock, args)
}

// scanHold leaves the document out that none of the keys opens.
func (db *DB) scanHold(row pgx.CollectableRow) (h snapshot.Hold, err error) {
	var by snapshot.By
	var until, back *time.Time
	var sealed []byte
	err = row.Scan(&h.ID, &h.Key, &h.Container, &h.Restore, &h.Snapshot, &h.Incident, &by, &h.Since, &until,
		&h.Ref, &h.Image.ID, &h.Image.Digests, &h.Image.Content, &h.Changes, &sealed, &h.BackID, &back, &h.Released)
	if err != nil {
		return h, err
	}
	h.By, h.Since, h.Until, h.BackAt = by.Actor, h.Since.UTC(), zero(until), zero(back)
	if h.Document, err = db.keys.Open(sealInspect, h.Key, sealed); err != nil {
		db.log.Warn("what is on hold can't be opened with any of the keys", "container", h.Container, "err", err)
		h.Document = nil
	}
	return h, nil
}

// inChainOrder sorts holds by the timelines to which entries of them go: see lockChains.
func inChainOrder(holds []snapshot.Hold) []snapshot.Hold {
	return slices.SortedStableFunc(slices.Values(holds), func(a, b snapshot.Hold) int { return cmp.Compare(a.Incident, b.Incident) })
}

// concerned are the holds that a verified restore may change: those that may be on, and that of the restore which an undo goes back to.
const concerned = `WITH RECURSIVE line AS (
		SELECT id, undo_of FROM restores WHERE id = @restore
		UNION ALL SELECT r.id, r.undo_of FROM restores r JOIN line l ON r.id = l.undo_of)
	SELECT coalesce(incident_id, 0) FROM holds WHERE id IN (
		SELECT h.id FROM holds h WHERE h.key = @key AND ` + mayBeOn + ` UNION SELECT id FROM holds WHERE restore_id IN (SELECT id FROM line))
	ORDER BY id DESC FOR UPDATE OF holds`

// lockHolds locks the holds that a restore concerns, and then the timelines of their incidents and that of its own. Whoever writes of
// several holds does so in that order: see lockChains.
func lockHolds(ctx context.Context, tx pgx.Tx, r restore.Restore) error {
	holding, err := collect(ctx, tx, pgx.RowTo[int64], concerned, pgx.NamedArgs{"restore": r.ID, "key": r.Key})
	if err != nil {
		return fmt.Errorf("locking what is on hold: %w", err)
	}
	return lockChains(ctx, tx, append(holding, r.By.Incident))
}

// setHolds writes down what a verified restore means for holds.
func (db *DB) setHolds(ctx context.Context, tx pgx.Tx, r restore.Restore) error {
	if r.Kind == restore.Undoing {
		return db.holdOfUndone(ctx, tx, r)
	}
	return db.holdOn(ctx, tx, r)
}

// holdOn writes down what a restore has rolled back, in the transaction that says that it is verified. The same deploy may be on
// hold already, also by an incident that is resolved: then it is from now on because of this restore.
func (db *DB) holdOn(ctx context.Context, tx pgx.Tx, r restore.Restore) error {
	for _, h := range inChainOrder(r.Lifted) {
		if err := db.endHold(ctx, tx, `h.id = @id`, pgx.NamedArgs{"id": h.ID}); err != nil {
			return err
		}
	}
	if r.Hold == nil {
		return nil
	}
	h := *r.Hold
	_, err := tx.Exec(ctx, `UPDATE holds h SET ended_at = now() WHERE key = @key AND `+mayBeOn+`
		AND (back_id = @old OR image_id = @image AND changes = @changes::jsonb)`,
		pgx.NamedArgs{"key": h.Key, "old": r.Plan.OldID, "image": h.Image.ID, "changes": h.Changes})
	if err != nil {
		return fmt.Errorf("ending the hold from before: %w", err)
	}
	if h.Until, err = db.insertHold(ctx, tx, h); err != nil {
		return fmt.Errorf("putting %s on hold: %w", h.Container, err)
	}
	_, err = db.record(ctx, tx, h.OnEntry())
	return err
}

// insertHold returns until when the hold is on: within an incident that is open, that is not known.
func (db *DB) insertHold(ctx context.Context, tx pgx.Tx, h snapshot.Hold) (time.Time, error) {
	sealed, err := db.keys.Seal(sealInspect, h.Key, h.Document)
	if err != nil {
		return time.Time{}, err
	}
	if h.Image.Digests == nil {
		h.Image.Digests = []string{}
	}
	var until *time.Time
	err = tx.QueryRow(ctx, `
		INSERT INTO holds (restore_id, key, incident_id, since, until, image, image_id, digests, content, changes, document)
		VALUES (@restore, @key, @incident, @since,
			CASE WHEN NOT EXISTS (SELECT FROM incidents WHERE id = @incident AND status <> 'resolved') THEN @until::timestamptz END,
			@image, @image_id, @digests, @content, @changes, @document) RETURNING until`, pgx.NamedArgs{
		"restore": h.Restore, "key": h.Key, "incident": null(h.Incident), "since": h.Since, "until": h.Until, "image": h.Ref,
		"image_id": h.Image.ID, "digests": h.Image.Digests, "content": h.Image.Content, "changes": h.Changes, "document": sealed,
	}).Scan(&until)
	return zero(until), err
}

// holdOfUndone ends the hold of the restore that an undo goes back to, or puts it on again when the undo was undone itself.
func (db *DB) holdOfUndone(ctx context.Context, tx pgx.Tx, undo restore.Restore) error {
	var first, steps int64
	err := tx.QueryRow(ctx, `WITH RECURSIVE line AS (
			SELECT id, undo_of, 0 AS steps FROM restores WHERE id = $1
			UNION ALL SELECT r.id, r.undo_of, l.steps + 1 FROM restores r JOIN line l ON r.id = l.undo_of)
		SELECT id, steps FROM line WHERE undo_of IS NULL`, undo.ID).Scan(&first, &steps)
	if err != nil {
		return fmt.Errorf("looking for what undo %d goes back to: %w", undo.ID, err)
	}
	if steps%2 == 1 {
		return db.endHold(ctx, tx, `h.restore_id = @restore`, pgx.NamedArgs{"restore": first})
	}
	return db.holdAgain(ctx, tx, first)
}

func (db *DB) holdAgain(ctx context.Context, tx pgx.Tx, restoreID int64) error {
	_, err := tx.Exec(ctx, `UPDATE holds SET ended_at = NULL, ended_by = NULL, back_id = NULL, back_at = NULL WHERE restore_id = $1`, restoreID)
	if err != nil {
		return err
	}
	again, err := db.holds(ctx, tx, `h.restore_id = @restore`, "", pgx.NamedArgs{"restore": restoreID})
	for _, h := range again {
		if _, err := db.record(ctx, tx, h.OnEntry()); err != nil {
			return err
		}
	}
	return err
}

// endHold ends holds that are on, since what they hold was brought back on purpose.
func (db *DB) endHold(ctx context.Context, tx pgx.Tx, where string, args pgx.NamedArgs) error {
	ended, err := db.holds(ctx, tx, where, forUpdate, args)
	if err != nil {
		return err
	}
	for _, h := range ended {
		if _, err := tx.Exec(ctx, `UPDATE holds SET ended_at = now() WHERE id = $1`, h.ID); err != nil {
			return err
		}
		if _, err := db.record(ctx, tx, h.EndedEntry()); err != nil {
			return err
		}
	}
	return nil
}

// ReleaseHolds ends the holds on a container's deploys, with an entry for each, and returns them. It returns
// snapshot.ErrNotHeld when there are none.
func (db *DB) ReleaseHolds(ctx context.Context, key string, by snapshot.By) (released []snapshot.Hold, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		released, err = db.holds(ctx, tx, `h.key = @key`, forUpdate, pgx.NamedArgs{"key": key})
		if err != nil {
			return err
		}
		for _, h := range inChainOrder(released) {
			if _, err := tx.Exec(ctx, `UPDATE holds SET ended_at = now(), ended_by = $2 WHERE id = $1`, h.ID, by); err != nil {
				return err
			}
			if _, err := db.record(ctx, tx, h.ReleasedEntry(by)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && len(released) == 0 {
		err = snapshot.ErrNotHeld
	}
	return released, err
}

// cameBack notes which holds' deploy runs with a container, and returns the incident that hears of what has come back: the hold's
// own while it is open.
func cameBack(ctx context.Context, tx pgx.Tx, d snapshot.Deployed) (incident int64, err error) {
	if len(d.Held) > 0 {
		_, err := tx.Exec(ctx, `UPDATE holds SET back_at = CASE WHEN back_id IS NULL OR id = $4 THEN $3 ELSE back_at END, back_id = $2
			WHERE id IN (SELECT id FROM holds WHERE id = ANY($1) ORDER BY id DESC FOR UPDATE)`, d.Held, d.AfterID, d.At, d.Back.ID())
		if err != nil {
			return 0, fmt.Errorf("noting what came back: %w", err)
		}
	}
	if d.Back == nil {
		return 0, nil
	}
	err = tx.QueryRow(ctx, `SELECT id FROM incidents WHERE id = $1 AND status <> 'resolved'`, d.Back.Hold.Incident).Scan(&incident)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return incident, err
}

// tellers are the timelines that hear of a deploy, with its entry for each: those of the open incidents of its services, or else the
// one outside of any. What is back of a hold is told once: in the hold's incident, or else in the first one.
func tellers(open []int64, d snapshot.Deployed, holding int64) (entries []incidents.Entry) {
	timelines := slices.Clone(open)
	if holding != 0 && !slices.Contains(timelines, holding) {
		timelines = append(timelines, holding)
	}
	if len(timelines) == 0 {
		timelines = []int64{0}
	}
	slices.Sort(timelines) // see lockChains
	for _, incident := range timelines {
		e := d.Entry
		if d.Back != nil && incident == cmp.Or(holding, timelines[0]) {
			e = d.Back.Entry
		}
		e.IncidentID = incident
		entries = append(entries, e)
	}
	return entries
}

// FollowHolds implements watch.Restores.
func (db *DB) FollowHolds(ctx context.Context, key, from, to string) error {
	_, err := db.pool.Exec(ctx, `UPDATE holds SET back_id = $3 WHERE key = $1 AND back_id = $2`, key, from, to)
	return away(err)
}

// HoldCount is how many deploys are on hold, and of how many of them what they hold runs again.
func (db *DB) HoldCount(ctx context.Context) (held, back int, err error) {
	err = db.pool.QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE EXISTS (
		SELECT FROM containers c WHERE c.key = h.key AND c.engine_id = h.back_id AND c.gone_at IS NULL)) FROM holds h WHERE `+isOn).Scan(&held, &back)
	return held, back, away(err)
}
