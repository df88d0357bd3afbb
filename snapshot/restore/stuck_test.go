package restore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/store"
)

// A database that stalls is no reason to give a replacement up that does well.
func TestRestoreOutlastsADatabaseThatStalls(t *testing.T) {
	d := setup(t).broken()
	j := &cutJournal{DB: d.DB}
	var once sync.Once
	j.on = func(to restore.State) {
		if to == restore.Started {
			once.Do(func() { j.stall(5 * time.Second) })
		}
	}
	d.with(restore.Config{Journal: j, Lease: shortLease, Window: 10 * time.Second})
	r := d.over(d.ask(), 2*time.Minute)
	if r.State != restore.Verified {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	d.runs(r.Plan.NewID)
}

// stall has the journal answer nothing for a while.
func (j *cutJournal) stall(d time.Duration) {
	end := time.Now().Add(d)
	j.set(func(ctx context.Context) error {
		select {
		case <-time.After(time.Until(end)):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// An engine that never ends one act, and does all others, would otherwise be waited for for ever.
func TestActThatNeverEndsIsGivenUp(t *testing.T) {
	d := setup(t).broken()
	engine := &bentEngine{Engine: d.Engine()}
	engine.start = func(ctx context.Context, id string) error {
		if id == d.old {
			return d.Engine().Start(ctx, id)
		}
		<-ctx.Done()
		return fmt.Errorf("%w: %w", snapshot.ErrEngineAway, ctx.Err()) // as the adapter puts it
	}
	d.with(restore.Config{Engine: engine, ActLimit: 20 * time.Second})
	r := d.over(d.ask(), 2*time.Minute)
	if r.State != restore.Reverted || !strings.Contains(r.Error, "has not done it within 20s, although it answers") {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	d.runs(d.old)
}

func TestRestoreThatWaitsForTheEngineSaysSo(t *testing.T) {
	d := setup(t).broken()
	var away atomic.Bool
	away.Store(true)
	engine := &bentEngine{Engine: d.Engine()}
	engine.start = func(ctx context.Context, id string) error {
		if away.Load() {
			return snapshot.ErrEngineAway
		}
		return d.Engine().Start(ctx, id)
	}
	d.with(restore.Config{Engine: engine, NotifyAfter: time.Second, Lease: shortLease})
	id := d.ask()
	told := func() (n int) {
		for _, kind := range d.Kinds() {
			if kind == "restore.waiting" {
				n++
			}
		}
		return n
	}
	d.await(time.Minute, "it is told", func() bool { return told() > 0 })
	away.Store(false)
	if r := d.over(id, 2*time.Minute); r.State != restore.Verified || told() != 1 {
		t.Errorf("%s: %s; told %d times", r.State, r.Error, told())
	}
}

// unpluggedEngine does not answer any more once something was to be started.
type unpluggedEngine struct {
	*bentEngine
	away atomic.Bool
}

func (e *unpluggedEngine) Ping(ctx context.Context) error {
	if e.away.Load() {
		return snapshot.ErrEngineAway
	}
	return e.bentEngine.Ping(ctx)
}

// The bot that is cut off from the engine in the middle of a swap would come back to it every second, and keep others from it.
func TestAnotherBotGoesOnWithARestoreWhoseEngineAnswersThatOneOnly(t *testing.T) {
	d := setup(t).broken()
	engine := &unpluggedEngine{bentEngine: &bentEngine{Engine: d.Engine()}}
	engine.start = func(context.Context, string) error {
		engine.away.Store(true)
		return snapshot.ErrEngineAway
	}
	d.with(restore.Config{Engine: engine, Bot: "cut off", Lease: shortLease})
	id := d.ask()
	d.beside(restore.Config{Bot: "other", Lease: shortLease})
	if r := d.over(id, 2*time.Minute); r.State != restore.Verified {
		t.Errorf("%s: %s", r.State, r.Error)
	}
}

// The engine says that it could not stop the old container; the process ends some seconds later all the same.
func TestStopThatTakesEffectAfterItsErrorLeavesTheOldOneRunning(t *testing.T) {
	for name, flag := range map[string]string{"plain": "--restart=always", "auto-remove": "--rm"} {
		t.Run(name, func(t *testing.T) {
			d := setup(t).broken(flag)
			engine, _, killed := d.stopsLater(3*time.Second, errors.New("cannot stop container: tried to kill container, but did not receive an exit event"))
			d.with(restore.Config{Engine: engine})
			r := d.over(d.ask(), 2*time.Minute)
			if r.State != restore.Reverted {
				t.Fatalf("%s: %s", r.State, r.Error)
			}
			testkit.Await(t, "the late stop takes effect", killed)
			d.runs("")
		})
	}
}

// The engine is still removing the auto-remove container when the restore is given up: its copy must not go.
func TestRevertWaitsUntilAnAutoRemoveContainerIsGone(t *testing.T) {
	d := setup(t).broken("--rm")
	engine := &bentEngine{Engine: d.Engine()}
	var removing atomic.Bool
	was, err := d.Engine().Inspect(t.Context(), d.old)
	if err != nil {
		t.Fatal(err)
	}
	was.State = "removing"
	engine.start = func(ctx context.Context, id string) error {
		in, err := d.Engine().Inspect(ctx, id)
		if err != nil || in.RestartPolicy.Name != "" && strings.Contains(strings.Join(d.Env(id), " "), "V=2") {
			return errors.Join(err, d.Engine().Start(ctx, id))
		}
		if removing.CompareAndSwap(false, true) {
			time.AfterFunc(2*time.Second, func() { removing.Store(false) })
		}
		return errors.New("the port is taken")
	}
	engine.inspect = func(ctx context.Context, ref string) (snapshot.Inspection, error) {
		if removing.Load() && ref == d.old {
			return was, nil
		}
		return d.Engine().Inspect(ctx, ref)
	}
	d.with(restore.Config{Engine: engine})
	r := d.over(d.ask(), 2*time.Minute)
	if r.State != restore.Reverted {
		t.Fatalf("%s: %s; %v", r.State, r.Error, d.Names(d.name))
	}
	d.runs(r.Plan.StandInID)
}

// An auto-remove container may end by itself while its replacement is being made: then there is nothing to stop.
func TestAutoRemoveContainerThatEndsByItselfIsRestored(t *testing.T) {
	end := func(d *brokenDeploy) {
		d.Docker("stop", "--time", "0", d.old)
		d.await(time.Minute, "it is gone", func() bool { return d.Names(d.name)[d.name] == "" })
	}
	for name, bend := range map[string]func(d *brokenDeploy, e *bentEngine){
		"before its copy": func(d *brokenDeploy, e *bentEngine) {
			e.commit = func(ctx context.Context, id, ref string, pause bool) (string, int64, error) {
				if id == d.old {
					end(d)
				}
				return d.Engine().Commit(ctx, id, ref, pause)
			}
		},
		"after its copy": func(d *brokenDeploy, e *bentEngine) {
			var once atomic.Bool
			e.create = func(ctx context.Context, name string, spec snapshot.Spec) (string, error) {
				id, err := d.Engine().Create(ctx, name, spec)
				if err == nil && strings.Contains(name, ".before-") && once.CompareAndSwap(false, true) {
					end(d)
					return "", snapshot.ErrEngineAway // the answer is lost
				}
				return id, err
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := setup(t).broken("--rm")
			engine := &bentEngine{Engine: d.Engine()}
			bend(d, engine)
			d.with(restore.Config{Engine: engine})
			r := d.over(d.ask(), 2*time.Minute)
			if r.State != restore.Verified {
				t.Fatalf("%s: %s", r.State, r.Error)
			}
			d.runs(r.Plan.NewID)
		})
	}
}

func TestRevertRestartsWhatSharesTheNetwork(t *testing.T) {
	d := setup(t).broken()
	side := d.Name("side")
	sideID := d.Run(side, "--network", "container:"+d.name, d.Name("good"), "/app", "serve", "-addr", "")
	stranger := d.Name("stranger")
	d.Docker("run", "--detach", "--name", stranger, "--network", "container:"+d.name, d.Name("good"), "/app", "serve", "-addr", "")
	d.with(restore.Config{Engine: d.failing()})
	was := d.startedAt(sideID)
	r := d.over(d.ask(), 2*time.Minute)
	if r.State != restore.Reverted || !strings.Contains(r.Error, stranger+" shared its namespaces, and is cut off") {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	if now := d.startedAt(sideID); !now.After(d.startedAt(d.old)) || !now.After(was) {
		t.Errorf("%s was started at %s, before %s was again", side, now, d.name)
	}
}

func (k *kit) startedAt(id string) time.Time {
	k.T.Helper()
	in, err := k.Engine().Inspect(k.T.Context(), id)
	if err != nil {
		k.T.Fatal(err)
	}
	return in.StartedAt
}

// Compose has changed its mind about names once, and people do about theirs.
func TestRevertGivesTheOldContainerItsOwnName(t *testing.T) {
	k := setup(t)
	k.with(restore.Config{Window: 10 * time.Second}) // or a busy engine has not told of the end yet
	labels := []string{"--label", "com.docker.compose.project=" + k.Name("shop"), "--label", "com.docker.compose.service=api",
		"--label", "com.docker.compose.container-number=1"}
	one, two := k.Name("shop_api_1"), k.Name("shop-api-1")
	k.Run(one, append(labels, k.Image("dies", `CMD ["/app", "no-such-command"]`))...)
	snap := k.Take(one)
	k.Docker("rm", "-f", one)
	old := k.Run(two, append(labels, k.Image("good", `CMD ["/app"]`))...)
	if r := k.Restore(k.Container(two), snap.Name); r.State != restore.Reverted {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	if name := k.Docker("inspect", "--format", "{{.Name}}", old); name != "/"+two {
		t.Errorf("the old container was %s, and is %s", two, name)
	}
}

// Whoever measures, the downtime is from the old one's end to the new one's start.
func TestDowntimeIsWhatItWas(t *testing.T) {
	d := setup(t).broken()
	engine := &bentEngine{Engine: d.Engine()}
	var until atomic.Pointer[time.Time]
	engine.stop = func(ctx context.Context, id string, timeout time.Duration) error {
		if err := d.Engine().Stop(ctx, id, timeout); err != nil {
			return err
		}
		end := time.Now().Add(3 * time.Second)
		until.CompareAndSwap(nil, &end)
		if time.Now().Before(*until.Load()) {
			return snapshot.ErrEngineAway // the answer is lost
		}
		return nil
	}
	d.with(restore.Config{Engine: engine, Lease: shortLease})
	began := time.Now()
	r := d.over(d.ask(), 2*time.Minute)
	if r.State != restore.Verified || r.Downtime < 3*time.Second || r.Downtime > time.Since(began) {
		t.Errorf("%s: down for %s", r.State, r.Downtime)
	}
}

// What the engine was still creating when its restore was given up is removed by the next tidying.
func TestReplacementThatComesTooLateIsRemoved(t *testing.T) {
	d := setup(t).broken()
	engine := &bentEngine{Engine: d.Engine()}
	var late string
	engine.create = func(ctx context.Context, name string, spec snapshot.Spec) (string, error) {
		late = name
		return "", errors.New("no space left on device")
	}
	d.with(restore.Config{Engine: engine})
	if r := d.over(d.ask(), 2*time.Minute); r.State != restore.Reverted {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	d.Docker("create", "--name", late, "--label", "snapback.enable=true", "--label", d.Only(), d.Name("good"))
	d.Watch()
	d.await(2*time.Minute, "it is removed", func() bool { return len(d.Names(d.name)) == 1 })
	d.runs(d.old)
}

// Somebody has removed the replacement: the old container must not be stopped for it.
func TestReplacementThatIsGoneCostsNoDowntime(t *testing.T) {
	d := setup(t).broken()
	engine := &bentEngine{Engine: d.Engine()}
	engine.create = func(ctx context.Context, name string, spec snapshot.Spec) (string, error) {
		id, err := d.Engine().Create(ctx, name, spec)
		d.Docker("rm", "-f", id)
		return id, err
	}
	d.with(restore.Config{Engine: engine})
	was := d.startedAt(d.old)
	r := d.over(d.ask(), 2*time.Minute)
	if r.State != restore.Reverted || !strings.Contains(r.Error, "the replacement is gone") || !d.startedAt(d.old).Equal(was) {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	d.runs(d.old)
}

// Somebody is having the old container removed when the restore is given up: the replacement is all that there will be, and
// gets the name when that is free.
func TestReplacementStaysWhenTheOldContainerIsBeingRemoved(t *testing.T) {
	d := setup(t).broken()
	was, err := d.Engine().Inspect(t.Context(), d.old)
	if err != nil {
		t.Fatal(err)
	}
	was.State = "removing"
	var removing atomic.Bool
	var once sync.Once
	engine := &bentEngine{Engine: d.Engine()}
	engine.start = func(ctx context.Context, id string) error {
		first := false
		once.Do(func() { first = true })
		if !first {
			return d.Engine().Start(ctx, id)
		}
		removing.Store(true)
		time.AfterFunc(3*time.Second, func() {
			_, _ = d.Try("rm", "-f", d.old)
			removing.Store(false)
		})
		return errors.New("the port is taken")
	}
	engine.inspect = func(ctx context.Context, ref string) (snapshot.Inspection, error) {
		if removing.Load() && ref == d.old {
			return was, nil
		}
		return d.Engine().Inspect(ctx, ref)
	}
	d.with(restore.Config{Engine: engine})
	r := d.over(d.ask(), 2*time.Minute)
	if r.State != restore.Failed || !strings.Contains(r.Error, "the replacement stays") {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	d.Watch()
	d.runs(r.Plan.NewID)
}

// The bot died after it had the old container told to stop, and the replacement has gone since.
func TestStopOfABotThatDiedMayTakeEffectYet(t *testing.T) {
	d := setup(t).broken("--restart", "always")
	engine, told, killed := d.stopsLater(5*time.Second, snapshot.ErrEngineAway) // the first run ends there, as with its bot
	d.with(restore.Config{Engine: engine})
	id := d.ask()
	testkit.Await(t, "the old one is told to stop", told)
	r, err := d.DB.Restore(t.Context(), id)
	if err != nil || r.State != restore.Swapping {
		t.Fatalf("%s: %v", r.State, err)
	}
	d.Docker("rm", "-f", r.Plan.NewID)
	if r = d.over(id, 2*time.Minute); r.State != restore.Reverted {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	testkit.Await(t, "the late stop takes effect", killed)
	d.runs(d.old)
}

// Without its namespace's first process, all others in it are killed.
func TestRevertStartsWhatEndedWithTheOldContainer(t *testing.T) {
	d := setup(t).broken()
	side := d.Name("side")
	d.Run(side, "--pid", "container:"+d.name, d.Name("good"), "/app", "serve", "-addr", "")
	d.with(restore.Config{Engine: d.failing()})
	if r := d.over(d.ask(), 2*time.Minute); r.State != restore.Reverted {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	if now := d.Docker("inspect", "--format", "{{.State.Status}}", side); now != "running" {
		t.Errorf("%s is %s", side, now)
	}
}

// stopsLater is an engine whose first stop has that answer, and takes effect after a while on the process that ran then. Told is closed
// when the stop has come, and killed when it has taken effect.
func (d *brokenDeploy) stopsLater(after time.Duration, answer error) (engine *bentEngine, told, killed chan struct{}) {
	var once sync.Once
	engine, told, killed = &bentEngine{Engine: d.Engine()}, make(chan struct{}), make(chan struct{})
	engine.stop = func(ctx context.Context, id string, timeout time.Duration) error {
		first := false
		once.Do(func() { first = true })
		if !first {
			return d.Engine().Stop(ctx, id, timeout)
		}
		process := d.startedAt(id)
		time.AfterFunc(after, func() {
			defer close(killed)
			if now, err := d.Engine().Inspect(context.Background(), d.old); err == nil && now.StartedAt.Equal(process) {
				_, _ = d.Try("kill", d.old)
			}
		})
		close(told)
		return answer
	}
	return engine, told, killed
}

// Somebody has paused the broken container, and its restore comes to nothing before that is touched.
func TestRevertLeavesAPausedContainerPaused(t *testing.T) {
	d := setup(t).broken()
	d.Docker("pause", d.old)
	engine := &bentEngine{Engine: d.Engine(), create: func(context.Context, string, snapshot.Spec) (string, error) {
		return "", errors.New("no space left on device")
	}}
	d.with(restore.Config{Engine: engine})
	if r := d.over(d.ask(), 2*time.Minute); r.State != restore.Reverted {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	if state := d.Names(d.name)[d.name]; state != "paused" {
		t.Errorf("it is %s", state)
	}
}

// noPolicy is an engine that gives no container its restart policy back.
type noPolicy struct{ *bentEngine }

func (e noPolicy) SetRestartPolicy(ctx context.Context, id string, p snapshot.RestartPolicy) error {
	if p.Name != "no" {
		return errors.New("cannot update container")
	}
	return e.bentEngine.SetRestartPolicy(ctx, id, p)
}

// Whoever follows the message has what ran before, as it ran before.
func TestCommandsOfAFailedRestoreBringTheOldContainerBack(t *testing.T) {
	d := setup(t).broken("--restart", "on-failure:3")
	d.with(restore.Config{Engine: noPolicy{d.failing()}, Tries: 1})
	r := d.over(d.ask(), 2*time.Minute)
	_, commands, _ := strings.Cut(r.Error, "On the engine's host: ")
	if r.State != restore.Failed || commands == "" {
		t.Fatalf("%s: %s", r.State, r.Error)
	}
	commands, _, _ = strings.Cut(commands, "; and look")
	for _, command := range strings.Split(commands, "; ") {
		if out, err := d.Try(strings.Fields(command)[1:]...); err != nil { // as for a replacement that is gone already
			t.Logf("%s: %s", command, out)
		}
	}
	d.runs(d.old)
	if in, err := d.Engine().Inspect(t.Context(), d.old); err != nil || in.RestartPolicy.String() != "on-failure:3" {
		t.Errorf("its restart policy is %s, %v", in.RestartPolicy, err)
	}
}

// The old container is stopped by then, and would stay so for as long as Postgres is away.
func TestRevertGoesOnWhileTheJournalIsAway(t *testing.T) {
	d := setup(t).broken("--restart", "always")
	j, engine := &cutJournal{DB: d.DB}, d.failing()
	var id atomic.Int64
	var once sync.Once
	engine.inspect = func(ctx context.Context, ref string) (snapshot.Inspection, error) {
		if r, err := d.DB.Restore(ctx, id.Load()); err == nil && r.State == restore.Reverting {
			once.Do(func() {
				j.set(away)
				cut := time.Now()
				d.await(time.Minute, "the lease has run out", func() bool { return time.Since(cut) > 2*shortLease })
			})
		}
		return d.Engine().Inspect(ctx, ref)
	}
	d.with(restore.Config{Engine: engine, Journal: j, Lease: shortLease})
	id.Store(d.ask())
	d.await(2*time.Minute, "the old container runs again", func() bool {
		in, err := d.Engine().Inspect(t.Context(), d.name)
		return err == nil && in.ID == d.old && in.State == "running" && j.ask(t.Context()) != nil
	})
	j.set(nil)
	if r := d.over(id.Load(), 2*time.Minute); r.State != restore.Reverted {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	d.runs(d.old)
}

// heldJournal says when it was asked what is on hold.
type heldJournal struct {
	*store.DB
	asked atomic.Bool
}

func (j *heldJournal) Holds(ctx context.Context, key string) ([]snapshot.Hold, error) {
	j.asked.Store(true)
	return j.DB.Holds(ctx, key)
}

// A container that hangs keeps the engine from ever saying what was rolled back. The restore has worked all the same.
func TestRestoreIsVerifiedThoughWhatItReplacedHangs(t *testing.T) {
	d := setup(t).broken()
	j, engine := &heldJournal{DB: d.DB}, &bentEngine{Engine: d.Engine()}
	engine.inspect = func(ctx context.Context, ref string) (snapshot.Inspection, error) {
		if ref != d.old || !j.asked.Load() {
			return d.Engine().Inspect(ctx, ref)
		}
		<-ctx.Done()
		return snapshot.Inspection{}, fmt.Errorf("%w: %w", snapshot.ErrEngineAway, ctx.Err()) // as the adapter puts it
	}
	d.with(restore.Config{Engine: engine, Journal: j})
	r := d.over(d.ask(), 2*time.Minute)
	if r.State != restore.Verified || !j.asked.Load() {
		t.Errorf("%s: %s", r.State, r.Error)
	}
	if said := r.Sentence(r.State); !strings.Contains(said, "could not be put on hold (looking at what was replaced: the engine does not answer about it)") {
		t.Errorf("it does not say that nothing is on hold: %q", said)
	}
	d.runs(r.Plan.NewID)
}
