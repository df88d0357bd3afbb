// Package api is the HTTP API: everything that a pipeline, a script, the command line and PagerDuty's webhooks reach
// the bot by. It checks who asks and whether they may, finds what they mean, hands the wish on, and tells the outcome
// in a stable form: the shapes are in api/wire, the refusals in internal/refusals and problem.go, the routes in routes.go.
//
// It decides nothing about restores, snapshots or incidents (those packages do), has no SQL (store has), and knows
// neither Slack nor the terminal: their handlers are mounted beside its own and share its middleware.
package api

import (
	"log/slog"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/snapback/snapback/internal/download"
	"github.com/snapback/snapback/internal/limit"
)

// Config says how the API behaves.
type Config struct {
	Logger         *slog.Logger // nil: silent
	Metrics        *Metrics     // nil: metrics of its own
	BootstrapToken string       // SNAPBACK_API_TOKEN, with every scope; "", or shorter than 16 characters: none

	// Mount adds handlers by http.ServeMux pattern, such as "/slack/". They authenticate by themselves, and may set
	// their own security headers, deadlines and longer lives for what they upgrade.
	Mount map[string]http.Handler
	// LimitThemselves are those patterns of Mount whose handlers count and limit what they refuse.
	LimitThemselves []string

	// TrustedProxies are those whose X-Forwarded-For says who asks, for limits and logs; nil: the peer itself is the source.
	TrustedProxies []netip.Prefix

	// Downloads sends post-mortems, also for others than the API; nil: one of its own, which keeps them in the system's temporary folder.
	Downloads *download.Desk

	// MaxWait is how long a request waits for a restore before it is answered 202; 0: 5 minutes.
	MaxWait time.Duration
}

// API answers requests. It is safe for concurrent use, and has nothing to stop.
type API struct {
	Config
	deps    Deps
	log     *slog.Logger
	metrics *Metrics
	limiter *limit.Limiter[netip.Prefix] // of refusals
	lookUps chan struct{}                // holds one for every token that is being looked up
	ready   readiness
	docs    func() (fixedPage, error)
}

// New makes an API.
func New(c Config, d Deps) *API {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics()
	}
	if c.Downloads == nil {
		c.Downloads = download.NewDesk("")
	}
	if c.MaxWait == 0 {
		c.MaxWait = 5 * time.Minute
	}
	return &API{Config: c, deps: d, log: c.Logger, metrics: c.Metrics, limiter: limit.New[netip.Prefix](refusalRefill, refusalBurst, maxSources), lookUps: make(chan struct{}, maxLookUps), docs: sync.OnceValues(makeDocs)}
}

// Handler answers everything that is reached from outside.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, methods := range byPattern(a.routes()) {
		mux.Handle(pattern, a.methods(methods))
	}
	for pattern, h := range a.Mount {
		mux.Handle(pattern, a.mounted(pattern, h))
	}
	mux.Handle("/", a.unknown())
	return a.outer(mux)
}

// MetricsHandler answers /metrics, /healthz and /readyz, and profiles the program under /debug/pprof/, for an address that
// only the operator reaches.
func (a *API) MetricsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // of which cmdline is left out: it may show what was set
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	for _, rt := range a.routes() {
		if rt.health {
			mux.Handle(rt.method+" "+rt.pattern, a.serve(rt))
		}
	}
	return a.Guarded(secureHeaders(mux))
}

// Guarded is a handler whose panics are told, and answered, as those of the API are.
func (a *API) Guarded(h http.Handler) http.Handler { return a.identify(a.recoverPanics(h)) }

// Server is an http.Server for handler in which a slow client holds nothing. Answers have a deadline of their own,
// route by route, since some wait for a restore.
func Server(handler http.Handler, logger *slog.Logger) *http.Server {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		IdleTimeout:       75 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}
