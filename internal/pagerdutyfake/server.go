package pagerdutyfake

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config says what the account is like. Only APIToken is required.
type Config struct {
	APIToken string // what the REST API takes, as Token token=… or Bearer …
	Users    []User // AddUser adds more

	// ReadOnlyToken is one that may read, and write nothing: 403. Empty: there is none.
	ReadOnlyToken string

	// BaseURL is how others reach this server. Start and Listen fill it in.
	BaseURL string
	// Clock is the time of day. Nil: time.Now.
	Clock func() time.Time
	// WebhookTimeout is how long a delivery may take. Zero: 5 s, as PagerDuty's.
	WebhookTimeout time.Duration
	// Backoff is the wait before each repetition of a webhook; the last one is used
	// again. Nil: from 100 ms to 2 s, far shorter than the real ones.
	Backoff []time.Duration
	// GiveUpAfter is how long a webhook is repeated. Zero: 48 h.
	GiveUpAfter time.Duration
	// DisableFor is how long three drops in a row disable a subscription. Zero: 24 h.
	DisableFor time.Duration
	// Patience bounds the Expect… methods. Zero: a minute.
	Patience time.Duration
}

// User is a person in the account.
type User struct {
	ID, Name, Email string
}

// TB is the part of testing.TB that is used here, so that a program which runs the
// fake for a demo does not link package testing.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Server is the account. All its methods may be called from several goroutines.
type Server struct {
	cfg    Config
	routes *http.ServeMux
	client *http.Client // carries webhooks

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup // every goroutine of the server
	http *http.Server   // nil when the caller serves

	mu          sync.Mutex // guards all below
	closed      bool
	baseURL     string
	changed     chan struct{} // closed, and made anew, at every change
	serial      int
	users       []User
	onCall      []User
	services    []*service
	incidents   []*incident
	subs        []*subscription
	deliveries  []*delivery
	changes     []ChangeEvent
	outage      bool
	limited     int
	retryAfter  time.Duration
	dropped     int
	windowCalls int
}

// New makes a server that the caller mounts; see Start and Listen for one that runs.
func New(cfg Config) *Server {
	cfg = cfg.withDefaults()
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{
		cfg: cfg, ctx: ctx, stop: stop, baseURL: cfg.BaseURL, users: slices.Clone(cfg.Users),
		onCall: slices.Clone(cfg.Users[:min(1, len(cfg.Users))]), changed: make(chan struct{}),

		client: &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	s.routes = s.newRoutes()
	return s
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Backoff == nil {
		c.Backoff = []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second}
	}
	for d, fallback := range map[*time.Duration]time.Duration{
		&c.WebhookTimeout: 5 * time.Second, &c.GiveUpAfter: 48 * time.Hour,
		&c.DisableFor: 24 * time.Hour, &c.Patience: time.Minute,
	} {
		if *d == 0 {
			*d = fallback
		}
	}
	return c
}

// Start runs a server on a free loopback port until the test ends.
func Start(t TB, cfg Config) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0", cfg)
	if err != nil {
		t.Fatalf("starting the PagerDuty stand-in: %v", err)
		return nil
	}
	t.Cleanup(s.Close)
	return s
}

// Listen runs a server on addr until Close.
func Listen(addr string, cfg Config) (*Server, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", addr, err)
	}
	if cfg.BaseURL == "" {
		cfg.BaseURL = "http://" + l.Addr().String()
	}
	s := New(cfg)
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	s.wg.Go(func() { _ = s.http.Serve(l) })
	return s, nil
}

// Close ends deliveries and waits for them. It may be called twice.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	if s.http != nil {
		_ = s.http.Close()
	}
	s.wg.Wait()
	s.client.CloseIdleConnections()
}

// enter counts a request among what Close waits for; false once it has begun.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Add(1)
	return true
}

// URL is the server's address: both the REST and the Events API's.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.baseURL
}

// SetOnCall says who is on call, level by level. At first it is the first user.
func (s *Server) SetOnCall(users ...User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onCall = slices.Clone(users)
}

// Outage makes both APIs answer 503 until it is turned off. Webhooks go on.
func (s *Server) Outage(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outage = on
}

// RateLimit answers the next n requests with 429.
func (s *Server) RateLimit(n int, reset time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limited, s.retryAfter = n, reset
}

// DropResponse carries the next n writes out and closes the connection without an answer.
func (s *Server) DropResponse(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped = n
}

// touch announces a change. The caller holds mu.
func (s *Server) touch() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// nextID makes an ID in PagerDuty's form. The caller holds mu.
func (s *Server) nextID(prefix string) string {
	s.serial++
	return fmt.Sprintf("%s%06d", prefix, s.serial)
}

// now is the time in UTC. REST shows seconds, webhooks milliseconds.
func (s *Server) now() time.Time { return s.cfg.Clock().UTC() }

func (s *Server) userByEmail(email string) (User, bool) {
	i := slices.IndexFunc(s.users, func(u User) bool { return strings.EqualFold(u.Email, email) })
	if i < 0 {
		return User{}, false
	}
	return s.users[i], true
}

// await waits until done holds, or for the time that Config.Patience grants.
func (s *Server) await(ctx context.Context, done func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Patience, errors.New("it did not happen in time"))
	defer cancel()
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if done() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
