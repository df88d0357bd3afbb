// Package metrics is what the program counts and measures of its work, beside what package api counts of its requests. The
// domain knows nothing of it: its hooks are handed to the Configs of those who act, and call back with what they know.
//
// Every label has few values, all of them known beforehand, so that a night never makes more series than an evening.
// docs/metrics.md lists all metrics; a test keeps the list and the program the same.
package metrics

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// Metrics are counted by its methods, which may be called from several goroutines.
type Metrics struct {
	registry  prometheus.Registerer
	restores  *prometheus.CounterVec
	phases    *prometheus.HistogramVec
	downtime  prometheus.Histogram
	snapshots *prometheus.CounterVec
	deploys   prometheus.Counter
	posted    prometheus.Histogram
	terminals *prometheus.CounterVec
}

// New registers what is counted. Version is the program's.
func New(registry prometheus.Registerer, version string) *Metrics {
	m := &Metrics{
		registry: registry,
		restores: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "snapback_restores_total", Help: "Restores and undos that this bot has ended.",
		}, []string{"kind", "outcome"}),
		phases: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "snapback_restore_phase_seconds", Help: "Seconds in each state, counted at the restore's end.",
			Buckets: []float64{.01, .05, .25, 1, 2.5, 5, 10, 30, 60, 300, 1800},
		}, []string{"phase"}),
		downtime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "snapback_restore_downtime_seconds", Help: "Seconds that nothing ran during a verified restore.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 20, 60, 300},
		}),
		snapshots: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "snapback_snapshots_total", Help: "This bot's attempts to take a snapshot.",
		}, []string{"reason", "outcome"}),
		deploys: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "snapback_deploys_total", Help: "Deploys that this bot was the first to see.",
		}),
		posted: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "snapback_alert_posted_seconds", Help: "Seconds from the stored webhook to the message in Slack.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800},
		}),
		terminals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "snapback_terminal_total", Help: "Terminal events; a session's outcome is its mode or the reason of its end.",
		}, []string{"event", "outcome"}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "snapback_build_info", Help: "Always 1, for its label."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	registry.MustRegister(m.restores, m.phases, m.downtime, m.snapshots, m.deploys, m.posted, m.terminals, build)
	m.beginAtZero()
	return m
}

// beginAtZero shows what has not happened yet as 0: from a series that begins at 1, no rate shows that first time.
func (m *Metrics) beginAtZero() {
	for _, s := range restore.States() {
		if !s.Final() {
			m.phases.WithLabelValues(s.String())
			continue
		}
		for _, kind := range []restore.Kind{restore.Restoring, restore.Undoing} {
			m.restores.WithLabelValues(string(kind), s.String())
		}
	}
	for _, reason := range []snapshot.Reason{snapshot.PreDeploy, snapshot.Scheduled, snapshot.Manual, snapshot.Baseline, snapshot.Before} {
		for _, outcome := range []string{"taken", "refused", "disk_full", "cancelled", "failed"} {
			m.snapshots.WithLabelValues(string(reason), outcome)
		}
	}
}

// Restore counts one that is over.
func (m *Metrics) Restore(r restore.Restore) {
	m.restores.WithLabelValues(string(r.Kind), r.State.String()).Inc()
	for _, p := range r.Phases {
		m.phases.WithLabelValues(p.State.String()).Observe(float64(p.Ms) / 1000)
	}
	if r.State == restore.Verified {
		m.downtime.Observe(r.Downtime.Seconds())
	}
}

// Snapshot counts how taking one has ended.
func (m *Metrics) Snapshot(reason snapshot.Reason, err error) {
	m.snapshots.WithLabelValues(string(reason), outcome(err)).Inc()
}

// refused are the answers to a wish that can't be met, as opposed to those of an engine, a disk or a database.
var refused = []error{
	snapshot.ErrBadName, snapshot.ErrNameTaken, snapshot.ErrNotEnabled, snapshot.ErrCarriesBot, snapshot.ErrUnknownContainer, snapshot.ErrGone,
	snapshot.ErrElsewhere,
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "taken"
	case errors.Is(err, snapshot.ErrDiskFull):
		return "disk_full"
	case errors.Is(err, context.Canceled):
		return "cancelled" // the bot was stopped, or whoever asked has gone
	}
	for _, known := range refused {
		if errors.Is(err, known) {
			return "refused"
		}
	}
	return "failed"
}

// Deploy counts one that was seen.
func (m *Metrics) Deploy(snapshot.Deploy) { m.deploys.Inc() }

// Posted counts an alert whose message stands in Slack, so long after its webhook was stored.
func (m *Metrics) Posted(after time.Duration) { m.posted.Observe(after.Seconds()) }

// Terminal counts what the terminals report. Both words come from bounded sets.
func (m *Metrics) Terminal(event, outcome string) { m.terminals.WithLabelValues(event, outcome).Inc() }
