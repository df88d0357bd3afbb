package terminal_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/store"
	"github.com/snapback/snapback/terminal"
)

// night is a service with a real engine, a real Postgres, and a container of its own.
type night struct {
	t        testing.TB
	svc      *terminal.Service
	url      string
	engine   *engine
	store    *faultyStore
	gate     *gate
	timeline *timeline
	clock    *clock
	cli      *client.Client
	image    string
	name     string
	incident int64
	sent     atomic.Int64 // bytes of HTTP responses, as they went over the wire; WebSockets' are not counted

	mu    sync.Mutex // guards wires
	wires []net.Conn // that carry WebSockets
}

var ada = access.Holder{Person: access.Person{SlackID: "U1", PagerDutyID: "P1", Name: "Ada Example", Email: "ada@example.com"}}

func setup(t testing.TB, tune ...func(*terminal.Config)) *night {
	t.Helper()
	n := &night{t: t, gate: &gate{}, timeline: &timeline{}, clock: &clock{}}
	n.startContainer()
	n.openStore()
	srv := httptest.NewUnstartedServer(nil)
	srv.Listener = countingListener{srv.Listener, &n.sent}
	n.url = "http://" + srv.Listener.Addr().String()
	cfg := terminal.Config{
		PublicURL: n.url, Ring: ring(t), Store: n.store, Engine: n.engine, Gate: n.gate, Timeline: n.timeline, Bot: "back",
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Location: time.UTC, Now: n.clock.now, Poll: 100 * time.Millisecond,
	}
	for _, f := range tune {
		f(&cfg)
	}
	svc, err := terminal.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n.svc = svc
	mux := http.NewServeMux()
	mux.Handle("/", svc.Handler())
	mux.HandleFunc("GET /console/fresh", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }) // a passkey was shown just now
	srv.Config.Handler = mux
	srv.Config.ConnState = n.watchWires
	srv.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := svc.Stop(ctx); err != nil {
			t.Error(err)
		}
		srv.Close()
	})
	return n
}

func (n *night) watchWires(c net.Conn, state http.ConnState) {
	if state != http.StateHijacked {
		return
	}
	c.(*countingConn).uncounted.Store(true)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wires = append(n.wires, c)
}

// cut breaks every WebSocket, as a tunnel does to a train.
func (n *night) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.wires {
		_ = c.Close()
	}
}

func ring(t testing.TB) *keyring.Ring {
	t.Helper()
	return testkit.RingOf(t, "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
}

func (n *night) openStore() {
	n.t.Helper()
	ctx := n.t.Context()
	pool, err := pgxpool.New(ctx, storetest.URL(n.t))
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(pool.Close)
	n.store = &faultyStore{TerminalStore: store.NewTerminalStore(pool, ring(n.t)), pool: pool}
	err = pool.QueryRow(ctx, `INSERT INTO incidents (pagerduty_id, status, status_at, opened_at)
		VALUES ('Q1', 'triggered', now(), now()) RETURNING id`).Scan(&n.incident)
	if err != nil {
		n.t.Fatal(err)
	}
}

// startContainer starts a container that logs a line now and then.
func (n *night) startContainer() {
	n.t.Helper()
	var err error
	if n.cli, err = client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation()); err != nil {
		n.t.Fatal(err)
	}
	id := strings.ToLower(rand.Text()[:10])
	n.name, n.image = "sbterm-"+id, "sbterm-test:"+id
	n.engine = &engine{Terminal: docker.NewTerminal(n.cli, n.resolve)}
	n.t.Cleanup(func() { _ = n.cli.Close() })
	n.importBusybox()
	n.run(`echo hello from the first; i=0; while :; do i=$((i+1)); echo "GET /basket/$i 200"; sleep 0.2; done`)
}

func (n *night) resolve(ctx context.Context, key string) (string, error) {
	c, err := n.cli.ContainerInspect(ctx, key)
	if cerrdefs.IsNotFound(err) {
		return "", terminal.ErrNoContainer
	}
	if err != nil {
		return "", err
	}
	return c.ID, nil
}

func (n *night) run(script string, tune ...func(*container.Config, *container.HostConfig)) string {
	n.t.Helper()
	ctx := context.Background()
	cfg, host := &container.Config{
		Image: n.image, Cmd: []string{"sh", "-c", script}, Labels: map[string]string{"snapback.enable": "true"}, Env: []string{"PATH=/bin"},
	}, &container.HostConfig{}
	for _, f := range tune {
		f(cfg, host)
	}
	c, err := n.cli.ContainerCreate(ctx, cfg, host, nil, nil, n.name)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = n.cli.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true}) })
	if err := n.cli.ContainerStart(ctx, c.ID, container.StartOptions{}); err != nil {
		n.t.Fatal(err)
	}
	return c.ID
}

// replace does what a restore does: the old one is stopped and renamed, another takes the name.
func (n *night) replace(script string, tune ...func(*container.Config, *container.HostConfig)) string {
	n.t.Helper()
	ctx, now := context.Background(), 0
	if err := n.cli.ContainerStop(ctx, n.name, container.StopOptions{Timeout: &now}); err != nil {
		n.t.Fatal(err)
	}
	if err := n.cli.ContainerRename(ctx, n.name, n.name+".before"); err != nil {
		n.t.Fatal(err)
	}
	return n.run(script, tune...)
}

func (n *night) importBusybox() {
	n.t.Helper()
	ctx := context.Background()
	layer := busybox(n.t)
	out, err := n.cli.ImageImport(ctx, image.ImportSource{Source: layer, SourceName: "-"}, n.image, image.ImportOptions{})
	if err != nil {
		n.t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	if _, err := io.Copy(io.Discard, out); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _, _ = n.cli.ImageRemove(ctx, n.image, image.RemoveOptions{Force: true}) })
}

func busybox(t testing.TB) *bytes.Buffer {
	t.Helper()
	bin, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Fatalf("the tests need busybox-static: %v", err)
	}
	layer := &bytes.Buffer{}
	w := tar.NewWriter(layer)
	add := func(h tar.Header, body []byte) {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	add(tar.Header{Name: "bin/busybox", Mode: 0o755, Size: int64(len(bin))}, bin)
	for _, applet := range []string{"sh", "sleep", "cat", "echo", "setsid", "stty", "yes", "head", "nohup", "vi", "ls", "seq", "su", "od", "env", "date", "less", "top"} {
		add(tar.Header{Name: "bin/" + applet, Linkname: "busybox", Typeflag: tar.TypeSymlink}, nil)
	}
	add(tar.Header{Name: "etc/passwd", Mode: 0o644, Size: int64(len(passwd))}, []byte(passwd))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return layer
}

const passwd = "root:x:0:0::/:/bin/sh\nshop:x:1000:1000::/:/bin/sh\n"

// deployedAt has the container deployed at a time.
func (n *night) deployedAt(at time.Time) {
	n.t.Helper()
	if _, err := n.store.pool.Exec(n.t.Context(), `INSERT INTO deploys (key, at, before_id, after_id, before, after) VALUES ($1, $2, 'a', 'b', '{}', '{}')`, n.name, at); err != nil {
		n.t.Fatal(err)
	}
}

// mint returns the token of a fresh link.
func (n *night) mint(mode access.Mode) string {
	n.t.Helper()
	return n.mintFor(n.grant(mode))
}

func (n *night) mintFor(g access.Grant) string {
	n.t.Helper()
	link, err := n.svc.Mint(n.t.Context(), g, 0)
	if err != nil {
		n.t.Fatal(err)
	}
	_, token, found := strings.Cut(link.URL, "/t#")
	if !found {
		n.t.Fatalf("link %q has no token in its fragment", link.URL)
	}
	return token
}

func (n *night) grant(mode access.Mode) access.Grant {
	return access.Grant{Person: ada, IncidentID: n.incident, Container: n.name, Name: "api", Mode: mode}
}

// answer is a response that was read.
type answer struct {
	status  int
	code    string
	detail  string
	header  http.Header
	cookies []*http.Cookie
}

func (n *night) do(method, path, body string, header http.Header) answer {
	n.t.Helper()
	a, _ := n.ask(method, path, body, header)
	return a
}

func (n *night) ask(method, path, body string, header http.Header) (answer, []byte) {
	n.t.Helper()
	r, err := http.NewRequestWithContext(n.t.Context(), method, n.url+path, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	r.Header = header
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var p struct{ Code, Detail string }
	b, _ := io.ReadAll(resp.Body)
	_ = json.Unmarshal(b, &p)
	return answer{resp.StatusCode, p.Code, p.Detail, resp.Header, resp.Cookies()}, b
}

// body is what a GET answers.
func (n *night) body(path string) string {
	n.t.Helper()
	resp, err := http.Get(n.url + path)
	if err != nil {
		n.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return string(b)
}

// fromPage is what our own page sends along.
func (n *night) fromPage() http.Header {
	return http.Header{"Origin": {n.url}, "Content-Type": {"application/json"}}
}

func (n *night) redeem(token string) answer {
	n.t.Helper()
	return n.do("POST", "/t/redeem", fmt.Sprintf(`{"token":%q}`, token), n.fromPage())
}

// session redeems a new link and returns the headers of whoever has it.
func (n *night) session(mode access.Mode) (id string, have http.Header) {
	n.t.Helper()
	return n.opened(n.redeem(n.mint(mode)))
}

// opened is the session that a link was redeemed for just now.
func (n *night) opened(a answer) (id string, have http.Header) {
	n.t.Helper()
	if a.status != http.StatusOK {
		n.t.Fatalf("redeeming answered %d %s", a.status, a.detail)
	}
	have = http.Header{"Origin": {n.url}, "Cookie": {a.cookies[0].Name + "=" + a.cookies[0].Value}, "Content-Type": {"application/json"}}
	open, err := n.store.Sessions(n.t.Context())
	if err != nil || len(open) == 0 {
		n.t.Fatalf("no session in the store: %v", err)
	}
	return open[len(open)-1].ID, have
}
