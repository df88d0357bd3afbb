package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/snapback/snapback/snapshot"
)

/*
Who does a job.

Any bot takes a job from the common queue. When it finds that it can't reach the container that the job is about, and that a bot
can that was heard of lately, it puts the job into that bot's own queue. A job that lies there when its bot has fallen silent
goes back into the common one. The second run of a job finds nothing left to do, so it does no harm when that bot was only slow.
*/

// ownQueue is the queue of jobs for one bot. Its name is of the grammar of queues, which a bot's is not.
func ownQueue(bot string) string {
	sum := sha256.Sum256([]byte(bot))
	return "bot-" + hex.EncodeToString(sum[:8])
}

func (db *DB) queues(workers int) map[string]river.QueueConfig {
	all := map[string]river.QueueConfig{
		river.QueueDefault: {MaxWorkers: workers},
		pictureQueue:       {MaxWorkers: pictureWorkers, FetchPollInterval: 2 * time.Second}, // nobody waits for a picture where notifications don't come
	}
	if db.bot != "" {
		all[ownQueue(db.bot)] = river.QueueConfig{MaxWorkers: workers, FetchPollInterval: time.Second} // a notification tells of what is passed on
	}
	return all
}

// outcome is what the queue does after a run: a job for another bot is passed on to it.
func (db *DB) outcome(ctx context.Context, args river.JobArgs, err error) error {
	var elsewhere *snapshot.ElsewhereError
	if !errors.As(err, &elsewhere) {
		return outcome(err)
	}
	var bot string
	err = db.pool.QueryRow(ctx, `SELECT b.name FROM bots b JOIN containers c ON `+reaches+`
		WHERE c.key = $1 AND b.name <> $2 AND b.`+present+` ORDER BY b.seen_at DESC LIMIT 1`, elsewhere.Key, db.bot).Scan(&bot)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%w, and it is gone", elsewhere) // the next run sees that
	}
	if err != nil {
		return away(err)
	}
	if _, err := db.jobs.Insert(ctx, args, &river.InsertOpts{Queue: ownQueue(bot)}); err != nil {
		return fmt.Errorf("passing a job on to bot %s: %w", bot, away(err))
	}
	return nil
}

// ReturnJobs puts jobs back into the common queue whose bot was not heard of lately.
func (db *DB) ReturnJobs(ctx context.Context) error {
	_, err := db.pool.Exec(ctx, `UPDATE river_job SET queue = $1 WHERE queue LIKE 'bot-%' AND state IN ('available', 'scheduled', 'retryable')
		AND queue NOT IN (SELECT 'bot-' || left(encode(sha256(convert_to(name, 'UTF8')), 'hex'), 16) FROM bots WHERE `+present+`)`, river.QueueDefault)
	return away(err)
}
