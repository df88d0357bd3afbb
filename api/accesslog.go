package api

import (
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"
)

// logAccess writes a line for every request, and counts it. Never in it: the path, the query, headers, bodies, and what
// they may hold. A link that was pasted wrongly is a path with a secret in it, and matches whatever it likes; so the route
// is the pattern that matched, or unknown.
func (a *API) logAccess(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		seen := &statusWriter{ResponseWriter: w}
		defer func() { a.logged(r, seen, time.Since(began)) }()
		next.ServeHTTP(seen, r)
	})
}

func (a *API) logged(r *http.Request, seen *statusWriter, took time.Duration) {
	t := traceOf(r)
	a.metrics.observe(t, knownMethod(r.Method), seen.Status(), took)
	level := slog.LevelInfo
	if probe := t.route == "/healthz" || t.route == "/readyz"; probe && seen.Status() < 400 {
		level = slog.LevelDebug
	}
	attrs := []slog.Attr{
		slog.String("request_id", t.id), slog.String("method", clip(r.Method)), slog.String("route", t.pattern()),
		slog.Int("status", seen.Status()), slog.Int64("bytes", seen.bytes), slog.Int64("duration_ms", took.Milliseconds()),
		slog.String("source", host(r.RemoteAddr)),
	}
	if t.token.ID != "" {
		attrs = append(attrs, slog.String("token_id", t.token.ID), slog.String("token", t.token.Name))
	}
	if t.code != "" {
		attrs = append(attrs, slog.String("code", t.code))
	}
	a.log.LogAttrs(r.Context(), level, "request", attrs...)
}

// pattern is the route for people and for metrics.
func (t *trace) pattern() string {
	if t.route == "" {
		return "unknown"
	}
	return t.route
}

func host(addr string) string {
	if h, _, err := net.SplitHostPort(addr); err == nil {
		return h
	}
	return addr
}

// statusWriter remembers what was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Status is 200 for a handler that has said nothing, as net/http has it.
func (w *statusWriter) Status() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// Unwrap lets http.ResponseController and WebSockets reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// knownMethod keeps invented methods from becoming metric labels.
func knownMethod(m string) string {
	switch m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return m
	}
	return "other"
}

func statusLabel(status int) string { return strconv.Itoa(status) }
