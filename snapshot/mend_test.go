package snapshot_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot"
)

const shortLease = 2 * time.Second

// lateBot has a bot be cut off from the journal, and stand still, right before it has the engine stop the old container. It
// goes on, and is back, when the test says so.
func (d *brokenDeploy) lateBot(back bool) (id int64, stands *hold, j *cutJournal) {
	d.t.Helper()
	stands, j = newHold(d.t), &cutJournal{DB: d.db}
	var once sync.Once
	engine := &bentEngine{Engine: d.Engine()}
	engine.stop = func(ctx context.Context, id string, timeout time.Duration) error {
		if id == d.old {
			once.Do(func() {
				j.set(away)
				close(stands.reached)
				<-stands.goesOn
				if back {
					j.set(nil)
				}
			})
		}
		return d.Engine().Stop(context.WithoutCancel(ctx), id, timeout)
	}
	d.with(snapshot.Config{Engine: engine, Journal: j, Bot: "late", Lease: shortLease})
	id = d.ask()
	<-stands.reached
	return id, stands, j
}

// failing is an engine that does not start a replacement.
func (d *brokenDeploy) failing() *bentEngine {
	return &bentEngine{Engine: d.Engine(), start: func(ctx context.Context, id string) error {
		if in, err := d.Engine().Inspect(ctx, id); err == nil && in.Name == d.name && id != d.old {
			return errors.New("the port is taken")
		}
		return d.Engine().Start(ctx, id)
	}}
}

func TestLateBotThatIsCutOffFromTheJournalMendsWhenItIsBack(t *testing.T) {
	d := setup(t).broken("--restart", "always")
	id, stands, j := d.lateBot(false)
	d.beside(snapshot.Config{Engine: d.failing(), Bot: "other", Lease: shortLease})
	if r := d.over(id, time.Minute); r.State != snapshot.Reverted {
		t.Fatalf("the other bot: %s: %s", r.State, r.Error)
	}
	stands.release() // it stops the old container, which was put back, and sets it aside
	d.await(10*time.Second, "the late stop", func() bool { return d.names(d.name)[d.name] != "running" })
	j.set(nil)
	d.runs(d.old)
	if in, err := d.Engine().Inspect(t.Context(), d.old); err != nil || in.RestartPolicy.Name != "always" {
		t.Errorf("its restart policy is %+v, %v", in.RestartPolicy, err)
	}
	d.await(10*time.Second, "it is told", func() bool {
		kinds := d.kinds()
		return kinds[len(kinds)-1] == "restore.mended"
	})
}

func TestLateStopAfterAnUndoIsMended(t *testing.T) {
	d := setup(t).broken("--restart", "always")
	id, stands, _ := d.lateBot(true)
	d.beside(snapshot.Config{Bot: "other", Lease: shortLease})
	r := d.over(id, time.Minute)
	undo, err := d.restorer.Undo(t.Context(), r.ID, d.by(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = d.over(undo.ID, time.Minute); undo.State != snapshot.Verified {
		t.Fatalf("the undo: %s: %s", undo.State, undo.Error)
	}
	ended := func() bool {
		in, err := d.Engine().Inspect(t.Context(), d.old)
		return err == nil && !in.StartedAt.Equal(undo.StartedAt)
	}
	stands.release()
	d.await(20*time.Second, "it was stopped, and started again", ended)
	d.runs(d.old)
}

// The one that comes back must not stand in the way of the restore when the bot that took it over dies.
func TestLateBotTakesTheRestoreOverAgain(t *testing.T) {
	d := setup(t).broken()
	id, stands, _ := d.lateBot(true)
	var away atomic.Bool
	stopped := make(chan struct{})
	engine := &bentEngine{Engine: d.Engine()}
	engine.stop = func(ctx context.Context, id string, timeout time.Duration) error {
		if away.CompareAndSwap(false, true) {
			if err := d.Engine().Stop(ctx, id, timeout); err != nil {
				return err
			}
			close(stopped)
		}
		return snapshot.ErrEngineAway
	}
	other := d.beside(snapshot.Config{Engine: engine, Bot: "other", Lease: shortLease})
	<-stopped
	stands.release()
	if err := other.Stop(t.Context()); err != nil { // for good
		t.Fatal(err)
	}
	if r := d.over(id, 30*time.Second); r.State != snapshot.Verified {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	d.runs("")
}

func TestBotForOtherContainersLeavesARestoreAlone(t *testing.T) {
	d := setup(t).broken()
	started := make(chan struct{})
	var once sync.Once
	engine := &bentEngine{Engine: d.Engine(), start: func(context.Context, string) error {
		once.Do(func() { close(started) })
		return snapshot.ErrEngineAway
	}}
	first := d.with(snapshot.Config{Engine: engine, Bot: "first", Lease: shortLease})
	id := d.ask()
	<-started
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, reach := range []snapshot.Reach{{Bot: "other", Engine: d.engineID(), Only: "team=other"}, {Bot: "other", Engine: "another"}} {
		d.await(10*time.Second, "the lease is over", func() bool {
			ids, err := d.db.Claimable(t.Context(), snapshot.Reach{Bot: "third", Engine: d.engineID()})
			return err == nil && len(ids) == 1
		})
		if ids, err := d.db.Claimable(t.Context(), reach); err != nil || len(ids) != 0 {
			t.Errorf("%+v may take %v over, %v", reach, ids, err)
		}
	}
	d.beside(snapshot.Config{Bot: "third", Lease: shortLease})
	if r := d.over(id, time.Minute); r.State != snapshot.Verified {
		t.Errorf("%s: %s", r.State, r.Error)
	}
}

func (k *kit) engineID() string {
	k.t.Helper()
	id, err := k.Engine().ID(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	return id
}
