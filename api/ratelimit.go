package api

import (
	"net/http"
	"slices"
	"time"

	"github.com/snapback/snapback/internal/limit"
)

const (
	refusalBurst  = 30              // refusals that a source may cause at once
	refusalRefill = 2 * time.Second // until one more may follow
	maxSources    = 4096            // that are remembered
)

// limitRefusals answers 429 in place of a refusal once a source has caused too many. Only what is refused anyway is counted
// and limited, and nothing that bears a valid token: behind a proxy everybody has one source, and a stranger there must
// silence neither PagerDuty nor a token, nor make a client take an honest 404 for something that passes.
func (a *API) limitRefusals(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limited := &limitedWriter{ResponseWriter: w, api: a, request: r}
		next.ServeHTTP(limited, r)
	})
}

// isRefusal names the statuses that are counted. 404 and 405 are not among them: without a token, they tell what
// /openapi.json tells everybody.
func isRefusal(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		return true
	}
	return false
}

// limitedWriter replaces a refusal by 429 at the moment at which it is written, whoever writes it.
type limitedWriter struct {
	http.ResponseWriter
	api     *API
	request *http.Request
	wrote   bool
	dropped bool // the refusal's own body goes nowhere
}

func (w *limitedWriter) WriteHeader(status int) {
	if w.wrote || status < 200 && status != http.StatusSwitchingProtocols {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.wrote = true
	if t := traceOf(w.request); !isRefusal(status) || t.token.ID != "" || slices.Contains(w.api.LimitThemselves, t.route) {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	wait, told := w.api.limiter.Take(limit.Source(w.request.RemoteAddr), time.Now(), 0)
	if told {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.dropped = true
	for _, name := range []string{"Content-Length", "Allow", "WWW-Authenticate"} {
		w.Header().Del(name)
	}
	setRetryAfter(w.ResponseWriter, wait)
	w.api.refuse(w.ResponseWriter, w.request, errTooMany)
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	if w.dropped {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController and WebSockets reach the connection.
func (w *limitedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
