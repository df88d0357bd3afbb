package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/capture"
	"github.com/snapback/snapback/snapshot/restore"
)

// The domain's own types are what the API asks for.
var (
	_ api.Restorer  = (*restore.Restorer)(nil)
	_ api.Taker     = (*capture.Taker)(nil)
	_ api.Snapshots = snapshot.Store(nil)
	_ api.Restores  = restore.Journal(nil)
)

const bootstrap = "bootstrap-token-for-tests"

var (
	idOfAPI    = strings.Repeat("a1b2c3d4", 8)
	idOfWeb    = strings.Repeat("b1b2c3d4", 8)
	night      = time.Date(2026, 3, 1, 3, 42, 0, 0, time.UTC)
	errNetwork = errors.New("dial tcp 10.0.0.7:5432: connection refused")
)

// world is everything that the API asks of the rest, in memory. Its methods are safe for concurrent use; the fields
// above mu are set before the first request.
type world struct {
	there      bool                 // what is asked for is what runs already
	service    bool                 // and that is a service of a Swarm
	volumes    *restore.VolumeOffer // what every offer says of volumes
	placed     *snapshot.Placement  // and of where tasks stood
	ends       restore.Restore      // what a restore comes to: State, WhyNot, Error
	hold       chan struct{}        // not nil: restores end when it is closed
	onHold     *snapshot.Hold       // guarded by mu
	asked      chan struct{}        // gets a value for every restore that was asked for
	failAll    error                // what the store says to everything
	unwritable error                // the timeline's
	offerErr   error
	webhook    error
	panics     bool
	moves      *snapshot.Progress // what a restore and a snapshot are at
	shown      []byte             // what the incident's shell has shown

	checks           atomic.Int64 // of /readyz
	finds, mostFinds atomic.Int64 // of tokens: at this moment, and the most there were
	slowFind         time.Duration

	mu       sync.Mutex
	running  *restore.Restore
	restores map[int64]restore.Restore
	byKey    map[string]int64
	asks     []restore.Ask
	takes    []snapshot.TakeRequest
	takeFor  time.Duration // how long the last one of these was allowed to take
	shelf    []snapshot.Snapshot
	incs     []incidents.Incident
	entries  map[int64][]incidents.Entry
	tokens   map[string]access.Token
	touched  []string
	kept     map[string]keptAnswer
	links    []access.Grant
	bodies   [][]byte
}

type keptAnswer struct {
	fingerprint []byte
	answer      json.RawMessage
}

func newWorld() *world {
	w := &world{
		ends: restore.Restore{State: restore.Verified}, asked: make(chan struct{}, 100),
		restores: map[int64]restore.Restore{}, byKey: map[string]int64{}, entries: map[int64][]incidents.Entry{},
		tokens: map[string]access.Token{}, kept: map[string]keptAnswer{},
	}
	w.incs = []incidents.Incident{
		{ID: 1, PagerDutyID: "PT4KHLK", Number: 4711, Title: "Checkout is down", ServiceID: "PSVC1", Status: incidents.Triggered, OpenedAt: night},
		{ID: 2, PagerDutyID: "PDONE01", Number: 4712, Title: "Over", ServiceID: "PSVC2", Status: incidents.Resolved, OpenedAt: night},
	}
	for i, name := range []string{"manual-0100", "pre-deploy-2255"} {
		w.shelf = append(w.shelf, snapshot.Snapshot{ID: int64(i + 1), Key: "key-api", Container: "api", Name: name, Reason: snapshot.Manual, CreatedAt: night.Add(time.Duration(i) * time.Minute)})
	}
	return w
}

func (w *world) Containers(context.Context) ([]snapshot.Container, error) {
	if w.panics {
		panic("a secret that only the log may have")
	}
	if w.engineSilent() {
		return nil, w.failAll
	}
	return w.fleet(), nil
}

// List knows of one more container than Containers, which another bot looks after.
func (w *world) List(context.Context) ([]snapshot.Container, error) {
	return append(w.fleet(), snapshot.Container{Key: "key-other", Name: "other", Engine: "far", State: "running", Elsewhere: true}), nil
}

func (w *world) engineSilent() bool {
	return errors.Is(w.failAll, snapshot.ErrEngineAway) || errors.Is(w.failAll, snapshot.ErrEngineDenied)
}

func (w *world) fleet() []snapshot.Container {
	return []snapshot.Container{
		{Key: "key-api", ID: idOfAPI, Name: "api", Engine: "local", Service: "checkout", Image: "shop:1.42", State: "running", CreatedAt: night, Settings: snapshot.Settings{Labels: access.Labels{PagerDutyServices: []string{"PSVC1"}}}},
		{Key: "key-w1", ID: idOfWeb, Name: "web-1", Engine: "local", Service: "web", State: "running", CreatedAt: night.Add(time.Hour), Settings: snapshot.Settings{Volumes: true}},
		{Key: "key-w2", ID: strings.Repeat("c", 64), Name: "web-2", Engine: "local", Service: "web", State: "running", CreatedAt: night.Add(time.Hour)},
		{Key: "key-api", ID: strings.Repeat("d", 64), Name: "api.before-0347", Engine: "local", State: "exited"},
	}
}

func (w *world) Snapshots(_ context.Context, key string) ([]snapshot.Snapshot, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.shelf), func(s snapshot.Snapshot) bool { return s.Key != key }), w.failAll
}

func (w *world) Snapshot(ctx context.Context, key, name string) (snapshot.Snapshot, error) {
	all, err := w.Snapshots(ctx, key)
	for _, s := range all {
		if s.Name == name {
			return s, err
		}
	}
	return snapshot.Snapshot{}, errors.Join(err, snapshot.ErrUnknownSnapshot)
}

func (w *world) Take(ctx context.Context, c snapshot.Container, ask snapshot.TakeRequest) (snapshot.Snapshot, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.takes = append(w.takes, ask)
	if until, ok := ctx.Deadline(); ok {
		w.takeFor = time.Until(until)
	}
	if ask.Name == "" {
		ask.Name = fmt.Sprintf("manual-%d", len(w.takes))
	}
	for _, s := range w.shelf {
		if s.Key == c.Key && s.Name == ask.Name {
			return s, snapshot.ErrNameTaken
		}
	}
	s := snapshot.Snapshot{Key: c.Key, Container: c.Name, Name: ask.Name, Reason: ask.Reason, Note: ask.Note, CreatedAt: night.Add(time.Hour), Pinned: ask.Pinned}
	w.shelf = append(w.shelf, s)
	return s, nil
}

// Progress is the same for every restore.
func (w *world) Progress(int64) *snapshot.Progress { return w.moves }

// Archiving is of web-1 alone.
func (w *world) Archiving(key string) *snapshot.Progress {
	if key != "key-w1" {
		return nil
	}
	return w.moves
}

func (w *world) Delete(_ context.Context, key, name string, _ snapshot.By) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if name == "manual-0100" {
		return snapshot.ErrInUse
	}
	w.shelf = slices.DeleteFunc(w.shelf, func(s snapshot.Snapshot) bool { return s.Key == key && s.Name == name })
	return nil
}

func (w *world) Request(_ context.Context, ask restore.Ask) (restore.Restore, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asks = append(w.asks, ask)
	if id, ok := w.byKey[ask.Idempotency]; ok && ask.Idempotency != "" {
		return w.restores[id], nil
	}
	if ask.Seen != "" && !snapshot.SameOrShort(ask.Container.ID, ask.Seen) {
		return restore.Restore{}, snapshot.ErrReplaced
	}
	if w.there && !ask.Force {
		return restore.Restore{}, fmt.Errorf("asking: %w", &restore.AlreadyThereError{Container: ask.Container.Name, Snapshot: ask.Snapshot, Service: w.service})
	}
	if w.running != nil {
		return restore.Restore{}, fmt.Errorf("opening: %w", &restore.InProgressError{Running: *w.running})
	}
	r := restore.Restore{ID: int64(len(w.restores) + 1), Kind: restore.Restoring, Key: ask.Container.Key, Container: ask.Container.Name, Snapshot: ask.Snapshot, State: restore.Requested, By: ask.By, RequestedAt: night}
	w.restores[r.ID], w.byKey[ask.Idempotency] = r, r.ID
	w.asked <- struct{}{}
	return r, nil
}

func (w *world) Undo(ctx context.Context, id int64, by snapshot.By, idempotency string) (restore.Restore, error) {
	r, err := w.Restore(ctx, id)
	if err != nil || r.State != restore.Verified {
		return r, errors.Join(err, snapshot.ErrNothingToUndo)
	}
	return w.Request(ctx, restore.Ask{Container: snapshot.Container{Key: r.Key, Name: r.Container}, Snapshot: "api.before-0347", By: by, Idempotency: idempotency})
}

func (w *world) Wait(ctx context.Context, id int64) (restore.Restore, error) {
	select {
	case <-w.held():
	case <-ctx.Done():
		return restore.Restore{}, context.Cause(ctx)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.restores[id]
	r.State, r.WhyNot, r.Error, r.Proof = w.ends.State, w.ends.WhyNot, w.ends.Error, "healthy"
	r.VerifiedAt = night.Add(2 * time.Second)
	w.restores[id] = r
	return r, nil
}

func (w *world) held() <-chan struct{} {
	if w.hold != nil {
		return w.hold
	}
	open := make(chan struct{})
	close(open)
	return open
}

func (w *world) Restore(_ context.Context, id int64) (restore.Restore, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.restores[id]
	if !ok {
		return r, snapshot.ErrUnknownRestore
	}
	return r, nil
}

func (w *world) Offer(_ context.Context, _ snapshot.Container, s snapshot.Snapshot) (restore.Offer, error) {
	offer := restore.Offer{Snapshot: s, Volumes: w.volumes, Placed: w.placed}
	if s.Name == "manual-0100" {
		offer.WhyNot = []string{"the image was pruned"}
	}
	return offer, w.offerErr
}

func (w *world) Incidents(_ context.Context, before int64, limit int) ([]incidents.Incident, error) {
	var list []incidents.Incident
	for _, i := range slices.Backward(w.incs) {
		if (before == 0 || i.ID < before) && len(list) < limit {
			list = append(list, i)
		}
	}
	return list, w.failAll
}

func (w *world) FindIncident(_ context.Context, ref string) (incidents.Incident, error) {
	for _, i := range w.incs {
		if ref == i.PagerDutyID || ref == fmt.Sprint(i.ID) || ref == fmt.Sprint(i.Number) {
			return i, w.failAll
		}
	}
	return incidents.Incident{}, errors.Join(w.failAll, incidents.ErrUnknown)
}

func (w *world) OpenIncidents(_ context.Context, services []string) ([]incidents.Incident, error) {
	var list []incidents.Incident
	for _, i := range w.incs {
		if i.Open() && slices.Contains(services, i.ServiceID) {
			list = append(list, i)
		}
	}
	return list, w.failAll
}

func (w *world) EntriesAfter(_ context.Context, incident, after int64, limit int) ([]incidents.Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rest := slices.DeleteFunc(slices.Clone(w.entries[incident]), func(e incidents.Entry) bool { return e.Seq <= after })
	return rest[:min(limit, len(rest))], w.failAll
}

func (w *world) EntriesBefore(_ context.Context, incident, before int64, limit int) ([]incidents.Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rest := slices.DeleteFunc(slices.Clone(w.entries[incident]), func(e incidents.Entry) bool { return before > 0 && e.Seq >= before })
	slices.Reverse(rest)
	return rest[:min(limit, len(rest))], w.failAll
}

func (w *world) Record(_ context.Context, e incidents.Entry) (incidents.Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var prev []byte
	chain := w.entries[e.IncidentID]
	if len(chain) > 0 {
		prev = chain[len(chain)-1].Hash
	}
	e.Seq, e.RecordedAt = int64(len(chain)+1), time.Now()
	e.ID = e.Seq
	err := e.Seal(prev)
	w.entries[e.IncidentID] = append(chain, e)
	return e, errors.Join(err, w.failAll, w.unwritable)
}

func (w *world) Export(_ context.Context, out io.Writer, format string, i incidents.Incident, recordings bool) error {
	r := incidents.Report{Incident: i, Generated: night}
	if recordings {
		r.Recordings = []incidents.Recording{{ID: "QRSTUV", Write: func(out io.Writer) error {
			_, err := out.Write(w.shown)
			return err
		}}}
	}
	return incidents.Export(out, format, r)
}

func (w *world) Prove(_ context.Context, incident int64) (incidents.Proof, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return incidents.Proof{Entries: int64(len(w.entries[incident])), Findings: []string{}}, w.failAll
}

func (w *world) MayBeNamed(_ context.Context, wish access.Wish) (string, error) {
	if wish.Who.SlackID == "UNOBODY" {
		return "", access.ErrDenied
	}
	return "C0SHOP", nil
}

func (w *world) Mint(_ context.Context, g access.Grant, _ time.Duration) (access.Link, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.links = append(w.links, g)
	return access.Link{URL: "https://bot.example/t#secret", ExpiresAt: night.Add(5 * time.Minute)}, nil
}

func (w *world) FindToken(_ context.Context, id string) (access.Token, error) {
	w.mostFinds.Store(max(w.finds.Add(1), w.mostFinds.Load()))
	defer w.finds.Add(-1)
	time.Sleep(w.slowFind) // of synctest's time
	w.mu.Lock()
	defer w.mu.Unlock()
	t, ok := w.tokens[id]
	if w.failAll == nil && !ok {
		return t, access.ErrUnknownToken
	}
	return t, w.failAll
}

func (w *world) TouchToken(_ context.Context, id string, at time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.tokens[id]
	t.LastUsedAt = at
	w.tokens[id] = t
	w.touched = append(w.touched, id)
	return nil
}

func (w *world) CreateToken(_ context.Context, t access.Token) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokens[t.ID] = t
	return nil
}

func (w *world) RevokeToken(_ context.Context, id string, at time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.tokens[id]
	t.RevokedAt = at
	w.tokens[id] = t
	return nil
}

func (w *world) BeginRequest(_ context.Context, key string, fingerprint []byte) (json.RawMessage, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept, ok := w.kept[key]
	switch {
	case !ok:
		w.kept[key] = keptAnswer{fingerprint: fingerprint}
		return nil, nil
	case !bytes.Equal(kept.fingerprint, fingerprint):
		return nil, snapshot.ErrKeyReused
	case kept.answer == nil:
		return nil, snapshot.ErrKeyInFlight
	}
	return kept.answer, nil
}

func (w *world) FinishRequest(_ context.Context, key string, answer json.RawMessage) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept[key] = keptAnswer{w.kept[key].fingerprint, answer}
	return nil
}

func (w *world) ReleaseRequest(_ context.Context, key string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.kept, key)
	return nil
}

func (w *world) Receive(_ context.Context, _ http.Header, body []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bodies = append(w.bodies, body)
	return w.webhook
}
