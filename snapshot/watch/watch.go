package watch

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// Config is what a Watcher needs. Engine, Store, Deploys and Taker are required.
type Config struct {
	Engine  Engine
	Store   Store
	Deploys snapshot.Deploys // where deploys are written down; the Store itself, or what duplicates it
	Taker   Taker
	Scope   string // the label that narrows the Engine's containers down; "": none does
	Logger  *slog.Logger
	Zone    *time.Location // for names such as pre-deploy-2255, and schedules without CRON_TZ; nil: UTC

	BaselineAfter time.Duration // how long a container must be up and healthy to be the good state; 0: 1 min
	Explicit      time.Duration // how long a pre-deploy snapshot taken beforehand stands for the next deploy; 0: 6 h
	MaxAge        time.Duration // snapshots older than that go; 0: never for their age
	Forget        time.Duration // how long a container that is gone is shown; it is forgotten a week after it went at the earliest
	LongRun       time.Duration // the newest state that ran for longer, and is not what runs, is never removed; 0: 1 h
	Every         time.Duration // how often to look although no event came; 0: 2 min
	TidyEvery     time.Duration // how often to remove surplus snapshots and look for missing images; 0: 3 min
	ListenEvery   time.Duration // how often to ask about every container; 0: 30 s
	Quiet         time.Duration // how long events must be quiet before a look; 0: 100 ms
	Jitter        time.Duration // at most how long after its tick a scheduled snapshot is taken; 0: 30 s
	TickAgain     time.Duration // how long after a failure a scheduled snapshot is tried again; each wait is twice the one before; 0: 2 min
	Chores        []Chore       // what else is done every TidyEvery
	Settle        time.Duration // how long a replacement may stay unstarted before it counts as a deploy; 0: 10 s

	// Spiking says whether a container's errors were at a spike's rate at a moment; nil: nobody counts them.
	Spiking func(ctx context.Context, key string, at time.Time) (bool, error)

	Leads   Leads         // lets one bot of several look; nil: this one always does
	Me      Presence      // as Leads know this bot; its Link does not matter
	LeadFor time.Duration // for how long a bot that has fallen silent is left its turn; 0: 7 s

	Observe func(snapshot.Deploy) // hears of each deploy that was seen first here, for metrics; nil: nobody does
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.BaselineAfter, time.Minute)
	set(&c.Explicit, 6*time.Hour)
	set(&c.LongRun, time.Hour)
	set(&c.Every, 2*time.Minute)
	set(&c.TidyEvery, 3*time.Minute)
	set(&c.ListenEvery, 30*time.Second)
	set(&c.Quiet, 100*time.Millisecond)
	set(&c.Jitter, 30*time.Second)
	set(&c.TickAgain, 2*time.Minute)
	set(&c.Settle, 10*time.Second)
	set(&c.LeadFor, 7*time.Second)
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Spiking == nil {
		c.Spiking = func(context.Context, string, time.Time) (bool, error) { return false, nil }
	}
	if c.Observe == nil {
		c.Observe = func(snapshot.Deploy) {}
	}
	return c
}

// Watcher sees deploys, keeps the state from before them, and takes and removes snapshots by itself. Any number of bots
// may watch one engine: one of them looks at a time, see lead.go. Should two do, they work one after the other for one identity, and
// write down in Postgres what was done, so that the others see it.
type Watcher struct {
	Config
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	wake   chan struct{} // one slot: a look is wanted
	urgent chan struct{} // a slot for every deploy that may be worked on at once
	calm   chan struct{} // the same for what can wait: baselines and schedules
	slow   chan struct{} // the same for those of them that archive volumes

	mu         sync.Mutex               // guards what follows
	busy       map[string]*work         // identities that are being worked on
	ended      map[string]time.Time     // by the engine's ID: when a container stopped or went
	renamed    map[string]renaming      // by the engine's ID: when a container was given another name, the last time
	seenTo     time.Time                // the newest event's moment
	due        map[string]time.Time     // by the engine's ID: when next to see whether it is good enough for a baseline
	waits      map[string]time.Duration // by the engine's ID: how long to wait after the last try of a baseline
	failures   map[string]failure       // by key: ticks whose snapshots could not be taken yet
	noticed    map[string]time.Time     // by the engine's ID: when a container was first seen beside another one of its line
	tries      map[string]int           // by the engine's ID of a new container: how often keeping the state from before it was tried
	seen       map[string]time.Time     // by the engine's ID: when it was last noted that a container runs well
	compared   map[string]bool          // by the names of two states: whether they are the same
	shared     map[string]int           // by what is said of containers that run under one identity: how often in a row it was so
	keyed      map[string]bool          // by key: it is none of an earlier release's
	identities []watched                // what the last look showed
	waiting    []snapshot.Observation   // and who waited beside them

	restarts  restarts
	listening snapshot.Refrain // of the goroutine that listens
	led       led
}

// watched is an identity as both the engine and Postgres have it.
type watched struct {
	snapshot.Identity
	Now snapshot.Observation // its ID is the Identity's, unless a replacement has not been dealt with yet
}

// New returns a Watcher that does nothing until Start.
func New(c Config) *Watcher {
	w := &Watcher{
		Config: c.withDefaults(), wake: make(chan struct{}, 1), urgent: make(chan struct{}, 4), calm: make(chan struct{}, 2), slow: make(chan struct{}, 1),
		busy: map[string]*work{}, ended: map[string]time.Time{}, renamed: map[string]renaming{}, due: map[string]time.Time{},
		waits: map[string]time.Duration{}, noticed: map[string]time.Time{}, tries: map[string]int{}, seen: map[string]time.Time{}, compared: map[string]bool{},
		keyed: map[string]bool{}, failures: map[string]failure{},
	}
	w.ctx, w.cancel = context.WithCancelCause(context.Background())
	return w
}

// Start begins to watch. It can be called once.
func (w *Watcher) Start() {
	w.wg.Go(w.follow)
	w.wg.Go(w.lookLoop)
	if w.Leads != nil {
		w.wg.Go(func() { w.keepLeading(w.ctx); w.every(leadEvery, w.keepLeading) })
	}
	w.wg.Go(func() { w.every(w.pulse(), w.routine) })
	w.wg.Go(func() { w.every(w.TidyEvery, w.tidy) })
	w.wg.Go(func() { w.every(w.ListenEvery, w.listen) })
}

// Stop ends all of it and waits until ctx ends. It can be called twice. What was interrupted is taken up by the next Start.
func (w *Watcher) Stop(ctx context.Context) error {
	w.cancel(snapshot.ErrStopping)
	done := make(chan struct{})
	go func() { w.wg.Wait(); close(done) }()
	select {
	case <-done:
		return w.yield(ctx)
	case <-ctx.Done():
		return fmt.Errorf("waiting for the watch: %w", ctx.Err())
	}
}

// pulse is how often to see whether a baseline or a schedule is due.
func (w *Watcher) pulse() time.Duration {
	return min(max(w.BaselineAfter/10, 50*time.Millisecond), time.Second)
}

func (w *Watcher) every(d time.Duration, do func(context.Context)) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			do(w.ctx)
		case <-w.ctx.Done():
			return
		}
	}
}

// follow keeps the engine's events coming. After a gap they are asked for from the last one on; one that comes twice
// does no harm.
func (w *Watcher) follow() {
	since, broke := w.resumeFrom(w.ctx), snapshot.Refrain{}
	for wait := 100 * time.Millisecond; w.ctx.Err() == nil; wait = min(2*wait, 5*time.Second) {
		w.lookSoon()
		begun := time.Now()
		w.restarts.begin(begun)
		err := w.Engine.Follow(w.ctx, since, w.noteEvent)
		if w.ctx.Err() != nil {
			return
		}
		if time.Since(begun) > time.Minute {
			wait, broke = 100*time.Millisecond, snapshot.Refrain{}
		}
		broke.Log(w.Logger, "the engine's events broke off", err)
		if last := w.lastEvent(); !last.IsZero() {
			since = last
		}
		w.pause(wait)
	}
}

// resumeFrom is where the last bot left off.
func (w *Watcher) resumeFrom(ctx context.Context) time.Time {
	now := time.Now().Add(-2 * time.Second) // the engine's clock need not be ours
	engine, err := w.Engine.ID(ctx)
	if err != nil {
		return now
	}
	seen, err := w.Store.EventsSeen(ctx, engine)
	if err != nil || seen.IsZero() {
		return now
	}
	return seen
}

func (w *Watcher) lastEvent() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seenTo
}

func (w *Watcher) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-w.ctx.Done():
	}
}

// lookSoon wants a look soon.
func (w *Watcher) lookSoon() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// lookIn wants a look later.
func (w *Watcher) lookIn(d time.Duration) {
	w.wg.Go(func() {
		w.pause(d)
		w.lookSoon()
	})
}

// noteEvent notes when things happened. No later look can find that out.
func (w *Watcher) noteEvent(e snapshot.Event) {
	w.restarts.note(e)
	w.mu.Lock()
	if e.At.After(w.seenTo) {
		w.seenTo = e.At
	}
	switch e.Action {
	case "start":
		delete(w.ended, e.ContainerID)
		w.due[e.ContainerID] = w.goodFrom(e.ContainerID, e.At)
	case "health_status":
		w.due[e.ContainerID] = w.goodFrom(e.ContainerID, e.At)
	case "rename":
		w.renamed[e.ContainerID] = renaming{e.Name, e.At}
	case "die", "destroy":
		if _, known := w.ended[e.ContainerID]; !known {
			w.ended[e.ContainerID] = e.At
		}
	}
	w.mu.Unlock()
	w.lookSoon()
}

// lookFor is how long a look may take. A line to the engine that has gone dead ends none by itself.
const lookFor = 2 * time.Minute

func (w *Watcher) lookWithin(d time.Duration) error {
	ctx, cancel := context.WithTimeout(w.ctx, d)
	defer cancel()
	return w.look(ctx)
}

// lookLoop looks when events have gone quiet, and now and then although there were none.
func (w *Watcher) lookLoop() {
	tick := time.NewTicker(w.Every)
	defer tick.Stop()
	for looking := (snapshot.Refrain{}); ; {
		select {
		case <-w.wake:
			w.awaitQuiet()
		case <-tick.C:
			w.forget()
		case <-w.ctx.Done():
			return
		}
		if !w.leads() {
			continue
		}
		err := w.lookWithin(lookFor)
		if w.ctx.Err() != nil {
			return
		}
		w.led.failing.Store(err != nil)
		if looking.Log(w.Logger, "looking at the engine", err); err != nil {
			w.remember(nil, nil) // what was seen before may no longer be so
			w.lookIn(2 * time.Second)
		}
	}
}

// awaitQuiet waits until no event has come for a moment, but not for long: on a busy engine events never end.
func (w *Watcher) awaitQuiet() {
	limit := time.After(4 * w.Quiet)
	for {
		select {
		case <-w.wake:
		case <-time.After(w.Quiet):
			return
		case <-limit:
			return
		case <-w.ctx.Done():
			return
		}
	}
}

func (w *Watcher) remember(list []watched, waiting []snapshot.Observation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.identities, w.waiting = list, waiting
}

// forget drops what is known of containers that are gone, and moments that are too old to date a deploy by.
func (w *Watcher) forget() {
	w.restarts.forget(time.Now().Add(-2 * time.Hour))
	w.mu.Lock()
	defer w.mu.Unlock()
	there := map[string]bool{}
	for _, p := range w.identities {
		there[p.Now.ID] = true
	}
	for _, s := range w.waiting {
		there[s.ID] = true
	}
	gone := func(id string, _ time.Time) bool { return !there[id] }
	maps.DeleteFunc(w.due, gone)
	maps.DeleteFunc(w.noticed, gone)
	maps.DeleteFunc(w.seen, gone)
	maps.DeleteFunc(w.waits, func(id string, _ time.Duration) bool { return !there[id] })
	maps.DeleteFunc(w.failures, func(_ string, f failure) bool { return time.Since(f.again) > time.Hour })
	maps.DeleteFunc(w.tries, func(id string, _ int) bool { return !there[id] })
	maps.DeleteFunc(w.ended, func(_ string, at time.Time) bool { return time.Since(at) > time.Hour })
	maps.DeleteFunc(w.renamed, func(_ string, r renaming) bool { return time.Since(r.at) > time.Hour })
}
