package flat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// How long counts are kept. A chart shows six hours, and people ask for a day; finer steps serve the minutes after a restore.
const (
	KeepMinutes = 26 * time.Hour
	KeepMoments = 40 * time.Minute
)

// Steps of time in which errors are kept.
type Steps struct {
	Minute time.Duration // the coarse one; 0: a minute
	Moment time.Duration // the fine one; 0: a sixth of Minute
}

// WithDefaults fills in what is not set.
func (s Steps) WithDefaults() Steps {
	s.Minute = cmp.Or(s.Minute, time.Minute)
	s.Moment = cmp.Or(s.Moment, s.Minute/6)
	return s
}

// Store keeps counts.
type Store interface {
	// SaveErrors adds counts of any number of containers, each container's in the order of time, as Split has it. All are
	// kept or none. Counts from more than a minute after the database's now are dropped.
	SaveErrors(ctx context.Context, counts []Count, steps Steps) error
	// ErrorMinutes lists what is kept of a container from since on, oldest first; fine says in fine steps. Nobody knows of
	// the container: none.
	ErrorMinutes(ctx context.Context, key string, since time.Time, fine bool) ([]Minute, error)
}

// RecorderConfig is what a Recorder needs. Store is required.
type RecorderConfig struct {
	Store  Store
	Logger *slog.Logger  // nil: silent
	Every  time.Duration // how often it writes; 0: 3 s
	Steps  Steps
}

// maxWaiting is how many counts wait for a database that is away: about half an hour of 200 containers.
const maxWaiting = 40_000

// flushIn is how long writing may take. A database that hangs would otherwise hold up all that is counted after that.
const flushIn = 10 * time.Second

// Recorder takes counts from any number of sources, and writes them now and then. Start it once; Stop writes the rest.
type Recorder struct {
	RecorderConfig
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex // guards what follows
	waiting []Count
	last    map[string]int // where in waiting a container's last count is
}

// NewRecorder returns a Recorder that writes nothing until Start.
func NewRecorder(c RecorderConfig) *Recorder {
	c.Steps, c.Every = c.Steps.WithDefaults(), cmp.Or(c.Every, 3*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Recorder{RecorderConfig: c, last: map[string]int{}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// ErrBadCount says that a count names no container, or spans no time or more than a minute.
var ErrBadCount = errors.New("a count has a key, and spans a minute at most")

// Add takes a count. It does not wait for the database. It returns ErrBadCount.
func (r *Recorder) Add(_ context.Context, c Count) error {
	if span := c.To.Sub(c.From); c.Key == "" || span <= 0 || span > time.Minute {
		return fmt.Errorf("%w: %q from %s to %s", ErrBadCount, c.Key, c.From, c.To)
	}
	c.Share = cmp.Or(c.Share, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if i, ok := r.last[c.Key]; ok && r.joins(r.waiting[i], c) {
		w := &r.waiting[i]
		w.To, w.Errors, w.Requests = c.To, w.Errors+c.Errors, w.Requests+c.Requests
		return nil
	}
	r.last[c.Key] = len(r.waiting)
	r.waiting = append(r.waiting, c)
	if len(r.waiting) > maxWaiting {
		r.keep(maxWaiting - maxWaiting/10) // with room for more, since dropping takes a while
	}
	return nil
}

// joins says whether c goes on where w ends, within one fine step.
func (r *Recorder) joins(w, c Count) bool {
	return w.To.Equal(c.From) && w.Share == c.Share && w.Traffic == c.Traffic &&
		w.From.UTC().Truncate(r.Steps.Moment).Equal(c.To.UTC().Add(-1).Truncate(r.Steps.Moment))
}

// Start begins to write.
func (r *Recorder) Start() {
	r.wg.Go(func() {
		tick := time.NewTicker(r.Every)
		defer tick.Stop()
		for {
			select {
			case <-r.ctx.Done():
				return
			case <-tick.C:
				if err := r.Flush(r.ctx); err != nil && r.ctx.Err() == nil {
					r.Logger.Warn("writing counts of errors", "err", err)
				}
			}
		}
	})
}

// Stop writes what waits, and ends. It can be called twice.
func (r *Recorder) Stop(ctx context.Context) error {
	r.cancel()
	r.wg.Wait()
	return r.Flush(ctx)
}

// Flush writes what waits, for ten seconds at most. What can't be written waits on; when it is too much, the oldest is dropped.
func (r *Recorder) Flush(ctx context.Context) error {
	batch := r.take()
	if len(batch) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, flushIn)
	defer cancel()
	err := r.Store.SaveErrors(ctx, batch, r.Steps)
	if err != nil {
		r.putBack(batch)
	}
	return err
}

func (r *Recorder) take() []Count {
	r.mu.Lock()
	defer r.mu.Unlock()
	batch := r.waiting
	r.waiting = nil
	clear(r.last)
	return batch
}

func (r *Recorder) putBack(batch []Count) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = append(batch, r.waiting...)
	r.keep(maxWaiting)
}

// keep drops the oldest when more than most wait. The caller holds mu.
func (r *Recorder) keep(most int) {
	if over := len(r.waiting) - most; over > 0 {
		r.Logger.Warn("too many counts of errors wait for the database: the oldest are dropped", "dropped", over)
		r.waiting = append([]Count(nil), r.waiting[over:]...)
	}
	clear(r.last)
	for i, c := range r.waiting {
		r.last[c.Key] = i
	}
}

// Minutes lists what is kept of a container's minutes from since on, oldest first.
func (r *Recorder) Minutes(ctx context.Context, key string, since time.Time) ([]Minute, error) {
	return r.Store.ErrorMinutes(ctx, key, since, false)
}

// Moments lists the same in fine steps; they are kept for KeepMoments.
func (r *Recorder) Moments(ctx context.Context, key string, since time.Time) ([]Minute, error) {
	return r.Store.ErrorMinutes(ctx, key, since, true)
}
