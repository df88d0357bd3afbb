package terminal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/limit"
	"github.com/snapback/snapback/internal/site"
	"github.com/snapback/snapback/internal/webpage"
)

// Config is what a Service needs. The first six are required.
type Config struct {
	PublicURL string // https://host[:port], or http:// with a loopback host; a path is not possible
	Ring      Ring
	Store     Store
	Engine    Engine
	Gate      Gate
	Timeline  Timeline

	Tasks        Tasks                       // nil: there are no services
	Errors       Errors                      // nil: the page says that they aren't counted
	Seats        Seats                       // nil: there is no console
	Peers        Peers                       // nil: there are no other bots
	Bot          string                      // this one, as the others know it; "": there are none
	Logger       *slog.Logger                // nil: slog's default
	Location     *time.Location              // of the times that people read; nil: the machine's
	Now          func() time.Time            // nil: time.Now
	Idle         time.Duration               // without a tap or a key; 0: 15 minutes
	MaxLife      time.Duration               // of a session; 0: 2 hours
	Away         time.Duration               // how long a shell waits for its viewer to reconnect; 0: 2 minutes
	Poll         time.Duration               // how often permission and container are looked at; 0: 3 seconds
	SweepEvery   time.Duration               // 0: 30 seconds
	Follow       time.Duration               // how often a shell's descendants are looked at; 0: 10 seconds
	Beat         time.Duration               // between signs of life to the page; 0: 1 second
	Ping         time.Duration               // between pings, which have half as long to be answered; 0: 20 seconds
	FirstTime    time.Duration               // for the newest lines of a log, without which the page comes then; 0: 200 milliseconds
	NoContact    time.Duration               // with who has a shell's keyboard, after which a watcher may take it; 0: 30 seconds
	Unrecorded   time.Duration               // how long output waits for a recording that can't be written, before the shell is ended; 0: 30 seconds
	PerPerson    int                         // open browsers; 0: 4
	PerContainer int                         // open browsers; 0: 8
	Refusals     int                         // of one source that are explained at once, and as many a minute; 0: 20
	MaxRecording int64                       // bytes after which a recording says that it ends; its shell goes on; 0: 64 MiB
	Observe      func(event, outcome string) // for metrics, both from bounded sets; nil: nothing
}

func (c *Config) defaults() {
	set(&c.Idle, 15*time.Minute)
	set(&c.MaxLife, 2*time.Hour)
	set(&c.Away, 2*time.Minute)
	set(&c.Poll, 3*time.Second)
	set(&c.SweepEvery, 30*time.Second)
	set(&c.Follow, followEvery)
	set(&c.Beat, time.Second)
	set(&c.Ping, 20*time.Second)
	set(&c.FirstTime, firstTime)
	set(&c.NoContact, 30*time.Second)
	set(&c.Unrecorded, waitLimit)
	set(&c.PerPerson, 4)
	set(&c.PerContainer, 8)
	set(&c.Refusals, 20)
	set(&c.MaxRecording, 64<<20)
	set(&c.Location, time.Local)
	set(&c.Logger, slog.Default())
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Observe == nil {
		c.Observe = func(string, string) {}
	}
}

// set gives a setting its default.
func set[T comparable](p *T, v T) {
	if zero := *new(T); *p == zero {
		*p = v
	}
}

// Service mints links and serves what is behind them. Start and Stop may each be called more than once.
type Service struct {
	cfg      Config
	log      *slog.Logger
	page     webpage.Page
	front    webpage.Front
	refusals *limit.Limiter[netip.Prefix]
	shares   *limit.Limiter[string] // by session: each is a message to everybody in a channel
	owed     incidents.Owed         // what has become of shells

	mu      sync.Mutex // guards all below
	live    map[string]*live
	viewers map[string]int // open browsers, per person and per container; connections, per page
	tries   map[string]try // by page: why its last WebSocket was refused
	stopped bool

	sweeps     sync.Mutex     // held by whoever sweeps
	telling    sync.Mutex     // one at a time tells the sessions of a container of each other
	looking    *limit.Shares  // slots of those who read a log from its end backwards
	running    sync.WaitGroup // every live session, viewer and the sweeper
	sweeping   context.CancelFunc
	background context.Context // ended by Stop; the parent of live sessions
	cancel     context.CancelCauseFunc
}

var errStopping = errors.New("the bot is stopping")

// New checks the configuration. The service answers at once; Start adds the sweeping.
func New(cfg Config) (*Service, error) {
	at, err := site.Parse(cfg.PublicURL)
	if err != nil {
		return nil, err
	}
	if !at.Secure && !at.Local() {
		return nil, errors.New("a terminal needs https; plain http is for localhost alone")
	}
	if cfg.Ring == nil || cfg.Store == nil || cfg.Engine == nil || cfg.Gate == nil || cfg.Timeline == nil {
		return nil, errors.New("ring, store, engine, gate and timeline are all required")
	}
	front, err := webpage.OpenFront(dist, "web/dist")
	if err != nil {
		return nil, err
	}
	cfg.defaults()
	s := &Service{
		front: front, cfg: cfg, log: cfg.Logger, page: webpage.Page{Origin: at.Origin, Secure: at.Secure, Cookie: "snapback-terminal", Powers: "clipboard-read=(self)"},
		refusals: limit.New[netip.Prefix](time.Minute/time.Duration(cfg.Refusals), cfg.Refusals, maxSources), shares: limit.New[string](shareEvery, sharesAtOnce, maxSources), looking: limit.NewShares(maxLooking, lookingEach), live: map[string]*live{}, viewers: map[string]int{}, tries: map[string]try{},
	}
	s.background, s.cancel = context.WithCancelCause(context.Background())
	return s, nil
}

func (s *Service) now() time.Time { return s.cfg.Now().UTC() }

// clock is how a time is said to people.
func (s *Service) clock(t time.Time) string { return t.In(s.cfg.Location).Format("15:04") }

// Start sweeps now and at intervals, until Stop.
func (s *Service) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sweeping != nil || s.stopped {
		return
	}
	ctx, cancel := context.WithCancel(s.background)
	s.sweeping = cancel
	s.running.Go(func() { s.sweepLoop(ctx) })
}

// Stop ends every shell, tells the browsers that they may reconnect, and waits for both until ctx ends.
// Sessions stay open: whoever has one can go on when the bot is back.
func (s *Service) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.cancel(errStopping)
	done := make(chan struct{})
	go func() { // ends when the last of what it waits for does; the caller waits for it below
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		_ = s.sweepReports(ctx) // what fails was logged
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stopping the terminals: %w", ctx.Err())
	}
}

// EndForIncident ends every session that a link has opened for an incident that is resolved, on this bot at once, on others within seconds.
func (s *Service) EndForIncident(ctx context.Context, incidentID int64) error {
	sessions, err := s.cfg.Store.Sessions(ctx)
	if err != nil {
		return fmt.Errorf("listing the sessions: %w", err)
	}
	sessions = slices.DeleteFunc(sessions, func(sess Session) bool {
		return sess.IncidentID != incidentID || incidentID == 0 || sess.seated()
	})
	errs := make([]error, len(sessions))
	var ended sync.WaitGroup // side by side: PagerDuty waits for it, and each shell may have something left to write
	for i, sess := range sessions {
		ended.Go(func() { errs[i] = s.end(ctx, sess, ReasonResolved) })
	}
	ended.Wait()
	return errors.Join(errs...)
}

// end ends a session wherever it lives, and puts that on the timeline once.
func (s *Service) end(ctx context.Context, sess Session, why Reason) error {
	first, err := s.cfg.Store.End(ctx, sess.ID, why, s.now())
	if err != nil {
		return fmt.Errorf("ending session %s: %w", sess.ID, err)
	}
	s.mu.Lock()
	l := s.live[sess.ID]
	s.mu.Unlock()
	if l != nil {
		l.stop(endCause{why})
	}
	if !first {
		return nil
	}
	s.cfg.Observe("session_ended", string(why))
	if l != nil {
		l.concluded(ctx)
	}
	return s.auditEnd(ctx, sess, why)
}

// auditEnd may find the timeline away; a sweep catches up on it.
func (s *Service) auditEnd(ctx context.Context, sess Session, why Reason) error {
	summary := fmt.Sprintf("Terminal of %s (%s) ended: %s", sess.Name, sess.Person.Name, why)
	details := map[string]any{"session": sess.ID, "reason": why}
	if sess.Mode == access.ModeShell {
		sealed, err := s.cfg.Store.SealRecordings(ctx, sess.ID, s.now())
		if err != nil {
			return fmt.Errorf("sealing the recordings of session %s: %w", sess.ID, err)
		}
		if len(sealed) > 0 {
			details["recordings"] = sealed
		}
	}
	if err := s.record(ctx, sess.Grant, incidents.KindTerminalEnded, summary, details); err != nil {
		return err
	}
	return s.cfg.Store.Audited(ctx, sess.ID)
}

// join returns the live part of a session, which it starts if need be.
func (s *Service) join(sess Session) (*live, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil, errStopping
	}
	if l := s.live[sess.ID]; l != nil {
		return l, nil
	}
	l := newLive(s, sess)
	s.live[sess.ID] = l
	s.running.Go(l.run)
	return l, nil
}

func (s *Service) leave(l *live) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, l.sess.ID)
}

// admit counts a browser's connection in. ErrTooMany when the person or the container has its fill of browsers.
func (s *Service) admit(sess Session, page string) (release func(), err error) {
	person, container, wire := "p:"+sess.Person.Key(), "c:"+sess.Container, "w:"+sess.ID+" "+page
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.viewers[wire] > 0
	if s.viewers[wire] >= wiresPerPage || !known && (s.viewers[person] >= s.cfg.PerPerson || s.viewers[container] >= s.cfg.PerContainer) {
		return nil, ErrTooMany
	}
	s.viewers[wire]++
	if !known {
		s.viewers[person]++
		s.viewers[container]++
	}
	return func() { s.release(wire, person, container) }, nil
}

// release counts a connection out, and with a page's last one its browser.
func (s *Service) release(wire string, browser ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.countDown(wire) {
		return
	}
	for _, k := range browser {
		s.countDown(k)
	}
}

// countDown must be called with mu held, and says whether that was the last one.
func (s *Service) countDown(key string) bool {
	s.viewers[key]--
	if s.viewers[key] > 0 {
		return false
	}
	delete(s.viewers, key)
	return true
}
