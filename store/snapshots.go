package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// sealInspect is the purpose under which inspect documents are sealed: they hold the environment.
const sealInspect = "inspect document"

const (
	snapshotColumns = columnsBefore + `document, changes` + columnsAfter
	plainColumns    = columnsBefore + `NULL::bytea, '[]'::jsonb` + columnsAfter // without what is sealed, and what has changed

	columnsBefore = `id, key, container, name, reason, note, created_at, expires_at, pinned, size_bytes, image_id, image_ref, committed, container_id, `
	columnsAfter  = `, missing_since, volumes, unwell, last_seen_at, ran_for_ms, spiked`
)

func (db *DB) scanSnapshot(row pgx.CollectableRow) (s snapshot.Snapshot, err error) {
	var expires, missing, seen *time.Time
	var ran int64
	var sealed []byte
	err = row.Scan(&s.ID, &s.Key, &s.Container, &s.Name, &s.Reason, &s.Note, &s.CreatedAt, &expires, &s.Pinned, &s.SizeBytes, &s.ImageID,
		&s.ImageRef, &s.Committed, &s.ContainerID, &sealed, &s.Changes, &missing, &s.Volumes, &s.Unwell, &seen, &ran, &s.Spiked)
	if err != nil {
		return s, err
	}
	s.CreatedAt, s.ExpiresAt, s.MissingSince = s.CreatedAt.UTC(), zero(expires), zero(missing)
	s.LastSeenAt, s.RanFor = zero(seen), time.Duration(ran)*time.Millisecond
	if sealed == nil {
		return s, nil
	}
	if s.Document, err = db.keys.Open(sealInspect, s.Key, sealed); err != nil {
		s.Document, s.Locked = nil, true // the others of a list can be opened all the same
	}
	return s, nil
}

func (db *DB) snapshots(ctx context.Context, where string, args pgx.NamedArgs) ([]snapshot.Snapshot, error) {
	return collect(ctx, db.pool, db.scanSnapshot, `SELECT `+snapshotColumns+` FROM snapshots `+where, args)
}

func (db *DB) oneSnapshot(ctx context.Context, where string, args pgx.NamedArgs) (snapshot.Snapshot, error) {
	list, err := db.snapshots(ctx, where, args)
	return first(list, err, snapshot.ErrUnknownSnapshot)
}

// Snapshot implements snapshot.Store.
func (db *DB) Snapshot(ctx context.Context, key, name string) (snapshot.Snapshot, error) {
	return db.oneSnapshot(ctx, `WHERE key = @key AND name = @name AND deleted_at IS NULL`, pgx.NamedArgs{"key": key, "name": name})
}

// SnapshotByID implements snapshot.Store.
func (db *DB) SnapshotByID(ctx context.Context, id int64) (snapshot.Snapshot, error) {
	return db.oneSnapshot(ctx, `WHERE id = @id`, pgx.NamedArgs{"id": id})
}

// Snapshots implements snapshot.Store.
func (db *DB) Snapshots(ctx context.Context, key string) ([]snapshot.Snapshot, error) {
	return db.snapshots(ctx, `WHERE key = @key AND deleted_at IS NULL ORDER BY created_at DESC, id DESC`, pgx.NamedArgs{"key": key})
}

// AddSnapshot implements snapshot.Store.
func (db *DB) AddSnapshot(ctx context.Context, s snapshot.Snapshot, by snapshot.By) (snapshot.Snapshot, error) {
	if s.Changes == nil {
		s.Changes = []snapshot.Change{}
	}
	err := db.tx(ctx, func(tx pgx.Tx) (err error) {
		if err := forgetTag(ctx, tx, s.Key, s.ImageRef); err != nil {
			return err
		}
		s.ID, err = db.insertSnapshot(ctx, tx, s, "")
		if isUnique(err, "snapshots_name") {
			return fmt.Errorf("%w: %s", snapshot.ErrNameTaken, s.Name)
		}
		if err != nil {
			return fmt.Errorf("writing snapshot %s: %w", s.Name, err)
		}
		_, err = db.record(ctx, tx, snapshotEntry(s, by, incidents.KindSnapshotTaken))
		return err
	})
	return s, err
}

// insertSnapshot writes the row. onConflict says what to do about one that is there; without a new row it returns
// pgx.ErrNoRows.
func (db *DB) insertSnapshot(ctx context.Context, tx pgx.Tx, s snapshot.Snapshot, onConflict string) (id int64, err error) {
	sealed, err := db.keys.Seal(sealInspect, s.Key, s.Document)
	if err != nil {
		return 0, fmt.Errorf("sealing the inspect document: %w", err)
	}
	if s.Changes == nil {
		s.Changes = []snapshot.Change{}
	}
	err = tx.QueryRow(ctx, `
		INSERT INTO snapshots (key, container, name, reason, note, created_at, expires_at, pinned, size_bytes, image_id, image_ref,
			committed, container_id, document, changes, volumes, unwell, last_seen_at, ran_for_ms, spiked)
		VALUES (@key, @container, @name, @reason, @note, @created, @expires, @pinned, @size, @image, @ref,
			@committed, @cid, @document, @changes, @volumes, @unwell, @seen, @ran, @spiked) `+onConflict+` RETURNING id`, pgx.NamedArgs{
		"key": s.Key, "container": s.Container, "name": s.Name, "reason": s.Reason, "note": s.Note, "created": s.CreatedAt,
		"expires": null(s.ExpiresAt), "pinned": s.Pinned, "size": s.SizeBytes, "image": s.ImageID, "ref": s.ImageRef,
		"committed": s.Committed, "cid": s.ContainerID, "document": sealed, "changes": s.Changes, "volumes": s.Volumes, "unwell": s.Unwell,
		"seen": null(s.LastSeenAt), "ran": s.RanFor.Milliseconds(), "spiked": s.Spiked,
	}).Scan(&id)
	return id, err
}

// SeeWell notes that a container of which there are snapshots runs well, and for how long it has: those of its baseline hold the
// state in which it does.
func (db *DB) SeeWell(ctx context.Context, key, containerID string, at time.Time, ran time.Duration) error {
	_, err := db.pool.Exec(ctx, `UPDATE snapshots SET last_seen_at = greatest(last_seen_at, $3), ran_for_ms = greatest(ran_for_ms, $4)
		WHERE key = $1 AND container_id = $2 AND reason = 'baseline' AND deleted_at IS NULL`, key, containerID, at, ran.Milliseconds())
	return away(err)
}

// MarkSpiked implements watch.Snapshots. Messages of open incidents then offer them last.
func (db *DB) MarkSpiked(ctx context.Context, key, containerID string, proved time.Duration) error {
	return db.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE snapshots SET spiked = true WHERE key = $1 AND container_id = $2 AND deleted_at IS NULL AND NOT spiked
			AND NOT EXISTS (SELECT FROM snapshots p WHERE p.key = $1 AND p.container_id = $2 AND p.ran_for_ms >= $3)`,
			key, containerID, proved.Milliseconds())
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return db.queueNewsOfOffers(ctx, tx, []string{key})
	})
}

// SeenAs notes of a snapshot what was seen of another one that holds the same and goes.
func (db *DB) SeenAs(ctx context.Context, id int64, at time.Time, ran time.Duration) error {
	_, err := db.pool.Exec(ctx, `UPDATE snapshots SET last_seen_at = greatest(last_seen_at, $2), ran_for_ms = greatest(ran_for_ms, $3)
		WHERE id = $1`, id, at, ran.Milliseconds())
	return away(err)
}

// RemoveSnapshot implements snapshot.Store. The row stays, marked, because restores refer to it.
func (db *DB) RemoveSnapshot(ctx context.Context, id int64, by snapshot.By) error {
	s, err := db.SnapshotByID(ctx, id)
	if err != nil {
		return err
	}
	return db.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE snapshots SET deleted_at = now(), tag_left = true WHERE id = $1 AND deleted_at IS NULL
			AND NOT EXISTS (SELECT FROM restores WHERE snapshot_id = $1 AND `+stillRunning+`)`, id)
		if err != nil {
			return fmt.Errorf("removing snapshot %s: %w", s.Name, err)
		}
		if tag.RowsAffected() == 0 {
			return whyNotRemoved(ctx, tx, id)
		}
		if _, err := db.record(ctx, tx, snapshotEntry(s, by, incidents.KindSnapshotDeleted)); err != nil {
			return err
		}
		return db.queueNewsOfOffers(ctx, tx, []string{s.Key})
	})
}

func whyNotRemoved(ctx context.Context, tx pgx.Tx, id int64) error {
	var deleted bool
	err := tx.QueryRow(ctx, `SELECT deleted_at IS NOT NULL FROM snapshots WHERE id = $1`, id).Scan(&deleted)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && deleted {
		return snapshot.ErrUnknownSnapshot
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: a restore from it is running", snapshot.ErrInUse)
}

// volumesPhrase says what became of the volumes, where they were asked for.
func volumesPhrase(s snapshot.Snapshot, kind incidents.Kind) string {
	switch {
	case s.Volumes == nil || kind != incidents.KindSnapshotTaken:
		return ""
	case s.Volumes.Problem != "":
		return ", without its volumes: " + s.Volumes.Problem
	}
	return ", with " + s.Volumes.Sentence(time.UTC)
}

// unwellPhrase warns that the state is none to go back to without a thought.
func unwellPhrase(s snapshot.Snapshot, kind incidents.Kind) string {
	if s.Unwell == "" || kind != incidents.KindSnapshotTaken {
		return ""
	}
	return " although " + s.Unwell
}

func snapshotEntry(s snapshot.Snapshot, by snapshot.By, kind incidents.Kind) incidents.Entry {
	verb := "took"
	if kind == incidents.KindSnapshotDeleted {
		verb = "deleted"
	}
	about := map[string]any{
		"container": s.Container, "snapshot": s.Name, "reason": s.Reason, "note": s.Note, "size_bytes": s.SizeBytes, "committed": s.Committed,
	}
	if s.Unwell != "" {
		about["unwell"] = s.Unwell
	}
	if s.Volumes != nil {
		about["volumes"] = s.Volumes
	}
	details, _ := json.Marshal(about) // strings and numbers: always encodable
	return incidents.Entry{
		IncidentID: by.Incident, OccurredAt: time.Now(), Kind: kind, Actor: by.Actor, Source: by.Source,
		Summary: fmt.Sprintf("%s %s snapshot %s of %s%s%s", by.Actor.Name, verb, s.Name, s.Container, volumesPhrase(s, kind), unwellPhrase(s, kind)),
		Details: details,
	}
}
