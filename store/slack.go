package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Message is how far an incident's timeline has been told in Slack. See bot.Message, which it becomes.
type Message struct {
	IncidentID  int64
	Channel     string
	TS          string
	Rendered    []byte
	Seq         int64
	Attempt     int64
	AttemptedAt time.Time
	Threads     json.RawMessage // bot's own form
}

// WithMessage calls do while no other bot is in a WithMessage of the same incident, and returns ErrBusy when one is.
// What save is given is committed when it returns.
func (db *DB) WithMessage(ctx context.Context, incident int64, do func(ctx context.Context, m Message, save func(Message) error) error) error {
	return db.locked(ctx, "slack", incident, func(ctx context.Context) error {
		m, err := db.message(ctx, incident)
		if err != nil {
			return err
		}
		return do(ctx, m, func(m Message) error { return db.saveMessage(ctx, m) })
	})
}

// MessageChannel is the Slack channel in which an incident's message stands; "" before it is posted.
func (db *DB) MessageChannel(ctx context.Context, incident int64) (string, error) {
	m, err := db.message(ctx, incident)
	if m.TS == "" {
		return "", err
	}
	return m.Channel, err
}

func (db *DB) message(ctx context.Context, incident int64) (Message, error) {
	m := Message{IncidentID: incident, Attempt: -1, Threads: json.RawMessage("[]")}
	var at *time.Time
	err := db.pool.QueryRow(ctx, `SELECT channel, ts, rendered, seq, attempt, attempted_at, threads FROM slack_messages WHERE incident_id = $1`,
		incident).Scan(&m.Channel, &m.TS, &m.Rendered, &m.Seq, &m.Attempt, &at, &m.Threads)
	if errors.Is(err, pgx.ErrNoRows) {
		return m, nil
	}
	m.AttemptedAt = zero(at)
	return m, away(err)
}

func (db *DB) saveMessage(ctx context.Context, m Message) error {
	_, err := db.pool.Exec(ctx, `
		INSERT INTO slack_messages (incident_id, channel, ts, rendered, seq, attempt, attempted_at, threads)
		VALUES (@id, @channel, @ts, @rendered, @seq, @attempt, @at, @threads)
		ON CONFLICT (incident_id) DO UPDATE SET channel = excluded.channel, ts = excluded.ts, rendered = excluded.rendered,
			seq = excluded.seq, attempt = excluded.attempt, attempted_at = excluded.attempted_at, threads = excluded.threads`,
		pgx.NamedArgs{
			"id": m.IncidentID, "channel": m.Channel, "ts": m.TS, "rendered": m.Rendered, "seq": m.Seq,
			"attempt": m.Attempt, "at": null(m.AttemptedAt), "threads": m.Threads,
		})
	return away(err)
}
