package logtail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/snapshot"
)

// Engine shows what runs, and reads logs.
type Engine interface {
	// Observations lists all enabled containers.
	Observations(ctx context.Context) ([]snapshot.Observation, error)
	// ReadLog hands over the lines of a container's log, and says since when the container has been running. It returns
	// snapshot.ErrLogUnreadable when nobody can read it.
	ReadLog(ctx context.Context, id string, ask snapshot.LogAsk, take func(snapshot.RawLine) error) (started time.Time, err error)
}

// Recorder keeps what is counted.
type Recorder interface {
	Add(ctx context.Context, c flat.Count) error
}

// Counted remembers what has been.
type Counted interface {
	// ErrorsCountedTo is up to which moment errors of the containers have been counted. Of whom nothing is known is not in it.
	ErrorsCountedTo(ctx context.Context, keys []string) (map[string]time.Time, error)
}

// Config is what a Follower needs. Engine, Recorder and Counted are required.
type Config struct {
	Engine   Engine
	Recorder Recorder
	Counted  Counted
	Logger   *slog.Logger // nil: silent

	Elsewhere func(snapshot.Observation) bool // has another source, so its log is not read; nil: none has

	Every     time.Duration // how often counts are told; 0: 2 s
	Look      time.Duration // how often to look for containers; 0: 5 s
	Step      time.Duration // how finely the past is told, at most a minute; 0: a minute
	Back      time.Duration // how far to read back; 0: 90 min
	BackLines int           // how many lines of the past to read at most, of each container; 0: 50,000
	Budget    int           // how many lines a second to read of one container, over some seconds; 0: 2,000
}

func (c Config) withDefaults() Config {
	c.Every, c.Look = cmp.Or(c.Every, 2*time.Second), cmp.Or(c.Look, 5*time.Second)
	c.Step, c.Back = min(cmp.Or(c.Step, time.Minute), time.Minute), cmp.Or(c.Back, 90*time.Minute)
	c.BackLines, c.Budget = cmp.Or(c.BackLines, 50_000), cmp.Or(c.Budget, 2_000)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Elsewhere == nil {
		c.Elsewhere = func(snapshot.Observation) bool { return false }
	}
	return c
}

// Follower has a tail for each container.
type Follower struct {
	Config
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	backs  chan struct{} // a slot for each past that may be read at once
	lines  atomic.Int64  // that were read

	mu    sync.Mutex       // guards what follows
	tails map[string]*tail // by key
	ended map[string]end   // by key: how the tail ended that was there last

	problems map[string]string // by key: what keeps a log from being read
}

// end is what the next tail of a key has to know of the one before.
type end struct {
	told    time.Time // up to when
	traffic bool      // its log told of requests, so one that tells of none says that none came
	away    bool      // the engine was away when it ended
}

// New returns a Follower that reads nothing until Start.
func New(c Config) *Follower {
	f := &Follower{Config: c.withDefaults(), backs: make(chan struct{}, 2), tails: map[string]*tail{}, ended: map[string]end{}, problems: map[string]string{}}
	f.ctx, f.cancel = context.WithCancelCause(context.Background())
	return f
}

// Start begins to read. It can be called once.
func (f *Follower) Start() {
	f.wg.Go(func() { f.each(f.Look, f.look) })
	f.wg.Go(func() { f.each(f.Every, f.tell) })
}

// Stop ends all tails, tells what they have counted, and waits until ctx ends. It can be called twice.
func (f *Follower) Stop(ctx context.Context) error {
	f.cancel(snapshot.ErrStopping)
	done := make(chan struct{})
	go func() { f.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the readers of logs: %w", ctx.Err())
	}
}

func (f *Follower) each(d time.Duration, do func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		do()
		select {
		case <-tick.C:
		case <-f.ctx.Done():
			return
		}
	}
}

// lookFor is how long a look may take. An engine that has not answered by then is taken for one that hangs.
const lookFor = 10 * time.Second

// look sets a tail on whatever runs now, and ends those of what does not any more.
func (f *Follower) look() {
	ctx, cancel := context.WithTimeout(f.ctx, lookFor)
	defer cancel()
	asked := time.Now()
	seen, err := f.Engine.Observations(ctx)
	if err != nil {
		if f.ctx.Err() == nil && !errors.Is(err, snapshot.ErrEngineAway) {
			f.Logger.Warn("looking for logs to read", "err", err)
		}
		return
	}
	for _, t := range f.all() {
		t.count.sign(asked)
	}
	want := f.wanted(seen)
	f.endOthers(want)
	missing := f.missing(want)
	if len(missing) == 0 {
		return
	}
	to, err := f.Counted.ErrorsCountedTo(ctx, missing)
	if err != nil {
		if f.ctx.Err() == nil {
			f.Logger.Warn("asking up to when errors are counted", "err", err)
		}
		return
	}
	for _, key := range missing {
		f.begin(want[key], to[key])
	}
}

// wanted is the container that each key stands for: of several, the newest one that runs.
func (f *Follower) wanted(seen []snapshot.Observation) map[string]snapshot.Observation {
	want := map[string]snapshot.Observation{}
	for _, c := range seen {
		if c.Others || c.Waits || !c.Alive() || f.Elsewhere(c) {
			continue
		}
		if other, two := want[c.Key]; !two || c.CreatedAt.After(other.CreatedAt) {
			want[c.Key] = c
		}
	}
	return want
}

// endOthers ends the tails of containers that have gone, or that are not read any more.
func (f *Follower) endOthers(want map[string]snapshot.Observation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, t := range f.tails {
		if c, ok := want[key]; !ok || c.ID != t.container.ID || c.Pattern != t.container.Pattern {
			t.end()
		}
	}
}

// missing are the keys that have no tail.
func (f *Follower) missing(want map[string]snapshot.Observation) (keys []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range want {
		if _, ok := f.tails[key]; !ok {
			keys = append(keys, key)
		}
	}
	return keys
}

// begin sets a tail on a container, where the one before has ended, or from up to when it has been counted.
func (f *Follower) begin(c snapshot.Observation, to time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.ended[c.Key]
	t := newTail(f, c, later(before.told, to))
	t.count.traffic, t.away = before.traffic, before.away
	f.tails[c.Key] = t
	f.wg.Go(func() {
		t.run()
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.tails, c.Key)
		delete(f.problems, c.Key)
		f.ended[c.Key] = t.ending()
	})
}

// tell hands over what has been counted so far.
func (f *Follower) tell() {
	for _, t := range f.all() {
		t.count.tell()
	}
}

func (f *Follower) all() (list []*tail) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.tails {
		list = append(list, t)
	}
	return list
}
