package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/snapback/snapback/internal/metrics"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/store"
)

// database answers, fails, or does not answer at all.
type database struct {
	err  error
	hung bool
}

func (d database) wait(ctx context.Context) error {
	if d.hung {
		<-ctx.Done()
		return ctx.Err()
	}
	return d.err
}

func (d database) Queue(ctx context.Context) ([]store.QueueState, error) {
	return []store.QueueState{{Kind: "slack", Waiting: 2, Oldest: 90 * time.Second, Dead: 1}}, d.wait(ctx)
}

func (d database) HoldCount(ctx context.Context) (int, int, error) { return 3, 1, d.wait(ctx) }

func (d database) OpenTerminals(ctx context.Context) (int, error) { return 3, d.wait(ctx) }

func (d database) Connections() store.Connections {
	return store.Connections{InUse: 4, Max: 20, Acquires: 7, Waited: 1500 * time.Millisecond}
}

// scraped are the lines that tell of what stands, without those of the pool.
func scraped(t *testing.T, s metrics.Sources) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	metrics.New(registry, "test").Watch(s)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, one := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "snapback_")
			for _, l := range one.GetLabel() {
				name += " " + l.GetValue()
			}
			if g := one.GetGauge(); g != nil && !strings.HasPrefix(name, "db_") && !strings.HasPrefix(name, "build_") {
				values[name] = g.GetValue()
			}
		}
	}
	return values
}

func TestWhatDoesNotAnswerLeavesAGap(t *testing.T) {
	t.Parallel()
	full := func(context.Context) (snapshot.DiskUse, error) { return snapshot.DiskUse{Share: 0.25}, nil }
	unseen := func(context.Context) (snapshot.DiskUse, error) {
		return snapshot.DiskUse{}, fmt.Errorf("x: %w", snapshot.ErrDiskUnseen)
	}
	ready := func(is bool) func(context.Context) map[string]bool {
		return func(context.Context) map[string]bool { return map[string]bool{"database": is} }
	}
	for _, c := range []struct {
		name string
		s    metrics.Sources
		want map[string]float64
	}{
		{
			"all is well", metrics.Sources{Database: database{}, Ready: ready(true), Disk: full, Limit: 0.9},
			map[string]float64{
				"ready database": 1, "jobs_waiting slack": 2, "job_oldest_seconds slack": 90, "jobs_dead slack": 1,
				"holds away": 2, "holds back": 1, "terminal_sessions": 3,
				"engine_disk_used_ratio": 0.25, "engine_disk_limit_ratio": 0.9,
			},
		},
		{
			"the database is away and the disk unseen", metrics.Sources{Database: database{err: errors.New("away")}, Ready: ready(false), Disk: unseen, Limit: 0.9},
			map[string]float64{"ready database": 0, "engine_disk_limit_ratio": 0.9},
		},
	} {
		if d := cmp.Diff(c.want, scraped(t, c.s)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestScrapeEndsThoughNothingAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		hung := func(ctx context.Context) (snapshot.DiskUse, error) {
			<-ctx.Done()
			return snapshot.DiskUse{}, ctx.Err()
		}
		got := scraped(t, metrics.Sources{Database: database{hung: true}, Ready: func(context.Context) map[string]bool { return nil }, Disk: hung, Limit: 0.9})
		if took := time.Since(began); took > 2*time.Second || len(got) != 1 {
			t.Errorf("after %s it says %v", took, got)
		}
	})
}
