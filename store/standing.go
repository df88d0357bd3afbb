package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// QueueState is how the jobs of one kind stand, whichever bot they are for.
type QueueState struct {
	Kind    string
	Waiting int           // not done yet, those that run and those that are tried again later among them
	Oldest  time.Duration // since the oldest of those was queued; 0: there is none
	Dead    int           // given up for good within the last day
}

// Queue tells of every kind of job, also of those of which there is none. What is done is not read: the index on the state
// leads past it.
func (db *DB) Queue(ctx context.Context) ([]QueueState, error) {
	kinds := []string{slackArgs{}.Kind(), pagerDutyArgs{}.Kind(), tapArgs{}.Kind(), changeArgs{}.Kind()}
	rows, err := db.pool.Query(ctx, `
		WITH jobs AS (SELECT kind, created_at, finalized_at FROM river_job
			WHERE state IN ('available', 'pending', 'retryable', 'running', 'scheduled')
			UNION ALL SELECT kind, created_at, finalized_at FROM river_job
			WHERE state IN ('cancelled', 'discarded') AND finalized_at > now() - interval '1 day')
		SELECT k, count(*) FILTER (WHERE kind IS NOT NULL AND finalized_at IS NULL),
			coalesce(extract(epoch FROM greatest(now() - min(created_at) FILTER (WHERE finalized_at IS NULL), interval '0')), 0)::float8,
			count(finalized_at)
		FROM unnest($1::text[]) AS k LEFT JOIN jobs ON kind = k GROUP BY k ORDER BY k`, kinds)
	if err != nil {
		return nil, away(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (q QueueState, err error) {
		var oldest float64
		err = row.Scan(&q.Kind, &q.Waiting, &oldest, &q.Dead)
		q.Oldest = time.Duration(oldest * float64(time.Second))
		return q, err
	})
	return list, away(err)
}

// OpenTerminals is how many terminal sessions of all bots are open.
func (db *DB) OpenTerminals(ctx context.Context) (n int, err error) {
	err = db.pool.QueryRow(ctx, `SELECT count(*) FROM terminal_sessions WHERE ended_at IS NULL AND expires_at > now()`).Scan(&n)
	return n, away(err)
}

// Connections is how the pool stands, and what it has done since the start.
type Connections struct {
	InUse, Idle, Connecting, Max int32
	Acquires                     int64         // how often one was taken
	Waits                        int64         // how often one was waited for
	Waited                       time.Duration // in all
}

// Connections tells of this bot's pool.
func (db *DB) Connections() Connections {
	s := db.pool.Stat()
	return Connections{
		InUse: s.AcquiredConns(), Idle: s.IdleConns(), Connecting: s.ConstructingConns(), Max: s.MaxConns(),
		Acquires: s.AcquireCount(), Waits: s.EmptyAcquireCount(), Waited: s.EmptyAcquireWaitTime(),
	}
}
