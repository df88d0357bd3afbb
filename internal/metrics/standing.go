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
	Disk     func(ctx context.Context) (snapshot.DiskUse, error) // of the engine's layers; of several engines, the fullest that the bot sees
	Limit    float64                                             // how full the disk may be for a commit, from 0 to 1
	Logs     func() logtail.Reading                              // how logs are read for errors
	Queries  func() (answered, failing int)                      // of Prometheus, for errors
	Hears    func() (hears, known bool)                          // PagerDuty's alerts
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
	ready       = desc("snapback_ready", "1 while what the bot needs answers, else 0, as in /readyz.", "check")
	waiting     = desc("snapback_jobs_waiting", "Jobs of all bots that are not done yet.", "kind")
	oldest      = desc("snapback_job_oldest_seconds", "Age of the oldest job that is not done yet; 0 without one.", "kind")
	dead        = desc("snapback_jobs_dead", "Jobs given up for good within the last day.", "kind")
	terminals   = desc("snapback_terminal_sessions", "Open terminal sessions of all bots.")
	holds       = desc("snapback_holds", "Deploys on hold: they run again (back) or not (away).", "state")
	diskUsed    = desc("snapback_engine_disk_used_ratio", "Used share of the engine's disk, 0 to 1; of several, the fullest. Absent where the bot can't see it.")
	diskLimit   = desc("snapback_engine_disk_limit_ratio", "Share of that disk from which on nothing is committed (SNAPBACK_DISK_LIMIT).")
	connections = desc("snapback_db_connections", "This bot's connections to Postgres.", "state")
	most        = desc("snapback_db_connections_max", "Connections to Postgres that this bot may have.")
	acquires    = desc("snapback_db_acquires_total", "Connections taken from the pool.")
	waits       = desc("snapback_db_acquire_waits_total", "How often a connection was waited for.")
	logs        = desc("snapback_error_logs", "Logs with errors to count: read whole, in samples, or unreadable.", "read")
	logLines    = desc("snapback_error_log_lines_total", "Log lines read to count errors.")
	logShare    = desc("snapback_error_log_read_ratio", "Share read lately of the fastest log, 0 to 1.")
	logLag      = desc("snapback_error_log_lag_seconds", "Seconds that the slowest reader is behind.")
	queries     = desc("snapback_error_queries", "Containers with a Prometheus query, by its last outcome.", "outcome")
	reached     = desc("snapback_pagerduty_reaches", "1 while PagerDuty's alerts reach the bot, else 0. Absent while that is not known.")
	waited      = desc("snapback_db_acquire_wait_seconds_total", "Seconds spent waiting for a connection.")
)

// Describe implements prometheus.Collector.
func (s *standing) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		ready, waiting, oldest, dead, terminals, holds, diskUsed, diskLimit, connections, most, acquires, waits, waited,
		logs, logLines, logShare, logLag, queries, reached,
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
	for _, part := range []func(context.Context, chan<- prometheus.Metric){s.ready, s.queue, s.terminals, s.holds, s.disk, s.pool, s.errors, s.hears} {
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

func (s *standing) hears(_ context.Context, out chan<- prometheus.Metric) {
	if s.Hears == nil {
		return
	}
	switch hears, known := s.Hears(); {
	case known && hears:
		out <- gauge(reached, 1)
	case known:
		out <- gauge(reached, 0)
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
