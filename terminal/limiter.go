package terminal

import (
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	refusalsPerMinute = 20
	maxSources        = 10000
)

// limiter counts refusals per source and minute. It has no say in what is not refused.
type limiter struct {
	now func() time.Time

	mu      sync.Mutex // guards all below
	minute  time.Time
	refused map[string]int
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, refused: map[string]int{}}
}

// turn starts a new minute. It must be called with mu held.
func (l *limiter) turn() {
	if m := l.now().Truncate(time.Minute); !m.Equal(l.minute) || len(l.refused) > maxSources {
		l.minute = m
		clear(l.refused)
	}
}

// refuse counts a refusal, and says whether the source may still be told why.
func (l *limiter) refuse(source string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn()
	l.refused[source]++
	return l.refused[source] <= refusalsPerMinute
}

// peer is the address without its port; of IPv6, the network that one customer has.
func peer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return ip.Mask(net.CIDRMask(64, 128)).String()
	}
	return host
}
