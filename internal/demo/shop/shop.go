// Package shop is the program that the demo breaks and mends: a web shop whose pages need a database connection from a
// pool. With DB_POOL=20 it serves the demo's load with ease. With DB_POOL=2 most requests wait for a connection in vain
// and fail, as a real shop would after such a deploy. There is no database: a connection is a place in a channel.
package shop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Config is what the shop's environment says.
type Config struct {
	Version  string        // SHOP_VERSION; empty: dev
	Pool     int           // DB_POOL; 0: 20
	Query    time.Duration // how long a page holds its connection; 0: 500 ms
	Patience time.Duration // how long a page waits for one; 0: 250 ms
	Log      io.Writer     // nil: nowhere
	ListenOn string        // SHOP_LISTEN; empty: :8080
}

const (
	defaultPool     = 20
	defaultQuery    = 500 * time.Millisecond
	defaultPatience = 250 * time.Millisecond
	drain           = 2 * time.Second
)

// Shop serves the pages.
type Shop struct {
	cfg   Config
	pool  chan struct{}
	inUse atomic.Int64
	log   *slog.Logger
	mux   *http.ServeMux
}

// New makes a shop from a configuration.
func New(cfg Config) *Shop {
	cfg = cfg.withDefaults()
	s := &Shop{cfg: cfg, pool: make(chan struct{}, cfg.Pool), mux: http.NewServeMux()}
	s.log = slog.New(slog.NewTextHandler(cfg.Log, &slog.HandlerOptions{ReplaceAttr: lowerLevel}))
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	s.mux.HandleFunc("GET /{$}", s.product)
	return s
}

func (c Config) withDefaults() Config {
	if c.Version == "" {
		c.Version = "dev"
	}
	if c.Pool <= 0 {
		c.Pool = defaultPool
	}
	if c.Query == 0 {
		c.Query = defaultQuery
	}
	if c.Patience == 0 {
		c.Patience = defaultPatience
	}
	if c.Log == nil {
		c.Log = io.Discard
	}
	if c.ListenOn == "" {
		c.ListenOn = ":8080"
	}
	return c
}

// lowerLevel writes level=error, as most services do.
func lowerLevel(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.LevelKey {
		a.Value = slog.StringValue(strings.ToLower(a.Value.String()))
	}
	return a
}

// Run serves until ctx ends, then lets requests finish for a moment.
func Run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	cfg, err := fromEnv(getenv)
	if err != nil {
		return err
	}
	cfg.Log = stdout
	return New(cfg).Serve(ctx)
}

func fromEnv(getenv func(string) string) (Config, error) {
	cfg := Config{Version: getenv("SHOP_VERSION"), ListenOn: getenv("SHOP_LISTEN")}
	if v := getenv("DB_POOL"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 1000 {
			return Config{}, fmt.Errorf("DB_POOL: want a number from 1 to 1000, got %q", v)
		}
		cfg.Pool = n
	}
	return cfg, nil
}

// Serve listens until ctx ends.
func (s *Shop) Serve(ctx context.Context) error {
	l, err := net.Listen("tcp", s.cfg.ListenOn)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", s.cfg.ListenOn, err)
	}
	s.log.Info("shop is open", "version", s.cfg.Version, "db_pool", s.cfg.Pool)
	srv := &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	closed := make(chan struct{}) // closed when no request is left
	defer func() { <-closed }()
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		_ = srv.Shutdown(grace)
	})
	err = srv.Serve(l)
	if stop() {
		close(closed)
	}
	if errors.Is(err, http.ErrServerClosed) {
		s.log.Info("shop is closed")
		return nil
	}
	return err
}

// ServeHTTP serves the shop's pages.
func (s *Shop) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// product is the page that everyone wants to see.
func (s *Shop) product(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	if !s.query(r.Context()) {
		s.log.Error("pool exhausted", "method", r.Method, "path", r.URL.Path, "status", http.StatusInternalServerError,
			"pool", fmt.Sprintf("%d/%d", s.inUse.Load(), s.cfg.Pool), "waited_ms", time.Since(began).Milliseconds())
		s.answer(w, r, http.StatusInternalServerError, map[string]any{"error": "pool exhausted"}, sorryPage)
		return
	}
	s.log.Info("request", "method", r.Method, "path", r.URL.Path, "status", http.StatusOK,
		"duration_ms", time.Since(began).Milliseconds())
	s.answer(w, r, http.StatusOK, map[string]any{"product": "Enamel mug", "price": "14.00", "currency": "EUR", "in_stock": 37}, productPage)
}

// query waits for a connection and uses it; false when there was none in time.
func (s *Shop) query(ctx context.Context) bool {
	wait, cancel := context.WithTimeout(ctx, s.cfg.Patience)
	defer cancel()
	select {
	case s.pool <- struct{}{}:
	case <-wait.Done():
		return false
	}
	s.inUse.Add(1)
	defer func() { s.inUse.Add(-1); <-s.pool }()
	select {
	case <-time.After(s.cfg.Query):
	case <-ctx.Done():
	}
	return true
}
