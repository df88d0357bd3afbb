package watch_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/watch"
)

// TestTheNewestArchiveStaysUntilThereIsAnother also where a newer snapshot has none, since it could not be made.
func TestTheNewestArchiveStaysUntilThereIsAnother(t *testing.T) {
	t.Parallel()
	const m, p, b, sch = snapshot.Manual, snapshot.PreDeploy, snapshot.Baseline, snapshot.Scheduled
	archived := func(s *snapshot.Snapshot) { s.Volumes = &snapshot.VolumeSet{ID: "set"} }
	failed := func(s *snapshot.Snapshot) { s.Volumes = &snapshot.VolumeSet{Problem: "the engine failed"} }
	tests := []struct {
		name  string
		list  []snapshot.Snapshot
		rules watch.RetentionRules
		want  []string // those that go
	}{
		{"of baselines", []snapshot.Snapshot{kept("a", b, 1, failed), kept("b", b, 2, failed), kept("c", b, 3, archived), kept("d", b, 4, archived)}, watch.RetentionRules{Keep: 1}, []string{"b", "d"}},
		{"until it is replaced", []snapshot.Snapshot{kept("a", b, 1, archived), kept("b", b, 2, failed), kept("c", b, 3, archived)}, watch.RetentionRules{Keep: 1}, []string{"b", "c"}},
		{"of what a schedule took", []snapshot.Snapshot{kept("a", sch, 1, failed), kept("b", sch, 2, failed), kept("c", sch, 3, archived), kept("d", sch, 4, archived)}, watch.RetentionRules{Keep: 1}, []string{"b", "d"}},
		{"of those from before deploys, also for its age", []snapshot.Snapshot{kept("a", p, 1, failed), kept("b", p, 60, archived)}, watch.RetentionRules{Keep: 1, MaxAge: 48 * time.Hour}, nil},
		{"each reason for itself", []snapshot.Snapshot{kept("a", p, 1, archived), kept("b", b, 2, failed), kept("c", b, 3, archived)}, watch.RetentionRules{Keep: 1}, nil},
		{"not when none is asked for any more", []snapshot.Snapshot{kept("a", b, 1), kept("b", b, 2, archived)}, watch.RetentionRules{Keep: 1}, []string{"b"}},
		{"nor where none has any", []snapshot.Snapshot{kept("a", b, 1, failed), kept("b", b, 2), kept("c", b, 3)}, watch.RetentionRules{Keep: 1}, []string{"b", "c"}},
		{"nor one whose image is gone", []snapshot.Snapshot{kept("a", b, 1, failed), kept("b", b, 2, archived, missing(169)), kept("c", b, 3, archived)}, watch.RetentionRules{Keep: 1}, []string{"b"}},
		{"nor what people took", []snapshot.Snapshot{kept("a", m, 1, failed), kept("b", m, 2, archived)}, watch.RetentionRules{Keep: 1}, []string{"b"}},
		{"nor of what is gone", []snapshot.Snapshot{kept("a", b, 50, failed), kept("b", b, 60, archived)}, watch.RetentionRules{Keep: 1, MaxAge: 48 * time.Hour, Gone: true}, []string{"a", "b"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.rules.Now = noon
			var got []string
			for _, s := range watch.Surplus(test.list, test.rules) {
				got = append(got, s.Name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("what goes (-want +got):\n%s", diff)
			}
		})
	}
}
