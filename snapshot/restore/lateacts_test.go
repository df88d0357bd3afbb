package restore_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/restore"
)

const shortLease = 2 * time.Second

// lateBot has a bot be cut off from the journal, and stand still, right before it has the engine stop the old container. It
// goes on, and is back, when the test says so.
func (d *brokenDeploy) lateBot(back bool) (id int64, stands *hold, j *cutJournal) {
	d.T.Helper()
	stands, j = newHold(d.T), &cutJournal{DB: d.DB}
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
	d.with(restore.Config{Engine: engine, Journal: j, Bot: "late", Lease: shortLease})
	id = d.ask()
	testkit.Await(d.T, "the bot is about to have the old one stopped", stands.reached)
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
	d.beside(restore.Config{Engine: d.failing(), Bot: "other", Lease: shortLease})
	if r := d.over(id, 2*time.Minute); r.State != restore.Reverted {
		t.Fatalf("the other bot: %s: %s", r.State, r.Error)
	}
	stands.release() // it stops the old container, which was put back, and sets it aside
	d.await(time.Minute, "the late stop", func() bool { return d.Names(d.name)[d.name] != "running" })
	j.set(nil)
	d.runs(d.old)
	if in, err := d.Engine().Inspect(t.Context(), d.old); err != nil || in.RestartPolicy.Name != "always" {
		t.Errorf("its restart policy is %+v, %v", in.RestartPolicy, err)
	}
	d.await(time.Minute, "it is told", func() bool {
		kinds := d.Kinds()
		return kinds[len(kinds)-1] == "restore.mended"
	})
}

func TestLateStopAfterAnUndoIsMended(t *testing.T) {
	d := setup(t).broken("--restart", "always")
	id, stands, _ := d.lateBot(true)
	d.beside(restore.Config{Bot: "other", Lease: shortLease})
	r := d.over(id, 2*time.Minute)
	undo, err := d.Restorer.Undo(t.Context(), r.ID, d.By(), "")
	if err != nil {
		t.Fatal(err)
	}
	if undo = d.over(undo.ID, 2*time.Minute); undo.State != restore.Verified {
		t.Fatalf("the undo: %s: %s", undo.State, undo.Error)
	}
	ended := func() bool {
		in, err := d.Engine().Inspect(t.Context(), d.old)
		return err == nil && !in.StartedAt.Equal(undo.StartedAt)
	}
	stands.release()
	d.await(time.Minute, "it was stopped, and started again", ended)
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
	other := d.beside(restore.Config{Engine: engine, Bot: "other", Lease: shortLease})
	testkit.Await(t, "the old one is stopped", stopped)
	stands.release()
	if err := other.Stop(t.Context()); err != nil { // for good
		t.Fatal(err)
	}
	if r := d.over(id, 2*time.Minute); r.State != restore.Verified {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	d.runs("")
}

// A restore that was refused has done nothing, and may be the only one that there is.
func TestLateBotOfARefusedRestoreIsSettled(t *testing.T) {
	d := setup(t).broken()
	stands, j := newHold(t), &cutJournal{DB: d.DB}
	var looks atomic.Bool // whoever asks for a restore has looked by then
	j.on = func(to restore.State) { looks.Store(to == restore.Preflight) }
	engine := &bentEngine{Engine: d.Engine()}
	engine.inspect = func(ctx context.Context, ref string) (snapshot.Inspection, error) {
		if looks.CompareAndSwap(true, false) {
			j.set(away)
			close(stands.reached)
			<-stands.goesOn
			j.set(nil)
		}
		return d.Engine().Inspect(ctx, ref)
	}
	d.with(restore.Config{Engine: engine, Journal: j, Bot: "late", Lease: shortLease})
	id := d.ask()
	testkit.Await(t, "the bot stands still", stands.reached)
	d.beside(restore.Config{Bot: "other", Lease: shortLease, Stale: time.Nanosecond})
	if r := d.over(id, 2*time.Minute); r.State != restore.Refused {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	stands.release()
	d.await(time.Minute, "it is settled", func() bool { return d.late(id) == "{}" })
}

// A bot may stand still for so long that another one has looked after what it was at, and forgotten it.
func TestLateBotSaysThatItWasLate(t *testing.T) {
	d := setup(t).broken("--restart", "always")
	id, stands, j := d.lateBot(false)
	d.beside(restore.Config{Engine: d.failing(), Bot: "other", Lease: shortLease})
	if r := d.over(id, 2*time.Minute); r.State != restore.Reverted {
		t.Fatalf("the other bot: %s: %s", r.State, r.Error)
	}
	d.minutesLater(id)
	d.await(time.Minute, "the other bot has looked after it", func() bool { return d.late(id) == "{}" })
	stands.release()
	d.await(time.Minute, "the late stop", func() bool { return d.Names(d.name)[d.name] != "running" })
	j.set(nil)
	d.runs(d.old)
}

// late are the bots of which the journal remembers that they may be late.
func (k *kit) late(id int64) (bots string) {
	k.T.Helper()
	if err := k.DB.Pool().QueryRow(k.T.Context(), `SELECT late::text FROM restores WHERE id = $1`, id).Scan(&bots); err != nil {
		k.T.Fatal(err)
	}
	return bots
}

// takenFrom has the journal say that a restore was taken from a bot.
func (k *kit) takenFrom(id int64, bot string) {
	k.T.Helper()
	k.exec(`UPDATE restores SET late = ARRAY[$2], taken_at = now() WHERE id = $1`, id, bot)
}

// minutesLater has it be so long ago that any bot looks after it.
func (k *kit) minutesLater(id int64) {
	k.T.Helper()
	k.exec(`UPDATE restores SET taken_at = now() - interval '4 minutes' WHERE id = $1`, id)
}

func (k *kit) exec(sql string, args ...any) {
	k.T.Helper()
	if _, err := k.DB.Pool().Exec(k.T.Context(), sql, args...); err != nil {
		k.T.Fatal(err)
	}
}

// What no late act can have done, a person did.
func TestMendingLeavesWhatAPersonDid(t *testing.T) {
	for name, hand := range map[string]struct {
		does func(d *brokenDeploy, r restore.Restore)
		want func(d *brokenDeploy, r restore.Restore) map[string]string // of the IDs of both
	}{
		"put the old one back": {
			func(d *brokenDeploy, r restore.Restore) {
				d.Docker("stop", "--time", "0", d.name)
				d.Docker("rename", d.name, d.name+"-bad")
				d.Docker("rename", r.Plan.KeptName, d.name)
				d.Docker("start", d.name)
			},
			func(d *brokenDeploy, r restore.Restore) map[string]string {
				return map[string]string{r.Plan.NewID: d.name + "-bad exited", d.old: d.name + " running"}
			},
		},
		"begun a deploy": {
			func(d *brokenDeploy, _ restore.Restore) {
				d.Docker("stop", "--time", "0", d.name)
				d.Docker("rename", d.name, d.name+"-prev")
			},
			func(d *brokenDeploy, r restore.Restore) map[string]string {
				return map[string]string{r.Plan.NewID: d.name + "-prev exited", d.old: r.Plan.KeptName + " exited"}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := setup(t).broken()
			r := d.over(d.ask(), 2*time.Minute)
			d.takenFrom(r.ID, "dead")
			hand.does(d, r)
			d.minutesLater(r.ID)
			d.await(time.Minute, "it was looked after", func() bool { return d.late(r.ID) == "{}" })
			for id, want := range hand.want(d, r) {
				in, err := d.Engine().Inspect(t.Context(), id)
				if got := in.Name + " " + in.State; err != nil || got != want {
					t.Errorf("%s, %v; want %s", got, err, want)
				}
			}
		})
	}
}

func TestMendingThatFailsSaysWhatToDoByHand(t *testing.T) {
	d := setup(t).broken("--restart", "on-failure:3")
	first := d.with(restore.Config{Engine: d.failing(), Bot: "first"})
	reverted := d.over(d.ask(), 2*time.Minute)
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Docker("stop", "--time", "0", d.name) // the late act
	d.takenFrom(reverted.ID, "second")
	engine := &bentEngine{Engine: d.Engine()}
	engine.start = func(context.Context, string) error { return errors.New("cannot start") }
	d.beside(restore.Config{Engine: engine, Bot: "second"})
	var said string
	d.await(3*time.Minute, "it gives up", func() bool {
		for _, e := range snapshottest.Must(d.DB.Entries(t.Context(), 0, 0)) {
			if e.Kind == incidents.KindRestoreMendFailed {
				said = e.Summary
			}
		}
		return said != ""
	})
	_, commands, _ := restore.ByHand(said)
	if len(commands) == 0 {
		t.Fatalf("it names no command: %s", said)
	}
	for _, command := range commands {
		if out, err := d.Try(strings.Fields(command)[1:]...); err != nil { // as for a name that it has already
			t.Logf("%s: %s", command, out)
		}
	}
	d.runs(d.old)
}

// Somebody restores while what came late is being put right.
func TestRestoreThatBeginsDuringAMendingWins(t *testing.T) {
	d := setup(t).broken("--restart", "always")
	first := d.with(restore.Config{Engine: d.failing(), Bot: "first"})
	reverted := d.over(d.ask(), 2*time.Minute)
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Docker("stop", "--time", "0", d.name) // the late act
	d.takenFrom(reverted.ID, "second")
	stands := newHold(t)
	var once sync.Once
	engine := &bentEngine{Engine: d.Engine()}
	engine.start = func(ctx context.Context, id string) error {
		if id == d.old {
			once.Do(func() { close(stands.reached); <-stands.goesOn })
		}
		return d.Engine().Start(ctx, id)
	}
	d.beside(restore.Config{Engine: engine, Bot: "second"})
	testkit.Await(t, "the bot is about to start the old one", stands.reached)
	r := d.over(d.ask(), 2*time.Minute)
	if r.State != restore.Verified {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	stands.release()
	d.await(time.Minute, "it was looked after", func() bool { return d.late(reverted.ID) == "{}" })
	d.runs(r.Plan.NewID)
}

// The next restore has seen what the late act had done, took it for the container's own state, and was reverted to that.
func TestMendingKnowsHowTheContainerWasBeforeTheLateAct(t *testing.T) {
	d := setup(t).broken("--restart", "always")
	d.with(restore.Config{Engine: d.failing(), Bot: "first"})
	r := d.over(d.ask(), 2*time.Minute)
	d.takenFrom(r.ID, "dead")
	d.Docker("update", "--restart=no", d.name) // the late acts
	d.Docker("stop", "--time", "0", d.name)
	d.over(d.ask(), 2*time.Minute)
	d.minutesLater(r.ID)
	d.runs(d.old)
	if in, err := d.Engine().Inspect(t.Context(), d.old); err != nil || in.RestartPolicy.Name != "always" {
		t.Errorf("its restart policy is %+v, %v", in.RestartPolicy, err)
	}
}

func TestBotForOtherContainersLeavesARestoreAlone(t *testing.T) {
	d := setup(t).broken()
	started := make(chan struct{})
	var once sync.Once
	engine := &bentEngine{Engine: d.Engine(), start: func(context.Context, string) error {
		once.Do(func() { close(started) })
		return snapshot.ErrEngineAway
	}}
	first := d.with(restore.Config{Engine: engine, Bot: "first", Lease: shortLease})
	id := d.ask()
	testkit.Await(t, "a container is started", started)
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, reach := range []restore.Scope{{Bot: "other", Engine: d.engineID(), Only: "team=other"}, {Bot: "other", Engine: "another"}} {
		d.await(time.Minute, "the lease is over", func() bool {
			ids, err := d.DB.Claimable(t.Context(), restore.Scope{Bot: "third", Engine: d.engineID()})
			return err == nil && len(ids) == 1
		})
		if ids, err := d.DB.Claimable(t.Context(), reach); err != nil || len(ids) != 0 {
			t.Errorf("%+v may take %v over, %v", reach, ids, err)
		}
	}
	d.exec(`UPDATE restores SET record = record - 'only' WHERE id = $1`, id) // as the release before has written it
	d.beside(restore.Config{Bot: "first", Only: d.Only(), Lease: shortLease})
	if r := d.over(id, 2*time.Minute); r.State != restore.Verified {
		t.Errorf("%s: %s", r.State, r.Error)
	}
}

func (k *kit) engineID() string {
	k.T.Helper()
	id, err := k.Engine().ID(k.T.Context())
	if err != nil {
		k.T.Fatal(err)
	}
	return id
}
