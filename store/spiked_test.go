package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
)

// A container that has proved good and is started again during somebody else's outage has run for minutes only, and is good all
// the same: none of its snapshots is marked.
func TestSpikeMarksNoStateThatHasProvedGood(t *testing.T) {
	t.Parallel()
	db := open(t, storetest.URL(t))
	add := func(name, container string) {
		t.Helper()
		_, err := db.AddSnapshot(t.Context(), snapshot.Snapshot{
			Key: key, Container: "api", Name: name, Reason: snapshot.Baseline, ContainerID: container, CreatedAt: time.Now(), Document: []byte("{}"),
		}, snapshot.By{})
		testkit.OK(t, err)
	}
	add("proved", "c1")
	testkit.OK(t, db.SeeWell(t.Context(), key, "c1", time.Now(), 48*time.Hour))
	add("young", "c2")
	for _, id := range []string{"c1", "c2"} {
		testkit.OK(t, db.MarkSpiked(t.Context(), key, id, time.Hour))
	}
	list, err := db.Snapshots(t.Context(), key)
	testkit.OK(t, err)
	var marked []string
	for _, s := range list {
		if s.Spiked {
			marked = append(marked, s.Name)
		}
	}
	if !slices.Equal(marked, []string{"young"}) {
		t.Errorf("marked are %v", marked)
	}
}
