package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
)

// ofChain is the condition for one timeline. IS NOT DISTINCT FROM would say both in one, and use no index. To read by the
// index, order by both of its columns: Postgres does not see that a column which is null is the same in every row.
func ofChain(incident int64) string {
	if incident == 0 {
		return `incident_id IS NULL`
	}
	return `incident_id = @incident`
}

func pageAfter(incident int64) string {
	return `SELECT ` + entryColumns + ` FROM timeline WHERE ` + ofChain(incident) + ` AND seq > @bound
		ORDER BY incident_id, seq LIMIT @limit`
}

func pageBefore(incident int64) string {
	return `SELECT ` + entryColumns + ` FROM timeline WHERE ` + ofChain(incident) + ` AND seq < @bound
		ORDER BY incident_id DESC, seq DESC LIMIT @limit`
}

// EntriesAfter lists at most limit entries of a timeline from after that sequence number, oldest first. Incident 0 is
// what happened outside any incident.
func (db *DB) EntriesAfter(ctx context.Context, incident, after int64, limit int) ([]incidents.Entry, error) {
	return db.someEntries(ctx, pageAfter(incident), incident, after, limit)
}

// EntriesBefore lists at most limit entries of a timeline from before that sequence number (0: from its end), newest
// first.
func (db *DB) EntriesBefore(ctx context.Context, incident, before int64, limit int) ([]incidents.Entry, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	return db.someEntries(ctx, pageBefore(incident), incident, before, limit)
}

func (db *DB) someEntries(ctx context.Context, sql string, incident, bound int64, limit int) ([]incidents.Entry, error) {
	return collect(ctx, db.pool, scanEntry, sql, pgx.NamedArgs{"incident": incident, "bound": bound, "limit": limit})
}

// ReadTimeline calls do with an incident and its timeline as they stand now, however long do takes and however often it
// reads: what is appended meanwhile is not in it. It reads row by row, so that a timeline of any length takes the same
// memory. Incident 0 is the zero one. It returns incidents.ErrUnknown.
func (db *DB) ReadTimeline(ctx context.Context, incident int64, do func(incidents.Incident, incidents.Entries) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return away(pgx.BeginTxFunc(ctx, db.pool, options, func(tx pgx.Tx) error {
		in, err := incidentIn(ctx, tx, incident)
		if err != nil {
			return err
		}
		return do(in, timeline{ctx, tx, incident})
	}))
}

func incidentIn(ctx context.Context, tx pgx.Tx, incident int64) (in incidents.Incident, err error) {
	if incident == 0 {
		return in, nil
	}
	rows, err := tx.Query(ctx, `SELECT `+incidentColumns+` FROM incidents WHERE id = $1`, incident)
	if err != nil {
		return in, err
	}
	in, err = pgx.CollectOneRow(rows, scanIncident)
	if errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("%w: %d", incidents.ErrUnknown, incident)
	}
	return in, err
}

// Heads reads the last entry of every timeline. It ends with the first error of each.
func (db *DB) Heads(ctx context.Context, each func(incidents.Entry) error) error {
	rows, err := db.pool.Query(ctx, `
		(SELECT `+entryColumns+` FROM timeline WHERE incident_id IS NULL ORDER BY incident_id DESC, seq DESC LIMIT 1)
		UNION ALL
		SELECT t.* FROM incidents i CROSS JOIN LATERAL (
			SELECT `+entryColumns+` FROM timeline WHERE incident_id = i.id ORDER BY incident_id DESC, seq DESC LIMIT 1) t`)
	if err != nil {
		return away(err)
	}
	return away(eachEntry(rows, each))
}

// timeline is incidents.Entries within a transaction, whose context it shares.
type timeline struct {
	ctx      context.Context
	tx       pgx.Tx
	incident int64
}

func (t timeline) InOrder(each func(incidents.Entry) error) error {
	return t.read(`incident_id, seq`, each)
}

func (t timeline) AsItHappened(each func(incidents.Entry) error) error {
	return t.read(`date_trunc('second', occurred_at), seq`, each)
}

func (t timeline) read(order string, each func(incidents.Entry) error) error {
	rows, err := t.tx.Query(t.ctx, `SELECT `+entryColumns+` FROM timeline WHERE `+ofChain(t.incident)+` ORDER BY `+order,
		pgx.NamedArgs{"incident": t.incident})
	if err != nil {
		return err
	}
	return eachEntry(rows, each)
}

func eachEntry(rows pgx.Rows, each func(incidents.Entry) error) error {
	defer rows.Close()
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return err
		}
		if err := each(e); err != nil {
			return err
		}
	}
	return rows.Err()
}
