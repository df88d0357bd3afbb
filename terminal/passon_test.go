package terminal_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/terminal"
)

// neighbours is terminal.Peers: what it is told to say, and a bot that is reached without TLS.
type neighbours struct {
	mu      sync.Mutex // guards all below
	beyond  []terminal.Peer
	err     error
	named   map[string]string // addresses by the bots' names
	dialled []terminal.Peer
	down    map[string]bool // by the bot's name: it takes no calls
	silent  map[string]bool // by the bot's name: nobody answers its calls
	lines   []net.Conn
}

func (p *neighbours) Beyond(context.Context, string) ([]terminal.Peer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.beyond, p.err
}

func (p *neighbours) Named(_ context.Context, bot string) (terminal.Peer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := p.named[bot]; at != "" {
		return terminal.Peer{Bot: bot, Address: at}, nil
	}
	return terminal.Peer{}, terminal.ErrElsewhere
}

func (p *neighbours) set(err error, beyond ...terminal.Peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beyond, p.err = beyond, err
}

func (p *neighbours) Dial(ctx context.Context, to terminal.Peer) (net.Conn, error) {
	p.mu.Lock()
	p.dialled = append(p.dialled, to)
	down, silent := p.down[to.Bot], p.silent[to.Bot]
	p.mu.Unlock()
	if silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if down {
		return nil, errors.New("nobody answers")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", to.Address)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, conn)
	return conn, nil
}

// cut breaks all connections to the other bot.
func (p *neighbours) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.lines {
		_ = c.Close()
	}
}

// noEngine is that of a bot that reaches none. Whoever asks it is told that there is no such container.
type noEngine struct{ terminal.Engine }

func (noEngine) Resolve(context.Context, string) (terminal.Target, error) {
	return terminal.Target{}, terminal.ErrNoContainer
}

func (noEngine) Run(context.Context, string, terminal.ExecSpec) ([]byte, error) {
	return nil, terminal.ErrNoContainer
}

// heard is what a bot was sent by another one.
type heard struct {
	mu       sync.Mutex // guards requests
	requests []*http.Request
}

func (h *heard) all() []*http.Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.requests
}

// front is another bot with the same database, at another public address, before the one that reaches the container.
func (n *night) front(t *testing.T, tune ...func(*terminal.Config)) (front *night, others *neighbours, got *heard) {
	t.Helper()
	got = &heard{}
	inner := n.svc.Peer()
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.mu.Lock()
		got.requests = append(got.requests, r.Clone(context.Background()))
		got.mu.Unlock()
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(back.Close)
	others = &neighbours{named: map[string]string{"back": back.Listener.Addr().String()}, down: map[string]bool{}, silent: map[string]bool{}}
	others.set(nil, terminal.Peer{Bot: "back", Address: back.Listener.Addr().String()})
	srv := httptest.NewUnstartedServer(nil)
	front = &night{
		t: t, url: "http://" + srv.Listener.Addr().String(), store: n.store, gate: &gate{}, timeline: n.timeline, clock: n.clock,
		cli: n.cli, image: n.image, name: n.name, incident: n.incident,
	}
	cfg := terminal.Config{
		PublicURL: front.url, Ring: ring(t), Store: front.store, Engine: noEngine{}, Gate: front.gate, Timeline: front.timeline, Peers: others, Bot: "front",
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Location: time.UTC, Now: n.clock.now, Poll: 100 * time.Millisecond,
	}
	for _, f := range tune {
		f(&cfg)
	}
	svc, err := terminal.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	front.svc = svc
	srv.Config.Handler = svc.Handler()
	srv.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := svc.Stop(ctx); err != nil {
			t.Error(err)
		}
		srv.Close()
	})
	return front, others, got
}

func TestTerminalIsPassedOnToTheBotThatReachesItsContainer(t *testing.T) {
	t.Parallel()
	n := setup(t)
	front, _, got := n.front(t)
	front.gate.refuse(access.ErrDenied) // it can't tell, and is not asked
	id, have := front.session(access.ModeShell)
	if id == "" || !strings.HasPrefix(have.Get("Cookie"), "snapback-terminal=") {
		t.Fatalf("session %q, %v", id, have)
	}
	have.Set("Snapback-Session", "somebody else's")
	have.Set("X-Forwarded-For", "192.0.2.1")
	have.Set("Authorization", "Bearer secret")
	b := front.connect(id, have)
	within(t, time.Minute, "the log is there", func() bool { return b.saw("hello from the first") })
	b.startShell()
	b.typeIn("echo to''gether\n")
	within(t, time.Minute, "the shell answers", func() bool { return b.saw("together") })
	for _, path := range []string{"/t/session", "/t/logs?session=" + id + "&since=2020-01-01T00:00:00Z", "/t/moments?session=" + id, "/t/errors?session=" + id} {
		if a := front.do("GET", path, "", have); a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" || len(a.header.Values("Content-Security-Policy")) != 1 {
			t.Errorf("%s: %d %s, %v", path, a.status, a.code, a.header)
		}
	}
	if n.engine.execs.Load() == 0 || len(n.timeline.of(incidents.KindTerminalShell)) != 1 {
		t.Errorf("%d shells, and the timeline has %v", n.engine.execs.Load(), n.timeline.kinds())
	}
	a := front.do("POST", "/t/end", "{}", have)
	if a.status != http.StatusNoContent || len(a.cookies) != 1 || a.cookies[0].Value != "" {
		t.Errorf("the end: %d %v", a.status, a.cookies)
	}
	within(t, time.Minute, "the browser is told so", func() bool { c, ok := b.closed(); return ok && c.Code == 4001 })
	if len(got.all()) < 6 {
		t.Errorf("only %d requests were passed on", len(got.all()))
	}
	for _, r := range got.all() {
		if r.URL.Path != "/t/redeem" && r.Header.Get("Snapback-Session") != id {
			t.Errorf("%s is for %q", r.URL.Path, r.Header.Get("Snapback-Session"))
		}
		for _, name := range []string{"Cookie", "Origin", "Authorization", "X-Forwarded-For"} {
			if r.Header.Get(name) != "" {
				t.Errorf("%s has %s: %s", r.URL.Path, name, r.Header.Get(name))
			}
		}
	}
}

func TestWhatIsPassedOnWasAllowedHere(t *testing.T) {
	t.Parallel()
	n := setup(t)
	front, _, got := n.front(t)
	id, have := front.session(access.ModeShell)
	before := len(got.all())
	for name, change := range map[string]func(http.Header){
		"no cookie":      func(h http.Header) { h.Del("Cookie") },
		"foreign origin": func(h http.Header) { h.Set("Origin", n.url) }, // the other bot's own
		"a name instead": func(h http.Header) { h.Del("Cookie"); h.Set("Snapback-Session", id) },
	} {
		h := have.Clone()
		change(h)
		conn, _, err := websocket.Dial(t.Context(), front.url+"/t/ws", &websocket.DialOptions{HTTPHeader: h, Subprotocols: []string{terminal.Subprotocol}})
		if err == nil {
			t.Errorf("%s: a WebSocket was taken", name)
			_ = conn.CloseNow()
		}
		if a := front.do("POST", "/t/end", "{}", h); a.status < 400 {
			t.Errorf("%s: the end: %d", name, a.status)
		}
	}
	if a := front.do("GET", "/t/session", "", http.Header{"Snapback-Session": {id}}); a.status != http.StatusUnauthorized {
		t.Errorf("a name and no cookie: %d", a.status)
	}
	if a := front.redeem("x.y.z"); a.status != http.StatusForbidden {
		t.Errorf("a forged link: %d", a.status)
	}
	if len(got.all()) != before {
		t.Errorf("%d of that were passed on", len(got.all())-before)
	}
	n.gate.refuse(access.ErrDenied) // the gate that counts is the one where the container is
	if a := front.do("GET", "/t/logs?session="+id+"&since=2020-01-01T00:00:00Z", "", have); a.status != http.StatusForbidden || a.code != "not_allowed" {
		t.Errorf("while it is not allowed: %d %s", a.status, a.code)
	}
	if a := front.redeem(front.mint(access.ModeLogs)); a.status != http.StatusForbidden || len(a.cookies) != 0 {
		t.Errorf("a link while it is not allowed: %d %v", a.status, a.cookies)
	}
}

func TestWhatOtherBotsAskNamesItsSession(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id, have := n.session(access.ModeLogs)
	back := httptest.NewServer(n.svc.Peer())
	t.Cleanup(back.Close)
	there := &night{t: t, url: back.URL}
	for name, c := range map[string]struct {
		path   string
		header http.Header
		want   int
	}{
		"the session":          {"/t/session", http.Header{"Snapback-Session": {id}}, http.StatusOK},
		"another one":          {"/t/session", http.Header{"Snapback-Session": {"nobody's"}}, http.StatusUnauthorized},
		"a cookie":             {"/t/session", http.Header{"Cookie": have["Cookie"]}, http.StatusUnauthorized},
		"what is not passed":   {"/t", http.Header{"Snapback-Session": {id}}, http.StatusNotFound},
		"what is not here":     {"/containers", http.Header{"Snapback-Session": {id}}, http.StatusNotFound},
		"another one in words": {"/t/logs?session=other", http.Header{"Snapback-Session": {id}}, http.StatusConflict},
	} {
		if a := there.do("GET", c.path, "", c.header); a.status != c.want {
			t.Errorf("%s: %d %s, want %d", name, a.status, a.code, c.want)
		}
	}
	if a := n.do("POST", "/t/end", "{}", have); a.status != http.StatusNoContent {
		t.Fatal(a.status)
	}
	if a := there.do("GET", "/t/session", "", http.Header{"Snapback-Session": {id}}); a.status != http.StatusGone {
		t.Errorf("a session that is over: %d", a.status)
	}
}

func TestNoBotThatReachesTheContainerCanBeTalkedTo(t *testing.T) {
	t.Parallel()
	n := setup(t)
	front, others, _ := n.front(t)
	id, have := front.session(access.ModeLogs)
	good := others.beyond[0]
	others.mu.Lock()
	others.down["down"], others.silent["silent"] = true, true
	others.mu.Unlock()
	mute := terminal.Peer{Bot: "mute", Address: hangsUp(t)}

	others.set(nil, terminal.Peer{Bot: "silent", Address: "192.0.2.1:1"}, terminal.Peer{Bot: "down", Address: "192.0.2.1:1"}, terminal.Peer{Bot: "silent", Address: "192.0.2.1:1"}, good)
	b := front.connect(id, have)
	within(t, time.Minute, "the last one answers", func() bool { return b.saw("hello from the first") })

	for what, say := range map[string]struct {
		err    error
		beyond []terminal.Peer
		code   string
	}{
		"none takes a call": {nil, []terminal.Peer{{Bot: "down", Address: "192.0.2.1:1"}, {Bot: "down", Address: "192.0.2.1:1"}}, "elsewhere"},
		"none answers":      {nil, []terminal.Peer{{Bot: "silent", Address: "192.0.2.1:1"}}, "elsewhere"},
		"it hangs up":       {nil, []terminal.Peer{mute}, "elsewhere"},
		"none says where":   {terminal.ErrElsewhere, nil, "elsewhere"},
		"none is there":     {snapshot.ErrEngineAway, nil, "engine_away"},
	} {
		others.set(say.err, say.beyond...)
		if a := front.do("GET", "/t/session", "", have); a.status != http.StatusServiceUnavailable || a.code != say.code || a.detail == "" {
			t.Errorf("%s: %d %s %s", what, a.status, a.code, a.detail)
		}
		token := front.mint(access.ModeLogs)
		if a := front.redeem(token); a.status != http.StatusServiceUnavailable || a.code != say.code {
			t.Errorf("%s: a link: %d %s", what, a.status, a.code)
		}
		if a := n.redeem(token); a.status != http.StatusOK {
			t.Errorf("%s: the link was used up: %d %s", what, a.status, a.code)
		}
	}
	others.set(nil, good)
	others.cut()
	within(t, time.Minute, "the browser sees that the line is cut", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.ended != nil
	})
	b = front.connect(id, have)
	within(t, time.Minute, "and comes back", func() bool { return b.saw("hello from the first") })

	others.set(terminal.ErrElsewhere)
	if a := front.do("POST", "/t/end", "{}", have); a.status != http.StatusNoContent {
		t.Errorf("the end while no other bot can be talked to: %d %s", a.status, a.code)
	}
	within(t, time.Minute, "it ends where it is", func() bool { c, ok := b.closed(); return ok && c.Code == 4001 })
}

// hangsUp takes calls at the address that it returns, and ends each without a word.
func hangsUp(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

// The gate where the container is decides over what is opened in the console elsewhere.
func TestConsoleOpensTheTerminalOfAnotherBotsContainer(t *testing.T) {
	t.Parallel()
	n := setup(t)
	front, others, got := n.front(t, withConsole)
	front.gate.refuse(access.ErrDenied)
	id, have := front.seat("s1", front.outside(access.ModeLogs))
	b := front.sit(id, have)
	within(t, time.Minute, "the log is there", func() bool { return b.saw("hello from the first") })
	before := len(got.all())
	for name, cookie := range map[string]string{"another session of the console": "console=s2", "none": ""} {
		if a := front.do("GET", "/t/session?session="+id, "", http.Header{"Cookie": {cookie}}); a.status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	if len(got.all()) != before {
		t.Error("that was passed on")
	}
	n.gate.refuse(access.ErrSignedOut)
	within(t, time.Minute, "it ends where it is", func() bool { c, ok := b.closed(); return ok && c.Code == 4001 })
	others.set(terminal.ErrElsewhere)
	g := front.outside(access.ModeLogs)
	g.Person.Via.Console = "s1"
	if _, err := front.svc.Seat(t.Context(), g, front.clock.now().Add(time.Hour)); !errors.Is(err, terminal.ErrElsewhere) {
		t.Errorf("when nobody can be talked to: %v", err)
	}
}

// A bot that stops lets go of what goes through it.
func TestStoppingBotLetsGoOfWhatItPassesOn(t *testing.T) {
	t.Parallel()
	n := setup(t)
	front, _, _ := n.front(t)
	id, have := front.session(access.ModeLogs)
	b := front.connect(id, have)
	within(t, time.Minute, "the log is there", func() bool { return b.saw("hello from the first") })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := front.svc.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if a := front.do("GET", "/t/session", "", have); a.status != http.StatusServiceUnavailable || a.code != "restarting" {
		t.Errorf("after its stop: %d %s", a.status, a.code)
	}
	within(t, time.Minute, "the browser is let go", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.ended != nil
	})
}

// What is too large for a browser's message is refused as without another bot between.
func TestTooLargeAMessageEndsWhatIsPassedOn(t *testing.T) {
	t.Parallel()
	n := setup(t)
	front, _, _ := n.front(t)
	id, have := front.session(access.ModeLogs)
	b := front.connect(id, have)
	b.say(string(bytes.Repeat([]byte("x"), 70<<10)))
	within(t, time.Minute, "the browser is told so", func() bool {
		c, ok := b.closed()
		return ok && c.Code == websocket.StatusMessageTooBig
	})
}
