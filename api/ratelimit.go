package api

import (
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
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
	wait := w.api.limiter.charge(w.request.RemoteAddr, time.Now())
	if wait == 0 {
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

// limiter counts the refusals of every source. The sources are in two generations: when the young one is full
// the old one is forgotten, so that memory is bounded and nothing is ever searched. Whoever uses thousands of addresses
// gets around the limit, but not around the memory's.
type limiter struct {
	mu         sync.Mutex // guards young and old
	young, old map[netip.Prefix]*rate.Limiter
}

func newLimiter() *limiter { return &limiter{young: map[netip.Prefix]*rate.Limiter{}} }

// charge counts a refusal of addr's. It returns how long until there may be one again; 0: it may be told.
func (l *limiter) charge(addr string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	due := l.find(sourceOf(addr)).ReserveN(now, 1)
	wait := due.DelayFrom(now)
	if wait > 0 {
		due.CancelAt(now) // what is limited costs nothing more, or a flood would never be forgiven
	}
	return wait
}

// exhausted says that addr's next refusal will be limited, without counting one.
func (l *limiter) exhausted(addr string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.young[sourceOf(addr)]
	if known == nil {
		known = l.old[sourceOf(addr)]
	}
	return known != nil && known.TokensAt(now) < 1
}

// find returns source's count, having made room for it among the young.
func (l *limiter) find(source netip.Prefix) *rate.Limiter {
	if found := l.young[source]; found != nil {
		return found
	}
	found := l.old[source]
	if found == nil {
		found = rate.NewLimiter(rate.Every(refusalRefill), refusalBurst)
	}
	if len(l.young) >= maxSources/2 {
		l.young, l.old = map[netip.Prefix]*rate.Limiter{}, l.young
	}
	l.young[source] = found
	return found
}

// sourceOf is an IPv4 address, or the /64 that a provider gives to one customer. What is neither shares one bucket.
func sourceOf(addr string) netip.Prefix {
	ip, err := netip.ParseAddr(host(addr))
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	prefix, _ := ip.Prefix(bits) // never fails: bits fit the address
	return prefix
}
