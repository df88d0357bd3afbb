package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
)

// CarryToPagerDuty hands the incident's entries that PagerDuty has to hear of to carry, in order, each until it returns
// nil. It stops at the first error, to go on from there at the next call. ErrBusy says that another bot is at it.
func (db *DB) CarryToPagerDuty(ctx context.Context, incident int64, carry func(context.Context, incidents.Incident, incidents.Entry) error) error {
	return db.locked(ctx, "pagerduty", incident, func(ctx context.Context) error {
		in, err := db.Incident(ctx, incident)
		if err != nil {
			return err
		}
		var after int64
		err = db.pool.QueryRow(ctx, `SELECT seq FROM pagerduty_cursors WHERE incident_id = $1`, incident).Scan(&after)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return away(err)
		}
		entries, err := db.Entries(ctx, incident, after)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Kind.Call() != incidents.NoCall {
				if err := carry(ctx, in, e); err != nil {
					return err
				}
			}
			if err := db.carried(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

func (db *DB) carried(ctx context.Context, e incidents.Entry) error {
	_, err := db.pool.Exec(ctx, `INSERT INTO pagerduty_cursors (incident_id, seq) VALUES ($1, $2)
		ON CONFLICT (incident_id) DO UPDATE SET seq = greatest(pagerduty_cursors.seq, excluded.seq)`, e.IncidentID, e.Seq)
	return away(err)
}

// locked runs do while no other bot runs one of the same kind for the same incident; otherwise it returns ErrBusy at
// once. The lock goes with its connection, so a bot that dies leaves none behind.
func (db *DB) locked(ctx context.Context, kind string, incident int64, do func(context.Context) error) error {
	ctx, leave, err := db.enterLocks(ctx)
	if err != nil {
		return err
	}
	defer leave()
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return away(err)
	}
	defer conn.Release()
	var got bool
	name := fmt.Sprintf("snapback %s %d", kind, incident)
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock(hashtextextended($1, 0))`, name).Scan(&got); err != nil {
		return away(err)
	}
	if !got {
		return ErrBusy
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if _, err := conn.Exec(ctx, `SELECT pg_advisory_unlock(hashtextextended($1, 0))`, name); err != nil {
			_ = conn.Conn().Close(ctx) // a connection that may still hold the lock must not go back to the pool
		}
	}()
	return do(ctx)
}

// holdsLock marks the context of whoever holds a lock.
type holdsLock struct{}

// enterLocks waits for a place among those who hold locks. They leave connections for the work that is done under the
// locks, and for the second lock that some of them take: for that one they don't wait, since they would for each other.
func (db *DB) enterLocks(ctx context.Context) (within context.Context, leave func(), err error) {
	if ctx.Value(holdsLock{}) != nil {
		return ctx, func() {}, nil
	}
	select {
	case db.locks <- struct{}{}:
		return context.WithValue(ctx, holdsLock{}, true), func() { <-db.locks }, nil
	case <-ctx.Done():
		return ctx, nil, away(ctx.Err())
	}
}
