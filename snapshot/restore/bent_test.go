package restore_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/store"
)

// bentEngine is the real engine, some of whose acts are others. Each is given the real one.
type bentEngine struct {
	*docker.Engine
	create  func(ctx context.Context, name string, spec snapshot.Spec) (string, error)
	stop    func(ctx context.Context, id string, timeout time.Duration) error
	start   func(ctx context.Context, id string) error
	remove  func(ctx context.Context, id string) error
	commit  func(ctx context.Context, id, ref string, pause bool) (string, int64, error)
	inspect func(ctx context.Context, ref string) (snapshot.Inspection, error)
}

func (e *bentEngine) Create(ctx context.Context, name string, spec snapshot.Spec) (string, error) {
	if e.create != nil {
		return e.create(ctx, name, spec)
	}
	return e.Engine.Create(ctx, name, spec)
}

func (e *bentEngine) Stop(ctx context.Context, id string, timeout time.Duration) error {
	if e.stop != nil {
		return e.stop(ctx, id, timeout)
	}
	return e.Engine.Stop(ctx, id, timeout)
}

func (e *bentEngine) Start(ctx context.Context, id string) error {
	if e.start != nil {
		return e.start(ctx, id)
	}
	return e.Engine.Start(ctx, id)
}

func (e *bentEngine) Remove(ctx context.Context, id string) error {
	if e.remove != nil {
		return e.remove(ctx, id)
	}
	return e.Engine.Remove(ctx, id)
}

func (e *bentEngine) Commit(ctx context.Context, id, ref string, pause bool) (string, int64, error) {
	if e.commit != nil {
		return e.commit(ctx, id, ref, pause)
	}
	return e.Engine.Commit(ctx, id, ref, pause)
}

func (e *bentEngine) Inspect(ctx context.Context, ref string) (snapshot.Inspection, error) {
	if e.inspect != nil {
		return e.inspect(ctx, ref)
	}
	return e.Engine.Inspect(ctx, ref)
}

// cutJournal is the real journal, as a bot sees it that can be cut off from it.
type cutJournal struct {
	*store.DB
	mu  sync.Mutex // guards cut
	cut func(ctx context.Context) error
	on  func(to restore.State) // nil, or told of every state that was written
}

func (j *cutJournal) set(cut func(ctx context.Context) error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.cut = cut
}

func (j *cutJournal) ask(ctx context.Context) error {
	j.mu.Lock()
	cut := j.cut
	j.mu.Unlock()
	if cut == nil {
		return nil
	}
	return cut(ctx)
}

func (j *cutJournal) Claimable(ctx context.Context, scope restore.Scope) ([]int64, error) {
	if err := j.ask(ctx); err != nil {
		return nil, err
	}
	return j.DB.Claimable(ctx, scope)
}

// Claim is cut too: a bot that could claim and do nothing more would keep what it has claimed from everybody else.
func (j *cutJournal) Claim(ctx context.Context, id int64, bot string, lease time.Duration) (restore.Restore, error) {
	if err := j.ask(ctx); err != nil {
		return restore.Restore{}, err
	}
	return j.DB.Claim(ctx, id, bot, lease)
}

func (j *cutJournal) Renew(ctx context.Context, id, epoch int64, lease time.Duration) error {
	if err := j.ask(ctx); err != nil {
		return err
	}
	return j.DB.Renew(ctx, id, epoch, lease)
}

func (j *cutJournal) Advance(ctx context.Context, r restore.Restore, to restore.State, e incidents.Entry) (restore.Restore, error) {
	if err := j.ask(ctx); err != nil {
		return r, err
	}
	got, err := j.DB.Advance(ctx, r, to, e)
	if err == nil && j.on != nil {
		j.on(to)
	}
	return got, err
}

func (j *cutJournal) WithLateActs(ctx context.Context, scope restore.Scope, after time.Duration) ([]int64, error) {
	if err := j.ask(ctx); err != nil {
		return nil, err
	}
	return j.DB.WithLateActs(ctx, scope, after)
}

// away is what a journal says that can't be reached.
func away(context.Context) error { return store.ErrAway }

// brokenDeploy is a container whose snapshot was taken, and which a deploy has replaced since.
type brokenDeploy struct {
	*kit
	name, old string
	snap      snapshot.Snapshot
}

// broken makes one. Flags are those of the deploy's container.
func (k *kit) broken(flags ...string) *brokenDeploy {
	k.T.Helper()
	return k.deployed(nil, flags)
}

// deployed makes one whose containers have these flags.
func (k *kit) deployed(good, bad []string) *brokenDeploy {
	k.T.Helper()
	d := &brokenDeploy{kit: k, name: k.Name("api")}
	image := k.Image("good", `CMD ["/app"]`)
	k.Run(d.name, slices.Concat(good, []string{"--env", "V=1", image})...)
	d.snap = k.Take(d.name)
	k.Docker("rm", "-f", d.name)
	d.old = k.Run(d.name, slices.Concat(bad, []string{"--env", "V=2", image})...)
	return d
}

// with has another Restorer in the place of the kit's.
func (k *kit) with(c restore.Config) *restore.Restorer {
	k.T.Helper()
	if err := k.Restorer.Stop(k.T.Context()); err != nil {
		k.T.Fatal(err)
	}
	return k.beside(c)
}

// beside has another Restorer run beside those that there are, and be the one that is asked from now on.
func (k *kit) beside(c restore.Config) *restore.Restorer {
	k.T.Helper()
	if c.Engine == nil {
		c.Engine = k.Engine()
	}
	if c.Journal == nil {
		c.Journal = k.DB
	}
	if c.Bot == "" {
		c.Bot = "bent"
	}
	k.Restorer = k.Started(c)
	return k.Restorer
}

func (d *brokenDeploy) ask() int64 {
	d.T.Helper()
	c := d.Container(d.name)
	r, err := d.Restorer.Request(d.T.Context(), restore.Ask{Force: true, Container: c, Snapshot: d.snap.Name, Seen: c.ID, By: d.By()})
	if err != nil {
		d.T.Fatal(err)
	}
	return r.ID
}

// over waits for a restore's end, whoever runs it.
func (k *kit) over(id int64, limit time.Duration) restore.Restore {
	k.T.Helper()
	var (
		r   restore.Restore
		err error
	)
	defer func() {
		if k.T.Failed() {
			k.T.Logf("restore %d is %s: %v", id, r.State, err)
		}
	}()
	k.await(limit, "the end of the restore", func() bool {
		r, err = k.DB.Restore(k.T.Context(), id)
		return err == nil && r.State.Final()
	})
	return r
}

// await waits until something is so.
func (k *kit) await(limit time.Duration, what string, is func() bool) {
	k.T.Helper()
	deadline, tick := time.After(limit), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			k.T.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// runs waits until exactly one container runs of those with the name, or made from it, and has the name.
func (d *brokenDeploy) runs(id string) {
	d.T.Helper()
	d.await(time.Minute, "one of them runs", func() bool {
		names, up := d.Names(d.name), 0
		for _, state := range names {
			if state == "running" {
				up++
			}
		}
		return names[d.name] == "running" && up == 1
	})
	if now := d.Container(d.name); id != "" && now.ID != id {
		d.T.Errorf("%s runs, not %s: %v", now.ID, id, d.Names(d.name))
	}
}

// hold is a place at which something waits until the test lets it go on.
type hold struct {
	once            sync.Once
	reached, goesOn chan struct{}
}

func newHold(t *testing.T) *hold {
	h := &hold{reached: make(chan struct{}), goesOn: make(chan struct{})}
	t.Cleanup(h.release)
	return h
}

func (h *hold) release() {
	h.once.Do(func() { close(h.goesOn) })
}
