package watch_test

import (
	"encoding/json"
	"testing"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
)

// What is on record of one container can't be read, as after a release that wrote it in another way.
func TestContainerThatCannotBeReadKeepsNobodyFromBeingWatched(t *testing.T) {
	k := setup(t)
	image := k.Server("shop")
	k.Run(k.Name("odd"), image)
	odd := snapshottest.Must(k.Engine().Inspect(t.Context(), k.Name("odd")))
	if err := k.DB.SetOccupant(t.Context(), snapshot.Occupant{Container: odd.Container, Labels: odd.Labels, Document: json.RawMessage(`"none"`)}); err != nil {
		t.Fatal(err)
	}
	k.Watch()
	first := k.Run(k.Name("api"), "-e", "V=1", image)
	key := k.Key(k.Name("api"))
	k.AwaitBaseline(key, first)
	k.Docker("rm", "-f", k.Name("api"))
	k.Run(k.Name("api"), "-e", "V=2", image)
	if d := k.AwaitDeploys(key, 1)[0]; d.Snapshot == "" {
		t.Errorf("deploy %+v", d)
	}
}
