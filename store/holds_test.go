package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/store"
)

// TestWhatIsBackOfAHoldIsToldOnce: of several timelines that hear of a deploy, one says that it is back.
func TestWhatIsBackOfAHoldIsToldOnce(t *testing.T) {
	t.Parallel()
	back := snapshot.Deployed{
		Entry: incidents.Entry{Kind: incidents.KindDeploy},
		Back:  &snapshot.Back{Entry: incidents.Entry{Kind: incidents.KindDeployBack}},
	}
	plain := snapshot.Deployed{Entry: back.Entry}
	for name, test := range map[string]struct {
		open    []int64
		holding int64
		d       snapshot.Deployed
		want    map[int64]incidents.Kind
	}{
		"nothing is open":                 {nil, 0, back, map[int64]incidents.Kind{0: "deploy.back"}},
		"the hold is of no incident":      {[]int64{7, 8}, 0, back, map[int64]incidents.Kind{7: "deploy.back", 8: "deploy"}},
		"the hold's incident is the last": {[]int64{7, 8}, 8, back, map[int64]incidents.Kind{7: "deploy", 8: "deploy.back"}},
		"the hold's is of a suspect":      {nil, 9, back, map[int64]incidents.Kind{9: "deploy.back"}},
		"nothing is back":                 {[]int64{7}, 0, plain, map[int64]incidents.Kind{7: "deploy"}},
		"nothing is back, nothing open":   {nil, 0, plain, map[int64]incidents.Kind{0: "deploy"}},
	} {
		got := map[int64]incidents.Kind{}
		for _, e := range store.Tellers(test.open, test.d, test.holding) {
			if got[e.IncidentID] != "" {
				t.Errorf("%s: incident %d is told twice", name, e.IncidentID)
			}
			got[e.IncidentID] = e.Kind
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
