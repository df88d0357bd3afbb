package restore_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/store"
)

func TestReplacementThatNeverBecomesHealthyIsReverted(t *testing.T) {
	k := setup(t)
	k.Restorer = restore.New(restore.Config{Engine: k.Engine(), Journal: k.DB, Snapshots: k.DB, Bot: "impatient", Health: time.Second})
	k.Restorer.Start()
	t.Cleanup(func() {
		if err := k.Restorer.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	api := k.Name("api")
	k.Run(api, k.Image("slow", `CMD ["/app"]`, `HEALTHCHECK --interval=1h CMD ["/app", "check"]`))
	snap := k.Take(api)
	k.Docker("rm", "-f", api)
	old := k.Run(api, k.Image("bad", `CMD ["/app"]`))
	r := k.Restore(k.Container(api), snap.Name)
	if r.State != restore.Reverted || !strings.Contains(r.Error, "did not say healthy within 1s, which is as long as any gets") {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	if now := k.Container(api); now.ID != old || now.State != "running" {
		t.Errorf("the old one is %+v", now)
	}
	if diff := cmp.Diff(map[string]string{api: "running"}, k.Names(api)); diff != "" {
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

func (j *tardy) Claim(ctx context.Context, id int64, bot string, lease time.Duration) (restore.Restore, error) {
	r, err := j.DB.Claim(ctx, id, bot, lease)
	<-time.After(j.lease)
	return r, err
}

func (j *tardy) Renew(context.Context, int64, int64, time.Duration) error {
	if !j.renewed.Swap(true) {
		close(j.asked)
	}
	return restore.ErrFenced
}

func TestLeaseCountsFromBeforeTheClaim(t *testing.T) {
	k := setup(t)
	api := k.Name("api")
	k.Run(api, k.Image("good", `CMD ["/app"]`))
	snap := k.Take(api)
	c := k.Container(api)
	if err := k.Restorer.Stop(t.Context()); err != nil { // it would take the restore over
		t.Fatal(err)
	}
	const lease = 2 * time.Second
	j := &tardy{DB: k.DB, lease: lease, asked: make(chan struct{})}
	r := restore.New(restore.Config{Engine: k.Engine(), Journal: j, Snapshots: k.DB, Bot: "late", Lease: lease})
	t.Cleanup(func() {
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	asked, err := r.Request(t.Context(), restore.Ask{Force: true, Container: c, Snapshot: snap.Name, By: k.By()})
	if err != nil {
		t.Fatal(err)
	}
	testkit.Await(t, "the journal is asked", j.asked)
	now, err := k.DB.Restore(t.Context(), asked.ID)
	if err != nil || now.State != restore.Preflight {
		t.Errorf("the restore is %s already, although its lease was over (%v)", now.State, err)
	}
}

// A container may need longer than others to become healthy, and says so in its health check.
func TestHealthCheckIsWaitedForAsLongAsItGivesItself(t *testing.T) {
	for name, c := range map[string]struct {
		check string
		up    time.Duration // for how long it seems to have been starting
		state restore.State
		error string
	}{
		"within its start period": {"--start-period=10m", 13 * time.Minute, restore.Verified, ""},
		"beyond what it gives":    {"--start-period=10m", 15 * time.Minute, restore.Reverted, "did not say healthy within 14m0s, which is what its start period"},
		"without a start period":  {"--interval=20s --timeout=10s --retries=2", 2 * time.Minute, restore.Reverted, "within 1m30s, which is what"},
		"beyond the bot's limit":  {"--start-period=2h", 31 * time.Minute, restore.Reverted, "within 30m0s, which is as long as any gets"},
	} {
		t.Run(name, func(t *testing.T) {
			d := setup(t).broken()
			d.Docker("rm", "-f", d.name)
			d.Run(d.name, d.Image("checked", `CMD ["/app"]`, "HEALTHCHECK "+c.check+` CMD ["/app", "check"]`))
			d.snap = d.Take(d.name)
			d.Docker("rm", "-f", d.name)
			d.old = d.Run(d.name, d.Image("bad", `CMD ["/app"]`))
			var looks atomic.Int32
			engine := &bentEngine{Engine: d.Engine()}
			engine.inspect = func(ctx context.Context, ref string) (snapshot.Inspection, error) {
				in, err := d.Engine().Inspect(ctx, ref)
				if in.HasCheck && in.State == "running" {
					in.Up, in.Health = c.up, "starting"
					if looks.Add(1) > 5 {
						in.Health = "healthy"
					}
				}
				return in, err
			}
			d.with(restore.Config{Engine: engine})
			r := d.over(d.ask(), 2*time.Minute)
			if r.State != c.state || !strings.Contains(r.Error, c.error) {
				t.Errorf("%s: %s", r.State, r.Error)
			}
		})
	}
}
