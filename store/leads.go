package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/snapshot/watch"
)

// Lead implements watch.Leads. The times are the database's.
func (db *DB) Lead(ctx context.Context, me watch.Presence, engine string, answers bool, length time.Duration) (is bool, err error) {
	err = db.pool.QueryRow(ctx, `
		INSERT INTO watch_leads AS l (engine, scope, bot, until)
		SELECT @engine, @scope, @bot, now() + make_interval(secs => @secs)
		WHERE @answers OR NOT EXISTS (SELECT FROM bots WHERE engine = @engine AND scope = @scope AND name <> @bot AND `+present+`)
			OR EXISTS (SELECT FROM watch_leads WHERE engine = @engine AND scope = @scope AND until < now() - interval '15 seconds')
		ON CONFLICT (engine, scope) DO UPDATE SET bot = excluded.bot, until = excluded.until WHERE l.bot = excluded.bot OR l.until < now()
		RETURNING true`, pgx.NamedArgs{
		"engine": engine, "scope": me.Scope, "bot": me.Bot, "secs": length.Seconds(), "answers": answers,
	}).Scan(&is)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return is, away(err)
}

// Yield implements watch.Leads.
func (db *DB) Yield(ctx context.Context, me watch.Presence, engine string) error {
	_, err := db.pool.Exec(ctx, `DELETE FROM watch_leads WHERE engine = $1 AND scope = $2 AND bot = $3`, engine, me.Scope, me.Bot)
	return away(err)
}
