package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
)

// WebhookPings are the last test calls along subscriptions, by PagerDuty's IDs.
func (db *DB) WebhookPings(ctx context.Context) (map[string]incidents.WebhookPing, error) {
	pings := map[string]incidents.WebhookPing{}
	var id string
	var p incidents.WebhookPing
	rows, err := db.pool.Query(ctx, `SELECT subscription, sent_at, extract(epoch FROM now() - sent_at) * interval '1 second', waiting, lost FROM webhook_pings WHERE sent_at IS NOT NULL`)
	if err != nil {
		return nil, away(err)
	}
	_, err = pgx.ForEachRow(rows, []any{&id, &p.SentAt, &p.Age, &p.Waiting, &p.Lost}, func() error {
		p.SentAt = p.SentAt.UTC()
		pings[id] = p
		return nil
	})
	return pings, away(err)
}

// LastWebhook is when the last webhook of PagerDuty's was stored; zero when none was.
func (db *DB) LastWebhook(ctx context.Context) (time.Time, error) {
	var last *time.Time
	err := db.pool.QueryRow(ctx, `SELECT max(received_at) FROM deliveries WHERE source = 'pagerduty' AND NOT starts_with(native_id, $1)`, incidents.FromRecord).Scan(&last)
	return zero(last), away(err)
}

// ClaimWebhookPing says whether a test call along a subscription is due, and notes that it is asked for at sentAt, and when the next one will
// be due: of several bots, one is told so.
func (db *DB) ClaimWebhookPing(ctx context.Context, subscription string, next time.Duration) (sentAt time.Time, due bool, err error) {
	if _, err := db.pool.Exec(ctx, `INSERT INTO webhook_pings (subscription) VALUES ($1) ON CONFLICT DO NOTHING`, subscription); err != nil {
		return time.Time{}, false, away(err)
	}
	err = db.pool.QueryRow(ctx, `UPDATE webhook_pings SET sent_at = clock_timestamp(), waiting = true, due_at = now() + make_interval(secs => $2)
		WHERE subscription = $1 AND due_at <= now() RETURNING sent_at`, subscription, next.Seconds()).Scan(&sentAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, false, nil
	}
	return sentAt.UTC(), err == nil, away(err)
}

// JudgeWebhookPing notes how many test calls in a row have not come, now that the one asked for at sentAt is known to have come or not,
// and when the next one is due. It does nothing when another one has been asked for meanwhile.
func (db *DB) JudgeWebhookPing(ctx context.Context, subscription string, sentAt time.Time, lost int, next time.Duration) error {
	_, err := db.pool.Exec(ctx, `UPDATE webhook_pings SET waiting = false, lost = $3, due_at = now() + make_interval(secs => $4) WHERE subscription = $1 AND sent_at = $2`,
		subscription, sentAt, lost, next.Seconds())
	return away(err)
}
