package api_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/snapback/snapback/api"
)

func TestTheSourceIsTheFirstHopThatNobodyVouchesFor(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		name, peer, want string
		forwarded        []string
		trusted          []netip.Prefix
	}{
		{"nobody is trusted", "10.0.0.7:99", "10.0.0.7", []string{"203.0.113.9"}, nil},
		{"a stranger says something", "198.51.100.4:99", "198.51.100.4", []string{"203.0.113.9"}, trusted},
		{"the proxy says it", "10.0.0.7:99", "203.0.113.9", []string{"203.0.113.9"}, trusted},
		{"the proxy says it after what the client made up", "10.0.0.7:99", "203.0.113.9", []string{"192.0.2.1, 203.0.113.9"}, trusted},
		{"in two headers", "10.0.0.7:99", "203.0.113.9", []string{"192.0.2.1", "203.0.113.9"}, trusted},
		{"two proxies", "[fd00::1]:99", "203.0.113.9", []string{"192.0.2.1, 203.0.113.9, 10.1.1.1"}, trusted},
		{"mapped, and with a port", "[::ffff:10.0.0.7]:99", "2001:db8::5", []string{"[2001:db8::5]:443"}, trusted},
		{"all of them are ours", "10.0.0.7:99", "10.2.2.2", []string{"10.2.2.2, 10.1.1.1"}, trusted},
		{"nothing", "10.0.0.7:99", "10.0.0.7", nil, trusted},
		{"nonsense", "10.0.0.7:99", "10.0.0.7", []string{"203.0.113.9, unknown"}, trusted},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(_ *world, conf *api.Config) { conf.TrustedProxies = c.trusted })
			r := request{path: "/containers"}.build(t.Context())
			r.RemoteAddr, r.Header["X-Forwarded-For"] = c.peer, c.forwarded
			b.h.ServeHTTP(httptest.NewRecorder(), r)
			if !strings.Contains(b.log.String(), `"source":"`+c.want+`"`) {
				t.Errorf("want %s:\n%s", c.want, b.log)
			}
			if r.RemoteAddr != c.peer {
				t.Errorf("the server's request says %s now", r.RemoteAddr)
			}
		})
	}
}

func TestAStrangerBehindTheSameProxyIsLimitedAlone(t *testing.T) {
	t.Parallel()
	b := setup(t, func(_ *world, c *api.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.7/32")} })
	ask := func(from string) int {
		r := request{path: "/containers", token: "guess"}.build(t.Context())
		r.RemoteAddr = "10.0.0.7:1"
		r.Header.Set("X-Forwarded-For", from)
		rec := httptest.NewRecorder()
		b.h.ServeHTTP(rec, r)
		return rec.Code
	}
	for range 40 {
		ask("203.0.113.9")
	}
	if a, b := ask("203.0.113.9"), ask("203.0.113.10"); a != http.StatusTooManyRequests || b != http.StatusUnauthorized {
		t.Errorf("the stranger hears %d, the neighbour %d", a, b)
	}
}
