package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/snapback/snapback/incidents"
)

// WithMessage calls do while no other bot is in a WithMessage of the same incident, and returns ErrBusy when one is.
// What save is given is committed when it returns.
func (db *DB) WithMessage(ctx context.Context, incident int64, do func(ctx context.Context, m incidents.Message, save func(incidents.Message) error) error) error {
	return db.locked(ctx, "slack", incident, func(ctx context.Context) error {
		m, err := db.message(ctx, incident)
		if err != nil {
			return err
		}
		return do(ctx, m, func(m incidents.Message) error { return db.saveMessage(ctx, m) })
	})
}

// WithPicture holds a lock of its own, so that neither waits for the other.
func (db *DB) WithPicture(ctx context.Context, incident int64, do func(ctx context.Context, m incidents.Message, save func(incidents.ThreadPicture) error) error) error {
	return db.locked(ctx, "picture", incident, func(ctx context.Context) error {
		m, err := db.message(ctx, incident)
		if err != nil {
			return err
		}
		return do(ctx, m, func(p incidents.ThreadPicture) error { return db.savePicture(ctx, incident, p) })
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

// MessageChannels is MessageChannel of each of those incidents that have a message.
func (db *DB) MessageChannels(ctx context.Context, of []int64) (map[int64]string, error) {
	channels := map[int64]string{}
	_, err := collect(ctx, db.pool, func(row pgx.CollectableRow) (id int64, err error) {
		var channel string
		err = row.Scan(&id, &channel)
		channels[id] = channel
		return id, err
	}, `SELECT incident_id, channel FROM slack_messages WHERE incident_id = ANY($1) AND ts <> ''`, of)
	return channels, err
}

func (db *DB) message(ctx context.Context, incident int64) (incidents.Message, error) {
	m := incidents.Message{IncidentID: incident, Attempt: -1}
	var at *time.Time
	var threads []byte
	err := db.pool.QueryRow(ctx, `SELECT channel, ts, rendered, seq, attempt, attempted_at, threads, picture, verified_shown FROM slack_messages WHERE incident_id = $1`,
		incident).Scan(&m.Channel, &m.TS, &m.Rendered, &m.Seq, &m.Attempt, &at, &threads, &m.Picture, &m.Shown)
	if errors.Is(err, pgx.ErrNoRows) {
		return m, nil
	}
	if err != nil {
		return m, away(err)
	}
	m.AttemptedAt = zero(at)
	if err := json.Unmarshal(threads, &m.Threads); err != nil {
		return m, fmt.Errorf("reading the threads: %w", err)
	}
	return m, nil
}

func (db *DB) saveMessage(ctx context.Context, m incidents.Message) error {
	threads, err := json.Marshal(append([]incidents.Thread{}, m.Threads...)) // none is [] and not null
	if err != nil {
		return err
	}
	return db.tx(ctx, func(tx pgx.Tx) error {
		var due int64 // until now
		err := tx.QueryRow(ctx, `
		WITH before AS (SELECT (picture->>'due')::bigint AS due FROM slack_messages WHERE incident_id = @id)
		INSERT INTO slack_messages (incident_id, channel, ts, rendered, seq, attempt, attempted_at, threads, picture, verified_shown)
		VALUES (@id, @channel, @ts, @rendered, @seq, @attempt, @at, @threads, jsonb_build_object('due', @due::bigint), @shown)
		ON CONFLICT (incident_id) DO UPDATE SET channel = excluded.channel, ts = excluded.ts, rendered = excluded.rendered,
			seq = excluded.seq, attempt = excluded.attempt, attempted_at = excluded.attempted_at, threads = excluded.threads, verified_shown = excluded.verified_shown,
			picture = slack_messages.picture || excluded.picture
		RETURNING coalesce((SELECT due FROM before), 0)`,
			pgx.NamedArgs{
				"id": m.IncidentID, "channel": m.Channel, "ts": m.TS, "rendered": m.Rendered, "seq": m.Seq,
				"attempt": m.Attempt, "at": null(m.AttemptedAt), "threads": threads, "due": m.Picture.Due, "shown": append([]int64{}, m.Shown...), // none is {} and not null
			}).Scan(&due)
		if err != nil || m.Picture.Due <= due {
			return err
		}
		if _, err := db.jobs.InsertTx(ctx, tx, pictureArgs{m.IncidentID}, &river.InsertOpts{Queue: pictureQueue}); err != nil {
			return fmt.Errorf("queueing the picture: %w", err)
		}
		return nil
	})
}

// savePicture leaves what is due to who tells the story, which may go on meanwhile.
func (db *DB) savePicture(ctx context.Context, incident int64, p incidents.ThreadPicture) error {
	_, err := db.pool.Exec(ctx, `UPDATE slack_messages SET picture = $2::jsonb - 'due' || jsonb_build_object('due', picture->'due') WHERE incident_id = $1`,
		incident, p)
	return away(err)
}
