package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/snapback/snapback/incidents/flat/logtail"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/store"
)

// Sources are asked at every scrape, all at once and for two seconds at most. What does not answer by then is left out of that scrape: a gap
// in a graph is the truth, a number from before is not.
type Sources struct {
	Database Database
	Ready    func(ctx context.Context) map[string]bool           // what has to answer, and whether it does
	Disk     func(ctx context.Context) (snapshot.DiskUse, error) // of the engine's layers
	Limit    float64                                             // how full the disk may be for a commit, from 0 to 1
	Logs     func() logtail.Reading                              // how logs are read for errors
	Queries  func() (answered, failing int)                      // of Prometheus, for errors
}

// Database tells what stands in it.
type Database interface {
	// Connections are this bot's.
	Connections() store.Connections
	// Queue is how the jobs of all bots stand, a row for each kind.
	Queue(ctx context.Context) ([]store.QueueState, error)
	// OpenTerminals is how many terminal sessions of all bots are open.
	OpenTerminals(ctx context.Context) (int, error)
	// HoldCount is how many deploys are on hold, and of how many of them what they hold runs again.
	HoldCount(ctx context.Context) (held, back int, err error)
}

// Watch registers what stands now, as opposed to what has happened.
func (m *Metrics) Watch(s Sources) { m.registry.MustRegister(&standing{s}) }

// standing is a collector of what is read when somebody asks.
type standing struct{ Sources }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	ready       = desc("snapback_ready", "1 while what the bot needs answers, 0 while it does not, as in /readyz.", "check")
	waiting     = desc("snapback_jobs_waiting", "Jobs of all bots that are not done yet, by kind.", "kind")
	oldest      = desc("snapback_job_oldest_seconds", "Seconds since the oldest job that is not done yet was queued, by kind; 0 when there is none.", "kind")
	dead        = desc("snapback_jobs_dead", "Jobs that were given up for good within the last day, by kind.", "kind")
	terminals   = desc("snapback_terminal_sessions", "Terminal sessions of all bots that are open.")
	holds       = desc("snapback_holds", "Deploys on hold since a restore rolled them back, by whether what they hold runs again (back) or not (away).", "state")
	diskUsed    = desc("snapback_engine_disk_used_ratio", "Share of the engine's disk that is in use, from 0 to 1. Absent where the bot can't see that disk.")
	diskLimit   = desc("snapback_engine_disk_limit_ratio", "Share of the engine's disk from which on nothing is committed (SNAPBACK_DISK_LIMIT).")
	connections = desc("snapback_db_connections", "Connections of this bot to Postgres, by state.", "state")
	most        = desc("snapback_db_connections_max", "How many connections to Postgres this bot may have.")
	acquires    = desc("snapback_db_acquires_total", "How often a connection to Postgres was taken from the pool.")
	waits       = desc("snapback_db_acquire_waits_total", "How often a connection was waited for, because all were in use or had yet to be made.")
	logs        = desc("snapback_error_logs", "Logs that this bot counts errors in, by how: all of it, in samples, or not at all since nobody can read it.", "read")
	logLines    = desc("snapback_error_log_lines_total", "Lines that this bot has read to count errors.")
	logShare    = desc("snapback_error_log_read_ratio", "Share of the lines that was read lately of the log that is written fastest, from 0 to 1.")
	logLag      = desc("snapback_error_log_lag_seconds", "Seconds after which a line was read lately, of the log that is furthest behind.")
	queries     = desc("snapback_error_queries", "Containers whose errors come from Prometheus, by whether the last query was answered.", "outcome")
	waited      = desc("snapback_db_acquire_wait_seconds_total", "Seconds that were spent waiting for a connection.")
)

// Describe implements prometheus.Collector.
func (s *standing) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		ready, waiting, oldest, dead, terminals, holds, diskUsed, diskLimit, connections, most, acquires, waits, waited,
		logs, logLines, logShare, logLag, queries,
	} {
		out <- d
	}
}

// scrapePatience is well below the 10 s after which Prometheus gives a scrape up.
const scrapePatience = 2 * time.Second

// Collect implements prometheus.Collector.
func (s *standing) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapePatience)
	defer cancel()
	var all sync.WaitGroup
	for _, part := range []func(context.Context, chan<- prometheus.Metric){s.ready, s.queue, s.terminals, s.holds, s.disk, s.pool, s.errors} {
		all.Go(func() { part(ctx, out) })
	}
	all.Wait()
}

func gauge(d *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (s *standing) ready(ctx context.Context, out chan<- prometheus.Metric) {
	for check, ok := range s.Ready(ctx) {
		value := 0.0
		if ok {
			value = 1
		}
		out <- gauge(ready, value, check)
	}
}

func (s *standing) queue(ctx context.Context, out chan<- prometheus.Metric) {
	states, err := s.Database.Queue(ctx)
	if err != nil {
		return // snapback_ready tells of the database
	}
	for _, q := range states {
		out <- gauge(waiting, float64(q.Waiting), q.Kind)
		out <- gauge(oldest, q.Oldest.Seconds(), q.Kind)
		out <- gauge(dead, float64(q.Dead), q.Kind)
	}
}

func (s *standing) terminals(ctx context.Context, out chan<- prometheus.Metric) {
	if n, err := s.Database.OpenTerminals(ctx); err == nil {
		out <- gauge(terminals, float64(n))
	}
}

func (s *standing) holds(ctx context.Context, out chan<- prometheus.Metric) {
	if held, back, err := s.Database.HoldCount(ctx); err == nil {
		out <- gauge(holds, float64(held-back), "away")
		out <- gauge(holds, float64(back), "back")
	}
}

func (s *standing) disk(ctx context.Context, out chan<- prometheus.Metric) {
	out <- gauge(diskLimit, s.Limit)
	if use, err := s.Disk(ctx); err == nil {
		out <- gauge(diskUsed, use.Share)
	}
}

func (s *standing) pool(_ context.Context, out chan<- prometheus.Metric) {
	now := s.Database.Connections()
	out <- gauge(connections, float64(now.InUse), "in_use")
	out <- gauge(connections, float64(now.Idle), "idle")
	out <- gauge(connections, float64(now.Connecting), "connecting")
	out <- gauge(most, float64(now.Max))
	count := func(d *prometheus.Desc, n float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, n)
	}
	count(acquires, float64(now.Acquires))
	count(waits, float64(now.Waits))
	count(waited, now.Waited.Seconds())
}

func (s *standing) errors(_ context.Context, out chan<- prometheus.Metric) {
	if s.Logs == nil {
		return
	}
	r := s.Logs()
	out <- gauge(logs, float64(r.Whole), "all")
	out <- gauge(logs, float64(r.Sampled), "samples")
	out <- gauge(logs, float64(r.Unreadable), "nothing")
	out <- prometheus.MustNewConstMetric(logLines, prometheus.CounterValue, float64(r.Lines))
	out <- gauge(logShare, r.LeastShare)
	out <- gauge(logLag, r.MostLag.Seconds())
	answered, failing := s.Queries()
	out <- gauge(queries, float64(answered), "answered")
	out <- gauge(queries, float64(failing), "failing")
}
