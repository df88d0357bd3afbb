package api

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

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
