package watch_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// TestRelapseRightAfterARestoreFollowsWhatTheRestorePutBack deploys the broken one again before the watch has had a look at
// what the restore has put back.
func TestRelapseRightAfterARestoreFollowsWhatTheRestorePutBack(t *testing.T) {
	k := setup(t)
	one, two, api := k.Server("shop:1"), k.Server("shop:2"), k.Name("api")
	stop := k.Watch()
	_, key := k.settled(api, "-e", "DB_POOL=20", one)
	k.replace(api, "-e", "DB_POOL=2", two)
	d := k.AwaitDeploys(key, 1)[0]
	stop()
	r := k.Restore(k.Container(api), d.Snapshot)
	if r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	k.replace(api, "-e", "DB_POOL=2", two)
	k.Watch()
	again := k.AwaitDeploys(key, 2)[0]
	if again.BeforeID != r.Plan.NewID || again.Snapshot != d.Snapshot {
		t.Errorf("deploy %+v, want one that follows the restored container, and goes back to %s", again, d.Snapshot)
	}
	if diff := cmp.Diff(lines(d.Changes), lines(again.Changes)); diff != "" {
		t.Errorf("what the relapse has changed (-as the deploy before the restore +told):\n%s", diff)
	}
	if kept := k.Of(key, snapshot.PreDeploy); len(kept) != 1 {
		t.Errorf("kept %+v, want the one state", kept)
	}
	if list := k.entries(0, incidents.KindDeployBack); len(list) != 1 || !strings.Contains(list[0].Summary, "DB_POOL: 20 → 2") {
		t.Errorf("entries %+v", list)
	}
}

// TestScheduleThatARestoreBringsBackHasMissedNoTicks: what was due while another container ran, which had no schedule, is not due.
func TestScheduleThatARestoreBringsBackHasMissedNoTicks(t *testing.T) {
	k := setup(t)
	one, api := k.Server("shop:1"), k.Name("api")
	stop := k.Watch()
	_, key := k.settled(api, "--label", "snapback.schedule=@every 1h", one)
	k.replace(api, one)
	d := k.AwaitDeploys(key, 1)[0]
	stop()
	r := k.Restore(k.Container(api), d.Snapshot)
	if r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	last, err := k.DB.LastTick(t.Context(), "schedule "+key)
	if err != nil || last.Before(r.RequestedAt.Truncate(time.Second)) {
		t.Errorf("its ticks count from %s on, want from its creation, after %s (%v)", last, r.RequestedAt, err)
	}
}
