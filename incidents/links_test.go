package incidents_test

import (
	"testing"

	"github.com/snapback/snapback/incidents"
)

func TestEntryLeadsToWhatTheAPITellsOfIt(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]incidents.Entry{
		"/restores/7":                       {IncidentID: 3, Kind: incidents.KindEvidence, Details: []byte(`{"restore_id":7,"container":"shop"}`)},
		"/containers/shop/snapshots/good":   {Kind: incidents.KindSnapshotTaken, Details: []byte(`{"container":"shop","snapshot":"good"}`)},
		"/containers/shop/snapshots/pre-1":  {IncidentID: 3, Kind: incidents.KindDeploy, Details: []byte(`{"container":"shop","snapshot":"pre-1"}`)},
		"/containers/shop/snapshots":        {Kind: incidents.KindSnapshotDeleted, Details: []byte(`{"container":"shop","snapshot":"good"}`)},
		"/containers/a%2Fb%20%3F/snapshots": {Kind: incidents.KindDeploy, Details: []byte(`{"container":"a/b ?"}`)},
		"/incidents/3/timeline":             {IncidentID: 3, Kind: incidents.KindTerminalOpened, Details: []byte(`{"container":"shop"}`)},
		"/incidents/4/timeline":             {IncidentID: 4, Kind: incidents.KindNote},
		"/containers":                       {Kind: incidents.KindNote, Details: []byte(`[]`)},
	} {
		if got := incidents.LinkOf("https://snapback.example.com", e); got != "https://snapback.example.com"+want {
			t.Errorf("%s %s leads to %s, want %s", e.Kind, e.Details, got, want)
		}
	}
}
