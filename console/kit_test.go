package console_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/console"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/download"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
	"github.com/snapback/snapback/store"
)

// house is a console on a real database, with a Slack and an engine that do as they are told.
type house struct {
	t         *testing.T
	db        *store.DB
	door      *signin.Service
	console   *console.Console
	terminals *store.TerminalStore
	plays     func(script, style []byte) // from now on
	url       string                     // where it listens
	origin    string                     // as browsers call it

	mu         sync.Mutex // guards all below
	now        time.Time
	accounts   map[string]access.Account
	channels   map[string][]string
	slackErr   error
	containers []snapshot.Container
	oncall     map[string][]access.Person // by PagerDuty service
	oncallErr  error
	shelled    string // the session with a shell that there is
	list       func(context.Context) error
	engine     func(context.Context) error
	offers     func(context.Context) ([]restore.Offer, error)
	asked      []restore.Ask
	moves      *snapshot.Progress // what every restore is at
	seats      []access.Grant     // what terminals were asked for
	unseated   []string           // sessions whose terminals were ended
}

func newHouse(t *testing.T) *house {
	t.Helper()
	t.Parallel()
	h := &house{
		t: t, db: storetest.New(t), now: time.Now(),
		accounts: map[string]access.Account{"U0ANN": {Name: "Ann"}, "U0BOB": {Name: "Bob"}},
		channels: map[string][]string{"C0SHOP": {"U0ANN"}, "C0PAY": {"U0BOB"}},
		containers: []snapshot.Container{
			{Key: "e/shop", Name: "shop", Image: "shop:1.42", State: "running", Settings: labelled("C0SHOP", "PSHOP")},
			{Key: "e/pay", Name: "pay", Image: "pay:7", State: "running", Settings: labelled("C0PAY", "PPAY")},
		},
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.console.Handler().ServeHTTP(w, r) }))
	at, err := url.Parse("http://" + srv.Listener.Addr().String())
	testkit.OK(t, err)
	h.url, h.origin = at.String(), "http://localhost:"+at.Port()
	guard := access.New(access.Config{Slack: h, People: h.db, Messages: h.db, Containers: h, Rota: h, Channel: "C0OPS", Now: h.clock})
	ring := testkit.Ring(t)
	noted, err := incidents.OpenAnchors(filepath.Join(t.TempDir(), "anchors"), ring, slog.New(slog.DiscardHandler))
	testkit.OK(t, err)
	h.door, err = signin.New(signin.Config{PublicURL: h.origin, Store: h.db, Ring: ring, Accounts: guard, Timeline: h.db, Now: h.clock})
	testkit.OK(t, err)
	h.terminals = store.NewTerminalStore(h.db.Pool(), ring)
	evidence := incidents.Evidence{
		Timelines: h.db, Recorded: h.terminals, Keys: ring, Anchors: noted, Zone: time.UTC,
		Player: incidents.Player{Script: []byte("document.title = 'played'"), Style: []byte("b {}")},
	}
	h.plays = func(script, style []byte) {
		evidence.Player = incidents.Player{Script: script, Style: style}
		h.console.Recordings = evidence
	}
	h.console, err = console.New(console.Config{
		Door: h.door, Access: guard, Containers: h, Data: h.db, Restorer: h, Timeline: h.db, Terminals: h, Engine: h.ping,
		Exporter: evidence, Recordings: evidence, Downloads: download.NewDesk(t.TempDir()),
		Every: 50 * time.Millisecond, Now: h.clock,
	})
	testkit.OK(t, err)
	srv.Start()
	t.Cleanup(func() { _ = h.console.Stop(context.Background()); srv.Close() })
	return h
}

func labelled(channel, service string) snapshot.Settings {
	return snapshot.Settings{Labels: access.Labels{
		SlackChannel: channel, PagerDutyServices: []string{service}, RestoreAllow: access.Allow{Rule: access.Channel}, TerminalAllow: access.Allow{Rule: access.Channel},
	}}
}

func (h *house) do(change func()) { h.mu.Lock(); defer h.mu.Unlock(); change() }

func (h *house) later(d time.Duration) { h.do(func() { h.now = h.now.Add(d) }) }

func (h *house) clock() time.Time { h.mu.Lock(); defer h.mu.Unlock(); return h.now }

func (h *house) Account(_ context.Context, id string) (access.Account, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a, known := h.accounts[id]
	if !known {
		a.Standing = access.Unknown
	}
	return a, h.slackErr
}

func (h *house) Members(context.Context, string) ([]string, error) { return nil, nil }

func (h *house) ChannelMembers(_ context.Context, channel string) ([]string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.channels[channel]), h.slackErr
}

func (h *house) List(ctx context.Context) ([]snapshot.Container, error) {
	h.mu.Lock()
	list, all := h.list, slices.Clone(h.containers)
	h.mu.Unlock()
	if list != nil {
		return all, list(ctx)
	}
	return all, nil
}

func (h *house) ping(ctx context.Context) error {
	h.mu.Lock()
	engine := h.engine
	h.mu.Unlock()
	if engine != nil {
		return engine(ctx)
	}
	return nil
}

func (h *house) OnCall(_ context.Context, service string) ([]access.Person, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.oncall[service], h.oncallErr
}

func (h *house) Offers(ctx context.Context, _ snapshot.Container, _ time.Time, _ int) ([]restore.Offer, error) {
	h.mu.Lock()
	offers := h.offers
	h.mu.Unlock()
	if offers != nil {
		return offers(ctx)
	}
	return nil, nil
}

func (h *house) Offer(ctx context.Context, c snapshot.Container, snap snapshot.Snapshot) (restore.Offer, error) {
	all, err := h.Offers(ctx, c, time.Time{}, 1)
	for _, o := range all {
		if o.Snapshot.Name == snap.Name {
			return o, err
		}
	}
	return restore.Offer{Snapshot: snap}, err
}

func (h *house) Request(_ context.Context, ask restore.Ask) (restore.Restore, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, ask)
	return restore.Restore{}, nil
}

func (h *house) Progress(int64) *snapshot.Progress {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.moves
}

func (h *house) Undo(context.Context, int64, snapshot.By, string) (restore.Restore, error) {
	return restore.Restore{}, snapshot.ErrInProgress
}

// incident opens one of a PagerDuty service, and returns our own ID of it.
func (h *house) incident(service string) int64 {
	h.t.Helper()
	now := h.clock()
	id := "P" + rand.Text()
	in := incidents.Incident{PagerDutyID: id, Title: "High error rate", ServiceID: service, Service: service, Status: incidents.Triggered, OpenedAt: now}
	d := incidents.Delivery{Source: "pagerduty", NativeID: id, EventID: id, Body: []byte("{}")}
	_, err := h.db.ReceiveEvent(h.t.Context(), d, in, now, incidents.Entry{Kind: incidents.KindPagerDutyTriggered, Summary: "PagerDuty opened the incident"})
	testkit.OK(h.t, err)
	got, err := h.db.FindIncident(h.t.Context(), id)
	testkit.OK(h.t, err)
	return got.ID
}

func (h *house) Claimed(context.Context, string) (bool, error) { return true, nil }

func (h *house) LabelsOf(context.Context, string, string) (access.Labels, bool, error) {
	return access.Labels{}, false, nil
}

// link is a link's token, as somebody gets it in Slack.
func (h *house) link(slackID string) string {
	h.t.Helper()
	m, err := h.door.MintInSlack(h.t.Context(), access.Person{SlackID: slackID, Name: h.accounts[slackID].Name}, incidents.Source{System: "slack"})
	testkit.OK(h.t, err)
	_, token, ok := strings.Cut(m.URL, "/#register=")
	if !ok {
		h.t.Fatalf("the link is %s", m.URL)
	}
	return token
}

// visitor is a browser: it has cookies, and says where it comes from.
type visitor struct {
	*house
	client *http.Client
	header http.Header
}

func (h *house) visitor() *visitor {
	return &visitor{h, &http.Client{Jar: jar{}}, http.Header{"Origin": {h.origin}, "Sec-Fetch-Site": {"same-origin"}, "User-Agent": {"iPhone Safari/1"}}}
}

// jar keeps a host's cookies whatever it is called.
type jar map[string]*http.Cookie

func (j jar) SetCookies(_ *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		if j[c.Name] = c; c.MaxAge < 0 {
			delete(j, c.Name)
		}
	}
}

func (j jar) Cookies(*url.URL) (out []*http.Cookie) {
	for _, c := range j {
		out = append(out, c)
	}
	return out
}

// ask returns the status, the code of a refusal, and all that was answered.
func (v *visitor) ask(method, path string, body any) (status int, code, answer string) {
	v.t.Helper()
	resp := v.send(method, path, body)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	testkit.OK(v.t, err)
	var p struct{ Code string }
	_ = json.Unmarshal(b, &p) // what is no refusal has none
	return resp.StatusCode, p.Code, string(b)
}

func (v *visitor) send(method, path string, body any) *http.Response {
	v.t.Helper()
	b, err := json.Marshal(body)
	testkit.OK(v.t, err)
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.url+path, bytes.NewReader(b))
	testkit.OK(v.t, err)
	req.Header = v.header.Clone()
	req.Header.Set("Content-Type", "application/json")
	resp, err := v.client.Do(req)
	testkit.OK(v.t, err)
	return resp
}

// begin asks for a challenge.
func (v *visitor) begin(path string, body any) (o options) {
	v.t.Helper()
	status, _, answer := v.ask("POST", path, body)
	if status != http.StatusOK {
		v.t.Fatalf("%s: %d %s", path, status, answer)
	}
	testkit.OK(v.t, json.Unmarshal([]byte(answer), &o))
	return o
}

type envelope map[string]any

// register makes a passkey of a link.
func (v *visitor) register(token string) *device {
	v.t.Helper()
	d := newDevice(v.t, v.origin)
	made := d.create(v.begin("/console/register/begin", envelope{"token": token}))
	if status, _, answer := v.ask("POST", "/console/register/finish", envelope{"token": token, "credential": made}); status != http.StatusOK {
		v.t.Fatalf("registering: %d %s", status, answer)
	}
	return d
}

// signIn returns what the server says to a device's answer.
func (v *visitor) signIn(d *device) (status int, code, answer string) {
	v.t.Helper()
	return v.ask("POST", "/console/signin/finish", envelope{"credential": d.get(v.begin("/console/signin/begin", nil))})
}

// stream reads what is live until it ends, as some page.
func (v *visitor) stream() (events func() (name, data string, open bool)) {
	v.t.Helper()
	return v.streamOf("")
}

func (v *visitor) streamOf(page string) (events func() (name, data string, open bool)) {
	v.t.Helper()
	resp := v.send("GET", "/console/live?page="+page, nil)
	v.t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		v.t.Fatalf("live: %d", resp.StatusCode)
	}
	return eventsFrom(resp.Body)
}

// eventsFrom reads those that a server sends.
func eventsFrom(from io.Reader) func() (name, data string, open bool) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	return func() (name, data string, open bool) {
		for lines.Scan() {
			if s, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				name = s
			}
			if s, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return name, s, true
			}
		}
		return "", "", false
	}
}

// kinds are those on the timeline that belongs to no incident.
func (h *house) kinds() (out []string) {
	h.t.Helper()
	entries, err := h.db.Entries(h.t.Context(), 0, 0)
	testkit.OK(h.t, err)
	for _, e := range entries {
		out = append(out, fmt.Sprintf("%s by %s", e.Kind, e.Actor.Name))
	}
	return out
}
