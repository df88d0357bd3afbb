package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
)

// Removal says when recordings of shells go, and how much is done at once.
type Removal struct {
	// Keep is from the end of the session, and from the end of its incident; 0: recordings are kept for ever. Of several bots that
	// have a name, the longest holds.
	Keep time.Duration
	// Grace is between the entry that says so and the deletion, so that an export that has begun before reads to its end.
	// 0: 15 minutes.
	Grace time.Duration
	// Observe hears of each recording that is gone, or that is left alone though its time seems over, in words for metrics; nil:
	// nobody does.
	Observe func(event, outcome string)
}

func (r Removal) observe(outcome string) {
	if r.Observe != nil {
		r.Observe("recording", outcome)
	}
}

// What one transaction takes at most: it holds its incident's row while it reads what it is about to say.
const (
	removedAtOnce = 20
	digestedBytes = 64 << 20
	emptiedChunks = 5_000
	emptyingSteps = 10 // of so many chunks, before others of the housekeeping have their turn
)

// old picks recordings whose time is over by what the columns say. Whoever can write to the database can date those back: what is
// signed is looked at for each that is picked, by endings. What happened in an incident is kept while the incident is open, so that
// its export can be made; the end of the session has to be on the timeline, with what the recordings held.
const old = `FROM recordings r JOIN terminal_sessions s ON s.id = r.session_id LEFT JOIN incidents i ON i.id = r.incident_id
	WHERE r.removal IS NULL AND r.ended_at < now() - @keep::interval AND s.audited AND s.ended_at < now() - @keep::interval
	AND (r.incident_id IS NULL OR i.status = 'resolved' AND i.resolved_at < now() - @keep::interval) AND NOT r.id = ANY(@left::text[])`

// RemoveRecordings says of the recordings of one timeline that they are removed, if any have had their time, and deletes what was
// said to be. What a crash leaves is done by the next call, of whichever bot. It returns how many are gone now.
func (db *DB) RemoveRecordings(ctx context.Context, r Removal) (gone int, err error) {
	if r.Keep, err = db.longestKeep(ctx, r.Keep); err != nil {
		return 0, fmt.Errorf("reading how long recordings are kept: %w", err)
	}
	if r.Keep > 0 {
		if err := db.tx(ctx, func(tx pgx.Tx) error { return db.announceRemoval(ctx, tx, r) }); err != nil {
			return 0, fmt.Errorf("removing recordings: %w", err)
		}
	}
	for range emptyingSteps {
		done, more, err := db.emptyRecording(ctx, r)
		if done {
			r.observe("removed")
			gone++
		}
		if err != nil || !more {
			return gone, err
		}
	}
	return gone, nil
}

// announceRemoval writes the entry, and notes it with each of the recordings that it names. One bot at a time does.
func (db *DB) announceRemoval(ctx context.Context, tx pgx.Tx, r Removal) error {
	incident, found, err := db.removable(ctx, tx, r)
	if err != nil || !found {
		return err
	}
	sealed, err := db.digestOld(ctx, tx, incident, r)
	if err != nil || len(sealed) == 0 {
		return err
	}
	details, err := incidents.Details(incidents.Removed{KeptFor: incidents.Days(r.Keep), Recordings: sealed})
	if err != nil {
		return err
	}
	e, err := db.record(ctx, tx, incidents.Entry{
		IncidentID: incident, Kind: incidents.KindRecordingsRemoved, Actor: incidents.Self(), Source: incidents.Source{System: "snapback"},
		Summary: fmt.Sprintf("Recordings of shells were removed after %s: %d. What they held is kept as hashes", incidents.Days(r.Keep), len(sealed)),
		Details: details,
	})
	if err != nil {
		return err
	}
	ids := make([]string, len(sealed))
	for i, s := range sealed {
		ids[i] = s.ID
	}
	_, err = tx.Exec(ctx, `UPDATE recordings SET removal = $2 WHERE id = ANY($1)`, ids, e.ID)
	return err
}

// removable finds a timeline with recordings whose time is over. The incident's row is locked, and with it whether it is opened again.
func (db *DB) removable(ctx context.Context, tx pgx.Tx, r Removal) (incident int64, found bool, err error) {
	var mine bool
	if err = tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock(hashtext('snapback recordings'))`).Scan(&mine); err != nil || !mine {
		return 0, false, err
	}
	args := pgx.NamedArgs{"keep": r.Keep, "left": db.left.now()}
	err = tx.QueryRow(ctx, `SELECT coalesce(r.incident_id, 0) `+old+` ORDER BY r.ended_at LIMIT 1`, args).Scan(&incident)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	if err == nil {
		_, err = lockChain(ctx, tx, incident)
	}
	return incident, err == nil, err
}

// digestOld says what the oldest of a timeline's recordings hold, as they are found: if that is less than the end of their session
// has said, the entry shows it for ever. What is not over by signed entries, or can't be read for want of a key, is left alone.
func (db *DB) digestOld(ctx context.Context, tx pgx.Tx, incident int64, r Removal) (sealed []incidents.Sealed, err error) {
	ids, err := collect(ctx, tx, pgx.RowTo[string], `SELECT r.id `+old+` AND coalesce(r.incident_id, 0) = @incident ORDER BY r.ended_at, r.id LIMIT @most FOR UPDATE OF r`,
		pgx.NamedArgs{"keep": r.Keep, "incident": incident, "most": removedAtOnce, "left": db.left.now()})
	if err != nil {
		return nil, err
	}
	ends, asSigned, err := db.endings(ctx, tx, incident, ids)
	if err != nil {
		return nil, err
	}
	terminals, bytes := NewTerminalStore(db.pool, db.keys), int64(0)
	for _, id := range ids {
		if at, over := ends.Of(id, incident); !asSigned || !over || time.Since(at) < r.Keep {
			db.leave(id, r, leftNotOver, at)
			continue
		}
		one, whole, err := terminals.summarise(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		if !whole {
			db.leave(id, r, leftNoKey, time.Time{})
			continue
		}
		sealed, bytes = append(sealed, one), bytes+one.Bytes
		if bytes > digestedBytes {
			break
		}
	}
	return sealed, nil
}

// emptyRecording deletes some chunks of a recording that was said to be removed. Done says that it was the last of it; more, that
// there may be others.
func (db *DB) emptyRecording(ctx context.Context, r Removal) (done, more bool, err error) {
	grace := r.Grace
	if grace == 0 {
		grace = 15 * time.Minute
	}
	err = db.tx(ctx, func(tx pgx.Tx) error {
		id, entry, err := toEmpty(ctx, tx, grace, db.left.now())
		if err != nil || id == "" {
			return err
		}
		more = true
		if named, err := db.namesRemoved(ctx, tx, entry, id); err != nil || !named {
			if err == nil {
				db.leave(id, r, leftUnsaid, time.Time{})
			}
			return err
		}
		tag, err := tx.Exec(ctx, `DELETE FROM recording_chunks WHERE recording_id = $1 AND seq IN
			(SELECT seq FROM recording_chunks WHERE recording_id = $1 ORDER BY seq LIMIT $2)`, id, emptiedChunks)
		if err != nil || tag.RowsAffected() == emptiedChunks {
			return err
		}
		done = true
		_, err = tx.Exec(ctx, `UPDATE recordings SET emptied_at = now() WHERE id = $1`, id)
		return err
	})
	if err != nil {
		return false, false, fmt.Errorf("deleting a recording: %w", err)
	}
	return done, more, nil
}

// toEmpty finds a recording that was said to be removed, and the entry that says so; "" when there is none.
func toEmpty(ctx context.Context, tx pgx.Tx, grace time.Duration, left []string) (id string, entry int64, err error) {
	err = tx.QueryRow(ctx, `SELECT r.id, t.id FROM recordings r JOIN timeline t ON t.id = r.removal
		WHERE r.removal IS NOT NULL AND r.emptied_at IS NULL AND t.recorded_at <= now() - $1::interval AND NOT r.id = ANY($2::text[])
		ORDER BY r.removal LIMIT 1 FOR UPDATE OF r SKIP LOCKED`, grace, left).Scan(&id, &entry)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", 0, nil
	}
	return id, entry, err
}
