package api

import (
	"math"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	refusalBurst  = 30        // refusals that a source may cause at once
	refusalRefill = 1.0 / 2.0 // and per second after that
	maxSources    = 4096      // that are remembered
)

// limitRefusals answers 429 in place of a refusal once a source has caused too many. A request that is not refused
// is never limited: behind a proxy everybody has one source, and an attacker must not be able to silence PagerDuty. The one
// exception are tokens that have never been seen to work: see authenticate.
func (a *API) limitRefusals(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limited := &limitedWriter{ResponseWriter: w, api: a, request: r}
		next.ServeHTTP(limited, r)
	})
}

// refusals are the statuses that cost something. 404 is among them: looking for names is what a guesser does.
func isRefusal(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
		http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
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
	if !isRefusal(status) {
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

// limiter has a bucket of refusals for every source. The sources are in two generations: when the young one is full
// the old one is forgotten, so that memory is bounded and nothing is ever searched. Whoever uses thousands of addresses
// gets around the limit, but not around the memory's.
type limiter struct {
	mu         sync.Mutex // guards young and old
	young, old map[netip.Prefix]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

func newLimiter() *limiter { return &limiter{young: map[netip.Prefix]bucket{}} }

// charge takes a refusal from addr's bucket. It returns how long until there is one again; 0: there was.
func (l *limiter) charge(addr string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	source := sourceOf(addr)
	b := l.find(source, now)
	wait := b.wait(now)
	b.left, b.at = b.now(now), now
	if wait == 0 {
		b.left--
	}
	l.young[source] = b
	return wait
}

// wait is how long until addr has a refusal again, without taking one; 0: it has.
func (l *limiter) wait(addr string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	source := sourceOf(addr)
	b, known := l.young[source]
	if !known {
		b, known = l.old[source]
	}
	if !known {
		return 0
	}
	return b.wait(now)
}

// find returns source's bucket, having made room for it among the young.
func (l *limiter) find(source netip.Prefix, now time.Time) bucket {
	if b, ok := l.young[source]; ok {
		return b
	}
	b, known := l.old[source]
	if len(l.young) >= maxSources/2 {
		l.young, l.old = map[netip.Prefix]bucket{}, l.young
	}
	if !known {
		b = bucket{left: refusalBurst, at: now}
	}
	return b
}

func (b bucket) now(now time.Time) float64 {
	return math.Min(refusalBurst, b.left+now.Sub(b.at).Seconds()*refusalRefill)
}

func (b bucket) wait(now time.Time) time.Duration {
	if left := b.now(now); left < 1 {
		return time.Duration((1 - left) / refusalRefill * float64(time.Second))
	}
	return 0
}

// familiar are the tokens that were let through since the start, by the hash of their secret. Behind a proxy everybody has
// one source, and whoever guesses there must not lock those out who need not guess. As with the sources, memory is bounded
// by forgetting the older half.
type familiar struct {
	mu         sync.Mutex // guards young and old
	young, old map[string]bool
}

const maxFamiliar = 1024 // tokens

func (f *familiar) has(secret string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	hash := hashSecret(secret)
	return f.young[string(hash)] || f.old[string(hash)]
}

func (f *familiar) add(t Token) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.young == nil || len(f.young) >= maxFamiliar/2 && !f.young[string(t.Hash)] {
		f.young, f.old = map[string]bool{}, f.young
	}
	f.young[string(t.Hash)] = true
}

func (f *familiar) drop(t Token) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.young, string(t.Hash))
	delete(f.old, string(t.Hash))
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
