package main

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/watch"
	"github.com/snapback/snapback/store"
)

// store is the bot's database, as another bot opens it.
func (n *night) store() *store.DB {
	n.t.Helper()
	c, err := readConfig(&reader{getenv: func(k string) string { return n.env[k] }})
	if err != nil {
		n.t.Fatal(err)
	}
	keys, err := c.keys()
	if err != nil {
		n.t.Fatal(err)
	}
	db, err := store.Open(n.t.Context(), store.Config{URL: c.DatabaseURL, Keys: keys})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(db.Close)
	return db
}

// engineOf is the engine as a bot sees it that looks at one test's containers only.
func engineOf(t *testing.T, only string) *docker.Engine {
	t.Helper()
	e, err := docker.New(t.Context(), docker.Config{Only: only})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// tidyOften is another bot's watch, which does at once what a bot's own does every three minutes.
func (n *night) tidyOften() {
	n.t.Helper()
	db, engine := n.store(), engineOf(n.t, n.Only())
	taker := capture.New(capture.Config{Engine: engine, Ref: docker.Ref, Store: db, Lock: db, Audit: db})
	w := watch.New(watch.Config{Engine: engine, Store: db, Deploys: db, Taker: taker, TidyEvery: 50 * time.Millisecond})
	w.Start()
	n.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := w.Stop(ctx); err != nil {
			n.t.Error(err)
		}
	})
}

func TestPrunedSnapshotLosesItsButtonInTheMessageThatIsThere(t *testing.T) {
	n := newNight(t)
	shop, image := n.Name("shop"), n.Image("v1", `CMD ["/app"]`)
	n.Run(shop, n.labels(image)...)
	n.start()
	if status, answer := n.call("POST", "/containers/"+shop+"/snapshots", `{"reason":"pre-deploy","name":"pre-deploy-2255"}`); status != 201 {
		t.Fatalf("taking a snapshot: %d %v", status, answer)
	}
	n.awaitKnown(1)
	n.Docker("rm", "-f", shop)
	n.Run(shop, n.labels(n.Image("v2", `CMD ["/app"]`))...)
	n.pollUntil("the deploy is seen", func() bool { return n.count(`SELECT count(*) FROM deploys`) == 1 })
	n.service.Trigger("High error rate on shop")
	alert := n.channel.ExpectMessage(t, "High error rate on shop", "[Restore pre-deploy-2255]")
	n.pollUntil("all is told", func() bool {
		return n.count(`SELECT count(*) FROM river_job WHERE kind = 'slack' AND finalized_at IS NULL`) == 0
	})

	copied, id := filepath.Join(t.TempDir(), "v1.tar"), n.Docker("image", "inspect", "--format", "{{.Id}}", image)
	n.Docker("save", "-o", copied, image)
	n.Docker("rmi", "-f", id)
	n.tidyOften()
	alert = alert.ExpectUpdate(t, "can't be restored: its image is gone")
	if alert.Button("Restore pre-deploy-2255").Exists() {
		t.Errorf("what was pruned is still offered:\n%s", alert)
	}

	n.Docker("load", "-i", copied)
	alert.ExpectUpdate(t, "[Restore pre-deploy-2255]")
}

func TestSnapshotWithoutTheVolumesThatItShouldHaveIsSaidInSlack(t *testing.T) {
	n := newNight(t)
	n.start()
	db, by := n.store(), snapshot.By{Actor: incidents.Self()}
	for name, volumes := range map[string]*snapshot.VolumeSet{
		"none": nil, "all": {ID: "s", TakenAt: time.Now()}, "full": {TakenAt: time.Now(), Problem: "the disk is 97 % full"},
	} {
		s := snapshot.Snapshot{Key: "k", Container: "shop", Name: name, Reason: snapshot.Scheduled, CreatedAt: time.Now(), Document: []byte("{}"), Volumes: volumes}
		if _, err := db.AddSnapshot(t.Context(), s, by); err != nil {
			t.Fatal(err)
		}
	}
	n.channel.ExpectMessage(t, "⚠️", "took snapshot full of shop, without its volumes: the disk is 97 % full")
	n.pollUntil("all is told", func() bool {
		return n.count(`SELECT count(*) FROM river_job WHERE kind = 'slack' AND finalized_at IS NULL`) == 0
	})
	if got := len(n.channel.Messages()); got != 1 {
		t.Errorf("what is routine is said as well: %d messages\n%s", got, n.channel)
	}
}
