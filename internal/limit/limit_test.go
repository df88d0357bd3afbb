package limit_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/limit"
)

func TestTurns(t *testing.T) {
	t.Parallel()
	l, now := limit.New[string](time.Second, 3, 100), time.Now()
	for range 3 {
		if wait, ok := l.Take("a", now, 0); wait != 0 || !ok {
			t.Fatalf("within the burst: %s, %v", wait, ok)
		}
	}
	if !l.Exhausted("a", now) || l.Exhausted("b", now) {
		t.Error("a has turns left, or b has none")
	}
	for range 10 { // asking in vain costs nothing
		if wait, ok := l.Take("a", now, 0); wait != time.Second || ok {
			t.Fatalf("after the burst: %s, %v", wait, ok)
		}
	}
	for i := range 2 { // whoever waits takes turns that are to come
		if wait, ok := l.Take("a", now, 2*time.Second); wait != time.Duration(i+1)*time.Second || !ok {
			t.Errorf("turn %d: %s, %v", i, wait, ok)
		}
	}
	if wait, ok := l.Take("a", now, 2*time.Second); wait != 3*time.Second || ok {
		t.Errorf("a turn that is too far off: %s, %v", wait, ok)
	}
	if _, ok := l.Take("a", now.Add(3*time.Second), 0); !ok {
		t.Error("there is no turn once one is due again")
	}
}

func TestTheLimiterForgetsRatherThanGrows(t *testing.T) {
	t.Parallel()
	const most, burst = 4096, 30
	l, now := limit.New[netip.Prefix](2*time.Second, burst, most), time.Now()
	charge := func(addr string) bool { _, ok := l.Take(limit.Source(addr), now, 0); return ok }
	addr := netip.MustParseAddr("10.0.0.0")
	for range 3 * most {
		addr = addr.Next()
		charge(netip.AddrPortFrom(addr, 1).String())
	}
	if n := l.Len(); n > most {
		t.Errorf("%d sources are remembered", n)
	}
	for range burst { // whoever goes on is not forgotten as others come
		charge("192.0.2.1:1")
		for range most / 4 {
			addr = addr.Next()
			charge(netip.AddrPortFrom(addr, 1).String())
		}
	}
	if charge("192.0.2.1:2") {
		t.Error("another port is another source")
	}
	if !charge("[2001:db8::1]:1") || limit.Source("[2001:db8::1]:1") != limit.Source("[2001:db8::ffff:2]:9") {
		t.Error("one customer's addresses are several sources")
	}
	if limit.Source("[::ffff:192.0.2.1]:1") != limit.Source("192.0.2.1:1") {
		t.Error("an IPv4 address in IPv6's form is another source")
	}
}
