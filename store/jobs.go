package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/snapback/snapback/incidents"
)

// slackArgs asks for an incident's Slack message and thread to be brought up to its timeline. A second run finds
// nothing left to tell.
type slackArgs struct {
	IncidentID int64 `json:"incident_id"`
}

func (slackArgs) Kind() string { return "slack" }

// pictureArgs asks for the picture in an incident's thread to be drawn. A second run finds nothing due.
type pictureArgs struct {
	IncidentID int64 `json:"incident_id"`
}

func (pictureArgs) Kind() string { return "picture" }

// Pictures have a queue of their own: an upload that hangs must not take the place of what people wait for.
const (
	pictureQueue   = "pictures"
	pictureWorkers = 2
)

// pagerDutyArgs asks for what people asked of PagerDuty to be carried there. A second run finds the cursor moved on.
type pagerDutyArgs struct {
	IncidentID int64 `json:"incident_id"`
}

func (pagerDutyArgs) Kind() string { return "pagerduty" }

// tapArgs asks for a stored delivery from Slack to be acted on. A second run asks for the same restore with the same
// idempotency key, or writes the same wish again, which PagerDuty takes for one.
type tapArgs struct {
	DeliveryID int64 `json:"delivery_id"`
}

func (tapArgs) Kind() string { return "tap" }

// handOverArgs asks for whoever asked for a restore that is over to be handed a terminal link. A second run hands out a second
// link; a run that comes late, none.
type handOverArgs struct {
	RestoreID int64 `json:"restore_id"`
}

func (handOverArgs) Kind() string { return "hand_over" }

// changeArgs asks for a deploy, as its entry tells it, to be sent to PagerDuty. A second run sends it a second time, and
// PagerDuty then shows it twice: there is nothing by which it would take the two for one.
type changeArgs struct {
	EntryID int64 `json:"entry_id"`
}

func (changeArgs) Kind() string { return "change" }

// Handlers do the work of the jobs. An error means "again later": after its RetryAfter when it has one.
type Handlers struct {
	Slack     func(ctx context.Context, incident int64) error
	Picture   func(ctx context.Context, incident int64) error // nil: there are none
	PagerDuty func(ctx context.Context, incident int64) error
	Tap       func(ctx context.Context, body []byte, received time.Time) error
	HandOver  func(ctx context.Context, restore int64) error
	Change    func(ctx context.Context, deploy incidents.Entry) error // nil: nobody wants to hear of deploys
}

// ErrBusy says that another bot is telling this incident's story right now.
var ErrBusy = errors.New("another bot is at it")

// retryAfter is what errors carry that know when to try again; 0 is "as usual".
type retryAfter interface{ RetryAfter() time.Duration }

// permanent is what errors carry that no retry can mend.
type permanent interface{ Permanent() bool }

// Jobs is the running queue.
type Jobs struct{ client *river.Client[pgx.Tx] }

const jobTimeout = 30 * time.Second

func newInserter(pool *pgxpool.Pool) (*river.Client[pgx.Tx], error) {
	return river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: slog.New(slog.DiscardHandler), MaxAttempts: maxAttempts})
}

// maxAttempts is more attempts than 48 hours of outage take.
const maxAttempts = 20000

// Work starts working on jobs until Stop.
func (db *DB) Work(ctx context.Context, h Handlers) (*Jobs, error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[slackArgs]) error {
		return db.outcome(ctx, job.Args, h.Slack(ctx, job.Args.IncidentID))
	}))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[pictureArgs]) error {
		if h.Picture == nil {
			return nil
		}
		return outcome(h.Picture(ctx, job.Args.IncidentID))
	}))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[pagerDutyArgs]) error {
		return outcome(h.PagerDuty(ctx, job.Args.IncidentID))
	}))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[tapArgs]) error {
		body, at, err := db.delivery(ctx, job.Args.DeliveryID)
		if err != nil {
			return err
		}
		return db.outcome(ctx, job.Args, h.Tap(ctx, body, at))
	}))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[handOverArgs]) error {
		return outcome(h.HandOver(ctx, job.Args.RestoreID))
	}))
	river.AddWorker(workers, river.WorkFunc(func(ctx context.Context, job *river.Job[changeArgs]) error {
		if h.Change == nil {
			return nil
		}
		e, err := db.entry(ctx, job.Args.EntryID)
		if err != nil {
			return err
		}
		return outcome(h.Change(ctx, e))
	}))
	client, err := river.NewClient(riverpgxv5.New(db.pool), &river.Config{
		Logger:               slog.New(quiet{db.log.Handler()}),
		Queues:               db.queues(8),
		Workers:              workers,
		FetchCooldown:        5 * time.Millisecond,
		FetchPollInterval:    500 * time.Millisecond,
		JobTimeout:           jobTimeout,
		RescueStuckJobsAfter: jobTimeout + 5*time.Second,
		// What a job has done is on the timeline.
		CompletedJobRetentionPeriod: 5 * time.Minute,
		MaxAttempts:                 maxAttempts,
		RetryPolicy:                 backoff{},
	})
	if err != nil {
		return nil, fmt.Errorf("starting the job queue: %w", err)
	}
	if err := client.Start(ctx); err != nil {
		return nil, fmt.Errorf("starting the job queue: %w", away(err))
	}
	return &Jobs{client}, nil
}

// Stop lets the running jobs finish for the better part of the time that ctx has, and then interrupts them: that is written down as well.
func (j *Jobs) Stop(ctx context.Context) error {
	soft := ctx
	if end, bounded := ctx.Deadline(); bounded {
		var cancel context.CancelFunc
		soft, cancel = context.WithTimeout(ctx, time.Until(end)*6/10)
		defer cancel()
	}
	if err := j.client.Stop(soft); err == nil {
		return nil
	}
	return j.client.StopAndCancel(ctx)
}

func outcome(err error) error {
	var after retryAfter
	var final permanent
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrBusy):
		return river.JobSnooze(100 * time.Millisecond)
	case errors.As(err, &final) && final.Permanent():
		return river.JobCancel(err)
	case errors.As(err, &after) && after.RetryAfter() > 0:
		return river.JobSnooze(after.RetryAfter())
	}
	return err
}

// backoff is 1, 2, 4, 8, 16 and then every 20 s: an outage's end is noticed soon, and nobody is hammered.
type backoff struct{}

func (backoff) NextRetry(job *rivertype.JobRow) time.Time {
	wait := 20 * time.Second
	if n := len(job.Errors); n < 5 {
		wait = time.Second << n
	}
	return time.Now().Add(wait)
}

// queueNews queues what an entry makes necessary, within the transaction that writes it.
func (db *DB) queueNews(ctx context.Context, tx pgx.Tx, e incidents.Entry) error {
	if _, err := db.jobs.InsertTx(ctx, tx, slackArgs{e.IncidentID}, nil); err != nil {
		return fmt.Errorf("queueing the Slack message: %w", err)
	}
	if e.Kind.Call() == incidents.NoCall || e.IncidentID == 0 {
		return nil
	}
	if _, err := db.jobs.InsertTx(ctx, tx, pagerDutyArgs{e.IncidentID}, nil); err != nil {
		return fmt.Errorf("queueing the call to PagerDuty: %w", err)
	}
	return nil
}

// slowJob is after what time a job that runs may be one of a bot that died. Where it is not, the one that is queued beside it
// finds the incident busy, and waits.
const slowJob = 2 * time.Second

// QueueMissedNews queues the Slack message of every incident whose timeline is not posted to its end: a net under what a crash
// between two steps may have dropped. River gives a dead bot's job back only after half a minute.
func (db *DB) QueueMissedNews(ctx context.Context) error {
	ids, err := collect(ctx, db.pool, pgx.RowTo[int64], `
		SELECT t.incident FROM (
			SELECT incident_id AS incident, max(seq) AS seq FROM timeline
				WHERE incident_id IS NOT NULL AND recorded_at > now() - interval '3 days' GROUP BY 1
			UNION ALL SELECT 0, seq FROM (
				SELECT seq, recorded_at FROM timeline WHERE incident_id IS NULL ORDER BY incident_id DESC, seq DESC LIMIT 1) outside
				WHERE recorded_at > now() - interval '3 days') t
		LEFT JOIN slack_messages m ON m.incident_id = t.incident
		WHERE t.seq > coalesce(m.seq, 0)
		AND NOT EXISTS (SELECT FROM river_job WHERE kind = 'slack' AND (args->>'incident_id')::bigint = t.incident
			AND (state IN ('available', 'retryable', 'scheduled', 'pending')
				OR state = 'running' AND attempted_at > now() - make_interval(secs => $1)))`, slowJob.Seconds())
	if err != nil {
		return away(err)
	}
	for _, id := range ids {
		if _, err := db.jobs.Insert(ctx, slackArgs{id}, nil); err != nil {
			return fmt.Errorf("queueing the Slack message: %w", away(err))
		}
	}
	return nil
}

// queueNewsOfOffers queues telling the open incidents that may offer snapshots of the given identities, within the transaction that
// changes what can be offered, because none of their entries says so: those of their services, those of a service that
// no container names, and those in which they were restored. A message that reads as it did is left alone.
func (db *DB) queueNewsOfOffers(ctx context.Context, tx pgx.Tx, keys []string) error {
	ids, err := collect(ctx, tx, pgx.RowTo[int64], `
		WITH named AS (SELECT key, trim(service) AS service
			FROM containers, unnest(string_to_array(labels->>'snapback.pagerduty.service', ',')) AS service)
		SELECT id FROM incidents i WHERE status <> 'resolved' AND (
			EXISTS (SELECT FROM named n WHERE n.service = i.service_id AND n.key = ANY($1))
			OR NOT EXISTS (SELECT FROM named n WHERE n.service = i.service_id)
			OR EXISTS (SELECT FROM restores r WHERE r.incident_id = i.id AND r.key = ANY($1))) ORDER BY id`, keys)
	if err != nil {
		return fmt.Errorf("looking for open incidents: %w", err)
	}
	for _, id := range ids {
		if _, err := db.jobs.InsertTx(ctx, tx, slackArgs{id}, nil); err != nil {
			return fmt.Errorf("queueing the Slack message: %w", err)
		}
	}
	return nil
}

// quiet lowers River's own information to debug: its jobs say what matters themselves.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.Handler.Enabled(ctx, l)
}
