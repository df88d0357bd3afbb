package store

import (
	"context"
	"time"

	"github.com/snapback/snapback/incidents"
)

// ClaimWebhookLook says whether the last look at what calls url was so long ago, and notes that one is being made: of several bots, one
// is told so. What was never looked at is due after that time.
func (db *DB) ClaimWebhookLook(ctx context.Context, url string, every time.Duration) (due bool, err error) {
	if _, err := db.pool.Exec(ctx, `INSERT INTO webhook_watch (url) VALUES ($1) ON CONFLICT DO NOTHING`, url); err != nil {
		return false, away(err)
	}
	tag, err := db.pool.Exec(ctx, `UPDATE webhook_watch SET looked_at = now() WHERE url = $1 AND looked_at <= now() - make_interval(secs => $2)`,
		url, every.Seconds())
	return tag.RowsAffected() > 0, away(err)
}

// WebhookLook is what the last look at what calls url has found. It is fresh if it is no older than that.
func (db *DB) WebhookLook(ctx context.Context, url string, fresh time.Duration) (l incidents.WebhookLook, err error) {
	var well *time.Time
	err = db.pool.QueryRow(ctx, `SELECT made_at, well_at, trouble, coalesce(saved_at > now() - make_interval(secs => $2), false), EXISTS (SELECT FROM webhook_watch o
			WHERE o.url <> w.url AND o.trouble = '' AND o.well_at > now() - interval '1 hour')
		FROM webhook_watch w WHERE url = $1`, url, fresh.Seconds()).Scan(&l.Since, &well, &l.Trouble, &l.Fresh, &l.Elsewhere)
	l.Since, l.WellAt = l.Since.UTC(), zero(well)
	return l, away(err)
}

// SaveWebhookLook notes what a look has just found: why alerts don't come, if that is to be told, and whether they do.
func (db *DB) SaveWebhookLook(ctx context.Context, url, trouble string, well bool) error {
	_, err := db.pool.Exec(ctx, `UPDATE webhook_watch SET trouble = $2, well_at = CASE WHEN $3 THEN now() ELSE well_at END, saved_at = now() WHERE url = $1`, url, trouble, well)
	return away(err)
}
