package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/snapback/snapback/access"
)

// outer is what every request passes, from the outside in.
func (a *API) outer(next http.Handler) http.Handler {
	next = limitBody(next)
	next = limitWrites(next)
	next = a.limitRefusals(next)
	next = a.recoverPanics(next)
	next = secureHeaders(next)
	next = a.logAccess(next)
	next = a.findSource(next)
	return a.identify(next)
}

// trace is what becomes known of a request on its way in, for the log and for answers. Only the goroutine that serves
// the request touches it.
type trace struct {
	id    string
	route string       // the pattern that matched
	code  string       // of the refusal, if it was refused
	token access.Token // whose request it is; zero before authorize, and where none is needed
}

type traceKey struct{}

// identify gives every request an ID of its own. One that the client sends is not taken over: it goes into logs.
func (a *API) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := &trace{id: rand.Text()}
		w.Header().Set("X-Request-Id", t.id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), traceKey{}, t)))
	})
}

func traceOf(r *http.Request) *trace {
	if t, ok := r.Context().Value(traceKey{}).(*trace); ok {
		return t
	}
	return &trace{}
}

// findSource puts the address of whoever asks into the place of a trusted proxy's, before anything counts or logs it.
// Without trusted proxies the header X-Forwarded-For is what anybody may write into it, and is not looked at.
func (a *API) findSource(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from, ok := a.forwarded(r); ok {
			r = r.WithContext(r.Context()) // a copy: the server's own stays as it is
			r.RemoteAddr = net.JoinHostPort(from.String(), "0")
		}
		next.ServeHTTP(w, r)
	})
}

// forwarded walks from the peer towards the client for as long as those who say where a request came from are trusted.
// The first who is not is the source: what stands left of it, it may have made up itself.
func (a *API) forwarded(r *http.Request) (from netip.Addr, ok bool) {
	peer, err := netip.ParseAddr(host(r.RemoteAddr))
	if err != nil || !a.trusts(peer) {
		return netip.Addr{}, false
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.Trim(host(strings.TrimSpace(hops[i])), "[]"))
		if err != nil {
			break
		}
		from, ok = hop, true
		if !a.trusts(hop) {
			break
		}
	}
	return from, ok
}

func (a *API) trusts(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, p := range a.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// secureHeaders makes answers useless to a browser that was led astray. A handler that serves a page replaces what
// the page needs.
func secureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// recoverPanics turns a mistake of ours into an internal error, told by its request ID. net/http's own way to abandon
// an answer goes through.
func (a *API) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &statusWriter{ResponseWriter: w}
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler {
				panic(v)
			}
			a.log.ErrorContext(r.Context(), "request panicked", "request_id", traceOf(r).id, "stack", string(debug.Stack()))
			if seen.status == 0 {
				a.refuse(seen, r, fmt.Errorf("%w: panic: %v", errInternal, v))
			}
		}()
		next.ServeHTTP(seen, r)
	})
}

const (
	grace      = 30 * time.Second // for the answer, once the work is over
	otherWrite = 2 * time.Minute  // for what has no limit of its own
)

// limitWrites bounds every answer; limitTime and mounted handlers set another bound. Without it, an earlier request's
// would go on to hold for the connection. What is upgraded to a WebSocket has no deadlines any more: net/http lifts
// them as it hands the connection over.
func limitWrites(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limitWrite(w, otherWrite)
		next.ServeHTTP(w, r)
	})
}

// limitTime ends the work after d, and the writing of the answer a little later, so that a client that does not read
// holds nothing.
func limitTime(d time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limitWrite(w, d+grace)
		ctx, cancel := context.WithTimeout(r.Context(), d)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// limitWrite ignores writers that have no connection, such as a test's.
func limitWrite(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d))
}

// maxBody is the most that a request may carry, in bytes.
const maxBody = 1 << 20

// limitBody stops reading before anything is parsed, and closes the connection of whoever sends more.
func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}
