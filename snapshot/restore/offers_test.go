package restore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

func TestRestoreToWhatRunsAlreadyIsRefusedUnlessForced(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	first := k.Run(api, k.Server("shop"))
	snap := k.Take(api)
	ask := restore.Ask{Container: k.Container(api), Snapshot: snap.Name, By: k.By(), Idempotency: "once"}
	_, err := k.Restorer.Request(t.Context(), ask)
	if !errors.Is(err, snapshot.ErrAlreadyThere) || k.Container(api).ID != first {
		t.Fatalf("%v, and %s runs; want it left alone", err, k.Container(api).ID)
	}
	if _, err := k.DB.Restore(t.Context(), 1); !errors.Is(err, snapshot.ErrUnknownRestore) {
		t.Errorf("it was written down all the same (%v)", err)
	}
	ask.Force = true
	forced, err := k.Restorer.Request(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	if r := k.Wait(forced.ID); r.State != restore.Verified || k.Container(api).ID == first {
		t.Errorf("forced: %s: %s", r.State, r.Error)
	}
	ask.Force, ask.Container = false, k.Container(api)
	if again, err := k.Restorer.Request(t.Context(), ask); err != nil || again.ID != forced.ID {
		t.Errorf("the same wish delivered again is restore %d, %v; want %d", again.ID, err, forced.ID)
	}
	if left, err := k.DB.LeftBehind(t.Context(), k.Key(api)); err != nil || len(left) != 0 {
		t.Errorf("what was made anew counts as left behind: %v, %v", left, err)
	}
	k.Docker("stop", "-t", "0", api)
	ask.Idempotency = "twice"
	if _, err := k.Restorer.Request(t.Context(), ask); err != nil {
		t.Errorf("a stopped one can't be restored to what it was: %v", err)
	}
}

// The good container has written files of its own, so that its snapshot is a commit and it runs from that afterwards.
func TestOffersAreHeldAgainstWhatRunsBeforeAndAfterARestore(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	image := k.Written(api).Image
	good := k.TakeNamed(api, "good")
	k.Docker("rm", "-f", api)
	k.Run(api, "-e", "DB_POOL=2", image)
	bad := k.TakeNamed(api, "bad")
	offers := k.offers(api)
	if !offers["good"].WayOut() || len(offers["good"].Changes) == 0 || !offers["bad"].Running {
		t.Errorf("after the deploy: %+v", offers)
	}
	if r := k.Restore(k.Container(api), good.Name); r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	k.TakeNamed(api, "again")
	offers = k.offers(api)
	if o := offers["good"]; !o.Running || o.Layer || len(o.Changes) != 0 {
		t.Errorf("what was restored is no longer what runs: %+v", o)
	}
	if o := offers["again"]; !o.Running {
		t.Errorf("what was taken of it since is not what runs: %+v", o)
	}
	if o := offers["bad"]; o.WayOut() || o.Doubt != "a restore was made away from it" {
		t.Errorf("the bad state: %+v", o)
	}
	for _, c := range offers["bad"].Changes {
		if c.ImageDetail() || c.Attribute == "image" {
			t.Errorf("the image is said to change, and is the same: %s", c)
		}
	}
	_, err := k.Restorer.Request(t.Context(), restore.Ask{Container: k.Container(api), Snapshot: good.Name, By: k.By()})
	if !errors.Is(err, snapshot.ErrAlreadyThere) {
		t.Errorf("restoring it once more: %v; want %v", err, snapshot.ErrAlreadyThere)
	}
	if r := k.Restore(k.Container(api), bad.Name); r.State != restore.Verified {
		t.Errorf("who wants the bad state back can't have it: %s: %s", r.State, r.Error)
	}
}

// offers are what is kept, by name.
func (k *kit) offers(name string) map[string]restore.Offer {
	k.T.Helper()
	list, err := k.Restorer.Offers(k.T.Context(), k.Container(name), time.Time{}, 10)
	if err != nil {
		k.T.Fatal(err)
	}
	out := map[string]restore.Offer{}
	for _, o := range list {
		out[o.Snapshot.Name] = o
	}
	return out
}

// Something that all newer states need is gone.
func TestWayOutIsLookedForBeyondTheOffersThatAreShown(t *testing.T) {
	k := setup(t)
	api, network := k.Name("api"), k.Name("front")
	image := k.Server("shop")
	k.Run(api, "-e", "N=1", image)
	k.TakeNamed(api, "sound")
	k.Docker("network", "create", network)
	for _, n := range []string{"2", "3"} {
		k.Docker("rm", "-f", api)
		k.Run(api, "--network", network, "-e", "N="+n, image)
		k.TakeNamed(api, "needy-"+n)
	}
	k.Docker("rm", "-f", api)
	k.Run(api, "-e", "N=4", image)
	k.Docker("network", "rm", network)
	offers, err := k.Restorer.Offers(t.Context(), k.Container(api), time.Time{}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if offers[0].WayOut() || !offers[1].WayOut() || offers[1].Snapshot.Name != "sound" || len(offers) != 3 {
		t.Errorf("%+v", offers)
	}
}
