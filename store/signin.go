package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/incidents"
)

var _ signin.Store = (*DB)(nil)

// AddLink implements signin.Store.
func (db *DB) AddLink(ctx context.Context, tokenHash []byte, l signin.Link, e incidents.Entry) error {
	return db.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO signin_people (slack_id, handle, added_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			l.SlackID, l.Handle, l.MadeAt); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO signin_links (token_hash, slack_id, made_by, made_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			tokenHash, l.SlackID, l.MadeBy, l.MadeAt, l.ExpiresAt); err != nil {
			return err
		}
		_, err := db.record(ctx, tx, e)
		return err
	})
}

// FindLink implements signin.Store.
func (db *DB) FindLink(ctx context.Context, tokenHash []byte, now time.Time) (l signin.Link, err error) {
	var bad string
	err = db.pool.QueryRow(ctx, `SELECT l.slack_id, p.handle, l.made_by, l.made_at, l.expires_at,
			CASE WHEN l.used_at IS NOT NULL THEN 'used' WHEN l.revoked_at IS NOT NULL THEN 'revoked' WHEN l.expires_at <= $2 THEN 'over' ELSE '' END
		FROM signin_links l JOIN signin_people p USING (slack_id) WHERE l.token_hash = $1`, tokenHash, now).
		Scan(&l.SlackID, &l.Handle, &l.MadeBy, &l.MadeAt, &l.ExpiresAt, &bad)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return l, signin.ErrLink
	case bad != "":
		return l, fmt.Errorf("%w: it is %s", signin.ErrLink, bad)
	}
	return l, away(err)
}

// Register implements signin.Store. Of several at once with one link, the row's lock lets one through.
func (db *DB) Register(ctx context.Context, tokenHash []byte, c signin.Used, p signin.Passkey, o signin.Opening) error {
	return db.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE signin_links SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > $2`,
			tokenHash, p.CreatedAt)
		if err == nil && tag.RowsAffected() == 0 {
			err = signin.ErrLink
		}
		if err != nil {
			return err
		}
		if err := useChallenge(ctx, tx, c); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO passkeys (id, slack_id, device, record, created_at, last_used_at) VALUES ($1, $2, $3, $4, $5, $5)`,
			p.ID, p.SlackID, p.Device, p.Record, p.CreatedAt)
		if isUnique(err, "passkeys_pkey") {
			return signin.ErrKnownPasskey
		}
		if err != nil {
			return err
		}
		return db.openSession(ctx, tx, o)
	})
}

// useChallenge lets one answer through.
func useChallenge(ctx context.Context, tx pgx.Tx, c signin.Used) error {
	tag, err := tx.Exec(ctx, `INSERT INTO signin_challenges (hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`, c.Hash, c.ExpiresAt)
	if err == nil && tag.RowsAffected() == 0 {
		return signin.ErrChallenge
	}
	return err
}

func (db *DB) openSession(ctx context.Context, tx pgx.Tx, o signin.Opening) error {
	s := o.Session
	if _, err := tx.Exec(ctx, `INSERT INTO console_sessions (id, cookie_hash, slack_id, name, passkey, opened_at, last_seen_at, proved_at, expires_at)
		VALUES (@id, @cookie, @who, @name, @passkey, @opened, @opened, @opened, @expires)`, pgx.NamedArgs{
		"id": s.ID, "cookie": o.CookieHash, "who": s.SlackID, "name": s.Name, "passkey": s.Passkey, "opened": s.OpenedAt, "expires": s.ExpiresAt,
	}); err != nil {
		return err
	}
	_, err := db.record(ctx, tx, o.Entry)
	return err
}

// FindPerson implements signin.Store.
func (db *DB) FindPerson(ctx context.Context, handle []byte) (slackID string, err error) {
	err = db.pool.QueryRow(ctx, `SELECT slack_id FROM signin_people WHERE handle = $1`, handle).Scan(&slackID)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", signin.ErrRefused
	}
	return slackID, away(err)
}

const passkeyColumns = `id, slack_id, device, record, created_at, last_used_at, revoked_at`

func scanPasskey(row pgx.CollectableRow) (p signin.Passkey, err error) {
	var used, revoked *time.Time
	err = row.Scan(&p.ID, &p.SlackID, &p.Device, &p.Record, &p.CreatedAt, &used, &revoked)
	p.CreatedAt, p.LastUsedAt, p.RevokedAt = p.CreatedAt.UTC(), zero(used), zero(revoked)
	return p, err
}

// Passkeys implements signin.Store.
func (db *DB) Passkeys(ctx context.Context, slackID string) ([]signin.Passkey, error) {
	return db.passkeys(ctx, `WHERE slack_id = $1`, slackID)
}

func (db *DB) passkeys(ctx context.Context, where string, args ...any) ([]signin.Passkey, error) {
	return collect(ctx, db.pool, scanPasskey, `SELECT `+passkeyColumns+` FROM passkeys `+where+` ORDER BY created_at DESC, id`, args...)
}

// SignIn implements signin.Store.
func (db *DB) SignIn(ctx context.Context, c signin.Used, p signin.Passkey, o signin.Opening) error {
	return db.tx(ctx, func(tx pgx.Tx) error {
		if err := usePasskey(ctx, tx, c, p); err != nil {
			return err
		}
		return db.openSession(ctx, tx, o)
	})
}

// usePasskey locks the passkey's row: who revokes it comes before, or finds the session that was opened.
func usePasskey(ctx context.Context, tx pgx.Tx, c signin.Used, p signin.Passkey) error {
	if err := useChallenge(ctx, tx, c); err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `UPDATE passkeys SET record = $2, last_used_at = $3 WHERE id = $1 AND revoked_at IS NULL`, p.ID, p.Record, p.LastUsedAt)
	if err == nil && tag.RowsAffected() == 0 {
		err = signin.ErrRefused
	}
	return err
}

// Prove implements signin.Store.
func (db *DB) Prove(ctx context.Context, c signin.Used, p signin.Passkey, session string, e incidents.Entry) error {
	return db.tx(ctx, func(tx pgx.Tx) error {
		if err := usePasskey(ctx, tx, c, p); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE console_sessions SET proved_at = $2, last_seen_at = greatest(last_seen_at, $2) WHERE id = $1 AND ended_at IS NULL`,
			session, p.LastUsedAt)
		if err == nil && tag.RowsAffected() == 0 {
			err = signin.ErrNoSession
		}
		if err != nil {
			return err
		}
		_, err = db.record(ctx, tx, e)
		return err
	})
}

const consoleSessionColumns = `s.id, s.slack_id, s.name, s.passkey, p.device, s.opened_at, s.last_seen_at, s.proved_at, s.expires_at, s.ended_at, s.end_reason`

const consoleSessions = `SELECT ` + consoleSessionColumns + ` FROM console_sessions s JOIN passkeys p ON p.id = s.passkey `

func scanConsoleSession(row pgx.CollectableRow) (s signin.Session, err error) {
	var ended *time.Time
	err = row.Scan(&s.ID, &s.SlackID, &s.Name, &s.Passkey, &s.Device, &s.OpenedAt, &s.LastSeenAt, &s.ProvedAt, &s.ExpiresAt, &ended, &s.Reason)
	s.OpenedAt, s.LastSeenAt, s.ProvedAt, s.ExpiresAt = s.OpenedAt.UTC(), s.LastSeenAt.UTC(), s.ProvedAt.UTC(), s.ExpiresAt.UTC()
	s.EndedAt = zero(ended)
	return s, err
}

// SessionByCookie implements signin.Store.
func (db *DB) SessionByCookie(ctx context.Context, cookieHash []byte) (signin.Session, error) {
	return db.consoleSession(ctx, `WHERE s.cookie_hash = $1`, cookieHash)
}

// SessionByID implements signin.Store.
func (db *DB) SessionByID(ctx context.Context, id string) (signin.Session, error) {
	return db.consoleSession(ctx, `WHERE s.id = $1`, id)
}

func (db *DB) consoleSession(ctx context.Context, where string, arg any) (signin.Session, error) {
	rows, err := db.pool.Query(ctx, consoleSessions+where, arg)
	if err != nil {
		return signin.Session{}, away(err)
	}
	s, err := pgx.CollectOneRow(rows, scanConsoleSession)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, signin.ErrNoSession
	}
	return s, away(err)
}

// SessionSeen implements signin.Store.
func (db *DB) SessionSeen(ctx context.Context, id string, at time.Time) error {
	_, err := db.pool.Exec(ctx, `UPDATE console_sessions SET last_seen_at = greatest(last_seen_at, $2) WHERE id = $1`, id, at)
	return away(err)
}

// EndSession implements signin.Store.
func (db *DB) EndSession(ctx context.Context, id string, why signin.Reason, at time.Time, e incidents.Entry) (ended bool, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE console_sessions SET ended_at = $2, end_reason = $3 WHERE id = $1 AND ended_at IS NULL`, id, at, string(why))
		if ended = err == nil && tag.RowsAffected() == 1; !ended {
			return err
		}
		_, err = db.record(ctx, tx, e)
		return err
	})
	return ended && err == nil, err
}

// OpenSessions implements signin.Store.
func (db *DB) OpenSessions(ctx context.Context) ([]signin.Session, error) {
	return collect(ctx, db.pool, scanConsoleSession, consoleSessions+`WHERE s.ended_at IS NULL ORDER BY s.opened_at`)
}

// People implements signin.Store.
func (db *DB) People(ctx context.Context) ([]signin.Registered, error) {
	rows, err := db.pool.Query(ctx, `SELECT s.slack_id, coalesce(p.name, ''), s.added_at FROM signin_people s LEFT JOIN people p USING (slack_id) ORDER BY s.added_at, s.slack_id`)
	if err != nil {
		return nil, away(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r signin.Registered, err error) {
		err = row.Scan(&r.SlackID, &r.Name, &r.AddedAt)
		return r, err
	})
	if err != nil {
		return nil, away(err)
	}
	all, err := db.passkeys(ctx, ``)
	for i := range list {
		for _, p := range all {
			if p.SlackID == list[i].SlackID {
				list[i].Passkeys = append(list[i].Passkeys, p)
			}
		}
	}
	return list, err
}

// AnyPasskey says whether anybody can sign in.
func (db *DB) AnyPasskey(ctx context.Context) (is bool, err error) {
	err = db.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM passkeys WHERE revoked_at IS NULL)`).Scan(&is)
	return is, away(err)
}

// RevokePasskey implements signin.Store.
func (db *DB) RevokePasskey(ctx context.Context, slackID string, id []byte, at time.Time, e incidents.Entry, ended func(signin.Session) incidents.Entry) error {
	return db.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE passkeys SET revoked_at = $3 WHERE slack_id = $1 AND id = $2 AND revoked_at IS NULL`, slackID, id, at)
		if err == nil && tag.RowsAffected() == 0 {
			err = signin.ErrUnknown
		}
		if err != nil {
			return err
		}
		return db.revokeSessions(ctx, tx, `s.passkey = @whose`, id, at, e, ended)
	})
}

// RevokePerson implements signin.Store.
func (db *DB) RevokePerson(ctx context.Context, slackID string, at time.Time, e incidents.Entry, ended func(signin.Session) incidents.Entry) error {
	return db.tx(ctx, func(tx pgx.Tx) error {
		var known bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM signin_people WHERE slack_id = $1)`, slackID).Scan(&known)
		if err == nil && !known {
			err = signin.ErrUnknown
		}
		if err != nil {
			return err
		}
		for _, sql := range []string{
			`UPDATE signin_links SET revoked_at = $2 WHERE slack_id = $1 AND used_at IS NULL AND revoked_at IS NULL`,
			`UPDATE passkeys SET revoked_at = $2 WHERE slack_id = $1 AND revoked_at IS NULL`,
		} {
			if _, err := tx.Exec(ctx, sql, slackID, at); err != nil {
				return err
			}
		}
		return db.revokeSessions(ctx, tx, `s.slack_id = @whose`, slackID, at, e, ended)
	})
}

// revokeSessions ends somebody's sessions, and writes the revocation's entry and one for each of them.
func (db *DB) revokeSessions(ctx context.Context, tx pgx.Tx, where string, whose any, at time.Time, e incidents.Entry, ended func(signin.Session) incidents.Entry) error {
	over, err := collect(ctx, tx, scanConsoleSession, `UPDATE console_sessions s SET ended_at = @at, end_reason = @why
		FROM passkeys p WHERE p.id = s.passkey AND s.ended_at IS NULL AND `+where+` RETURNING `+consoleSessionColumns,
		pgx.NamedArgs{"at": at, "why": string(signin.Revoked), "whose": whose})
	if err != nil {
		return err
	}
	entries := []incidents.Entry{e}
	for _, s := range over {
		entries = append(entries, ended(s))
	}
	for _, e := range entries {
		if _, err := db.record(ctx, tx, e); err != nil {
			return err
		}
	}
	return nil
}

// Forget implements signin.Store. The timeline has what these rows told.
func (db *DB) Forget(ctx context.Context, now time.Time) error {
	return db.tx(ctx, func(tx pgx.Tx) error {
		for _, sql := range []string{
			`DELETE FROM signin_challenges WHERE expires_at < $1::timestamptz - interval '1 hour'`,
			`DELETE FROM signin_links WHERE expires_at < $1::timestamptz - interval '30 days'`,
			`DELETE FROM console_sessions WHERE ended_at < $1::timestamptz - interval '30 days'`,
		} {
			if _, err := tx.Exec(ctx, sql, now); err != nil {
				return err
			}
		}
		return nil
	})
}
