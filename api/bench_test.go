package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/snapshot"
)

// token makes a token and returns its secret.
func (w *world) token(t *testing.T, scopes ...access.Scope) string {
	t.Helper()
	token, secret, err := access.NewToken("ci", scopes)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.CreateToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	return secret
}

// bench is an API on a world, and its log.
type bench struct {
	*world
	api *api.API
	log *logBuffer
	h   http.Handler
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func setup(t *testing.T, change ...func(*world, *api.Config)) *bench {
	t.Helper()
	w, log := newWorld(), &logBuffer{}
	c := api.Config{BootstrapToken: bootstrap, Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, f := range change {
		f(w, &c)
	}
	a := api.New(c, api.Deps{
		Containers: w, Snapshots: w, Deploys: w, Taker: w, Restorer: w, Restores: w, Holds: snapshot.Holds{Store: w, Images: func(context.Context, string) (snapshot.ImageFinder, error) { return w, nil }}, Incidents: w, Exporter: w, Prover: w, Access: w, Terminals: w,
		Tokens: w, Idempotency: w, PagerDuty: w, Errors: w, Pictures: w,
		DatabaseAway: func(err error) bool { return errors.Is(err, errNetwork) },
		Checks: func() []api.Check {
			return []api.Check{{Name: "database", Ask: func(context.Context) error { w.checks.Add(1); return w.failAll }}}
		},
	})
	return &bench{w, a, log, a.Handler()}
}

// request is one request; empty fields have usual values.
type request struct {
	method, path, body string
	token              string // "": the bootstrap token; "-": none
	header             map[string]string
}

func (b *bench) do(t *testing.T, q request) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	r := q.build(t.Context())
	b.h.ServeHTTP(rec, r)
	api.CheckAnswer(t, r.Method, r.URL.EscapedPath(), rec)
	return rec
}

func (q request) build(ctx context.Context) *http.Request {
	if q.method == "" {
		q.method = http.MethodGet
	}
	r := httptest.NewRequestWithContext(ctx, q.method, q.path, strings.NewReader(q.body))
	switch q.token {
	case "":
		r.Header.Set("Authorization", "Bearer "+bootstrap)
	case "-":
	default:
		r.Header.Set("Authorization", "Bearer "+q.token)
	}
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	return r
}

func decodeBody[T any](t *testing.T, rec *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
		t.Fatalf("the answer is not JSON: %v\n%s", err, rec.Body)
	}
	return v
}

func wantStatus(t *testing.T, rec *httptest.ResponseRecorder, want int) {
	t.Helper()
	if rec.Code != want {
		t.Fatalf("status %d, want %d\n%s", rec.Code, want, rec.Body)
	}
}

func wantCode(t *testing.T, rec *httptest.ResponseRecorder, status int, code string) wire.Problem {
	t.Helper()
	wantStatus(t, rec, status)
	p := decodeBody[wire.Problem](t, rec)
	if p.Code != code {
		t.Errorf("code %q, want %q\n%s", p.Code, code, rec.Body)
	}
	if got := rec.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
	if p.Status != status || p.RequestID == "" || p.RequestID != rec.Header().Get("X-Request-Id") || p.Detail == "" || p.Type == "" {
		t.Errorf("the problem is incomplete: %+v", p)
	}
	return p
}
