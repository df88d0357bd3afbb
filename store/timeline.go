package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
)

// Record appends an entry to its incident's timeline and queues telling it. It returns incidents.ErrUnknown.
func (db *DB) Record(ctx context.Context, e incidents.Entry) (incidents.Entry, error) {
	err := db.tx(ctx, func(tx pgx.Tx) (err error) {
		e, err = db.record(ctx, tx, e)
		return err
	})
	return e, err
}

// RecordOnce is Record, unless the timeline has an entry of that kind from that source already: then it returns that one.
func (db *DB) RecordOnce(ctx context.Context, e incidents.Entry) (incidents.Entry, error) {
	if e.Source.NativeID == "" {
		return db.Record(ctx, e)
	}
	return db.once(ctx, e, db.record)
}

// RecordUntold is RecordOnce, and queues nothing: it is for who is telling the incident's story right now, and tells this entry
// along with it. When that is interrupted, QueueMissedNews finds it.
func (db *DB) RecordUntold(ctx context.Context, e incidents.Entry) (incidents.Entry, error) {
	return db.once(ctx, e, db.add)
}

func (db *DB) once(ctx context.Context, e incidents.Entry, write func(context.Context, pgx.Tx, incidents.Entry) (incidents.Entry, error)) (incidents.Entry, error) {
	err := db.tx(ctx, func(tx pgx.Tx) error {
		if _, err := lockChain(ctx, tx, e.IncidentID); err != nil {
			return err
		}
		earlier, err := collect(ctx, tx, scanEntry, `SELECT `+entryColumns+` FROM timeline WHERE `+ofChain(e.IncidentID)+` AND kind = @kind
			AND source->>'system' = @system AND `+fromNative+` LIMIT 1`,
			pgx.NamedArgs{"incident": e.IncidentID, "kind": e.Kind, "system": e.Source.System, "native": e.Source.NativeID})
		if err != nil || len(earlier) == 1 {
			if err == nil {
				e = earlier[0]
			}
			return err
		}
		e, err = write(ctx, tx, e)
		return err
	})
	return e, err
}

// record appends within tx, which also gets the jobs that tell people.
func (db *DB) record(ctx context.Context, tx pgx.Tx, e incidents.Entry) (incidents.Entry, error) {
	e, err := db.add(ctx, tx, e)
	if err != nil {
		return e, err
	}
	return e, db.queueNews(ctx, tx, e)
}

// recordChange is record for who has changed the incident's row within tx, and has called guardRow before that.
func (db *DB) recordChange(ctx context.Context, tx pgx.Tx, e incidents.Entry) (incidents.Entry, error) {
	state, last, err := chainEnd(ctx, tx, e.IncidentID)
	if err == nil {
		e, err = db.appendTo(ctx, tx, last, state, e)
	}
	if err != nil {
		return e, err
	}
	return e, db.queueNews(ctx, tx, e)
}

// add appends within tx. Entries of a chain are written one after another: see lockChain.
func (db *DB) add(ctx context.Context, tx pgx.Tx, e incidents.Entry) (incidents.Entry, error) {
	state, last, err := db.guardRow(ctx, tx, e.IncidentID)
	if err != nil {
		return e, err
	}
	return db.appendTo(ctx, tx, last, state, e)
}

// guardRow says on the timeline when the incident's row is not as the last entry has left it, or when that can't be told, since the
// entry's signature can't be checked. An entry signs the row as it finds it: what somebody has changed in the database would be covered
// by the next one, and nothing would show it any more once the signature is back. It returns the digest of the row and the last
// entry, and locks the chain.
func (db *DB) guardRow(ctx context.Context, tx pgx.Tx, incident int64) (state []byte, last incidents.Entry, err error) {
	state, last, err = chainEnd(ctx, tx, incident)
	signed := last.SignedBy(db.keys)
	if err != nil || state == nil || last.Seq == 0 || signed && bytes.Equal(last.Signature.State, state) {
		return state, last, err
	}
	e := incidents.RowUnproved(last)
	if signed {
		e = incidents.RowChanged(last)
	}
	if last, err = db.appendTo(ctx, tx, last, state, e); err != nil {
		return state, last, err
	}
	return state, last, db.queueNews(ctx, tx, last)
}

// chainEnd locks a chain. It returns the digest of its incident's row, and its last entry; the zero one when there is none.
func chainEnd(ctx context.Context, tx pgx.Tx, incident int64) (state []byte, last incidents.Entry, err error) {
	if state, err = lockChain(ctx, tx, incident); err != nil {
		return nil, last, err
	}
	found, err := collect(ctx, tx, scanEntry, `SELECT `+entryColumns+` FROM timeline WHERE `+ofChain(incident)+` ORDER BY incident_id DESC, seq DESC LIMIT 1`,
		pgx.NamedArgs{"incident": incident})
	if err != nil {
		return nil, last, fmt.Errorf("reading the end of the timeline: %w", err)
	}
	if len(found) == 1 {
		last = found[0]
	}
	return state, last, nil
}

func (db *DB) appendTo(ctx context.Context, tx pgx.Tx, last incidents.Entry, state []byte, e incidents.Entry) (incidents.Entry, error) {
	e.Seq = last.Seq + 1
	e.RecordedAt = time.Now()
	if e.OccurredAt = incidents.Clamp(e.OccurredAt, e.RecordedAt); e.OccurredAt.IsZero() {
		e.OccurredAt = e.RecordedAt
	}
	if e.Source.URL == "" && db.publicURL != "" {
		e.Source.URL = incidents.LinkOf(db.publicURL, e)
	}
	if err := e.Seal(last.Hash); err != nil {
		return e, err
	}
	e.Sign(db.keys, state)
	return e, insertEntry(ctx, tx, &e)
}

// fromNative picks entries by what @native is in their source's system, by the index timeline_source.
const fromNative = `hashtextextended(source->>'native_id', 0) = hashtextextended(@native, 0) AND source->>'native_id' = @native`

func insertEntry(ctx context.Context, tx pgx.Tx, e *incidents.Entry) error {
	actor, err := json.Marshal(e.Actor)
	if err != nil {
		return err
	}
	source, err := json.Marshal(e.Source)
	if err != nil {
		return err
	}
	err = tx.QueryRow(ctx, `
		INSERT INTO timeline (incident_id, seq, occurred_at, recorded_at, kind, actor, source, summary, details, prev_hash, hash, key_id, mac, state)
		VALUES (@incident, @seq, @occurred, @recorded, @kind, @actor, @source, @summary, @details, @prev, @hash, @key, @mac, @state)
		RETURNING id`, pgx.NamedArgs{
		"incident": null(e.IncidentID), "seq": e.Seq, "occurred": e.OccurredAt, "recorded": e.RecordedAt, "kind": e.Kind,
		"actor": actor, "source": source, "summary": e.Summary, "details": e.Details, "prev": e.PrevHash, "hash": e.Hash,
		"key": null(e.Signature.KeyID), "mac": e.Signature.MAC, "state": e.Signature.State,
	}).Scan(&e.ID)
	if err != nil {
		return fmt.Errorf("writing the timeline: %w", err)
	}
	return nil
}

// lockChain locks the incident's row, or for what happens outside any incident, takes an advisory lock. It returns the digest of the incident's row as it is within tx; nil outside of incidents.
func lockChain(ctx context.Context, tx pgx.Tx, incident int64) (state []byte, err error) {
	if incident == 0 {
		_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('snapback timeline'))`)
		return nil, err
	}
	rows, err := tx.Query(ctx, `SELECT `+incidentColumns+` FROM incidents WHERE id = $1 FOR NO KEY UPDATE`, incident)
	if err != nil {
		return nil, err
	}
	in, err := pgx.CollectOneRow(rows, scanIncident)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("%w: %d", incidents.ErrUnknown, incident)
	}
	if err != nil {
		return nil, err
	}
	return in.Digest()
}

// lockChains locks the chains of several incidents, the lowest first. Whoever writes to more than one in a transaction locks them in that
// order, and after all else that it locks: two that wait for each other would both have to begin anew.
func lockChains(ctx context.Context, tx pgx.Tx, chains []int64) error {
	slices.Sort(chains)
	for _, incident := range slices.Compact(chains) {
		if _, err := lockChain(ctx, tx, incident); err != nil {
			return err
		}
	}
	return nil
}

// Entries lists an incident's timeline, oldest first, from after the entry with sequence number after (0: all).
// Incident 0 is what happened outside any incident.
func (db *DB) Entries(ctx context.Context, incident, after int64) ([]incidents.Entry, error) {
	return collect(ctx, db.pool, scanEntry, `SELECT `+entryColumns+` FROM timeline
		WHERE `+ofChain(incident)+` AND seq > @after ORDER BY incident_id, seq`, pgx.NamedArgs{"incident": incident, "after": after})
}

// News lists, oldest first, an incident's entries from after the one with that sequence number, those that were recorded since,
// and all of the given kinds.
func (db *DB) News(ctx context.Context, incident, after int64, since time.Time, kinds ...incidents.Kind) ([]incidents.Entry, error) {
	return collect(ctx, db.pool, scanEntry, `SELECT `+entryColumns+` FROM timeline
		WHERE `+ofChain(incident)+` AND (seq > @after OR recorded_at > @since OR kind = ANY(@kinds)) ORDER BY incident_id, seq`,
		pgx.NamedArgs{"incident": incident, "after": after, "since": since, "kinds": kinds})
}

// entry reads one by its ID.
func (db *DB) entry(ctx context.Context, id int64) (incidents.Entry, error) {
	rows, err := db.pool.Query(ctx, `SELECT `+entryColumns+` FROM timeline WHERE id = $1`, id)
	if err != nil {
		return incidents.Entry{}, away(err)
	}
	e, err := pgx.CollectOneRow(rows, scanEntry)
	return e, away(err)
}

const entryColumns = `id, coalesce(incident_id, 0), seq, occurred_at, recorded_at, kind, actor, source, summary, details, prev_hash, hash,
	coalesce(key_id, ''), mac, state`

func scanEntry(row pgx.CollectableRow) (e incidents.Entry, err error) {
	var actor, source, details []byte
	err = row.Scan(&e.ID, &e.IncidentID, &e.Seq, &e.OccurredAt, &e.RecordedAt, &e.Kind, &actor, &source, &e.Summary, &details, &e.PrevHash, &e.Hash,
		&e.Signature.KeyID, &e.Signature.MAC, &e.Signature.State)
	if err != nil {
		return e, err
	}
	e.OccurredAt, e.RecordedAt, e.Details = e.OccurredAt.UTC(), e.RecordedAt.UTC(), details
	if err := json.Unmarshal(actor, &e.Actor); err != nil {
		return e, fmt.Errorf("entry %d: %w", e.ID, err)
	}
	if err := json.Unmarshal(source, &e.Source); err != nil {
		return e, fmt.Errorf("entry %d: %w", e.ID, err)
	}
	return e, nil
}
