package terminal_test

import (
	"net"
	"net/http"
	"regexp"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/access"
)

// countingListener counts what is written to its connections.
type countingListener struct {
	net.Listener
	sent *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &countingConn{Conn: c, sent: l.sent}, nil
}

type countingConn struct {
	net.Conn
	sent      *atomic.Int64
	uncounted atomic.Bool
}

func (c *countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if !c.uncounted.Load() {
		c.sent.Add(int64(n))
	}
	return n, err
}

// TestThePageIsLight counts what a browser is sent, headers and all: when it comes for the first time, and when it comes
// back with another link. The log is a quiet one: how long the machine takes is not what is weighed.
func TestThePageIsLight(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.replace(`echo hello from the first; sleep 1000`)
	p := newPhone(t)
	visit := func() int64 {
		before := n.sent.Load()
		n.open(p, access.ModeShell)
		p.openGate()
		p.wait("logs are shown", "#lines", "hello from the first")
		p.tap("#tab-shell")
		p.yes("the shell could be started", `!document.querySelector('#start').disabled`)
		return n.sent.Load() - before
	}
	first := visit()
	p.do(chromedp.Navigate("about:blank"))
	again := visit()
	t.Logf("the first visit takes %d bytes, the next one %d", first, again)
	if first == 0 || first > 130_000 {
		t.Errorf("the first visit takes %d bytes", first)
	}
	if again == 0 || again > 5_000 {
		t.Errorf("the next visit takes %d bytes", again)
	}
}

func TestOnlyFilesWithHashedNamesMayBeKept(t *testing.T) {
	t.Parallel()
	n := setup(t)
	page := n.body("/t")
	names := regexp.MustCompile(`/t/assets/([a-z]+-[0-9A-Z]{8}\.(?:js|css|svg))`).FindAllStringSubmatch(page, -1)
	if len(names) < 3 {
		t.Fatalf("the page names %v", names)
	}
	for _, name := range names {
		a := n.do("GET", name[0], "", http.Header{"Accept-Encoding": {"br"}})
		if got := a.header.Get("Cache-Control"); a.status != http.StatusOK || got != "public, max-age=31536000, immutable" {
			t.Errorf("%s is answered with %d, Cache-Control %q", name[0], a.status, got)
		}
		if got := a.header.Get("Content-Encoding"); got != "br" {
			t.Errorf("%s comes as %q", name[0], got)
		}
		if a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s may be taken for something else", name[0])
		}
	}
	for _, path := range []string{"/t", "/t/assets/app.js", "/t/assets/app-00000000.js", "/t/assets/manifest.json", "/t/assets/index.html"} {
		if a := n.do("GET", path, "", nil); a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept: %v", path, a.header)
		}
	}
}
