package prometheus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/snapshot"
)

// Engine shows what runs.
type Engine interface {
	// Observations lists all enabled containers.
	Observations(ctx context.Context) ([]snapshot.Observation, error)
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

// Config is what a Source needs. Client, Engine, Recorder and Counted are required.
type Config struct {
	Client   *Client
	Engine   Engine
	Recorder Recorder
	Counted  Counted
	Logger   *slog.Logger // nil: silent

	Every time.Duration // how often to ask; 0: 15 s
	Step  time.Duration // how finely to ask for the past, at most a minute; 0: a minute
	Back  time.Duration // how far back; 0: 90 min
}

// atOnce is how many containers are asked for side by side.
const atOnce = 4

// Source asks for the errors of all containers that have a query.
type Source struct {
	Config
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup

	mu       sync.Mutex               // guards what follows
	told     map[string]time.Time     // by key: up to when
	problems map[string]string        // by key: why nothing is known; "": it is
	lags     map[string]time.Duration // by key: the range of its query, where that is long
}

// New returns a Source that asks nothing until Start.
func New(c Config) *Source {
	c.Every, c.Back = cmp.Or(c.Every, 15*time.Second), cmp.Or(c.Back, 90*time.Minute)
	c.Step = min(cmp.Or(c.Step, time.Minute), time.Minute)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Source{Config: c, told: map[string]time.Time{}, problems: map[string]string{}, lags: map[string]time.Duration{}}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s
}

// Takes says that a container's errors are asked for here.
func (s *Source) Takes(c snapshot.Observation) bool { return s != nil && c.Query != "" }

// Problem says why nothing is known of a container's errors; "": it is, or it is not asked for here.
func (s *Source) Problem(key string) string {
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problems[key]
}

// Lag is for how long a container's query keeps errors in view; 0: no longer than is allowed for.
func (s *Source) Lag(key string) time.Duration {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lags[key]
}

// Answers is of how many containers errors are known, and of how many they are not.
func (s *Source) Answers() (answered, failing int) {
	if s == nil {
		return 0, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, problem := range s.problems {
		if problem == "" {
			answered++
		} else {
			failing++
		}
	}
	return answered, failing
}

// Start begins to ask. It can be called once.
func (s *Source) Start() {
	s.wg.Go(func() {
		tick := time.NewTicker(s.Every)
		defer tick.Stop()
		for {
			if err := s.round(); err != nil && s.ctx.Err() == nil && !errors.Is(err, snapshot.ErrEngineAway) {
				s.Logger.Warn("looking for whose errors to ask", "err", err)
			}
			select {
			case <-tick.C:
			case <-s.ctx.Done():
				return
			}
		}
	})
}

// Stop ends it, and waits until ctx ends. It can be called twice.
func (s *Source) Stop(ctx context.Context) error {
	s.cancel(snapshot.ErrStopping)
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for Prometheus: %w", ctx.Err())
	}
}

// round asks once for each container that runs and has a query.
func (s *Source) round() error {
	seen, err := s.Engine.Observations(s.ctx)
	if err != nil {
		return err
	}
	asked := map[string]snapshot.Observation{}
	for _, c := range seen {
		if !c.Others && !c.Waits && c.Alive() && s.Takes(c) {
			asked[c.Key] = c
		}
	}
	s.forget(asked)
	if err := s.resume(asked); err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, c := range asked {
		group.Go(func() error { s.note(c, s.ask(c)); return nil })
	}
	return group.Wait()
}

// forget drops what is not asked for any more, and notes how far back the queries of the others look. Where its counting goes on, the database knows.
func (s *Source) forget(asked map[string]snapshot.Observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := func(key string) bool { _, ok := asked[key]; return !ok }
	maps.DeleteFunc(s.told, func(key string, _ time.Time) bool { return gone(key) })
	maps.DeleteFunc(s.problems, func(key, _ string) bool { return gone(key) })
	maps.DeleteFunc(s.lags, func(key string, _ time.Duration) bool { return gone(key) })
	for key, c := range asked {
		s.lags[key] = longRange(c.Query)
	}
}

// resume finds where counting goes on for those who are new here.
func (s *Source) resume(asked map[string]snapshot.Observation) error {
	var keys []string
	for key := range asked {
		if s.toldTo(key).IsZero() {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	to, err := s.Counted.ErrorsCountedTo(s.ctx, keys)
	if err != nil {
		return err
	}
	oldest := time.Now().Add(-s.Back)
	for _, key := range keys {
		at := to[key]
		if at.Before(oldest) {
			at = oldest
		}
		s.setTold(key, at)
	}
	return nil
}

func (s *Source) toldTo(key string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told[key]
}

func (s *Source) setTold(key string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told[key] = at
}

// note says once why nothing is known.
func (s *Source) note(c snapshot.Observation, err error) {
	if s.ctx.Err() != nil {
		return
	}
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	s.mu.Lock()
	before := s.problems[c.Key]
	s.problems[c.Key] = problem
	s.mu.Unlock()
	if problem != "" && problem != before {
		s.Logger.Warn("errors of a container are not known", "container", c.Name, "err", err)
	}
}
