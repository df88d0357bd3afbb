package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
)

// sealWebhook is the purpose under which secrets of webhook subscriptions are sealed: who has one can make alerts up.
const sealWebhook = "webhook"

// KeepWebhookSecret stores a subscription's secret, sealed. A bot that runs takes it from the next webhook on.
func (db *DB) KeepWebhookSecret(ctx context.Context, s incidents.WebhookSecret) error {
	sealed, err := db.keys.Seal(sealWebhook, s.Subscription, []byte(s.Secret))
	if err != nil {
		return fmt.Errorf("sealing a webhook secret: %w", err)
	}
	_, err = db.pool.Exec(ctx, `INSERT INTO webhook_secrets (subscription, url, secret) VALUES ($1, $2, $3)
		ON CONFLICT (subscription) DO UPDATE SET url = excluded.url, secret = excluded.secret, made_at = now(), came_at = NULL`,
		s.Subscription, s.URL, sealed)
	return away(err)
}

// WebhookSecrets are all that are kept, the newest first. Those that no key opens are left out and told of in the error, which
// comes beside the others.
func (db *DB) WebhookSecrets(ctx context.Context) ([]incidents.WebhookSecret, error) {
	var lost error
	list, err := collect(ctx, db.pool, func(row pgx.CollectableRow) (s incidents.WebhookSecret, err error) {
		var sealed []byte
		var came *time.Time
		if err := row.Scan(&s.Subscription, &s.URL, &sealed, &s.MadeAt, &came); err != nil {
			return s, err
		}
		text, err := db.keys.Open(sealWebhook, s.Subscription, sealed)
		if err != nil {
			lost = errors.Join(lost, fmt.Errorf("opening the secret of webhook subscription %s: %w", s.Subscription, err))
		}
		s.Secret, s.MadeAt, s.CameAt = string(text), s.MadeAt.UTC(), zero(came)
		return s, nil
	}, `SELECT subscription, url, secret, made_at, came_at FROM webhook_secrets ORDER BY made_at DESC, subscription`)
	if err != nil {
		return nil, away(err)
	}
	opened := list[:0]
	for _, s := range list {
		if s.Secret != "" {
			opened = append(opened, s)
		}
	}
	return opened, lost
}

// ForgetWebhookSecret removes a subscription's: what it signs is refused from then on.
func (db *DB) ForgetWebhookSecret(ctx context.Context, subscription string) error {
	_, err := db.pool.Exec(ctx, `WITH pinged AS (DELETE FROM webhook_pings WHERE subscription = $1) DELETE FROM webhook_secrets WHERE subscription = $1`, subscription)
	return away(err)
}

// WebhookCame notes that something has just come which a subscription's secret has signed.
func (db *DB) WebhookCame(ctx context.Context, subscription string) error {
	_, err := db.pool.Exec(ctx, `UPDATE webhook_secrets SET came_at = clock_timestamp() WHERE subscription = $1`, subscription)
	return away(err)
}

// WebhookSpan is since when the bot listens to PagerDuty, as far as is known, and when the last webhook was stored. Either is zero when
// nothing tells.
func (db *DB) WebhookSpan(ctx context.Context) (first, last time.Time, err error) {
	var from, to *time.Time
	err = db.pool.QueryRow(ctx, `WITH came AS (SELECT received_at FROM deliveries WHERE source = 'pagerduty' AND NOT starts_with(native_id, $1))
		SELECT least((SELECT min(received_at) FROM came), (SELECT min(made_at) FROM webhook_watch), (SELECT min(made_at) FROM webhook_secrets)),
			(SELECT max(received_at) FROM came)`, incidents.FromRecord).Scan(&from, &to)
	return zero(from), zero(to), away(err)
}
