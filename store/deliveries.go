package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
)

// Accept stores what came in from source and queues acting on it, once per nativeID. It returns false when it was
// here before.
func (db *DB) Accept(ctx context.Context, source, nativeID string, body []byte) (fresh bool, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		var id int64
		id, fresh, err = insertDelivery(ctx, tx, incidents.Delivery{Source: source, NativeID: nativeID, Body: body})
		if err != nil || !fresh {
			return err
		}
		_, err = db.jobs.InsertTx(ctx, tx, tapArgs{id}, nil)
		return err
	})
	return fresh, err
}

func (db *DB) delivery(ctx context.Context, id int64) (body []byte, at time.Time, err error) {
	err = db.pool.QueryRow(ctx, `SELECT body, received_at FROM deliveries WHERE id = $1`, id).Scan(&body, &at)
	if err != nil {
		return nil, at, fmt.Errorf("reading delivery %d: %w", id, away(err))
	}
	return body, at.UTC(), nil
}

// ForgetDeliveries removes what came in more than age ago. PagerDuty retries for 48 hours at most.
func (db *DB) ForgetDeliveries(ctx context.Context, age time.Duration) error {
	_, err := db.pool.Exec(ctx, `DELETE FROM deliveries WHERE received_at < now() - make_interval(secs => $1)`, age.Seconds())
	return away(err)
}
