package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
)

// ReceiveEvent stores a delivery from PagerDuty, brings its incident up to date, and appends the entry, all or
// nothing. It returns false when the delivery or its event was here before; then neither is written again. With
// in.PagerDutyID empty the delivery is kept by itself. Times that can't be are now: see incidents.Clamp.
func (db *DB) ReceiveEvent(ctx context.Context, d incidents.Delivery, in incidents.Incident, at time.Time, e incidents.Entry) (fresh bool, err error) {
	now := time.Now()
	at = incidents.Clamp(at, now)
	for _, t := range []*time.Time{&in.OpenedAt, &in.AcknowledgedAt, &in.ResolvedAt} {
		*t = incidents.Clamp(*t, now)
	}
	err = db.tx(ctx, func(tx pgx.Tx) error {
		id, ok, err := insertDelivery(ctx, tx, d)
		if err != nil || !ok {
			return err
		}
		if in.PagerDutyID == "" {
			fresh = true
			return nil
		}
		if known, err := isRecorded(ctx, tx, in.PagerDutyID, e); err != nil || known {
			return err
		}
		fresh = true
		if err := db.guardKnown(ctx, tx, in.PagerDutyID); err != nil {
			return err
		}
		if e.IncidentID, err = upsertIncident(ctx, tx, in, at, e.Kind); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE deliveries SET incident_id = $2 WHERE id = $1`, id, e.IncidentID); err != nil {
			return err
		}
		_, err = db.recordChange(ctx, tx, e)
		return err
	})
	return fresh, err
}

// guardKnown is guardRow for an incident that may be new.
func (db *DB) guardKnown(ctx context.Context, tx pgx.Tx, pagerDutyID string) error {
	var id int64
	err := tx.QueryRow(ctx, `SELECT id FROM incidents WHERE pagerduty_id = $1`, pagerDutyID).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err == nil {
		_, _, err = db.guardRow(ctx, tx, id)
	}
	return err
}

// isRecorded says whether an event is on the incident's timeline. Deliveries are forgotten, timelines are not: what is sent again
// after months, with a signature that carries no time, is not appended a second time. Nor is what a late webhook brings when it was
// read from PagerDuty's record meanwhile, or the other way round. Both may be under way at once: the second waits for the first, and
// asks in a statement of its own, which sees what that has written.
func isRecorded(ctx context.Context, tx pgx.Tx, pagerDutyID string, e incidents.Entry) (known bool, err error) {
	if e.Source.NativeID == "" {
		return false, nil
	}
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('pagerduty incident ' || $1, 0))`, pagerDutyID); err != nil {
		return false, err
	}
	near, err := collect(ctx, tx, scanEntry, `SELECT `+entryColumns+` FROM timeline
		WHERE incident_id = (SELECT id FROM incidents WHERE pagerduty_id = @incident) AND source->>'system' = @system
			AND (`+fromNative+` OR kind = @kind AND starts_with(source->>'native_id', @record) <> starts_with(@native, @record)
				AND occurred_at BETWEEN @from AND @to)`,
		pgx.NamedArgs{"incident": pagerDutyID, "system": e.Source.System, "native": e.Source.NativeID, "kind": e.Kind, "record": incidents.FromRecord,
			"from": e.OccurredAt.Add(-incidents.SameMoment), "to": e.OccurredAt.Add(incidents.SameMoment)})
	return slices.ContainsFunc(near, func(o incidents.Entry) bool { return o.Source.NativeID == e.Source.NativeID || e.SameEvent(o) }), err
}

// insertDelivery returns false when it was here before.
func insertDelivery(ctx context.Context, tx pgx.Tx, d incidents.Delivery) (id int64, fresh bool, err error) {
	err = tx.QueryRow(ctx, `
		INSERT INTO deliveries (source, native_id, event_id, body) VALUES ($1, $2, $3, $4)
		ON CONFLICT DO NOTHING RETURNING id`, d.Source, d.NativeID, null(d.EventID), d.Body).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	return id, err == nil, err
}

// succeeds says in SQL that an event happened after what is written. PagerDuty's moments can be alike, and events come in any
// order: an incident is opened first, and resolved after it was acknowledged.
const succeeds = `(excluded.status_at > i.status_at OR excluded.status_at = i.status_at AND NOT @opens
	AND NOT (excluded.status = 'acknowledged' AND i.status = 'resolved'))`

// upsertIncident brings an incident up to an event of that kind and the moment at. An event that comes late, after one that
// happened later, changes nothing but what was empty; nor does one that does not know the status, such as a note.
func upsertIncident(ctx context.Context, tx pgx.Tx, in incidents.Incident, at time.Time, kind incidents.Kind) (id int64, err error) {
	err = tx.QueryRow(ctx, `
		INSERT INTO incidents AS i (pagerduty_id, number, title, service_id, service, status, status_at, urgency, priority, url,
			opened_at, acknowledged_at, acknowledged_by, last_acknowledged_at, last_acknowledged_by, resolved_at, resolved_by)
		VALUES (@pd, @number, @title, @service_id, @service, coalesce(nullif(@status, ''), 'triggered'),
			CASE WHEN @status = '' THEN '-infinity'::timestamptz ELSE @at END, @urgency, @priority, @url,
			@opened, @acked, @acked_by, @acked, @acked_by, @resolved, @resolved_by)
		ON CONFLICT (pagerduty_id) DO UPDATE SET
			number = coalesce(nullif(excluded.number, 0), i.number),
			title = CASE WHEN excluded.title <> '' AND `+succeeds+` THEN excluded.title ELSE i.title END,
			service_id = CASE WHEN excluded.service_id <> '' AND `+succeeds+` THEN excluded.service_id ELSE i.service_id END,
			service = CASE WHEN excluded.service <> '' AND `+succeeds+` THEN excluded.service ELSE i.service END,
			urgency = CASE WHEN excluded.urgency <> '' AND `+succeeds+` THEN excluded.urgency ELSE i.urgency END,
			priority = CASE WHEN `+succeeds+` THEN excluded.priority ELSE i.priority END,
			url = coalesce(nullif(excluded.url, ''), i.url),
			opened_at = least(i.opened_at, excluded.opened_at),
			status = CASE WHEN `+succeeds+` THEN excluded.status ELSE i.status END,
			status_at = greatest(i.status_at, excluded.status_at),
			acknowledged_at = least(i.acknowledged_at, excluded.acknowledged_at),
			acknowledged_by = CASE WHEN excluded.acknowledged_at < coalesce(i.acknowledged_at, 'infinity') THEN excluded.acknowledged_by ELSE i.acknowledged_by END,
			last_acknowledged_at = greatest(i.last_acknowledged_at, excluded.acknowledged_at),
			last_acknowledged_by = CASE WHEN excluded.acknowledged_at >= coalesce(i.last_acknowledged_at, '-infinity') THEN excluded.acknowledged_by ELSE i.last_acknowledged_by END,
			resolved_at = CASE WHEN NOT `+succeeds+` THEN i.resolved_at
				WHEN excluded.status = 'resolved' THEN coalesce(i.resolved_at, excluded.resolved_at) END,
			resolved_by = CASE WHEN NOT `+succeeds+` OR i.resolved_at IS NOT NULL THEN i.resolved_by ELSE excluded.resolved_by END
		RETURNING id`, pgx.NamedArgs{
		"pd": in.PagerDutyID, "number": in.Number, "title": in.Title, "service_id": in.ServiceID, "service": in.Service,
		"status": string(in.Status), "at": at, "urgency": in.Urgency, "priority": in.Priority, "url": in.URL, "opened": in.OpenedAt,
		"acked": null(in.AcknowledgedAt), "acked_by": in.AcknowledgedBy,
		"resolved": null(in.ResolvedAt), "resolved_by": in.ResolvedBy, "opens": kind == incidents.KindPagerDutyTriggered,
	}).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("writing incident %s: %w", in.PagerDutyID, err)
	}
	return id, nil
}

// incidentColumns are read as they are: what is filled in for a row that an older release has written would be no part of what
// was signed, and Incident.Digest another one.
const incidentColumns = `id, pagerduty_id, number, title, service_id, service, status, urgency, priority, url,
	opened_at, acknowledged_at, acknowledged_by, last_acknowledged_at, last_acknowledged_by, restored_at, flat_at, resolved_at, resolved_by`

func scanIncident(row pgx.CollectableRow) (i incidents.Incident, err error) {
	var acked, again, restored, flat, resolved *time.Time
	err = row.Scan(&i.ID, &i.PagerDutyID, &i.Number, &i.Title, &i.ServiceID, &i.Service, &i.Status, &i.Urgency, &i.Priority, &i.URL,
		&i.OpenedAt, &acked, &i.AcknowledgedBy, &again, &i.LastAcknowledgedBy, &restored, &flat, &resolved, &i.ResolvedBy)
	i.OpenedAt = i.OpenedAt.UTC()
	i.AcknowledgedAt, i.LastAcknowledgedAt = zero(acked), zero(again)
	i.RestoredAt, i.FlatAt, i.ResolvedAt = zero(restored), zero(flat), zero(resolved)
	return i, err
}

// Incident reads one by our ID. It returns incidents.ErrUnknown.
func (db *DB) Incident(ctx context.Context, id int64) (incidents.Incident, error) {
	return db.oneIncident(ctx, `WHERE id = $1`, id)
}

// FindIncident reads one by our ID, PagerDuty's ID, or PagerDuty's number; where a number is both ours and
// PagerDuty's, ours is meant. It returns incidents.ErrUnknown.
func (db *DB) FindIncident(ctx context.Context, ref string) (incidents.Incident, error) {
	n, err := strconv.ParseInt(ref, 10, 64)
	if err != nil {
		return db.oneIncident(ctx, `WHERE pagerduty_id = $1`, ref)
	}
	return db.oneIncident(ctx, `WHERE id = $1 OR number = $1 ORDER BY id = $1 DESC LIMIT 1`, n)
}

func (db *DB) oneIncident(ctx context.Context, where string, arg any) (incidents.Incident, error) {
	rows, err := db.pool.Query(ctx, `SELECT `+incidentColumns+` FROM incidents `+where, arg)
	if err != nil {
		return incidents.Incident{}, away(err)
	}
	i, err := pgx.CollectOneRow(rows, scanIncident)
	if errors.Is(err, pgx.ErrNoRows) {
		return i, fmt.Errorf("%w: %v", incidents.ErrUnknown, arg)
	}
	return i, away(err)
}

// Incidents lists at most limit of those with an ID below before (0: all), newest first.
func (db *DB) Incidents(ctx context.Context, before int64, limit int) ([]incidents.Incident, error) {
	return collect(ctx, db.pool, scanIncident, `SELECT `+incidentColumns+` FROM incidents
		WHERE $1 = 0 OR id < $1 ORDER BY id DESC LIMIT $2`, before, limit)
}

// OpenIncidents lists those of the given PagerDuty services (nil: of all) that are not resolved, newest first.
func (db *DB) OpenIncidents(ctx context.Context, services []string) ([]incidents.Incident, error) {
	return collect(ctx, db.pool, scanIncident, `SELECT `+incidentColumns+` FROM incidents
		WHERE status <> 'resolved' AND ($1::text[] IS NULL OR service_id = ANY($1)) ORDER BY id DESC`, services)
}

// ResolvedIncidents lists at most limit of those that were resolved after since, the one that was resolved last first.
func (db *DB) ResolvedIncidents(ctx context.Context, since time.Time, limit int) ([]incidents.Incident, error) {
	return collect(ctx, db.pool, scanIncident, `SELECT `+incidentColumns+` FROM incidents
		WHERE status = 'resolved' AND resolved_at > $1 ORDER BY resolved_at DESC, id DESC LIMIT $2`, since, limit)
}
