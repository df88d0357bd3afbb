package store

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/snapshot"
)

// requestDead is after how long a request that was begun and never finished is taken for dead, with its bot.
const requestDead = 15 * time.Minute

// BeginRequest claims key for a request. It returns the answer when the same request was answered before, snapshot.ErrKeyReused
// when fingerprint is another one than the first time, and snapshot.ErrKeyInFlight while the first one runs.
func (db *DB) BeginRequest(ctx context.Context, key string, fingerprint []byte) (answer json.RawMessage, err error) {
	err = db.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			INSERT INTO idempotency AS i (key, fingerprint) VALUES ($1, $2)
			ON CONFLICT (key) DO UPDATE SET created_at = now()
			WHERE i.answer IS NULL AND i.fingerprint = $2 AND i.created_at < now() - make_interval(secs => $3)`,
			key, fingerprint, requestDead.Seconds())
		if err != nil || tag.RowsAffected() == 1 {
			return err
		}
		var first []byte
		err = tx.QueryRow(ctx, `SELECT fingerprint, answer FROM idempotency WHERE key = $1`, key).Scan(&first, &answer)
		switch {
		case err != nil:
			return err
		case !bytes.Equal(first, fingerprint):
			return snapshot.ErrKeyReused
		case answer == nil:
			return snapshot.ErrKeyInFlight
		}
		return nil
	})
	return answer, err
}

// FinishRequest keeps the answer.
func (db *DB) FinishRequest(ctx context.Context, key string, answer json.RawMessage) error {
	_, err := db.pool.Exec(ctx, `UPDATE idempotency SET answer = $2 WHERE key = $1`, key, answer)
	return away(err)
}

// ReleaseRequest gives the key back.
func (db *DB) ReleaseRequest(ctx context.Context, key string) error {
	_, err := db.pool.Exec(ctx, `DELETE FROM idempotency WHERE key = $1 AND answer IS NULL`, key)
	return away(err)
}

// ForgetRequests removes keys that are older than age, also from the restores that were asked for with them: otherwise the
// answer to whoever uses one again would be a restore of long ago. The API's begin with
// "key/"; taps keep theirs, since a queue may try them for longer.
func (db *DB) ForgetRequests(ctx context.Context, age time.Duration) error {
	return db.tx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM idempotency WHERE created_at < now() - make_interval(secs => $1)`, age.Seconds())
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE restores SET idempotency = NULL
			WHERE idempotency LIKE 'key/%' AND requested_at < now() - make_interval(secs => $1)`, age.Seconds())
		return err
	})
}
