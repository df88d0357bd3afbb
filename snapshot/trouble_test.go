package snapshot_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/store"
)

func TestReplacementThatNeverBecomesHealthyIsReverted(t *testing.T) {
	k := setup(t)
	k.restorer = snapshot.NewRestorer(snapshot.Config{Engine: k.Engine(), Journal: k.db, Shelf: k.db, Bot: "impatient", Health: time.Second})
	k.restorer.Start()
	t.Cleanup(func() {
		if err := k.restorer.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	api := k.Name("api")
	k.Run(api, k.Image("slow", `CMD ["/app"]`, `HEALTHCHECK --interval=1h CMD ["/app", "check"]`))
	snap := k.take(api)
	k.Docker("rm", "-f", api)
	old := k.Run(api, k.Image("bad", `CMD ["/app"]`))
	r := k.restore(k.container(api), snap.Name)
	if r.State != snapshot.Reverted || !strings.Contains(r.Error, "did not say healthy within 1s") {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	if now := k.container(api); now.ID != old || now.State != "running" {
		t.Errorf("the old one is %+v", now)
	}
	if diff := cmp.Diff(map[string]string{api: "running"}, k.names(api)); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
}

// tardy is a journal whose answer to a claim comes when the lease is over, and that somebody else has claimed by then.
type tardy struct {
	*store.DB
	lease   time.Duration
	renewed atomic.Bool
	asked   chan struct{} // closed when the lease was asked for again
}

func (j *tardy) Claim(ctx context.Context, id int64, bot string, lease time.Duration) (snapshot.Restore, error) {
	r, err := j.DB.Claim(ctx, id, bot, lease)
	<-time.After(j.lease)
	return r, err
}

func (j *tardy) Renew(context.Context, int64, int64, time.Duration) error {
	if !j.renewed.Swap(true) {
		close(j.asked)
	}
	return snapshot.ErrFenced
}

func TestLeaseCountsFromBeforeTheClaim(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Run(api, k.Image("good", `CMD ["/app"]`))
	snap := k.take(api)
	c := k.container(api)
	if err := k.restorer.Stop(t.Context()); err != nil { // it would take the restore over
		t.Fatal(err)
	}
	const lease = 2 * time.Second
	j := &tardy{DB: k.db, lease: lease, asked: make(chan struct{})}
	r := snapshot.NewRestorer(snapshot.Config{Engine: k.Engine(), Journal: j, Shelf: k.db, Bot: "late", Lease: lease})
	t.Cleanup(func() {
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	asked, err := r.Request(t.Context(), snapshot.Ask{Container: c, Snapshot: snap.Name, By: k.by()})
	if err != nil {
		t.Fatal(err)
	}
	<-j.asked
	now, err := k.db.Restore(t.Context(), asked.ID)
	if err != nil || now.State != snapshot.Preflight {
		t.Errorf("the restore is %s already, although its lease was over (%v)", now.State, err)
	}
}
