package watch_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/snapshot/watch"
)

// count writes down errors a minute of a container, from so many minutes ago until so many minutes ago.
func (k *kit) count(key string, from, until int, perMinute float64) {
	k.T.Helper()
	now := time.Now()
	for m := from; m > until; m-- {
		at := now.Add(-time.Duration(m) * time.Minute)
		c := flat.Count{Key: key, From: at, To: at.Add(time.Minute), Errors: perMinute, Share: 1}
		if err := k.DB.SaveErrors(k.T.Context(), []flat.Count{c}, flat.Steps{}.WithDefaults()); err != nil {
			k.T.Fatal(err)
		}
	}
}

// spikes is how the program finds out.
func (k *kit) spikes() snapshot.Spikes {
	return snapshot.Spikes{Errors: flat.Gauge{Store: k.DB}, Deploys: k.DB}
}

// TestStatesKeptDuringASpikeAreOfferedLast goes from the errors that were counted to what the first button restores.
func TestStatesKeptDuringASpikeAreOfferedLast(t *testing.T) {
	k := setup(t)
	k.Taker.Spiking = k.spikes().At
	api, image := k.Name("api"), k.Server("shop")
	key := k.Key(api)
	stop := k.Watch(func(c *watch.Config) { c.Spiking = k.spikes().At })
	k.AwaitBaseline(key, k.Run(api, "-e", "V=1", image))
	k.Docker("rm", "-f", api)
	bad := k.Run(api, "-e", "V=2", image)
	k.AwaitBaseline(key, bad)
	calm := k.Take(api)
	k.AwaitDeploys(key, 1)
	k.exec(`UPDATE deploys SET at = now() - interval '6 minutes'`) // an hour of counts fits into no test
	k.count(key, 60, 5, 0.2)
	k.count(key, 5, 0, 40)
	if taken := k.TakeNamed(api, "during"); !taken.Spiked {
		t.Error("a snapshot that is taken during the spike has no mark")
	}
	k.Docker("rm", "-f", api)
	third := k.Run(api, "-e", "V=3", image)
	k.AwaitDeploys(key, 2)
	k.Until("what was kept of the second is marked", func() bool {
		of := snapshottest.Must(k.DB.Snapshots(t.Context(), key))
		i := slices.IndexFunc(of, func(s snapshot.Snapshot) bool { return s.ID == calm.ID })
		return i >= 0 && of[i].Spiked
	})
	if d := k.Deploys(key)[0]; !snapshottest.Must(k.DB.Snapshot(t.Context(), key, d.Snapshot)).Spiked {
		t.Errorf("the state from before the third, %s, has no mark", d.Snapshot)
	}
	stop()
	offers := snapshottest.Must(k.Restorer.Offers(t.Context(), k.Container(api), time.Time{}, 3))
	if len(offers) == 0 || !offers[0].WayOut() || k.versionOf(key, offers[0].Snapshot.Name) != "V=1" {
		t.Fatalf("offered first: %+v", offers)
	}
	calmAgain := false
	for _, o := range offers {
		if o.Snapshot.ContainerID == bad && !o.WayOut() {
			calmAgain = o.Doubt == "errors were at a spike's rate when it was taken"
		}
		if o.Snapshot.ContainerID == bad && o.WayOut() {
			t.Errorf("%s is offered as a way out", o.Snapshot.Name)
		}
	}
	if !calmAgain {
		t.Errorf("the list does not say why: %+v of %s", offers, third)
	}
	if r := k.Restore(k.Container(api), offers[0].Snapshot.Name); r.State != restore.Verified {
		t.Errorf("%s: %s", r.State, r.Error)
	}
}

// versionOf is the variable V of what a snapshot holds.
func (k *kit) versionOf(key, name string) string {
	k.T.Helper()
	s := snapshottest.Must(k.DB.Snapshot(k.T.Context(), key, name))
	for _, v := range []string{"V=1", "V=2", "V=3"} {
		if strings.Contains(string(s.Document), `"`+v+`"`) {
			return v
		}
	}
	return ""
}

func (k *kit) exec(sql string) {
	k.T.Helper()
	conn := snapshottest.Must(k.DB.Pool().Acquire(k.T.Context()))
	defer conn.Release()
	snapshottest.Must(conn.Exec(k.T.Context(), sql))
}

func TestBaselineOfASpikeIsTakenAnewWhenItIsOver(t *testing.T) {
	k := setup(t)
	k.Taker.Spiking = k.spikes().At
	api := k.Name("api")
	key := k.Key(api)
	k.count(key, 60, 5, 0.2)
	k.count(key, 5, 0, 40)
	k.Watch(func(c *watch.Config) { c.Spiking, c.Every = k.spikes().At, 200*time.Millisecond })
	id := k.Run(api, k.Server("shop"))
	k.AwaitBaseline(key, id)
	if first := k.Of(key, snapshot.Baseline)[0]; !first.Spiked {
		t.Fatalf("the first has no mark: %+v", first)
	}
	k.exec(`DELETE FROM error_minutes`) // which is what time does
	k.Until("there is one without a mark", func() bool {
		list := k.Of(key, snapshot.Baseline)
		return len(list) == 1 && !list[0].Spiked && list[0].ContainerID == id
	})
}
