package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// Alone implements snapshot.Lock.
func (db *DB) Alone(ctx context.Context, what string, do func(context.Context) error) error {
	var inner error
	err := db.locked(ctx, "watch "+what, 0, func(ctx context.Context) error {
		inner = do(ctx)
		return inner
	})
	if inner == nil && errors.Is(err, ErrBusy) {
		return fmt.Errorf("%w: %s", snapshot.ErrElsewhere, what)
	}
	return err
}

// Identities implements watch.Identities.
func (db *DB) Identities(ctx context.Context, engine string) ([]snapshot.Identity, error) {
	return collect(ctx, db.pool, scanIdentity, `
		SELECT c.key, c.engine_id, c.name, c.doc->>'created_at', c.doc->>'config', c.former, c.seen_at, c.gone_at, c.scopes,
			coalesce((SELECT s.container_id FROM snapshots s WHERE s.key = c.key AND s.reason = 'baseline'
				AND s.deleted_at IS NULL AND s.missing_since IS NULL AND NOT s.spiked ORDER BY s.created_at DESC, s.id DESC LIMIT 1), ''),
			(SELECT max(tick) FROM schedule_ticks t WHERE t.key = 'schedule ' || c.key),
			(SELECT r.record->'plan'->>'new_id' FROM restores r WHERE r.key = c.key AND r.state NOT IN ('refused', 'reverted', 'failed')
				ORDER BY r.id DESC LIMIT 1),
			EXISTS (SELECT FROM deploys d WHERE d.key = c.key) OR EXISTS (SELECT FROM restores r WHERE r.key = c.key)
				OR EXISTS (SELECT FROM snapshots s WHERE s.key = c.key AND s.reason <> 'baseline' AND s.deleted_at IS NULL)
		FROM containers c WHERE c.engine = $1`, engine)
}

func scanIdentity(row pgx.CollectableRow) (p snapshot.Identity, err error) {
	var created, config, made *string
	var gone, tick *time.Time
	err = row.Scan(&p.Key, &p.ContainerID, &p.Name, &created, &config, &p.Former, &p.SeenAt, &gone, &p.Scopes, &p.Baseline, &tick, &made, &p.Settled)
	p.SeenAt, p.GoneAt, p.LastTick = p.SeenAt.UTC(), zero(gone), zero(tick)
	p.Config, p.Made = text(config), text(made)
	if at, bad := time.Parse(time.RFC3339Nano, text(created)); bad == nil {
		p.CreatedAt = at.UTC()
	}
	return p, err
}

// text is "" for what is not there.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Seats implements docker.Record.
func (db *DB) Seats(ctx context.Context, engine string) ([]snapshot.Seat, error) {
	list, err := db.Identities(ctx, engine)
	seats := make([]snapshot.Seat, 0, len(list))
	for _, p := range list {
		seats = append(seats, p.Seat)
	}
	return seats, err
}

// Dissolve implements watch.Identities.
func (db *DB) Dissolve(ctx context.Context, key string) error {
	_, err := db.pool.Exec(ctx, `DELETE FROM containers c WHERE key = $1
		AND NOT EXISTS (SELECT FROM snapshots s WHERE s.key = c.key AND s.deleted_at IS NULL)`, key)
	return away(err)
}

// Occupant implements watch.Identities. A row that an earlier release wrote has no document, nor has one whose key was taken away.
func (db *DB) Occupant(ctx context.Context, key string) (s snapshot.Occupant, err error) {
	var doc, sealed []byte
	err = db.pool.QueryRow(ctx, `SELECT doc, labels, document FROM containers WHERE key = $1`, key).Scan(&doc, &s.Labels, &sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, fmt.Errorf("%w: %q", snapshot.ErrUnknownContainer, key)
	}
	if err != nil {
		return s, away(err)
	}
	if err := json.Unmarshal(doc, &s.Container); err != nil {
		return s, fmt.Errorf("reading a container: %w", err)
	}
	s.Settings = snapshot.ParseSettings(s.Labels)
	if sealed == nil {
		return s, nil
	}
	if s.Document, err = db.keys.Open(sealInspect, key, sealed); err != nil {
		db.log.Warn("what ran before can't be opened with any of the keys", "container", s.Name, "err", err)
		s.Document = nil
	}
	return s, nil
}

// SetOccupant implements watch.Identities.
func (db *DB) SetOccupant(ctx context.Context, s snapshot.Occupant) error {
	return db.tx(ctx, func(tx pgx.Tx) error { return db.setOccupant(ctx, tx, s) })
}

// setOccupant leaves seen_at alone, which is when the identity was first seen.
func (db *DB) setOccupant(ctx context.Context, tx pgx.Tx, s snapshot.Occupant) error {
	sealed, err := db.keys.Seal(sealInspect, s.Key, s.Document)
	if err != nil {
		return fmt.Errorf("sealing the inspect document: %w", err)
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO containers (key, engine, name, engine_id, doc, labels, document)
		VALUES (@key, @engine, @name, @id, @doc, @labels, @document)
		ON CONFLICT (key) DO UPDATE SET name = excluded.name, engine_id = excluded.engine_id, doc = excluded.doc,
			labels = excluded.labels, document = excluded.document, gone_at = NULL,
			former = CASE WHEN containers.engine_id = excluded.engine_id THEN containers.former
				ELSE (array_prepend(containers.engine_id, array_remove(containers.former, excluded.engine_id)))[1:10] END`, pgx.NamedArgs{
		"key": s.Key, "engine": s.Engine, "name": s.Name, "id": s.ID, "doc": s.Container, "labels": settings(s.Labels), "document": sealed,
	})
	if err != nil {
		return fmt.Errorf("writing container %s: %w", s.Name, err)
	}
	return nil
}

// putBack seats what a restore has put back. The ticks of a schedule that what it replaced did not have count from its creation
// on, as the watch has it for a deploy.
func (db *DB) putBack(ctx context.Context, tx pgx.Tx, s snapshot.Occupant) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO schedule_ticks (key, tick) SELECT 'schedule ' || key, @created FROM containers
		WHERE key = @key AND @schedule <> '' AND labels->>'snapback.schedule' IS DISTINCT FROM @schedule
		ON CONFLICT DO NOTHING`, pgx.NamedArgs{"key": s.Key, "created": s.CreatedAt, "schedule": s.Settings.Schedule})
	if err != nil {
		return fmt.Errorf("noting the schedule of %s: %w", s.Name, err)
	}
	return db.setOccupant(ctx, tx, s)
}

// settings are the labels that are kept in the clear. People put secrets into other labels, such as a proxy's passwords.
func settings(labels map[string]string) map[string]string {
	ours := map[string]string{}
	for name, value := range labels {
		if strings.HasPrefix(name, "snapback.") {
			ours[name] = value
		}
	}
	return ours
}

// NotePresent implements watch.Identities.
func (db *DB) NotePresent(ctx context.Context, engine string, keys []string, scope string, within []string) error {
	_, err := db.pool.Exec(ctx, `
		UPDATE containers SET
			gone_at = CASE WHEN key = ANY(@keys) THEN NULL ELSE now() END,
			scopes = CASE WHEN key = ANY(@within) THEN array_append(array_remove(scopes, @scope), @scope)
				WHEN key = ANY(@keys) THEN array_remove(scopes, @scope) ELSE scopes END
		WHERE engine = @engine AND ((gone_at IS NULL) <> (key = ANY(@keys))
			OR key = ANY(@keys) AND (key = ANY(@within)) <> (@scope = ANY(scopes)))`, pgx.NamedArgs{
		"engine": engine, "keys": keys, "scope": scope, "within": within,
	})
	return away(err)
}

// EventsSeen implements watch.Events.
func (db *DB) EventsSeen(ctx context.Context, engine string) (to time.Time, err error) {
	err = db.pool.QueryRow(ctx, `SELECT seen_to FROM engine_marks WHERE engine = $1`, engine).Scan(&to)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	return to.UTC(), away(err)
}

// SeeEvents implements watch.Events.
func (db *DB) SeeEvents(ctx context.Context, engine string, to time.Time) error {
	_, err := db.pool.Exec(ctx, `INSERT INTO engine_marks (engine, seen_to) VALUES ($1, $2)
		ON CONFLICT (engine) DO UPDATE SET seen_to = excluded.seen_to WHERE engine_marks.seen_to < excluded.seen_to`, engine, to)
	return away(err)
}

// MadeByRestore implements watch.Restores. When a restore was reverted, the old container, or its stand-in, is where it
// is by that restore. One that was replaced since, and is there again, was started by somebody.
func (db *DB) MadeByRestore(ctx context.Context, key, containerID string) (ours bool, err error) {
	err = db.pool.QueryRow(ctx, `SELECT EXISTS (
		SELECT FROM restores r WHERE key = $1 AND state <> 'refused' AND (record->'plan'->>'new_id' = $2
			OR state <> 'verified' AND $2 IN (record->'plan'->>'old_id', record->'plan'->>'stand_in_id'))
			AND NOT EXISTS (SELECT FROM deploys d WHERE d.key = $1 AND (d.before_id = $2 OR d.after_id = $2 AND r.record->'plan' ? 'service') AND `+noted+` > r.entered_at))`,
		key, containerID).Scan(&ours)
	return ours, away(err)
}

// notSince is true of a restore after which no deploy has brought an ID. A container's never comes back by one, and that of a service's
// spec does.
func notSince(id string) string {
	return ` NOT (record->'plan' ? 'service' AND EXISTS (SELECT FROM deploys d WHERE d.key = restores.key AND d.after_id = ` + id + ` AND ` + noted + ` > restores.entered_at))`
}

// rolledBack is true of a restore that has undone the deploy of the container that it replaced.
const rolledBack = `kind = 'restore' AND state = 'verified' AND undone_by IS NULL AND NOT record->'plan' ? 'anew'`

// RolledBack implements bot.Deploys.
func (db *DB) RolledBack(ctx context.Context, d snapshot.Deploy) (u snapshot.Undone, found bool, err error) {
	r, err := oneRestore(ctx, db.pool, `WHERE key = @key AND `+rolledBack+` AND record->'plan'->>'old_id' = @id
		AND (NOT record->'plan' ? 'service' OR entered_at > (SELECT `+noted+` FROM deploys WHERE id = @deploy)) ORDER BY id DESC LIMIT 1`,
		pgx.NamedArgs{"key": d.Key, "id": d.AfterID, "deploy": d.ID})
	if errors.Is(err, snapshot.ErrUnknownRestore) {
		return u, false, nil
	}
	return snapshot.Undone{Deploy: d, By: r.Snapshot, At: r.VerifiedAt}, err == nil, err
}

// RestoredTo implements watch.Restores.
func (db *DB) RestoredTo(ctx context.Context, key, containerID string) (snapshot.Snapshot, bool, error) {
	s, err := db.oneSnapshot(ctx, `WHERE deleted_at IS NULL AND id = (SELECT snapshot_id FROM restores WHERE key = @key
		AND kind = 'restore' AND state = 'verified' AND record->'plan'->>'new_id' = @id ORDER BY id DESC LIMIT 1)`,
		pgx.NamedArgs{"key": key, "id": containerID})
	if errors.Is(err, snapshot.ErrUnknownSnapshot) {
		return s, false, nil
	}
	return s, err == nil, err
}

// LeftBehind implements watch.Restores.
func (db *DB) LeftBehind(ctx context.Context, key string) ([]string, error) {
	return collect(ctx, db.pool, pgx.RowTo[string], `SELECT record->'plan'->>'old_id' FROM restores WHERE key = $1 AND kind = 'restore'
		AND state = 'verified' AND undone_by IS NULL AND record->'plan' ? 'old_id' AND NOT record->'plan' ? 'anew'
		AND`+notSince(`record->'plan'->>'old_id'`)+` ORDER BY id`, key)
}

// MadeBy implements restore.Past.
func (db *DB) MadeBy(ctx context.Context, key, containerID string) (restore.Restore, error) {
	return oneRestore(ctx, db.pool, `WHERE key = @key AND state = 'verified' AND NOT record->'plan' ? 'adopt_id'
		AND record->'plan'->>'new_id' = @id AND`+notSince(`@id`)+` ORDER BY id DESC LIMIT 1`, pgx.NamedArgs{"key": key, "id": containerID})
}

// AddDeployed implements snapshot.Deploys.
func (db *DB) AddDeployed(ctx context.Context, d snapshot.Deployed) (fresh bool, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		there, err := stands(ctx, tx, d.Deploy)
		if fresh = !there; err != nil {
			return err
		}
		if err := db.setOccupant(ctx, tx, d.Occupant); err != nil || there {
			return err
		}
		id, err := insertDeploy(ctx, tx, d.Deploy)
		if err != nil {
			return fmt.Errorf("writing a deploy of %s: %w", d.Occupant.Name, err)
		}
		d.ID = id
		if err := setChanges(ctx, tx, d); err != nil {
			return err
		}
		return db.queueNewsOfDeploy(ctx, tx, d)
	})
	return fresh && err == nil, err
}

// stands says whether a deploy's new container stands for the identity already. Another bot that writes the same waits.
func stands(ctx context.Context, tx pgx.Tx, d snapshot.Deploy) (there bool, err error) {
	err = tx.QueryRow(ctx, `SELECT engine_id = $2 FROM containers WHERE key = $1 FOR UPDATE`, d.Key, d.AfterID).Scan(&there)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return there, err
}

func insertDeploy(ctx context.Context, tx pgx.Tx, d snapshot.Deploy) (id int64, err error) {
	if d.Changes == nil {
		d.Changes = []snapshot.Change{}
	}
	err = tx.QueryRow(ctx, `
		INSERT INTO deploys (key, at, before_id, after_id, before, after, snapshot, changes)
		VALUES (@key, @at, @before_id, @after_id, @before, @after, @snapshot, @changes) RETURNING id`, pgx.NamedArgs{
		"key": d.Key, "at": d.At, "before_id": d.BeforeID, "after_id": d.AfterID, "before": d.Before, "after": d.After,
		"snapshot": d.Snapshot, "changes": d.Changes,
	}).Scan(&id)
	return id, err
}

// setChanges attaches to the snapshot what restoring it would change back.
func setChanges(ctx context.Context, tx pgx.Tx, d snapshot.Deployed) error {
	if d.WouldUndo == nil {
		d.WouldUndo = []snapshot.Change{}
	}
	_, err := tx.Exec(ctx, `UPDATE snapshots SET changes = $2 WHERE id = $1`, d.SnapshotID, d.WouldUndo)
	if err != nil {
		return fmt.Errorf("writing what snapshot %s would undo: %w", d.Snapshot, err)
	}
	return nil
}

// queueNewsOfDeploy writes the entry to every open incident of the container's services, or in which it was restored, or else outside any, and
// queues sending it to PagerDuty, once.
func (db *DB) queueNewsOfDeploy(ctx context.Context, tx pgx.Tx, d snapshot.Deployed) error {
	open, err := collect(ctx, tx, pgx.RowTo[int64], `SELECT id FROM incidents i WHERE status <> 'resolved' AND (service_id = ANY($1)
		OR EXISTS (SELECT FROM restores r WHERE r.incident_id = i.id AND r.key = $2 AND r.state = 'verified')) ORDER BY id`, d.Services, d.Key)
	if err != nil {
		return err
	}
	holding, err := cameBack(ctx, tx, d)
	if err != nil {
		return err
	}
	var entry incidents.Entry
	for _, e := range tellers(open, d, holding) {
		told, err := db.record(ctx, tx, e)
		if err != nil {
			return err
		}
		if entry.ID == 0 || d.Back != nil && told.Kind == d.Back.Entry.Kind {
			entry = told
		}
	}
	if _, err := db.jobs.InsertTx(ctx, tx, changeArgs{entry.ID}, nil); err != nil {
		return fmt.Errorf("queueing the change event: %w", err)
	}
	return nil
}

// Undone implements watch.Restores.
func (db *DB) Undone(ctx context.Context, key string) (u snapshot.Undone, found bool, err error) {
	r, err := oneRestore(ctx, db.pool, `WHERE key = @key AND state = 'verified' ORDER BY id DESC LIMIT 1`, pgx.NamedArgs{"key": key})
	if errors.Is(err, snapshot.ErrUnknownRestore) || err == nil && r.Kind != restore.Restoring {
		return u, false, nil
	}
	if err != nil {
		return u, false, err
	}
	rows, err := db.pool.Query(ctx, `SELECT `+deployColumns+` FROM deploys WHERE key = $1 AND after_id = $2 ORDER BY id DESC LIMIT 1`,
		key, r.Plan.OldID)
	if err != nil {
		return u, false, away(err)
	}
	d, err := pgx.CollectOneRow(rows, scanDeploy)
	if errors.Is(err, pgx.ErrNoRows) {
		return u, false, nil
	}
	return snapshot.Undone{Deploy: d, By: r.Snapshot, At: r.VerifiedAt}, err == nil, away(err)
}

// Once implements watch.Ticks.
func (db *DB) Once(ctx context.Context, what string, at time.Time) (bool, error) {
	tag, err := db.pool.Exec(ctx, `INSERT INTO schedule_ticks (key, tick) VALUES ($1, $2) ON CONFLICT DO NOTHING`, what, at)
	return tag.RowsAffected() > 0, away(err)
}

// LastTick implements watch.Ticks.
func (db *DB) LastTick(ctx context.Context, what string) (time.Time, error) {
	var at *time.Time
	err := db.pool.QueryRow(ctx, `SELECT max(tick) FROM schedule_ticks WHERE key = $1`, what).Scan(&at)
	return zero(at), away(err)
}
