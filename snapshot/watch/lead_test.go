package watch_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/watch"
	"github.com/snapback/snapback/store"
)

// looking is a bot of several on one engine. It counts its looks, and can be cut off from the others.
type looking struct {
	snapshottest.Narrow
	*store.DB
	looks atomic.Int32
	cut   atomic.Bool
	fails atomic.Bool // its looks do, though the engine answers its pings
}

func (l *looking) Observe(ctx context.Context, record []snapshot.Seat) ([]snapshot.Observation, error) {
	l.looks.Add(1)
	if l.fails.Load() {
		return nil, errors.New("not allowed")
	}
	return l.Narrow.Observe(ctx, record)
}

func (l *looking) Lead(ctx context.Context, me watch.Presence, engine string, answers bool, length time.Duration) (bool, error) {
	if l.cut.Load() {
		return false, errors.New("cut off")
	}
	return l.DB.Lead(ctx, me, engine, answers, length)
}

// looker starts one.
func (k *kit) looker(name string, leadFor time.Duration) (l *looking, stop func()) {
	k.T.Helper()
	l = &looking{Narrow: snapshottest.Narrow{Engine: k.Engine(), Token: k.Name("")}, DB: k.DB}
	return l, k.Watch(func(c *watch.Config) {
		c.Engine, c.Leads, c.Me, c.LeadFor = l, l, watch.Presence{Bot: name, Run: name, Scope: k.Only()}, leadFor
	})
}

func TestOneOfTwoBotsLooks(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	a, stop := k.looker("a", 10*time.Minute) // nobody's turn ends for a slow machine
	_, key := k.settled(api, image)
	b, _ := k.looker("b", 10*time.Minute)
	k.AwaitBaseline(key, k.replace(api, "-e", "ROUND=1", image))
	k.AwaitDeploys(key, 1)
	if n := b.looks.Load(); n != 0 || a.looks.Load() == 0 {
		t.Errorf("the second bot has looked %d times, and the first one %d", n, a.looks.Load())
	}
	stop()
	looked := a.looks.Load()
	k.AwaitBaseline(key, k.replace(api, "-e", "ROUND=2", image))
	k.AwaitDeploys(key, 2)
	if a.looks.Load() != looked || b.looks.Load() == 0 {
		t.Errorf("the second bot has looked %d times when the first one was gone", b.looks.Load())
	}
}

func TestAnotherBotLooksWhenOneFallsSilent(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	a, _ := k.looker("a", 0)
	_, key := k.settled(api, image)
	b, _ := k.looker("b", 0)
	silent := time.Now()
	a.cut.Store(true)
	k.Until("the other bot looks", func() bool { return b.looks.Load() > 0 })
	t.Logf("taken over %.1f s after the last bot fell silent, of at most 9 on a machine with time to spare", time.Since(silent).Seconds())
	k.AwaitBaseline(key, k.replace(api, "-e", "ROUND=1", image))
	k.AwaitDeploys(key, 1)
	a.cut.Store(false) // it finds another one in its place, or takes that on a slow machine: the next deploy is seen once
	k.AwaitBaseline(key, k.replace(api, "-e", "ROUND=2", image))
	k.AwaitDeploys(key, 2)
}

// TestABotWhoseLooksFailLeavesTheEngineToAnother is about one that may ping the engine, and may not list containers.
func TestABotWhoseLooksFailLeavesTheEngineToAnother(t *testing.T) {
	k := setup(t)
	image, api := k.Server("shop"), k.Name("api")
	engine := snapshottest.Must(k.Engine().ID(t.Context()))
	present := func(bot string) {
		me := watch.Presence{Bot: bot, Run: bot, Scope: k.Only()}
		r := watch.NewRegistry(watch.RegistryConfig{Store: k.DB, Me: me})
		_, err := r.Name(t.Context(), snapshot.Introduction{ID: engine, Host: "host"}, func(context.Context) (snapshot.Traces, error) { return snapshot.Traces{}, nil })
		testkit.OK(t, err)
	}
	present("a")
	present("b")
	a, _ := k.looker("a", 0)
	a.fails.Store(true)
	k.Until("the first bot looks in vain", func() bool { return a.looks.Load() > 0 })
	k.looker("b", 0)
	k.settled(api, image)
}

func TestABotThatItsEngineDoesNotAnswerLeavesItToAnother(t *testing.T) {
	e := setupEngines(t)
	lead := func(bot string, answers bool) bool {
		t.Helper()
		is, err := e.db.Lead(t.Context(), watch.Presence{Bot: bot}, "Q77P", answers, time.Hour)
		testkit.OK(t, err)
		return is
	}
	if !lead("a", false) {
		t.Error("the only bot does not lead, since its engine is slow")
	}
	e.name(e.bot("b"), "Q77P", "host", snapshot.Traces{})
	if lead("b", true) {
		t.Error("two bots lead")
	}
	if lead("a", false) {
		t.Error("a bot whose engine does not answer it says again that it leads")
	}
	if !lead("a", true) {
		t.Error("it does not lead when its engine answers again")
	}
	_, err := e.db.Pool().Exec(t.Context(), `UPDATE watch_leads SET until = now() - interval '20 seconds'`)
	testkit.OK(t, err)
	if !lead("b", false) {
		t.Error("nobody looks, since the engine is too slow for all")
	}
	testkit.OK(t, e.db.Yield(t.Context(), watch.Presence{Bot: "b"}, "Q77P"))
	if !lead("a", true) {
		t.Error("it is not led by who asks next")
	}
	testkit.OK(t, e.db.Yield(t.Context(), watch.Presence{Bot: "a"}, "Q77P"))
	if lead("a", false) || !lead("b", true) {
		t.Error("it was not left to the other one")
	}
}
