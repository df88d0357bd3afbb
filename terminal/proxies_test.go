package terminal_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/terminal"
)

// proxy passes requests on, and WebSockets only when it is set so.
type proxy struct {
	passes atomic.Bool
	eats   atomic.Bool  // it answers WebSockets itself, without asking the bot
	keeps  atomic.Bool  // it never answers WebSockets
	stalls atomic.Bool  // it does not answer whether there is a session
	asked  atomic.Int64 // how many wait for that now
}

// proxied is a night whose bot stands behind a proxy that says what it is.
func proxied(t *testing.T, says string, tune ...func(*terminal.Config)) (*night, *proxy) {
	t.Helper()
	p := &proxy{}
	var to atomic.Pointer[url.URL]
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if says != "" {
			w.Header().Set("Server", says)
		}
		if r.Header.Get("Upgrade") != "" && p.eats.Load() {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		if r.Header.Get("Upgrade") != "" && p.keeps.Load() {
			<-r.Context().Done()
			return
		}
		if r.URL.Path == "/t/session" && p.stalls.Load() {
			p.asked.Add(1)
			defer p.asked.Add(-1)
			<-r.Context().Done()
			return
		}
		if !p.passes.Load() {
			r.Header.Del("Upgrade")
			r.Header.Del("Connection")
		}
		rp := httputil.NewSingleHostReverseProxy(to.Load())
		rp.FlushInterval = -1
		rp.ServeHTTP(w, r)
	}))
	n := setup(t, append(tune, func(c *terminal.Config) { c.PublicURL = srv.URL; c.Refusals = 1000 })...)
	t.Cleanup(srv.Close)
	at, err := url.Parse(n.url)
	testkit.OK(t, err)
	to.Store(at)
	n.url = srv.URL
	return n, p
}

// TestAProxyWithoutWebSocketsIsNamed has the page and TryWire behind one that makes ordinary requests of them, and behind one that
// answers them itself.
func TestAProxyWithoutWebSocketsIsNamed(t *testing.T) {
	t.Parallel()
	for says, want := range map[string]string{
		"nginx/1.22.1":           "nginx before Snapback does not let WebSockets through, so no log goes on here and there is no shell. Set there: proxy_http_version 1.1; proxy_set_header Upgrade",
		"Apache/2.4.71 (Debian)": `Apache before Snapback does not let WebSockets through, so no log goes on here and there is no shell. Set there: ProxyPass`,
		"":                       "The proxy before Snapback does not let WebSockets through, so no log goes on here and there is no shell. It has to pass on the headers Upgrade and Connection",
	} {
		t.Run("it is "+says, func(t *testing.T) {
			t.Parallel()
			n, proxy := proxied(t, says)
			proxy.eats.Store(strings.HasPrefix(says, "Apache"))
			var wire *terminal.WireError
			if err := terminal.TryWire(t.Context(), n.url); !errors.As(err, &wire) || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("tried: %v", err)
			}
			p := newPhone(t)
			n.open(p, access.ModeLogs)
			p.openGate()
			p.wait("the page says so", "#contact", want)
			p.picture("24-proxy" + strings.Split(says, "/")[0])
			proxy.eats.Store(false)
			proxy.passes.Store(true)
			p.wait("once it is set, the logs go on", "#state", "running")
			p.yes("and nothing is said any more", contact)
			testkit.OK(t, terminal.TryWire(t.Context(), n.url))
			p.wantQuiet()
		})
	}
}

// TestAProxyThatNeverAnswersAWebSocketIsNamed takes as long as a slow network would be given.
func TestAProxyThatNeverAnswersAWebSocketIsNamed(t *testing.T) {
	t.Parallel()
	n, proxy := proxied(t, "nginx")
	proxy.passes.Store(true)
	proxy.keeps.Store(true)
	p := newPhone(t)
	n.open(p, access.ModeLogs)
	p.openGate()
	within(t, 3*time.Minute, "the page says so", func() bool {
		return strings.Contains(p.text("#contact"), "nginx before Snapback does not let WebSockets through")
	})
	p.picture("24-proxy-never-answers")
	proxy.keeps.Store(false)
	p.wait("once it answers, the logs go on", "#state", "running")
	p.yes("and nothing is said any more", contact)
	p.wantQuiet()
}

// TestAQuestionDoesNotWaitForTheOneBefore has a page ask whether there is a way while none of its questions is answered: one that was begun
// on a connection that is dead must not hold back the next.
func TestAQuestionDoesNotWaitForTheOneBefore(t *testing.T) {
	t.Parallel()
	n, proxy := proxied(t, "")
	proxy.passes.Store(true)
	p := newPhone(t)
	n.open(p, access.ModeLogs)
	p.openGate()
	p.connected()
	proxy.stalls.Store(true)
	proxy.eats.Store(true)
	n.cut()
	within(t, time.Minute, "three questions are under way", func() bool { return proxy.asked.Load() >= 3 })
	proxy.stalls.Store(false)
	proxy.eats.Store(false)
	p.yes("there is contact again", contact)
	p.wantQuiet()
}

// TestARefusedWebSocketIsNotAProxysFault has as many browsers as one person may have.
func TestARefusedWebSocketIsNotAProxysFault(t *testing.T) {
	t.Parallel()
	n, proxy := proxied(t, "nginx")
	proxy.passes.Store(true)
	for range 4 {
		n.connect(n.session(access.ModeLogs))
	}
	p := newPhone(t)
	n.open(p, access.ModeLogs)
	p.openGate()
	p.wait("it says what is wrong", "#contact", "Too many terminals are open")
	p.picture("25-too-many")
}

func TestTryWireTellsWhatElseIsWrong(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	n := setup(t, func(c *terminal.Config) { c.Refusals = 1 })
	testkit.OK(t, terminal.TryWire(t.Context(), n.url))
	for at, want := range map[string]string{"http://127.0.0.1:1": "can't be reached from here", other.URL: "no bot answers", n.url: "429"} {
		var wire *terminal.WireError
		if err := terminal.TryWire(t.Context(), at); err == nil || errors.As(err, &wire) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", at, err)
		}
	}
}
