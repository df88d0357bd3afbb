package watch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// ErrNewEngine says that no engine has ever called itself that.
var ErrNewEngine = errors.New("the engine is new")

// ErrEngineTwice says that another bot reaches an engine of that name under another ID, or on another host.
var ErrEngineTwice = errors.New("another engine has that name")

// ErrSameEngine says that two names in the settings of one bot lead to one engine. Only the one that came first is worked with.
var ErrSameEngine = errors.New("two names in the settings lead to one engine")

// KnownEngine is an engine that the database has a name for.
type KnownEngine struct {
	Name       string
	Seen       bool // a bot reaches it right now
	Containers int  // how many of the Traces' containers it was seen to have
	Images     int  // how many of the Traces' images were committed on it
}

// EngineStore is what is written down of engines.
type EngineStore interface {
	// MeetEngine notes that a bot reaches the engine, and returns its name. It returns ErrNewEngine, ErrEngineTwice and ErrSameEngine.
	MeetEngine(ctx context.Context, me Presence, in snapshot.Introduction) (name string, err error)
	// NameEngine writes down the name that choose picks for a new engine, with the entry if it has a kind. No two bots do
	// that at once.
	NameEngine(ctx context.Context, me Presence, in snapshot.Introduction, t snapshot.Traces, choose func([]KnownEngine) (name string, e incidents.Entry, err error)) error
	// Leave forgets that the bot was there.
	Leave(ctx context.Context, me Presence) error
	Absences
}

// Presence is a bot at one engine, as others hear of it.
type Presence struct {
	Bot   string
	Link  string // what its settings call the engine; "": it has one only
	Run   string // another one at every start
	Scope string // the label that narrows its containers down; "": it is for all

	Address string // where its settings have the engine, if that is the same place for every bot; "": it is not, such as a socket
	Peer    string // where other bots reach this one, as host:port; "": they don't
}

// PresentFor is for how long a bot counts as there after it was last heard of.
const PresentFor = time.Minute

// RegistryConfig is what a Registry needs. Store, Me.Bot and Me.Run are required.
type RegistryConfig struct {
	Store  EngineStore
	Me     Presence
	Logger *slog.Logger  // nil: silent
	Every  time.Duration // how often the bot says that it is there; 0: 15 s
	After  time.Duration // how long an engine is away before people are told; 0: a minute
	Wait   time.Duration // how long an engine that looks like another one waits for that one's bots to fall silent; 0: 75 s

	Title string // what people know it by; "": "The engine" with its name in the settings, or its host
	Cause string // why it may be away, as people are told; "": nothing is known of that
}

// Registry gives an engine its name. A bot has one for every engine that it reaches.
type Registry struct {
	RegistryConfig
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup

	here attendance // of the goroutine that Start begins

	mu      sync.Mutex           // guards what follows
	waiting map[string]time.Time // since when, by what the engine calls itself
	name    string               // what the engine is called; "": that was not found out yet
	host    string               // where it is, as it says itself
}

// NewRegistry returns a Registry that says nothing by itself until Start.
func NewRegistry(c RegistryConfig) *Registry {
	c.Every, c.Wait, c.After = cmp.Or(c.Every, 15*time.Second), cmp.Or(c.Wait, PresentFor+15*time.Second), cmp.Or(c.After, time.Minute)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Registry{RegistryConfig: c, waiting: map[string]time.Time{}}
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	return r
}

// Start has the engine introduce itself every few seconds, which ends with Name, and tells people when it is away: ping asks it for
// a sign of life. It can be called once.
func (r *Registry) Start(introduce, ping func(context.Context) error) {
	r.wg.Go(func() {
		tick := time.NewTicker(r.Every)
		defer tick.Stop()
		for {
			r.attend(introduce, ping)
			select {
			case <-tick.C:
			case <-r.ctx.Done():
				return
			}
		}
	})
}

// Stop ends that, and says that the bot is gone. It can be called twice.
func (r *Registry) Stop(ctx context.Context) error {
	r.cancel(snapshot.ErrStopping)
	done := make(chan struct{})
	go func() { r.wg.Wait(); close(done) }()
	select {
	case <-done:
		return r.Store.Leave(ctx, r.Me)
	case <-ctx.Done():
		return fmt.Errorf("waiting for the engine to say who it is: %w", ctx.Err()) // the bot is not heard of any more
	}
}

// Name is the name of the engine that introduces itself. Traces is asked when it is new. The error wraps ErrEngineAway
// while nobody can tell which engine it is.
func (r *Registry) Name(ctx context.Context, in snapshot.Introduction, traces func(context.Context) (snapshot.Traces, error)) (string, error) {
	name, err := r.Store.MeetEngine(ctx, r.Me, in)
	if errors.Is(err, ErrNewEngine) {
		if err = r.enrol(ctx, in, traces); err != nil {
			return "", err
		}
		name, err = r.Store.MeetEngine(ctx, r.Me, in)
	}
	if errors.Is(err, ErrEngineTwice) {
		return "", fmt.Errorf("%w: %w (%s on %s): a copy of a machine needs an ID of its own. Stop that engine, remove engine-id in its data folder or /etc/docker/key.json, and start it",
			snapshot.ErrEngineAway, err, in.ID, in.Host)
	}
	if errors.Is(err, ErrSameEngine) {
		return "", fmt.Errorf("%w: %w", snapshot.ErrEngineAway, err)
	}
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.name, r.host = name, in.Host
	}
	return name, err
}

func (r *Registry) enrol(ctx context.Context, in snapshot.Introduction, traces func(context.Context) (snapshot.Traces, error)) error {
	found, err := traces(ctx)
	if err != nil {
		return err
	}
	var entry incidents.Entry
	err = r.Store.NameEngine(ctx, r.Me, in, found, func(known []KnownEngine) (name string, e incidents.Entry, err error) {
		name, e, err = r.choose(in, found, known)
		entry = e
		return name, e, err
	})
	if err == nil && entry.Kind != "" {
		r.Logger.Warn(entry.Summary, "engine_id", in.ID, "host", in.Host)
	}
	return err
}

// choose picks the name of an engine that is new, and what there is to tell of it.
func (r *Registry) choose(in snapshot.Introduction, t snapshot.Traces, known []KnownEngine) (string, incidents.Entry, error) {
	best, ok := whose(in, t, known)
	switch {
	case !ok:
		return in.ID, incidents.Entry{}, nil
	case !best.Seen:
		return best.Name, engineEntry(incidents.KindEngineAdopted, in, fmt.Sprintf(
			"The engine on %s calls itself %s now. It has the containers, images and snapshots of engine %s, so all that is known of that one is known of it", in.Host, in.ID, best.Name)), nil
	case r.waited(in.ID) < r.Wait:
		return "", incidents.Entry{}, fmt.Errorf("%w: engine %s looks like engine %s, which a bot has just seen; waiting whether it still does", snapshot.ErrEngineAway, in.ID, best.Name)
	}
	return in.ID, engineEntry(incidents.KindEngineCopied, in, fmt.Sprintf(
		"The engine on %s, which calls itself %s, looks like a copy of engine %s, which runs as well. What is known of that one is not taken for known of the copy", in.Host, in.ID, best.Name)), nil
}

// waited is for how long an engine has been looking like one that a bot sees.
func (r *Registry) waited(id string) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.waiting[id]; !ok {
		r.waiting[id] = time.Now()
	}
	return time.Since(r.waiting[id])
}

// whose is the engine whose traces these are. What runs tells more than what lies there, and that more than duplicates,
// which a copy may have of several engines.
func whose(in snapshot.Introduction, t snapshot.Traces, known []KnownEngine) (KnownEngine, bool) {
	all := slices.Clone(known)
	for name := range t.Duplicates {
		if !slices.ContainsFunc(known, func(k KnownEngine) bool { return k.Name == name }) {
			all = append(all, KnownEngine{Name: name})
		}
	}
	all = slices.DeleteFunc(all, func(k KnownEngine) bool { return k.Containers+k.Images+t.Duplicates[k.Name] == 0 })
	if len(all) == 0 {
		return KnownEngine{}, false
	}
	best := slices.MaxFunc(all, func(a, b KnownEngine) int {
		return cmp.Or(cmp.Compare(a.Containers, b.Containers), cmp.Compare(a.Images, b.Images),
			cmp.Compare(t.Duplicates[a.Name], t.Duplicates[b.Name]), strings.Compare(b.Name, a.Name))
	})
	return best, best.Name != in.ID
}

func engineEntry(kind incidents.Kind, in snapshot.Introduction, summary string) incidents.Entry {
	details, _ := incidents.Details(map[string]string{"engine_id": in.ID, "host": in.Host}) // strings: always encodable
	return incidents.Entry{
		OccurredAt: time.Now(), Kind: kind, Actor: incidents.Self(), Source: incidents.Source{System: "engine", NativeID: in.ID},
		Summary: summary, Details: details,
	}
}
