package watch_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/watch"
)

// line is the way of one bot to engine Q77P, which can be cut.
type line struct {
	e      *engines
	r      *watch.Registry
	cut    atomic.Bool
	asked  atomic.Int64 // how often the engine was asked who it is
	refuse atomic.Bool  // to say who it is: it lives
	log    lockedText
}

// lockedText is a log that is read while it is written.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) count(words string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), words)
}

// line begins one. People are told after so long.
func (e *engines) line(bot, link, address string, cut bool, after time.Duration) *line {
	e.t.Helper()
	return e.lineOf(watch.RegistryConfig{Me: watch.Presence{Bot: bot, Link: link, Address: address}, After: after}, cut)
}

// lineOf is line with settings.
func (e *engines) lineOf(c watch.RegistryConfig, cut bool) *line {
	e.t.Helper()
	l := &line{e: e}
	l.cut.Store(cut)
	c.Store, c.Logger, c.Every, c.Wait = e.db, slog.New(slog.NewTextHandler(&l.log, nil)), 10*time.Millisecond, time.Hour
	c.Me.Run = c.Me.Bot + time.Now().String()
	l.r = watch.NewRegistry(c)
	l.r.Start(l.introduce, l.ping)
	e.t.Cleanup(l.stop)
	return l
}

func (l *line) introduce(ctx context.Context) error {
	defer l.asked.Add(1)
	if err := l.ping(ctx); err != nil {
		return err
	}
	if l.refuse.Load() {
		return errors.New("it does not say")
	}
	// The bot's own limit is for engines that hang, and too short for a database that is busy.
	_, err := l.r.Name(context.WithoutCancel(ctx), snapshot.Introduction{ID: "Q77P", Host: "host"}, func(context.Context) (snapshot.Traces, error) { return itsTraces, nil })
	return err
}

func (l *line) ping(context.Context) error {
	if l.cut.Load() {
		return fmt.Errorf("%w: the line is cut", snapshot.ErrEngineAway)
	}
	return nil
}

// stop has the bot end, which waits for what it is at.
func (l *line) stop() { _ = l.r.Stop(context.Background()) }

// asks waits until the engine was asked some more.
func (l *line) asks() {
	l.e.t.Helper()
	until := l.asked.Load() + 5
	l.e.await("it is asked", func() bool { return l.asked.Load() >= until })
}

func (e *engines) await(what string, so func() bool) {
	e.t.Helper()
	tick, end := time.NewTicker(10*time.Millisecond), time.After(2*time.Minute)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-end:
			e.t.Fatalf("not within two minutes: %s; told was %q", what, e.told())
		}
	}
}

const soon = time.Nanosecond

func TestEngineThatIsAwayIsToldOnceAndOnceWhenItIsBack(t *testing.T) {
	e := setupEngines(t)
	a, b := e.line("a", "web", "", false, soon), e.line("b", "db", "", false, soon)
	a.asks()
	b.asks()
	a.cut.Store(true)
	b.cut.Store(true)
	a.asks()
	b.asks()
	e.silence() // neither reaches it any more
	e.await("it is told", func() bool { return e.told() == "engine.away" })
	a.asks()
	b.asks()
	a.cut.Store(false)
	b.cut.Store(false)
	e.await("it is told that it is back", func() bool { return e.told() == "engine.away engine.back" })
	a.asks()
	b.asks()
	a.stop()
	b.stop()
	if told := e.told(); told != "engine.away engine.back" {
		t.Errorf("in the end, the timeline has %q", told)
	}
	if n := a.log.count("asking the engine who it is\" err"); n != 1 {
		t.Errorf("the log has %d times that it can't be asked", n)
	}
	if away, back := a.log.count("the engine is away"), a.log.count("the engine is back"); away != 1 || back != 1 {
		t.Errorf("the log has it away %d times, and back %d times", away, back)
	}
	list := snapshottest.Must(e.db.Entries(t.Context(), 0, 0))
	if !strings.Contains(list[0].Summary, "has not answered for a minute") || !strings.Contains(list[1].Summary, "answers again") {
		t.Errorf("it is told as %q, %q", list[0].Summary, list[1].Summary)
	}
}

// TestASwarmThatIsAwayIsToldAsOne: it is no engine, and why it may be away is said as well.
func TestASwarmThatIsAwayIsToldAsOne(t *testing.T) {
	e := setupEngines(t)
	e.lineOf(watch.RegistryConfig{Me: watch.Presence{Bot: "a", Link: "web-swarm"}, Title: "The Swarm web-swarm", Cause: "it has no leader", After: soon}, true)
	e.await("it is told", func() bool { return e.told() == "engine.away" })
	list := snapshottest.Must(e.db.Entries(t.Context(), 0, 0))
	if want := "The Swarm web-swarm has not answered for a minute: it has no leader. Until it does,"; !strings.HasPrefix(list[0].Summary, want) {
		t.Errorf("it is told as %q", list[0].Summary)
	}
}

func TestABlinkOfAnEngineIsNotTold(t *testing.T) {
	e := setupEngines(t)
	l := e.line("a", "web", "", false, time.Hour)
	l.asks()
	l.cut.Store(true)
	l.asks()
	l.cut.Store(false)
	l.asks()
	l.stop()
	if told := e.told(); told != "" || l.log.count("engine is") != 0 {
		t.Errorf("the timeline has %q", told)
	}
}

func TestAnEngineThatAnswersAndDoesNotSayWhoItIsIsNotAway(t *testing.T) {
	e := setupEngines(t)
	l := e.line("a", "", "", false, soon)
	l.refuse.Store(true)
	l.asks()
	l.stop()
	if told := e.told(); told != "" {
		t.Errorf("the timeline has %q", told)
	}
}

func TestAnEngineThatAnotherBotReachesIsNotToldAsAway(t *testing.T) {
	for what, names := range map[string]struct{ link, address string }{
		"known by its name":    {"", ""},
		"known by its address": {"web", "ssh://deploy@10.0.0.7"},
	} {
		t.Run(what, func(t *testing.T) {
			e := setupEngines(t)
			other := e.line("b", names.link, names.address, false, soon)
			e.await("the other bot is there", func() bool { return other.asked.Load() > 0 })
			l := e.line("a", names.link, names.address, names.address != "", soon)
			l.asks()
			l.cut.Store(true)
			e.await("the log has it", func() bool { return l.log.count("the engine is away") > 0 })
			l.asks()
			if told := e.told(); told != "" {
				t.Errorf("the timeline has %q", told)
			}
			other.stop()
			e.await("it is told when the other bot has gone", func() bool { return e.told() == "engine.away" })
		})
	}
}

func TestAnEngineThatComesBackAfterANewStartIsToldOnce(t *testing.T) {
	e := setupEngines(t)
	e.silence()
	l := e.line("a", "", "", true, soon)
	e.await("it is told", func() bool { return e.told() == "engine.away" })
	l.stop()
	l = e.line("a", "", "", true, soon)
	e.await("the log has it once more", func() bool { return l.log.count("the engine is away") > 0 })
	l.asks()
	l.stop()
	l = e.line("a", "", "", false, time.Hour)
	e.await("it is told that it is back", func() bool { return e.told() == "engine.away engine.back" })
}
