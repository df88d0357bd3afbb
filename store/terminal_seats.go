package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/terminal"
)

// OpenSeat keeps a session that was opened in the console.
func (s *TerminalStore) OpenSeat(ctx context.Context, sess terminal.Session) error {
	return s.exec(ctx, "opening a terminal in the console", `
		INSERT INTO terminal_sessions (id, console_session, person, incident_id, container_key, container_name, mode,
			opened_at, last_seen_at, expires_at, logs_since)
		VALUES (@id, @console, @person, @incident, @container, @name, @mode, @now, @now, @expires, @since)`,
		pgx.NamedArgs{
			"id": sess.ID, "console": sess.Person.Via.Console, "person": sess.Person, "incident": nullID(sess.IncidentID), "container": sess.Container,
			"name": sess.Name, "mode": string(sess.Mode), "now": sess.OpenedAt, "expires": sess.ExpiresAt, "since": null(sess.LogsSince),
		})
}

// SeatsOf returns the open sessions of a session of the console, oldest first.
func (s *TerminalStore) SeatsOf(ctx context.Context, console string) ([]terminal.Session, error) {
	return s.sessions(ctx, `SELECT `+sessionColumns+` FROM terminal_sessions WHERE console_session = @console AND ended_at IS NULL ORDER BY opened_at`,
		pgx.NamedArgs{"console": console})
}
