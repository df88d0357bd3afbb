package slackfake

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Config says who the workspace's app is. Only BotToken and SigningSecret are required.
type Config struct {
	BotToken      string // xoxb-…: what the Web API takes
	SigningSecret string // signs what is sent to the app

	// AppToken (xapp-…) turns Socket Mode on. Empty: apps.connections.open refuses.
	AppToken string
	// Enterprise is the ID (E…) of the organisation that the workspace is part of. Empty: it stands alone.
	Enterprise string
	// OrgWide installs the app for the whole organisation.
	OrgWide bool
	// Scopes are the bot token's. Nil: it has all of them, and no answer tells which.
	Scopes []string
	// Clock is the time of day. Nil: time.Now.
	Clock func() time.Time
	// BaseURL is how the app reaches this server, without a final slash. Start and
	// Listen fill it in; a server mounted by hand needs it for response and upload URLs.
	BaseURL string
	// Endpoints is where the app listens; SetEndpoints changes it later.
	Endpoints Endpoints
	// AckTimeout is how long Slack waits for the answer to a tap. Zero: 3 s.
	AckTimeout time.Duration
	// Patience bounds the Expect… methods. Zero: a minute.
	Patience time.Duration
	// EventRetries is the wait before each repetition of an unanswered event.
	// Nil: at once, after a minute, and after five, as Slack does.
	EventRetries []time.Duration
	// Crawl makes the link crawler visit each link as soon as it is posted.
	Crawl bool
}

// Endpoints are the app's request URLs. An empty one gets nothing.
type Endpoints struct {
	Interactions, Commands, Events string
}

// TB is the part of testing.TB that is used here, so that a program which shows
// the fake to people does not link package testing.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Server is the workspace. All its methods may be called from several goroutines.
type Server struct {
	cfg     Config
	methods map[string]method
	client  *http.Client // carries taps, commands, events and the crawler

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup // every goroutine of the server
	http *http.Server   // nil when the caller serves

	mu        sync.Mutex // guards all below
	closed    bool
	baseURL   string
	endpoints Endpoints
	version   int64
	changed   chan struct{} // closed, and made anew, at every change
	lastTS    int64         // microseconds; timestamps never repeat
	serial    int64         // source of IDs
	channels  []*channel
	users     []*user
	groups    map[string][]string
	files     map[string]*file
	views     map[string]*view
	triggers  map[string]*trigger
	urls      map[string]*responseURL
	faults    map[string]*fault
	outage    bool
	calls     map[string]int
	tickets   map[string]time.Time // Socket Mode, single use
	sockets   []*socket
	ends      int    // sockets that are still to be ended right after hello
	endReason string // what is said then
}

// New makes a server that the caller mounts; see Start and Listen for one that runs.
func New(cfg Config) *Server {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	cfg.AckTimeout = orDuration(cfg.AckTimeout, 3*time.Second)
	cfg.Patience = orDuration(cfg.Patience, time.Minute)
	if cfg.EventRetries == nil {
		cfg.EventRetries = []time.Duration{0, time.Minute, 5 * time.Minute}
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{
		cfg: cfg, ctx: ctx, stop: stop, client: newClient(),
		baseURL: cfg.BaseURL, endpoints: cfg.Endpoints,
		changed: make(chan struct{}),
		groups:  map[string][]string{}, files: map[string]*file{}, views: map[string]*view{},
		triggers: map[string]*trigger{}, urls: map[string]*responseURL{},
		faults: map[string]*fault{}, calls: map[string]int{}, tickets: map[string]time.Time{},
	}
	s.methods = s.methodTable()
	return s
}

func orDuration(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}

func newClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Start runs a server on a free loopback port until the test ends.
func Start(t TB, cfg Config) *Server {
	t.Helper()
	s, err := Listen("127.0.0.1:0", cfg)
	if err != nil {
		t.Fatalf("starting the Slack stand-in: %v", err)
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

// Close ends connections and background deliveries, and waits for them. It may be called twice.
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

// background runs f in a goroutine that Close waits for; after Close it does nothing.
func (s *Server) background(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.wg.Go(f)
	}
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

// URL is the server's own address, without a final slash.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.baseURL
}

// APIURL is what SLACK_API_URL takes: with the final slash.
func (s *Server) APIURL() string { return s.URL() + "/api/" }

// SetEndpoints tells where the app listens.
func (s *Server) SetEndpoints(e Endpoints) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endpoints = e
}

// touch announces a change. The caller holds mu.
func (s *Server) touch() {
	s.version++
	close(s.changed)
	s.changed = make(chan struct{})
}

// nextTS makes a message timestamp. The caller holds mu.
func (s *Server) nextTS() string {
	now := s.cfg.Clock().UnixMicro()
	s.lastTS = max(now, s.lastTS+1)
	return fmt.Sprintf("%d.%06d", s.lastTS/1e6, s.lastTS%1e6)
}

// nextID makes an ID such as F0000001. The caller holds mu.
func (s *Server) nextID(prefix string) string {
	s.serial++
	return fmt.Sprintf("%s%07d", prefix, s.serial)
}
