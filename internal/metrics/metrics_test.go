package metrics_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/internal/metrics"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

var update = flag.Bool("update", false, "write the list of docs/metrics.md")

const page = "../../docs/metrics.md"

// described is one metric, as the program registers it.
type described struct{ name, labels, help string }

var form = regexp.MustCompile(`fqName: "([^"]+)", help: "((?:[^"\\]|\\.)*)", .*constLabels: {}, variableLabels: {([^}]*)}`)

// all are the program's own metrics, by name.
func all(t *testing.T) (list []described) {
	t.Helper()
	requests := api.NewMetrics()
	metrics.New(requests.Registry, "test").Watch(metrics.Sources{})
	out := make(chan *prometheus.Desc)
	go func() { requests.Registry.Describe(out); close(out) }()
	for d := range out {
		if !strings.Contains(d.String(), `"snapback_`) {
			continue // Go's and the process's own
		}
		if found := form.FindStringSubmatch(d.String()); found == nil {
			t.Errorf("the form of a description has changed: %s", d)
		} else {
			list = append(list, described{found[1], strings.ReplaceAll(found[3], ",", ", "), found[2]})
		}
	}
	slices.SortFunc(list, func(a, b described) int { return strings.Compare(a.name, b.name) })
	return list
}

func TestEveryMetricIsInTheDocsAndNoOther(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	for _, m := range all(t) {
		name := m.name
		if m.labels != "" {
			name += "{" + m.labels + "}"
		}
		fmt.Fprintf(&table, "| `%s` | %s |\n", name, m.help)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const head = "| metric | what it says |\n|---|---|\n"
	before, rest, ok := strings.Cut(string(text), head)
	if !ok {
		t.Fatalf("%s has no table with this head:\n%s", page, head)
	}
	listed, after, _ := strings.Cut(rest, "\n\n")
	if *update {
		if err := os.WriteFile(page, []byte(before+head+strings.TrimSuffix(table.String(), "\n")+"\n\n"+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if listed+"\n" != table.String() {
		t.Errorf("%s is not what the program has; run go test ./internal/metrics -update. It should be:\n%s", page, table.String())
	}
}

func TestNamesAndHelpsFollowTheRules(t *testing.T) {
	t.Parallel()
	good := regexp.MustCompile(`^snapback_[a-z]+(_[a-z]+)*$`)
	for _, m := range all(t) {
		if !good.MatchString(m.name) || !strings.HasSuffix(m.help, ".") {
			t.Errorf("%+v", m)
		}
	}
}

// counted are the values of a metric that are not zero, by their labels' values.
func counted(t *testing.T, registry *prometheus.Registry, name string) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, one := range f.GetMetric() {
			var labels []string
			for _, l := range one.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			if v := one.GetCounter().GetValue() + one.GetHistogram().GetSampleSum(); f.GetName() == name && v != 0 {
				values[strings.Join(labels, " ")] = v
			}
		}
	}
	return values
}

func TestRestoreCountsItsOutcomeAndItsPhases(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	metrics.New(registry, "test").Restore(restore.Restore{
		Kind: restore.Undoing, State: restore.Failed, Downtime: time.Second, Phases: []restore.Phase{{State: restore.Swapping, Ms: 1500}},
	})
	for name, want := range map[string]map[string]float64{
		"snapback_restores_total":           {"undo failed": 1},
		"snapback_restore_phase_seconds":    {"swapping": 1.5},
		"snapback_restore_downtime_seconds": {},
	} {
		if d := cmp.Diff(want, counted(t, registry, name)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestSnapshotsThatAreNotTakenAreToldApart(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"taken": nil, "refused": fmt.Errorf("x: %w", snapshot.ErrNameTaken), "disk_full": fmt.Errorf("x: %w", snapshot.ErrDiskFull),
		"cancelled": context.Canceled, "failed": snapshot.ErrEngineAway,
	} {
		registry := prometheus.NewRegistry()
		metrics.New(registry, "test").Snapshot(snapshot.Manual, err)
		if d := cmp.Diff(map[string]float64{want + " manual": 1}, counted(t, registry, "snapback_snapshots_total")); d != "" {
			t.Errorf("%v (-want +got):\n%s", err, d)
		}
	}
}
