// Package limit says how often something may happen, for each of many: refusals of a source, messages to a channel.
package limit

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter grants turns for every key by itself: some at once, and then one each time that an interval has passed.
//
// Keys are in two generations: when the young one is full the old one is forgotten, so that memory is bounded and nothing
// is ever searched. Whoever uses thousands of keys gets around the limit, but not around the memory's.
type Limiter[K comparable] struct {
	every time.Duration
	burst int
	keys  int

	mu         sync.Mutex // guards young and old
	young, old map[K]*rate.Limiter
}

// New returns a Limiter that grants burst turns at once and then one every so often, and remembers at most so many keys.
func New[K comparable](every time.Duration, burst, keys int) *Limiter[K] {
	return &Limiter[K]{every: every, burst: burst, keys: keys, young: map[K]*rate.Limiter{}}
}

// Take takes key's next turn, and returns how far it is off. One that is further off than patience is not taken, and costs
// nothing: a flood would never be forgiven otherwise.
func (l *Limiter[K]) Take(key K, now time.Time, patience time.Duration) (wait time.Duration, taken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	turn := l.find(key).ReserveN(now, 1)
	if wait = turn.DelayFrom(now); wait > patience {
		turn.CancelAt(now)
		return wait, false
	}
	return wait, true
}

// Exhausted says that key has no turn now, without taking one.
func (l *Limiter[K]) Exhausted(key K, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.young[key]
	if known == nil {
		known = l.old[key]
	}
	return known != nil && known.TokensAt(now) < 1
}

// Len is how many keys are remembered.
func (l *Limiter[K]) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.young) + len(l.old)
}

// find returns key's turns, having made room for it among the young. It must be called with mu held.
func (l *Limiter[K]) find(key K) *rate.Limiter {
	if found := l.young[key]; found != nil {
		return found
	}
	found := l.old[key]
	if found == nil {
		found = rate.NewLimiter(rate.Every(l.every), l.burst)
	}
	if len(l.young) >= l.keys/2 {
		l.young, l.old = map[K]*rate.Limiter{}, l.young
	}
	l.young[key] = found
	return found
}

// Source is the key for whoever calls from addr, with or without a port: an IPv4 address, or the /64 that a provider gives to
// one customer. What is neither shares one key.
func Source(addr string) netip.Prefix {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		addr = host
	}
	ip, err := netip.ParseAddr(addr)
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
