package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
)

// Restored implements flat.Journal. The deploy that a restore took back is the one that its snapshot was kept from, or the last
// one before the alert. Once that deploy is back, errors tell nothing of the restore.
func (db *DB) Restored(ctx context.Context) ([]flat.Restored, error) {
	return collect(ctx, db.pool, scanRestored, `
		SELECT r.id, r.incident_id, r.key, r.container, r.snapshot, r.requested_by->'Actor'->>'name', r.record->'plan'->'volumes' IS NOT NULL,
			i.opened_at, d.at, r.requested_at, r.verified_at, (SELECT max(n.at) FROM deploys n WHERE n.key = r.key AND n.at > r.verified_at), r.errors, r.errors_at,
			EXISTS (SELECT FROM timeline t WHERE t.incident_id = r.incident_id AND t.kind = 'errors.flat' AND t.details->>'restore_id' = r.id::text)
		FROM restores r JOIN incidents i ON i.id = r.incident_id
		LEFT JOIN LATERAL (SELECT at FROM deploys d WHERE d.key = r.key AND d.at <= i.opened_at
			ORDER BY d.snapshot = r.snapshot DESC, d.at DESC LIMIT 1) d ON true
		WHERE r.entered_at > now() - interval '6 hours' AND r.kind = 'restore' AND r.state = 'verified' AND r.undone_by IS NULL
			AND i.status <> 'resolved'
			AND NOT EXISTS (SELECT FROM restores l WHERE l.key = r.key AND l.id > r.id AND l.state NOT IN ('refused', 'reverted'))
			AND NOT EXISTS (SELECT FROM holds h WHERE h.restore_id = r.id AND h.back_id IS NOT NULL)
		ORDER BY r.id`)
}

func scanRestored(row pgx.CollectableRow) (r flat.Restored, err error) {
	var by *string
	var deployed, verified, redeployed, at *time.Time
	err = row.Scan(&r.ID, &r.Incident, &r.Key, &r.Container, &r.Snapshot, &by, &r.Volumes, &r.Opened, &deployed, &r.Requested, &verified, &redeployed,
		&r.State, &at, &r.WasFlat)
	if by != nil {
		r.By = *by
	}
	r.Opened, r.Requested = r.Opened.UTC(), r.Requested.UTC()
	r.Deployed, r.Verified, r.Redeployed, r.StateAt = zero(deployed), zero(verified), zero(redeployed), zero(at)
	return r, err
}

// errNotToTell rolls back what must not be said any more.
var errNotToTell = errors.New("the restore is no more to be judged")

// TellErrors implements flat.Journal.
func (db *DB) TellErrors(ctx context.Context, r flat.Restored, to flat.State, at time.Time, e incidents.Entry) (bool, error) {
	err := db.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE restores SET errors = @to, errors_at = @at
			WHERE id = @id AND errors = @from AND undone_by IS NULL AND state = 'verified'
				AND NOT EXISTS (SELECT FROM restores l WHERE l.key = restores.key AND l.id > restores.id AND l.state NOT IN ('refused', 'reverted'))
				AND NOT EXISTS (SELECT FROM holds h WHERE h.restore_id = restores.id AND h.back_id IS NOT NULL)`,
			pgx.NamedArgs{"id": r.ID, "from": r.State, "to": to, "at": at})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return errNotToTell
		}
		if _, _, err := db.guardRow(ctx, tx, r.Incident); err != nil {
			return err
		}
		tag, err = tx.Exec(ctx, `UPDATE incidents SET flat_at = CASE @to WHEN 'flat' THEN @at WHEN 'back' THEN NULL ELSE flat_at END
			WHERE id = @incident AND status <> 'resolved'`, pgx.NamedArgs{"incident": r.Incident, "to": string(to), "at": at})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return errNotToTell
		}
		_, err = db.recordChange(ctx, tx, e)
		return err
	})
	if errors.Is(err, errNotToTell) {
		return false, nil
	}
	return err == nil, err
}
