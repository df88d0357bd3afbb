package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/terminal"
)

// TerminalStore keeps links, sessions, shells and recordings. It is terminal.Store.
type TerminalStore struct {
	pool *pgxpool.Pool
	keys Sealer
}

var _ terminal.Store = (*TerminalStore)(nil)

// NewTerminalStore uses a pool that stays the caller's, and seals recordings with keys.
func NewTerminalStore(pool *pgxpool.Pool, keys Sealer) *TerminalStore {
	return &TerminalStore{pool: pool, keys: keys}
}

// terminalAway is away in the terminal's own words as well.
func terminalAway(err error) error {
	if err = away(err); errors.Is(err, ErrAway) {
		return fmt.Errorf("%w: %w", terminal.ErrStoreAway, err)
	}
	return err
}

// exec runs a statement of which nothing is read.
func (s *TerminalStore) exec(ctx context.Context, what, sql string, args pgx.NamedArgs) error {
	if _, err := s.pool.Exec(ctx, sql, args); err != nil {
		return fmt.Errorf("%s: %w", what, terminalAway(err))
	}
	return nil
}

// nullID is how 0, no incident, is stored.
func nullID(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}

// CreateLink keeps a link by the hash of its token.
func (s *TerminalStore) CreateLink(ctx context.Context, tokenHash []byte, kid string, g access.Grant, expires time.Time) error {
	return s.exec(ctx, "storing a terminal link", `
		INSERT INTO terminal_links (token_hash, kid, person, incident_id, container_key, container_name, mode, expires_at, logs_since)
		VALUES (@token_hash, @kid, @person, @incident, @container, @name, @mode, @expires, @since)`,
		pgx.NamedArgs{
			"token_hash": tokenHash, "kid": kid, "person": g.Person, "incident": nullID(g.IncidentID),
			"container": g.Container, "name": g.Name, "mode": string(g.Mode), "expires": expires, "since": null(g.LogsSince),
		})
}

// Redeem uses a link up and opens the session in one statement: the row lock lets one of several through, and the
// others see it used. The session is bound to what the link was stored with, which the token's signature also covers.
func (s *TerminalStore) Redeem(ctx context.Context, by terminal.Redeemer, sess terminal.Session) error {
	tag, err := s.pool.Exec(ctx, `
		WITH link AS (
			UPDATE terminal_links SET used_at = @now::timestamptz, nonce_hash = @nonce_hash::bytea
			WHERE token_hash = @token_hash AND used_at IS NULL AND expires_at > @now::timestamptz
			RETURNING *
		)
		INSERT INTO terminal_sessions (id, cookie_hash, token_hash, person, incident_id, container_key, container_name, mode,
			opened_at, last_seen_at, expires_at, logs_since)
		SELECT @id::text, @cookie_hash::bytea, token_hash, person, incident_id, container_key, container_name, mode,
			@now::timestamptz, @now::timestamptz, @expires::timestamptz, logs_since
		FROM link
		WHERE container_key = @container AND mode = @mode AND incident_id IS NOT DISTINCT FROM @incident::bigint`,
		pgx.NamedArgs{
			"now": sess.OpenedAt, "token_hash": by.Token, "nonce_hash": by.Nonce, "cookie_hash": by.Cookie, "id": sess.ID, "expires": sess.ExpiresAt,
			"container": sess.Container, "mode": string(sess.Mode), "incident": nullID(sess.IncidentID),
		})
	if err != nil {
		return fmt.Errorf("redeeming a terminal link: %w", terminalAway(err))
	}
	if tag.RowsAffected() == 1 {
		return nil
	}
	return s.whyNot(ctx, by.Token)
}

// RedeemAgain gives the session of a used link to who has used it. One that ended because the timeline could not have it begins again.
func (s *TerminalStore) RedeemAgain(ctx context.Context, by terminal.Redeemer, since, at time.Time) (terminal.Session, error) {
	return s.session(ctx, `
		WITH given AS (
			UPDATE terminal_sessions SET cookie_hash = @cookie_hash, last_seen_at = greatest(last_seen_at, @at), ended_at = NULL, end_reason = '', audited = false
			WHERE (ended_at IS NULL OR end_reason = @not_recorded) AND expires_at > @at AND token_hash = (
				SELECT token_hash FROM terminal_links WHERE token_hash = @token_hash AND nonce_hash = @nonce_hash AND used_at > @since)
			RETURNING *
		)
		SELECT `+sessionColumns+` FROM given`,
		pgx.NamedArgs{
			"token_hash": by.Token, "nonce_hash": by.Nonce, "cookie_hash": by.Cookie, "since": since, "at": at,
			"not_recorded": string(terminal.ReasonNotRecorded),
		})
}

// whyNot finds out why a link was not redeemed.
func (s *TerminalStore) whyNot(ctx context.Context, tokenHash []byte) error {
	var used *time.Time
	err := s.pool.QueryRow(ctx, `SELECT used_at FROM terminal_links WHERE token_hash = $1`, tokenHash).Scan(&used)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return terminal.ErrLinkUnknown
	case err != nil:
		return fmt.Errorf("looking up a terminal link: %w", terminalAway(err))
	case used != nil:
		return &terminal.UsedError{At: used.UTC()}
	}
	return terminal.ErrLinkExpired
}

const sessionColumns = `id, person, coalesce(incident_id, 0), container_key, container_name, mode, opened_at, last_seen_at,
	expires_at, ended_at, end_reason, logs_since`

// scanSession reads sessionColumns.
func scanSession(row pgx.CollectableRow) (terminal.Session, error) {
	var s terminal.Session
	var person []byte
	var ended, since *time.Time
	err := row.Scan(&s.ID, &person, &s.IncidentID, &s.Container, &s.Name, &s.Mode, &s.OpenedAt, &s.LastSeenAt,
		&s.ExpiresAt, &ended, &s.Reason, &since)
	if err != nil {
		return s, err
	}
	s.OpenedAt, s.LastSeenAt, s.ExpiresAt = s.OpenedAt.UTC(), s.LastSeenAt.UTC(), s.ExpiresAt.UTC()
	if ended != nil {
		s.EndedAt = ended.UTC()
	}
	if since != nil {
		s.LogsSince = since.UTC()
	}
	return s, json.Unmarshal(person, &s.Person)
}

func (s *TerminalStore) sessions(ctx context.Context, sql string, args pgx.NamedArgs) ([]terminal.Session, error) {
	list, err := collect(ctx, s.pool, scanSession, sql, args)
	if err != nil {
		return nil, fmt.Errorf("reading terminal sessions: %w", terminalAway(err))
	}
	return list, nil
}

// session is sessions where there is one or none.
func (s *TerminalStore) session(ctx context.Context, sql string, args pgx.NamedArgs) (terminal.Session, error) {
	list, err := s.sessions(ctx, sql, args)
	return first(list, err, terminal.ErrNoSession)
}

// SessionByCookie finds a session, open or over.
func (s *TerminalStore) SessionByCookie(ctx context.Context, cookieHash []byte) (terminal.Session, error) {
	return s.session(ctx, `SELECT `+sessionColumns+` FROM terminal_sessions WHERE cookie_hash = @hash`,
		pgx.NamedArgs{"hash": cookieHash})
}

// Touch notes when the person last did something, never backwards, and returns the session. The zero time only reads. Whoever does
// something in a terminal that they have opened in the console does it in the console.
func (s *TerminalStore) Touch(ctx context.Context, id string, at time.Time) (terminal.Session, error) {
	if at.IsZero() {
		return s.session(ctx, `SELECT `+sessionColumns+` FROM terminal_sessions WHERE id = @id`, pgx.NamedArgs{"id": id})
	}
	return s.session(ctx, `
		WITH touched AS (UPDATE terminal_sessions SET last_seen_at = greatest(last_seen_at, @at) WHERE id = @id RETURNING *),
		seat AS (
			UPDATE console_sessions SET last_seen_at = greatest(last_seen_at, @at)
			WHERE id = (SELECT console_session FROM touched) AND ended_at IS NULL
		)
		SELECT `+sessionColumns+` FROM touched`, pgx.NamedArgs{"id": id, "at": at})
}

// End ends a session once; of several callers, the first hears true.
func (s *TerminalStore) End(ctx context.Context, id string, why terminal.Reason, at time.Time) (bool, error) {
	tag, err := s.pool.Exec(ctx, `
		UPDATE terminal_sessions SET ended_at = @at, end_reason = @why WHERE id = @id AND ended_at IS NULL`,
		pgx.NamedArgs{"id": id, "why": string(why), "at": at})
	if err != nil {
		return false, fmt.Errorf("ending a terminal session: %w", terminalAway(err))
	}
	return tag.RowsAffected() == 1, nil
}

// Audited notes that the end of a session is on the timeline. One that RedeemAgain has opened since has another end before it.
func (s *TerminalStore) Audited(ctx context.Context, id string) error {
	return s.exec(ctx, "noting an audited terminal session", `UPDATE terminal_sessions SET audited = true WHERE id = @id AND ended_at IS NOT NULL`,
		pgx.NamedArgs{"id": id})
}

// Sessions returns those that are open or not audited, oldest first.
func (s *TerminalStore) Sessions(ctx context.Context) ([]terminal.Session, error) {
	return s.sessions(ctx, `SELECT `+sessionColumns+` FROM terminal_sessions
		WHERE ended_at IS NULL OR NOT audited ORDER BY opened_at`, nil)
}

// PutShell adds or replaces what is needed to end a shell.
func (s *TerminalStore) PutShell(ctx context.Context, sh terminal.ShellRecord) error {
	return s.exec(ctx, "storing a shell", `
		INSERT INTO terminal_shells (id, session_id, bot, container_id, sid, start_time, started_at, seen_at)
		VALUES (@id, @session, @bot, @container, @sid, @start_time, @started, @seen)
		ON CONFLICT (id) DO UPDATE SET sid = excluded.sid, start_time = excluded.start_time, seen_at = excluded.seen_at`,
		pgx.NamedArgs{
			"id": sh.ID, "session": sh.SessionID, "bot": sh.Bot, "container": sh.ContainerID, "sid": sh.SID,
			"start_time": sh.StartTime, "started": sh.StartedAt, "seen": sh.SeenAt,
		})
}

// ShellSeen notes that a bot holds the shell.
func (s *TerminalStore) ShellSeen(ctx context.Context, id string, at time.Time) error {
	return s.exec(ctx, "noting a held shell", `UPDATE terminal_shells SET seen_at = @at WHERE id = @id`,
		pgx.NamedArgs{"id": id, "at": at})
}

// ShellGone notes that nothing is left of the shell.
func (s *TerminalStore) ShellGone(ctx context.Context, id string, at time.Time) error {
	return s.exec(ctx, "noting a shell that is gone", `UPDATE terminal_shells SET gone_at = @at WHERE id = @id`,
		pgx.NamedArgs{"id": id, "at": at})
}

// StaleShells returns those that are there and that no bot holds.
func (s *TerminalStore) StaleShells(ctx context.Context, since time.Time) ([]terminal.ShellRecord, error) {
	return s.shells(ctx, `s.seen_at < @since`, pgx.NamedArgs{"since": since})
}

// HeldShells returns those of a container's open sessions that some bot holds.
func (s *TerminalStore) HeldShells(ctx context.Context, container string, since time.Time) ([]terminal.ShellRecord, error) {
	return s.shells(ctx, `s.seen_at >= @since AND o.container_key = @container AND o.ended_at IS NULL`,
		pgx.NamedArgs{"since": since, "container": container})
}

// shells lists those of shells s and their sessions o that are there, oldest first.
func (s *TerminalStore) shells(ctx context.Context, which string, args pgx.NamedArgs) ([]terminal.ShellRecord, error) {
	list, err := collect(ctx, s.pool, pgx.RowToStructByPos[terminal.ShellRecord], `
		SELECT s.id, s.session_id, s.bot, o.container_key, s.container_id, s.sid, s.start_time, s.started_at, s.seen_at
		FROM terminal_shells s JOIN terminal_sessions o ON o.id = s.session_id
		WHERE s.gone_at IS NULL AND `+which+` ORDER BY s.started_at, s.id`, args)
	if err != nil {
		return nil, fmt.Errorf("reading shells: %w", terminalAway(err))
	}
	return list, nil
}

// RestoredAs says which restore or undo made a container. The ID is written before the container takes its name.
func (s *TerminalStore) RestoredAs(ctx context.Context, container, id string) (string, error) {
	var kind, snapshot string
	err := s.pool.QueryRow(ctx, `SELECT kind, snapshot FROM restores WHERE key = @key AND record -> 'plan' ->> 'new_id' = @id ORDER BY id DESC LIMIT 1`,
		pgx.NamedArgs{"key": container, "id": id}).Scan(&kind, &snapshot)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("looking up what made a container: %w", terminalAway(err))
	case kind == "undo":
		return "taken back to before it was put to " + snapshot, nil
	}
	return "put back to " + snapshot, nil
}

// ReplacedBy is the engine's ID of the container in whose place the last restore or undo has put this one; "" when none has.
func (s *TerminalStore) ReplacedBy(ctx context.Context, container, id string) (old string, err error) {
	err = s.pool.QueryRow(ctx, `SELECT coalesce(record -> 'plan' ->> 'old_id', '') FROM restores
		WHERE key = @key AND record -> 'plan' ->> 'new_id' = @id AND state NOT IN ('refused', 'reverted', 'failed')
		ORDER BY id DESC LIMIT 1`, pgx.NamedArgs{"key": container, "id": id}).Scan(&old)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking up what a container replaced: %w", terminalAway(err))
	}
	return old, nil
}

// Moments are the times that somebody may want to read a container's log from, oldest first.
func (s *TerminalStore) Moments(ctx context.Context, container string, incident int64) ([]terminal.Moment, error) {
	rows, err := s.pool.Query(ctx, `
		(SELECT 'deploy' AS what, at FROM deploys WHERE key = @key ORDER BY at DESC, id DESC LIMIT 1)
		UNION ALL SELECT 'alert', opened_at FROM incidents WHERE id = @incident
		UNION ALL (SELECT kind, COALESCE(started_at, requested_at) FROM restores WHERE key = @key AND state <> 'refused' ORDER BY id DESC LIMIT 1)
		ORDER BY at`, pgx.NamedArgs{"key": container, "incident": incident})
	if err != nil {
		return nil, fmt.Errorf("looking up what to read a log from: %w", terminalAway(err))
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[terminal.Moment])
	if err != nil {
		return nil, fmt.Errorf("looking up what to read a log from: %w", terminalAway(err))
	}
	return found, nil
}
