package watch_test

import (
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/restore"
)

// TestEachTurnOfTwoColoursIsADeploy has two containers of one line that are started and stopped in turn, and never removed.
func TestEachTurnOfTwoColoursIsADeploy(t *testing.T) {
	k := setup(t)
	key := snapshottest.Must(k.Engine().ID(t.Context())) + "/identity/" + k.Name("api")
	one, two := k.Server("shop:1"), k.Server("shop:2")
	k.Watch()
	blue := k.Run(k.Name("blue"), "--label", "snapback.identity="+k.Name("api"), one)
	k.AwaitBaseline(key, blue)
	green := k.Run(k.Name("green"), "--label", "snapback.identity="+k.Name("api"), two)
	k.Docker("stop", "-t", "1", blue)
	k.AwaitDeploys(key, 1)
	now, other := green, blue
	for n := 2; n <= 4; n++ {
		k.AwaitBaseline(key, now)
		began := time.Now().Add(-time.Second)
		k.Docker("start", other)
		k.Docker("stop", "-t", "1", now)
		d := k.AwaitDeploys(key, n)[0]
		if d.BeforeID != now || d.AfterID != other || d.Snapshot == "" || d.At.Before(began) || len(d.Changes) == 0 {
			t.Fatalf("turn %d: %+v, after %v", n, d, began)
		}
		now, other = other, now
	}
	k.AwaitBaseline(key, now)
	c := k.Container(k.Name("blue"))
	r := k.Restore(c, k.Deploys(key)[0].Snapshot)
	if r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	k.AwaitBaseline(key, r.Plan.NewID)
	k.Docker("start", green)
	k.Docker("stop", "-t", "1", r.Plan.NewID)
	k.AwaitDeploys(key, 5)
	k.AwaitBaseline(key, green)
	k.Docker("start", r.Plan.NewID)
	k.Docker("stop", "-t", "1", green)
	if d := k.AwaitDeploys(key, 6)[0]; d.AfterID != r.Plan.NewID {
		t.Errorf("what a restore has made is started again by hand: %+v", d)
	}
}
