package terminal_test

import (
	"log/slog"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/terminal"
)

// line is what lies between a browser and the bot. It can lose what is sent without closing anything, as a tunnel does.
type line struct {
	t    testing.TB
	ln   net.Listener
	to   atomic.Pointer[string] // the bot's address
	late atomic.Int64           // how long what is sent is under way, one way, in ns

	mu    sync.Mutex // guards all below
	dead  bool       // for connections to come as well
	calls []*call
	work  sync.WaitGroup
}

// call is one connection.
type call struct {
	from, to net.Conn
	up, down atomic.Bool // what is sent that way is lost
}

// behind is a night whose bot is reached over a line.
func behind(t testing.TB, tune ...func(*terminal.Config)) (*night, *line) {
	t.Helper()
	return behindAs(t, "http", tune...)
}

// behindProxy is one whose line leads to a proxy that speaks TLS and HTTP/2, as most do that are met outside.
func behindProxy(t testing.TB, tune ...func(*terminal.Config)) (*night, *line) {
	t.Helper()
	n, l := behindAs(t, "https", tune...)
	bot := &url.URL{Scheme: "http", Host: *l.to.Load()}
	quiet := slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug) // a browser that gives up is no error
	proxy := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(bot); r.Out.Host = r.In.Host },
		FlushInterval: -1,
		ErrorLog:      quiet,
	})
	proxy.Config.ErrorLog = quiet
	proxy.EnableHTTP2 = true
	proxy.StartTLS()
	t.Cleanup(func() { l.cut(); proxy.Close() })
	addr := proxy.Listener.Addr().String()
	l.to.Store(&addr)
	return n, l
}

func behindAs(t testing.TB, scheme string, tune ...func(*terminal.Config)) (*night, *line) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	testkit.OK(t, err)
	l := &line{t: t, ln: ln}
	public := scheme + "://" + ln.Addr().String()
	n := setup(t, append(tune, func(c *terminal.Config) { c.PublicURL = public })...)
	addr := n.url[len("http://"):]
	l.to.Store(&addr)
	n.url = public
	l.work.Go(l.accept)
	t.Cleanup(func() { _ = ln.Close(); l.cut(); l.work.Wait() })
	return n, l
}

func (l *line) accept() {
	for {
		from, err := l.ln.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", *l.to.Load())
		if err != nil {
			_ = from.Close()
			continue
		}
		c := &call{from: from, to: to}
		l.mu.Lock()
		c.up.Store(l.dead)
		c.down.Store(l.dead)
		l.calls = append(l.calls, c)
		l.mu.Unlock()
		l.work.Go(func() { l.carry(to, from, &c.up) })
		l.work.Go(func() { l.carry(from, to, &c.down) })
	}
}

func (l *line) carry(to, from net.Conn, lost *atomic.Bool) {
	type piece struct {
		p   []byte
		due time.Time
	}
	under := make(chan piece, 64) // way
	defer close(under)
	l.work.Go(func() {
		defer func() { _ = to.Close(); _ = from.Close() }()
		for c := range under {
			time.Sleep(time.Until(c.due)) // that is the line
			if _, err := to.Write(c.p); err != nil {
				_ = from.Close() // which ends the reader; what it has read is let go
			}
		}
	})
	for p := make([]byte, 32<<10); ; {
		n, err := from.Read(p)
		if n > 0 && !lost.Load() {
			under <- piece{slices.Clone(p[:n]), time.Now().Add(time.Duration(l.late.Load()))}
		}
		if err != nil {
			return
		}
	}
}

// lose has connections that there are lose what is sent from now on.
func (l *line) lose(up, down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.calls {
		c.up.Store(up)
		c.down.Store(down)
	}
}

// hole has every connection lose everything; without it, new ones lose nothing, while those that were in it stay dead.
func (l *line) hole(dead bool) {
	l.mu.Lock()
	l.dead = dead
	l.mu.Unlock()
	if dead {
		l.lose(true, true)
	}
}

// cut closes every connection.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.calls {
		_ = c.from.Close()
		_ = c.to.Close()
	}
	l.calls = nil
}
