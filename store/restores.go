package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// restoreRecord is the part of a restore that only the machine and people read.
type restoreRecord struct {
	Only        string                `json:"only"`
	Seen        string                `json:"seen,omitempty"`
	Plan        restore.Plan          `json:"plan"`
	Phases      []restore.Phase       `json:"phases,omitempty"`
	Differences []snapshot.Difference `json:"differences,omitempty"`
	WhyNot      []string              `json:"why_not,omitempty"`
	Downtime    time.Duration         `json:"downtime_ns,omitempty"`
	Proof       string                `json:"proof,omitempty"`
}

const restoreColumns = `id, kind, coalesce(undo_of, 0), key, container, snapshot_id, snapshot, state, epoch, coalesce(incident_id, 0),
	requested_by, requested_at, entered_at, started_at, verified_at, kept_until, coalesce(undone_by, 0), error, record`

func scanRestore(row pgx.CollectableRow) (r restore.Restore, err error) {
	var started, verified, kept *time.Time
	var rec restoreRecord
	var incident int64
	err = row.Scan(&r.ID, &r.Kind, &r.UndoOf, &r.Key, &r.Container, &r.SnapshotID, &r.Snapshot, &r.State, &r.Epoch, &incident,
		&r.By, &r.RequestedAt, &r.EnteredAt, &started, &verified, &kept, &r.UndoneByID, &r.Error, &rec)
	r.By.Incident = incident
	r.RequestedAt, r.EnteredAt = r.RequestedAt.UTC(), r.EnteredAt.UTC()
	r.StartedAt, r.VerifiedAt, r.KeptUntil = zero(started), zero(verified), zero(kept)
	r.Only, r.Seen, r.Plan, r.Phases, r.Differences = rec.Only, rec.Seen, rec.Plan, rec.Phases, rec.Differences
	r.WhyNot, r.Downtime, r.Proof = rec.WhyNot, rec.Downtime, rec.Proof
	return r, err
}

func recordOf(r restore.Restore) restoreRecord {
	return restoreRecord{r.Only, r.Seen, r.Plan, r.Phases, r.Differences, r.WhyNot, r.Downtime, r.Proof}
}

func restores(ctx context.Context, q querier, rest string, args pgx.NamedArgs) ([]restore.Restore, error) {
	return collect(ctx, q, scanRestore, `SELECT `+restoreColumns+` FROM restores `+rest, args)
}

func oneRestore(ctx context.Context, q querier, rest string, args pgx.NamedArgs) (restore.Restore, error) {
	list, err := restores(ctx, q, rest, args)
	return first(list, err, snapshot.ErrUnknownRestore)
}

// Restore implements restore.Journal.
func (db *DB) Restore(ctx context.Context, id int64) (restore.Restore, error) {
	return oneRestore(ctx, db.pool, `WHERE id = @id`, pgx.NamedArgs{"id": id})
}

// lastRestores are the newest of each container's, newest first: the one that counts, and the one that came to nothing.
// That one may be later, and takes nothing away from what stands.
func (db *DB) lastRestores(ctx context.Context, where string, args pgx.NamedArgs) ([]restore.Restore, error) {
	list, err := restores(ctx, db.pool, `WHERE id IN (SELECT max(id) FROM restores WHERE `+where+`
		GROUP BY key, state IN ('refused', 'reverted')) ORDER BY id DESC`, args)
	return list, away(err)
}

// LastRestores are the newest restores within an incident, newest first. Of each container there may be two: one that was refused or
// reverted, and one that was neither. That one may be another incident's, or none's: what was restored last runs, whatever it was asked for in.
func (db *DB) LastRestores(ctx context.Context, incident int64) ([]restore.Restore, error) {
	return db.lastRestores(ctx, `(incident_id = @id OR state NOT IN ('refused', 'reverted') AND EXISTS (
		SELECT FROM restores mine JOIN incidents i ON i.id = mine.incident_id WHERE mine.incident_id = @id AND mine.key = restores.key AND mine.id < restores.id
			AND (i.status <> 'resolved' OR restores.requested_at < i.resolved_at)))`, pgx.NamedArgs{"id": incident})
}

// LastRestoresOf are those of one container, whatever they were asked for in.
func (db *DB) LastRestoresOf(ctx context.Context, key string) ([]restore.Restore, error) {
	return db.lastRestores(ctx, `key = @key`, pgx.NamedArgs{"key": key})
}

const stillRunning = `state NOT IN ('verified', 'refused', 'reverted', 'failed')`

// claimable are the states that this program can go on from. One that only a newer program knows is left to that.
const claimable = `state IN ('requested', 'preflight', 'prepared', 'swapping', 'started', 'reverting')`

// Open implements restore.Journal.
func (db *DB) Open(ctx context.Context, r restore.Restore, idempotency string) (opened restore.Restore, fresh bool, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		opened, fresh, err = db.open(ctx, tx, r, idempotency)
		return err
	})
	if err == nil || !isUnique(err, "restores_one_at_a_time") && !isUnique(err, "restores_idempotency_key") {
		return opened, fresh, err
	}
	// Another one was quicker: the transaction is gone, so look again at whose it is.
	opened, err = db.earlier(ctx, db.pool, r, idempotency)
	if err == nil && opened.ID == 0 {
		err = fmt.Errorf("%w: ask again", snapshot.ErrInProgress)
	}
	return opened, false, err
}

func (db *DB) open(ctx context.Context, tx pgx.Tx, r restore.Restore, idempotency string) (restore.Restore, bool, error) {
	if prior, err := db.earlier(ctx, tx, r, idempotency); err != nil || prior.ID != 0 {
		return prior, false, err
	}
	r.EnteredAt = r.RequestedAt
	err := db.adopt(ctx, tx, &r)
	if err != nil {
		return r, false, err
	}
	err = tx.QueryRow(ctx, `
		INSERT INTO restores (kind, undo_of, key, container, snapshot_id, snapshot, state, incident_id, requested_by,
			requested_at, entered_at, record, idempotency)
		VALUES (@kind, @undo, @key, @container, @sid, @snapshot, @state, @incident, @by, @at, @at, @record, @idempotency)
		RETURNING id`, pgx.NamedArgs{
		"kind": r.Kind, "undo": null(r.UndoOf), "key": r.Key, "container": r.Container, "sid": r.SnapshotID, "snapshot": r.Snapshot,
		"state": r.State, "incident": null(r.By.Incident), "by": r.By, "at": r.RequestedAt, "record": recordOf(r), "idempotency": null(idempotency),
	}).Scan(&r.ID)
	if err != nil {
		return r, false, fmt.Errorf("opening a restore of %s: %w", r.Container, err)
	}
	_, err = db.record(ctx, tx, r.RequestEntry())
	return r, true, err
}

// adopt gives a restore that was asked for outside any incident to the open one in which the container was restored last: its message, its
// post-mortem and PagerDuty would say else that what it has put back still runs.
func (db *DB) adopt(ctx context.Context, tx pgx.Tx, r *restore.Restore) error {
	if r.By.Incident != 0 {
		return nil
	}
	err := tx.QueryRow(ctx, `SELECT incident_id FROM restores WHERE key = $1 AND state NOT IN ('refused', 'reverted')
		AND incident_id IN (SELECT id FROM incidents WHERE `+holding+`) ORDER BY id DESC LIMIT 1`, r.Key).Scan(&r.By.Incident)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("looking for the incident of a restore of %s: %w", r.Container, err)
	}
	return nil
}

// earlier finds the restore that the same wish opened before, or the one that stands in its way.
func (db *DB) earlier(ctx context.Context, q querier, r restore.Restore, idempotency string) (restore.Restore, error) {
	if idempotency != "" {
		prior, err := oneRestore(ctx, q, `WHERE idempotency = @i`, pgx.NamedArgs{"i": idempotency})
		if err == nil && !prior.SameWish(r) {
			return restore.Restore{}, snapshot.ErrKeyReused
		}
		if !errors.Is(err, snapshot.ErrUnknownRestore) {
			return prior, err
		}
	}
	running, err := oneRestore(ctx, q, `WHERE key = @key AND `+stillRunning, pgx.NamedArgs{"key": r.Key})
	if errors.Is(err, snapshot.ErrUnknownRestore) {
		return restore.Restore{}, nil
	}
	if err != nil {
		return running, err
	}
	return restore.Restore{}, &restore.InProgressError{Running: running}
}

// Answered implements restore.Journal.
func (db *DB) Answered(ctx context.Context, key, idempotency string) (answered bool, err error) {
	err = db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM restores WHERE key = $1 AND `+stillRunning+`)
		OR EXISTS (SELECT FROM restores WHERE $2 <> '' AND idempotency = $2)`, key, idempotency).Scan(&answered)
	return answered, away(err)
}

// RestoresAttended implements restore.Journal. It asks of bots what within asks of restores.
func (db *DB) RestoresAttended(ctx context.Context, key, only string) (attended bool, err error) {
	err = db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM bots WHERE engine = split_part($1, '/', 1) AND scope = $2 AND `+present+`)`, key, only).Scan(&attended)
	return attended, away(err)
}

// AttendedFor implements restore.Journal.
func (db *DB) AttendedFor(ctx context.Context, key string) (only string, err error) {
	err = db.pool.QueryRow(ctx, `SELECT b.scope FROM containers c JOIN bots b ON `+reaches+`
		WHERE c.key = $1 AND b.`+present+` ORDER BY b.seen_at DESC LIMIT 1`, key).Scan(&only)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("%w: no bot reaches that of %s", snapshot.ErrEngineAway, key)
	}
	return only, away(err)
}

// Claim implements restore.Journal.
func (db *DB) Claim(ctx context.Context, id int64, bot string, lease time.Duration) (restore.Restore, error) {
	var r restore.Restore
	err := db.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE restores SET epoch = epoch + 1, lease_owner = $2, lease_until = now() + make_interval(secs => $3),
				late = CASE WHEN lease_owner IN ('', $2) THEN late ELSE array_append(array_remove(late, lease_owner), lease_owner) END,
				taken_at = CASE WHEN lease_owner IN ('', $2) THEN taken_at ELSE now() END
			WHERE id = $1 AND (lease_until < now() OR lease_owner = $2)`, id, bot, lease.Seconds())
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return restore.ErrFenced
		}
		r, err = oneRestore(ctx, tx, `WHERE id = @id`, pgx.NamedArgs{"id": id})
		return err
	})
	return r, err
}

// Renew implements restore.Journal.
func (db *DB) Renew(ctx context.Context, id, epoch int64, lease time.Duration) error {
	tag, err := db.pool.Exec(ctx, `UPDATE restores SET lease_until = now() + make_interval(secs => $3)
		WHERE id = $1 AND epoch = $2`, id, epoch, lease.Seconds())
	if err == nil && tag.RowsAffected() == 0 {
		return restore.ErrFenced
	}
	return away(err)
}

// within are the restores that a bot may look after.
// Those that it had itself, and those of a release that did not say for which bots they are, are always its own.
const within = `split_part(key, '/', 1) = @engine AND (lease_owner = @bot OR NOT record ? 'only' OR record->>'only' = @only)`

func (db *DB) restoreIDs(ctx context.Context, where string, scope restore.Scope, after time.Duration) ([]int64, error) {
	ids, err := collect(ctx, db.pool, pgx.RowTo[int64], `SELECT id FROM restores WHERE `+within+` AND `+where+` ORDER BY id`, pgx.NamedArgs{
		"bot": scope.Bot, "engine": scope.Engine, "only": scope.Only, "after": after.Seconds(),
	})
	return ids, away(err)
}

// Claimable implements restore.Journal.
func (db *DB) Claimable(ctx context.Context, scope restore.Scope) ([]int64, error) {
	return db.restoreIDs(ctx, claimable+` AND (lease_until < now() OR lease_owner = @bot)
		AND coalesce(record->'plan'->'volumes'->>'bot', @bot) = @bot`, scope, 0)
}

// Untaken implements restore.Journal.
func (db *DB) Untaken(ctx context.Context, after time.Duration) ([]restore.Restore, error) {
	list, err := restores(ctx, db.pool, `WHERE state = 'requested' AND lease_until < now()
		AND entered_at < now() - make_interval(secs => @after) ORDER BY id`, pgx.NamedArgs{"after": after.Seconds()})
	return list, away(err)
}

// WithLateActs implements restore.Journal.
func (db *DB) WithLateActs(ctx context.Context, scope restore.Scope, after time.Duration) ([]int64, error) {
	return db.restoreIDs(ctx, `NOT (`+stillRunning+`) AND late <> '{}'
		AND (@bot = ANY(late) OR taken_at < now() - make_interval(secs => @after))`, scope, after)
}

// WasLate implements restore.Journal.
func (db *DB) WasLate(ctx context.Context, id int64, bot string) error {
	_, err := db.pool.Exec(ctx, `UPDATE restores SET late = array_append(array_remove(late, $2), $2), taken_at = now() WHERE id = $1`, id, bot)
	return away(err)
}

// Settled implements restore.Journal.
func (db *DB) Settled(ctx context.Context, id int64, bot string, after time.Duration) error {
	_, err := db.pool.Exec(ctx, `UPDATE restores SET late = CASE WHEN taken_at < now() - make_interval(secs => $3) THEN '{}' ELSE array_remove(late, $2) END
		WHERE id = $1`, id, bot, after.Seconds())
	return away(err)
}

// Last implements restore.Journal.
func (db *DB) Last(ctx context.Context, key string) (last restore.Restore, running bool, err error) {
	args := pgx.NamedArgs{"key": key}
	last, err = oneRestore(ctx, db.pool, `WHERE key = @key AND state IN ('verified', 'reverted', 'failed') ORDER BY id DESC LIMIT 1`, args)
	if err != nil {
		return last, false, err
	}
	err = db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM restores WHERE key = @key AND `+stillRunning+`)`, args).Scan(&running)
	return last, running, away(err)
}

// Advance implements restore.Journal.
func (db *DB) Advance(ctx context.Context, r restore.Restore, to restore.State, e incidents.Entry) (restore.Restore, error) {
	if !r.State.May(to) {
		return r, fmt.Errorf("restore %d can't go from %s to %s", r.ID, r.State, to)
	}
	err := db.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			UPDATE restores SET state = @to, entered_at = now(), started_at = @started, verified_at = @verified, kept_until = @kept,
				error = @error, record = @record
			WHERE id = @id AND epoch = @epoch AND state = @from`, pgx.NamedArgs{
			"to": to, "started": null(r.StartedAt), "verified": null(r.VerifiedAt), "kept": null(r.KeptUntil), "error": r.Error,
			"record": recordOf(r), "id": r.ID, "epoch": r.Epoch, "from": r.State,
		})
		if err != nil {
			return fmt.Errorf("writing restore %d: %w", r.ID, err)
		}
		if tag.RowsAffected() == 0 {
			return restore.ErrFenced
		}
		write := db.record
		if to == restore.Verified {
			write = db.recordChange
			if err := db.applyVerified(ctx, tx, r); err != nil {
				return err
			}
		}
		if _, err = write(ctx, tx, e); err != nil {
			return err
		}
		if to == restore.Verified {
			if err := db.setHolds(ctx, tx, r); err != nil {
				return err
			}
		}
		if to == restore.Verified || to == restore.Failed { // another incident may have restored it before
			if err := db.queueNewsOfOffers(ctx, tx, []string{r.Key}); err != nil {
				return err
			}
		}
		if !handsOver(r, to) {
			return nil
		}
		if _, err := db.jobs.InsertTx(ctx, tx, handOverArgs{r.ID}, nil); err != nil {
			return fmt.Errorf("queueing the terminal link: %w", err)
		}
		return nil
	})
	if err == nil {
		r.State, r.EnteredAt = to, time.Now().UTC()
	}
	return r, err
}

// handsOver says whether somebody in Slack is to get a terminal link when r enters that state: it is over, and did something.
func handsOver(r restore.Restore, to restore.State) bool {
	return to.Final() && to != restore.Refused && r.By.Incident != 0 && r.By.Actor.SlackID != ""
}

// markUndone says of all that the undo $1 goes back to which of them are undone now: what it undoes is, what that had undone is
// not any more, and so on.
const markUndone = `WITH RECURSIVE line AS (
		SELECT id, undo_of, 0 AS steps, NULL::bigint AS undoing FROM restores WHERE id = $1
		UNION ALL SELECT r.id, r.undo_of, l.steps + 1, l.id FROM restores r JOIN line l ON r.id = l.undo_of)
	UPDATE restores r SET undone_by = CASE WHEN steps % 2 = 1 THEN undoing END, kept_until = CASE WHEN steps > 1 THEN kept_until END
	FROM line l WHERE r.id = l.id AND steps > 0`

// applyVerified is what a success means for others: the identity has its occupant, the incident is restored, and an undone restore has
// nothing kept any more. What was said of the errors before is no longer true: they are judged anew.
// An incident was restored by what stands: a restore counts, until an undo takes it back, and again when that undo is undone itself.
func (db *DB) applyVerified(ctx context.Context, tx pgx.Tx, r restore.Restore) error {
	if r.Occupant != nil {
		if err := db.putBack(ctx, tx, *r.Occupant); err != nil {
			return err
		}
	}
	if r.Kind == restore.Undoing { // before any timeline is locked: see lockChains
		if _, err := tx.Exec(ctx, markUndone, r.ID); err != nil {
			return err
		}
	}
	if err := lockHolds(ctx, tx, r); err != nil {
		return err
	}
	if r.Kind == restore.Undoing {
		if _, _, err := db.guardRow(ctx, tx, r.By.Incident); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE incidents i SET flat_at = NULL, restored_at = (SELECT min(verified_at) FROM restores
				WHERE incident_id = i.id AND kind = 'restore' AND state = 'verified' AND undone_by IS NULL)
			WHERE id = $1`, r.By.Incident)
		return err
	}
	if _, _, err := db.guardRow(ctx, tx, r.By.Incident); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE incidents SET restored_at = coalesce(restored_at, $2), flat_at = NULL WHERE id = $1`, r.By.Incident, r.VerifiedAt)
	return err
}

// KeptOver lists restores whose container from before may go: its time is over, and its incident holds it no more.
func (db *DB) KeptOver(ctx context.Context) ([]restore.Restore, error) {
	return restores(ctx, db.pool, `WHERE kept_until < now() AND NOT EXISTS (
		SELECT FROM incidents i WHERE i.id = restores.incident_id AND `+holding+`) ORDER BY id`, pgx.NamedArgs{})
}

// KeptGone notes that the container from before is gone, with its entry.
func (db *DB) KeptGone(ctx context.Context, id int64, e incidents.Entry) error {
	return db.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE restores SET kept_until = NULL WHERE id = $1 AND kept_until IS NOT NULL`, id)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		_, err = db.record(ctx, tx, e)
		return err
	})
}

// Unfinished counts the restores on an engine that have begun and not ended, whether a bot is at them or not.
func (db *DB) Unfinished(ctx context.Context, engine string) (n int, err error) {
	err = db.pool.QueryRow(ctx, `SELECT count(*) FROM restores WHERE starts_with(key, $1 || '/') AND `+stillRunning, engine).Scan(&n)
	return n, away(err)
}
