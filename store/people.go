package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/access"
)

// SavePerson writes down what is known. The e-mail address is the one that counts now, "" when none does; what else is
// empty does not overwrite what was known before.
func (db *DB) SavePerson(ctx context.Context, p access.Person) error {
	_, err := db.pool.Exec(ctx, `
		INSERT INTO people AS p (slack_id, pagerduty_id, email, name) VALUES ($1, $2, $3, $4)
		ON CONFLICT (slack_id) DO UPDATE SET
			pagerduty_id = coalesce(nullif(excluded.pagerduty_id, ''), p.pagerduty_id),
			email = excluded.email,
			name = coalesce(nullif(excluded.name, ''), p.name), seen_at = now()`,
		p.SlackID, p.PagerDutyID, p.Email, p.Name)
	return away(err)
}

// Person finds somebody by their Slack ID; false when they are not known.
func (db *DB) Person(ctx context.Context, slackID string) (access.Person, bool, error) {
	p := access.Person{SlackID: slackID}
	err := db.pool.QueryRow(ctx, `SELECT pagerduty_id, email, name, seen_at FROM people WHERE slack_id = $1`, slackID).
		Scan(&p.PagerDutyID, &p.Email, &p.Name, &p.SeenAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, false, nil
	}
	return p, err == nil, away(err)
}
