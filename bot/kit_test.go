package bot_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/incidents/flat/chart"
	"github.com/snapback/snapback/incidents/flat/picture"
	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

const (
	token  = "xoxb-test"
	secret = "signing-secret"
)

// at is a time on the night of the incident; it was opened at 03:42.
func at(clock string) time.Time {
	day := "2026-11-24 "
	if clock > "12:00" {
		day = "2026-11-23 "
	}
	t, err := time.Parse("2006-01-02 15:04:05", day+clock+":00")
	if err != nil {
		panic(err)
	}
	return t
}

// world is everything that the bot asks, in memory, with the queue of what was accepted.
type world struct {
	mu         sync.Mutex // guards all below
	now        time.Time
	incidents  map[int64]incidents.Incident
	entries    map[int64][]incidents.Entry
	messages   map[int64]incidents.Message
	saves      int
	onSave     func() // what happens at the first save; nil: nothing
	failSave   int    // the nth save from now fails; 0: none
	accepted   map[string]bool
	queue      []job
	acceptErr  error
	people     map[string]access.Person
	containers []snapshot.Container
	misnamed   []string // containers with labels that keep them from being enabled
	engineErr  error
	listed     int            // how often the engine was asked for its containers
	reads      map[string]int // how often something was read

	timelineHeld bool // somebody else holds the timeline, so that nothing is written
	snapshots    map[string][]snapshot.Snapshot
	deploys      []snapshot.Deploy
	left         []string                    // the engine's IDs of containers that restores were made away from
	running      []string                    // the names of the snapshots that are what runs now
	rolledBack   map[int64]snapshot.Undone   // by the deploy's ID
	together     map[int64][]snapshot.Deploy // by the deploy's ID: what went with it
	whyNot       map[string][]string
	losses       []string
	changes      map[string][]snapshot.Change // by the snapshot's name: what its restore would change
	volumes      *restore.VolumeOffer
	asks         []restore.Ask
	askErr       error
	undos        []int64
	undoErr      error
	restores     []restore.Restore
	moves        *snapshot.Progress // what every restore is at
	holds        []snapshot.Hold    // newest first
	acts         []act              // what PagerDuty was asked to do
	onCall       map[string][]access.Person
	onCallErr    error
	mints        []string
	observed     map[string]int
	condition    snapshot.Condition // of every container
	errors       *flat.Alert        // of every container; nil: nobody counts them
	unanswered   bool               // how containers are is asked in vain
	slow         time.Duration      // how long what can be restored takes to find out
	hangs        string             // the engine of which nothing is found out before nobody waits any more
	picture      *chart.Chart       // of every incident; nil: there is none
	unpictured   error              // instead of a picture
	guests       bool               // their e-mail addresses count
	enterprise   string             // of the Slack workspace, set before it starts
	rated        []int              // of how many containers errors were asked at once
	chain        sync.Mutex         // the lock that WithMessage holds
}

// act is what PagerDuty was asked to do, and as whom.
type act struct {
	incident int64
	call     incidents.Call
	by       incidents.Actor
	email    string
}

type job struct {
	body []byte
	at   time.Time
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) do(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) Incident(_ context.Context, id int64) (incidents.Incident, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads["incident"]++
	in, ok := w.incidents[id]
	if !ok {
		return in, incidents.ErrUnknown
	}
	return in, nil
}

func (w *world) OpenIncidents(_ context.Context, services []string) ([]incidents.Incident, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []incidents.Incident
	for _, in := range w.incidents {
		if in.Open() && (services == nil || slices.Contains(services, in.ServiceID)) {
			out = append(out, in)
		}
	}
	slices.SortFunc(out, func(a, b incidents.Incident) int { return int(b.ID - a.ID) })
	return out, nil
}

func (w *world) Entries(_ context.Context, id, after int64) ([]incidents.Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.entries[id]
	return slices.Clone(all[min(int(after), len(all)):]), nil
}

func (w *world) News(_ context.Context, id, after int64, since time.Time, kinds ...incidents.Kind) ([]incidents.Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads["timeline"]++
	return slices.DeleteFunc(slices.Clone(w.entries[id]), func(e incidents.Entry) bool {
		return e.Seq <= after && !e.RecordedAt.After(since) && !slices.Contains(kinds, e.Kind)
	}), nil
}

func (w *world) RecordUntold(ctx context.Context, e incidents.Entry) (incidents.Entry, error) {
	if w.timelineHeld {
		<-ctx.Done()
		return e, ctx.Err()
	}
	return w.RecordOnce(ctx, e)
}

func (w *world) RecordOnce(_ context.Context, e incidents.Entry) (incidents.Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, old := range w.entries[e.IncidentID] {
		if e.Source.NativeID != "" && old.Kind == e.Kind && old.Source.NativeID == e.Source.NativeID {
			return old, nil
		}
	}
	e.Seq, e.RecordedAt = int64(len(w.entries[e.IncidentID])+1), w.now
	w.entries[e.IncidentID] = append(w.entries[e.IncidentID], e)
	if call := e.Kind.Call(); call == incidents.CallAcknowledge || call == incidents.CallResolve {
		w.acts = append(w.acts, act{e.IncidentID, call, e.Actor, w.people[e.Actor.SlackID].Email})
	}
	return e, nil
}

func (w *world) WithMessage(ctx context.Context, id int64, do func(context.Context, incidents.Message, func(incidents.Message) error) error) error {
	w.chain.Lock()
	defer w.chain.Unlock()
	w.mu.Lock()
	m, ok := w.messages[id]
	w.mu.Unlock()
	if !ok {
		m = incidents.Message{IncidentID: id, Attempt: -1}
	}
	return do(ctx, m, w.save)
}

func (w *world) WithPicture(ctx context.Context, id int64, do func(context.Context, incidents.Message, func(incidents.ThreadPicture) error) error) error {
	w.mu.Lock()
	m := w.messages[id]
	w.mu.Unlock()
	return do(ctx, m, func(p incidents.ThreadPicture) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		m := w.messages[id]
		p.Due, p.Old = m.Picture.Due, slices.Clone(p.Old)
		m.Picture = p
		w.messages[id] = m
		return nil
	})
}

func (w *world) MessageChannel(_ context.Context, id int64) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.messages[id].Channel, nil
}

func (w *world) save(m incidents.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failSave > 0 {
		if w.failSave--; w.failSave == 0 {
			return errors.New("the database is away")
		}
	}
	if happens := w.onSave; happens != nil {
		w.onSave = nil
		happens()
	}
	w.saves++
	due := m.Picture.Due
	m.Threads, m.Picture = slices.Clone(m.Threads), w.messages[m.IncidentID].Picture
	m.Picture.Due = due
	w.messages[m.IncidentID] = m
	return nil
}

func (w *world) Accept(_ context.Context, source, nativeID string, body []byte) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.acceptErr != nil {
		return false, w.acceptErr
	}
	if w.accepted[source+nativeID] {
		return false, nil
	}
	w.accepted[source+nativeID] = true
	w.queue = append(w.queue, job{body, w.now})
	return true, nil
}

func (w *world) Person(_ context.Context, id string) (access.Person, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, ok := w.people[id]
	return p, ok, nil
}

func (w *world) SavePerson(_ context.Context, p access.Person) error {
	w.do(func() { w.people[p.SlackID] = p })
	return nil
}

func (w *world) List(context.Context) ([]snapshot.Container, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listed++
	return slices.Clone(w.containers), w.engineErr
}

func (w *world) Mislabelled(context.Context) ([]string, error) { return w.misnamed, nil }

func (w *world) Claimed(ctx context.Context, service string) (bool, error) {
	all, err := w.List(ctx)
	return slices.ContainsFunc(all, func(c snapshot.Container) bool { return c.Settings.Names(service) }), err
}

func (w *world) LabelsOf(context.Context, string, string) (access.Labels, bool, error) {
	return access.Labels{}, false, errors.New("that is for terminals")
}

func (w *world) Snapshots(_ context.Context, key string) ([]snapshot.Snapshot, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.snapshots[key], nil
}

func (w *world) Deploys(_ context.Context, keys []string, limit int) ([]snapshot.Deploy, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := slices.DeleteFunc(slices.Clone(w.deploys), func(d snapshot.Deploy) bool { return keys != nil && !slices.Contains(keys, d.Key) })
	return out[:min(limit, len(out))], nil
}

func (w *world) DeployBefore(_ context.Context, keys []string, at time.Time) (snapshot.Deploy, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.deploys {
		if slices.Contains(keys, d.Key) && !d.Came().After(at) {
			return d, true, nil
		}
	}
	return snapshot.Deploy{}, false, nil
}

func (w *world) Offer(_ context.Context, _ snapshot.Container, s snapshot.Snapshot) (restore.Offer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.offer(restore.Scene{}, s), w.engineErr
}

func (w *world) offer(scene restore.Scene, s snapshot.Snapshot) restore.Offer {
	return restore.Offer{
		Snapshot: s, WhyNot: w.whyNot[s.Name], Changes: w.changes[s.Name], Losses: w.losses, Volumes: w.volumes,
		Running: slices.Contains(w.running, s.Name), Doubt: scene.Doubt(s),
	}
}

func (w *world) Offers(ctx context.Context, c snapshot.Container, opened time.Time, _ int) ([]restore.Offer, error) {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < w.slow {
		return nil, context.DeadlineExceeded
	}
	if w.hangs != "" && c.Engine == w.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	scene := restore.Scene{Now: c, Opened: opened, Left: w.left}
	for _, d := range w.deploys {
		if d.Key == c.Key {
			scene.Deploys = append(scene.Deploys, d)
		}
	}
	out := []restore.Offer{}
	for _, s := range w.snapshots[c.Key] {
		out = append(out, w.offer(scene, s))
	}
	restore.Sort(out)
	if w.engineErr != nil {
		return nil, w.engineErr
	}
	return out, nil
}

func (w *world) Together(_ context.Context, of ...snapshot.Deploy) (map[int64][]snapshot.Deploy, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[int64][]snapshot.Deploy{}
	for _, d := range of {
		if one := w.together[d.ID]; len(one) > 0 {
			out[d.ID] = one
		}
	}
	return out, nil
}

func (w *world) RolledBack(_ context.Context, d snapshot.Deploy) (snapshot.Undone, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, found := w.rolledBack[d.ID]
	u.Deploy = d
	return u, found, nil
}

func (w *world) Request(_ context.Context, ask restore.Ask) (restore.Restore, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.askErr != nil {
		return restore.Restore{}, w.askErr
	}
	if ask.Seen != "" && !snapshot.SameOrShort(ask.Container.ID, ask.Seen) {
		return restore.Restore{}, snapshot.ErrReplaced
	}
	for i, earlier := range w.asks {
		if earlier.Idempotency == ask.Idempotency {
			return w.restores[i], nil
		}
	}
	w.asks = append(w.asks, ask)
	r := restore.Restore{
		ID: int64(len(w.asks)), Kind: restore.Restoring, Key: ask.Container.Key, Container: ask.Container.Name,
		Snapshot: ask.Snapshot, State: restore.Requested, By: ask.By, RequestedAt: w.now, Seen: ask.Seen,
	}
	w.restores = append(w.restores, r)
	return r, nil
}

func (w *world) Progress(int64) *snapshot.Progress {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.moves
}

func (w *world) Undo(_ context.Context, id int64, _ snapshot.By, _ string) (restore.Restore, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.undos = append(w.undos, id)
	return restore.Restore{}, w.undoErr
}

func (w *world) Restore(_ context.Context, id int64) (restore.Restore, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.restores {
		if r.ID == id {
			return r, nil
		}
	}
	return restore.Restore{}, snapshot.ErrUnknownRestore
}

func (w *world) LastRestores(_ context.Context, incident int64) (last []restore.Restore, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	vain := func(r restore.Restore) bool { return r.State == restore.Refused || r.State == restore.Reverted }
	for _, r := range slices.Backward(w.restores) {
		later := func(o restore.Restore) bool { return o.Key == r.Key && vain(o) == vain(r) }
		mine := func(o restore.Restore) bool { return o.By.Incident == incident && o.Key == r.Key && o.ID < r.ID }
		if (r.By.Incident == incident || !vain(r) && slices.ContainsFunc(w.restores, mine)) && !slices.ContainsFunc(last, later) {
			last = append(last, r)
		}
	}
	return last, nil
}

func (w *world) All(context.Context) ([]snapshot.Hold, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.holds), nil
}

func (w *world) Told(ctx context.Context, incident int64) ([]snapshot.Hold, error) {
	all, err := w.All(ctx)
	return slices.DeleteFunc(all, func(h snapshot.Hold) bool { return h.Incident != incident }), err
}

func (w *world) Release(context.Context, string, snapshot.By) ([]snapshot.Hold, error) {
	return nil, snapshot.ErrNotHeld
}

func (w *world) OnCall(_ context.Context, service string) ([]access.Person, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.onCall[service], w.onCallErr
}

func (w *world) Mint(_ context.Context, g access.Grant, _ time.Duration) (access.Link, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	mint := fmt.Sprintf("%d %s %s %s", g.IncidentID, g.Name, g.Person.SlackID, g.Mode)
	if !g.LogsSince.IsZero() {
		mint += " since " + g.LogsSince.Format("15:04")
	}
	w.mints = append(w.mints, mint)
	return access.Link{URL: "https://snapback.example.com/t#very-secret", ExpiresAt: w.now.Add(5 * time.Minute)}, nil
}

// night is the world on the night of the story, with the bot and Slack around it.
type night struct {
	*world
	bot       *bot.Bot
	guard     *access.Guard
	slack     *slackfake.Server
	ops, shop *slackfake.Channel
	ann, bob  *slackfake.User
	url       string
}

const apiID = "1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100"

func setup(t *testing.T, change ...func(*bot.Config, *world)) *night {
	t.Helper()
	w := story()
	c := bot.Config{BotToken: token, SigningSecret: secret, Channel: "C0OPS", Zone: time.UTC, Now: w.clock, Gap: time.Millisecond}
	c.Observe = func(event, outcome string) { w.do(func() { w.observed[event+" "+outcome]++ }) }
	for _, f := range change {
		f(&c, w)
	}
	slack := slackfake.Start(t, slackfake.Config{BotToken: token, SigningSecret: secret, AppToken: c.AppToken, Enterprise: w.enterprise, Clock: w.clock, AckTimeout: time.Minute})
	n := &night{world: w, slack: slack}
	n.ann = slack.AddUser("U0ANN", "Ann Lee", "ann@example.com")
	n.bob = slack.AddUser("U0BOB", "Bob", "bob@example.com")
	n.ops, n.shop = slack.AddChannel("C0OPS", "ops"), slack.AddChannel("C0SHOP", "shop")
	c.APIURL = slack.APIURL()
	n.bot, n.guard = start(t, c, w)
	server := httptest.NewServer(n.bot.Handler())
	t.Cleanup(server.Close)
	n.url = server.URL
	slack.SetEndpoints(slackfake.Endpoints{
		Interactions: server.URL + "/slack/interactions", Commands: server.URL + "/slack/commands", Events: server.URL + "/slack/events",
	})
	return n
}

func start(t *testing.T, c bot.Config, w *world) (*bot.Bot, *access.Guard) {
	t.Helper()
	directory := bot.NewDirectory(c)
	guard := access.New(access.Config{
		Slack: directory, People: w, Messages: w, Containers: w, Rota: w, Channel: c.Channel, Guests: w.guests, Now: c.Now,
	})
	b, err := bot.New(c, bot.Deps{
		Incidents: w, Timeline: w, Messages: w, Inbox: w, Access: guard, Directory: directory, Containers: w, Snapshots: w, Deploys: w,
		Offers: w, Restorer: w, Restores: w, Terminal: w, Labels: w, Conditions: w, Pictures: w, Errors: w, Holds: w,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := b.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return b, guard
}

// story is the night as the design tells it: a deploy at 22:55, an alert at 03:42.
func story() *world {
	w := &world{
		now: at("03:42"), accepted: map[string]bool{}, people: map[string]access.Person{}, messages: map[int64]incidents.Message{},
		entries: map[int64][]incidents.Entry{}, whyNot: map[string][]string{}, observed: map[string]int{}, reads: map[string]int{},
		onCall: map[string][]access.Person{}, condition: snapshot.Condition{At: at("03:42"), State: "running", Restarts: snapshot.Restarts{Since: at("02:42")}},
	}
	w.incidents = map[int64]incidents.Incident{7: theIncident()}
	w.entries[7] = []incidents.Entry{{IncidentID: 7, Seq: 1, Kind: incidents.KindPagerDutyTriggered, Summary: "Triggered", OccurredAt: at("03:42")}}
	w.containers = []snapshot.Container{theContainer()}
	w.deploys = []snapshot.Deploy{theDeploy()}
	w.changes = map[string][]snapshot.Change{"pre-deploy-2255": theChanges()}
	w.snapshots = map[string][]snapshot.Snapshot{"k/api": {
		{ID: 2, Key: "k/api", Container: "api", Name: "scheduled-0000", Reason: snapshot.Scheduled, CreatedAt: at("00:00"), ContainerID: apiID},
		{ID: 1, Key: "k/api", Container: "api", Name: "pre-deploy-2255", Reason: snapshot.PreDeploy, CreatedAt: at("22:55")},
	}}
	return w
}

func theIncident() incidents.Incident {
	return incidents.Incident{
		ID: 7, PagerDutyID: "PINC7", Number: 1234, Title: "Checkout error rate above 5 %", ServiceID: "PSHOP", Service: "Shop checkout",
		Status: incidents.Triggered, Urgency: "high", URL: "https://example.pagerduty.com/incidents/PINC7", OpenedAt: at("03:42"),
	}
}

func theContainer() snapshot.Container {
	return snapshot.Container{
		Key: "k/api", ID: apiID, Name: "api", Service: "api", Image: "shop:1.42", State: "running",
		Settings: snapshot.Settings{
			Enabled: true, Runbook: "https://example.com/runbook",
			Labels: access.Labels{
				PagerDutyServices: []string{"PSHOP"}, SlackChannel: "C0SHOP",
				RestoreAllow: access.Allow{Rule: access.Channel}, TerminalAllow: access.Allow{Rule: access.Channel},
			},
		},
	}
}

func theDeploy() snapshot.Deploy {
	return snapshot.Deploy{
		ID: 1, Key: "k/api", At: at("22:55"), AfterID: apiID, Before: "shop:1.41", After: "shop:1.42", Snapshot: "pre-deploy-2255",
		Changes: []snapshot.Change{
			{Attribute: "env DB_POOL", Before: "20", After: "2"},
			{Attribute: "image", Before: "shop:1.41", After: "shop:1.42"},
			{Attribute: "env API_KEY", Masked: true},
			{Attribute: "image digest", Before: "5891b5b522d5", After: "9f86d081884c"},
			{Attribute: "image ID", Before: "0263829989b6", After: "a948904f2f0f"},
		},
	}
}

// theChanges are what restoring the state from before theDeploy would change.
func theChanges() []snapshot.Change {
	return []snapshot.Change{
		{Attribute: "image", Before: "shop:1.42", After: "shop:1.41"},
		{Attribute: "env DB_POOL", Before: "2", After: "20"},
		{Attribute: "env API_KEY", Masked: true},
	}
}

// deliver brings Slack up to date and fails the test when that fails.
func (n *night) deliver(t *testing.T, incident int64) {
	t.Helper()
	if err := n.bot.Deliver(t.Context(), incident); err != nil {
		t.Fatalf("delivering incident %d: %v", incident, err)
	}
	n.draw(t, incident)
}

// draw does what the job of a picture does, which is queued when one is due.
func (n *night) draw(t *testing.T, incident int64) {
	t.Helper()
	if err := n.bot.Draw(t.Context(), incident); err != nil {
		t.Fatalf("drawing the picture of incident %d: %v", incident, err)
	}
}

// alert posts the incident and returns its message.
func (n *night) alert(t *testing.T) slackfake.Message {
	t.Helper()
	n.deliver(t, 7)
	return n.shop.ExpectMessage(t, "Checkout error rate")
}

// work handles everything that was accepted.
func (n *night) work(t *testing.T) {
	t.Helper()
	for _, j := range n.drain() {
		if err := n.bot.Handle(t.Context(), j.body, j.at); err != nil {
			t.Fatalf("handling %s: %v", j.body, err)
		}
	}
}

func (n *night) drain() (all []job) {
	n.do(func() { all, n.queue = n.queue, nil })
	return all
}

// tap taps, and has the tap handled.
func (n *night) tap(t *testing.T, who *slackfake.User, c slackfake.Control) {
	t.Helper()
	if a := who.Tap(c); !a.OK() {
		t.Fatalf("the tap was answered %d, %v", a.Status, a.Err)
	}
	n.work(t)
}

// write appends to a timeline.
func (n *night) write(t *testing.T, e incidents.Entry) {
	t.Helper()
	if _, err := n.RecordOnce(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

func (n *night) count(f func() int) (v int) {
	n.do(func() { v = f() })
	return v
}

func (w *world) At(_ context.Context, deployed map[string]time.Time, _ time.Time) (map[string]flat.Alert, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	alerts := map[string]flat.Alert{}
	for key := range deployed {
		if w.errors != nil {
			alerts[key] = *w.errors
		}
	}
	w.rated = append(w.rated, len(deployed))
	return alerts, nil
}

func (w *world) Spikes(ctx context.Context, deployed map[string]time.Time, now time.Time) (map[string]flat.Alert, error) {
	alerts, err := w.At(ctx, deployed, now)
	maps.DeleteFunc(alerts, func(_ string, a flat.Alert) bool { return !a.Spike.Is })
	return alerts, err
}

func (w *world) Counted(context.Context, string, time.Time) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.errors != nil, nil
}

func (w *world) Condition(ctx context.Context, _ snapshot.Container, whole bool) (snapshot.Condition, error) {
	if w.unanswered {
		<-ctx.Done()
		return snapshot.Condition{}, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.condition
	if !whole {
		c.CPU = snapshot.Load{}
	}
	return c, nil
}

func (w *world) Chart(context.Context, incidents.Incident) (chart.Chart, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unpictured != nil {
		return chart.Chart{}, w.unpictured
	}
	if w.picture == nil {
		return chart.Chart{}, picture.ErrNone
	}
	return *w.picture, nil
}
