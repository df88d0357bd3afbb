package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/swarm"
	"github.com/snapback/snapback/snapshot/watch"
)

// saysOfSwarm is an engine that says of its Swarm what it is told to.
type saysOfSwarm struct {
	*docker.Engine

	mu    sync.Mutex // guards what follows
	says  string     // "": nothing, it is away
	asked int        // how often
}

const noSwarm, noLeader = `{}`, `{"ControlAvailable":true}`

func managerOf(cluster string) string {
	return fmt.Sprintf(`{"ControlAvailable":true,"Cluster":{"ID":%q}}`, cluster)
}

func newSaysOfSwarm(t *testing.T, says string) *saysOfSwarm {
	t.Helper()
	s := &saysOfSwarm{says: says}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	engine, err := docker.New(t.Context(), docker.Config{Host: "tcp://" + server.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	s.Engine = engine
	return s
}

func (s *saysOfSwarm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Api-Version", "1.41")
	if !strings.HasSuffix(r.URL.Path, "/info") {
		return
	}
	s.asked++
	if s.says == "" {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	fmt.Fprintf(w, `{"Swarm":%s}`, s.says)
}

func (s *saysOfSwarm) say(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.says = what
}

func (s *saysOfSwarm) times() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// toldOf keeps what people are told of absences.
type toldOf struct {
	watch.EngineStore
	said []string
	away map[string]bool // of which they were told so
}

func newToldOf() *toldOf { return &toldOf{away: map[string]bool{}} }

func (o *toldOf) TellAway(_ context.Context, a watch.Absence, e incidents.Entry) error {
	if !o.away[a.Link] {
		o.said, o.away[a.Link] = append(o.said, e.Summary), true
	}
	return nil
}

func (o *toldOf) TellBack(_ context.Context, a watch.Absence, entry func(time.Time) incidents.Entry) error {
	if o.away[a.Link] {
		o.said, o.away[a.Link] = append(o.said, entry(time.Now()).Summary), false
	}
	return nil
}

// searchFor looks for the Swarms of engines that are called a, b and so on. What it returns looks at a moment, and says what was found by then.
func searchFor(t *testing.T, list ...*saysOfSwarm) func(at time.Time) string {
	t.Helper()
	return searchTelling(t, newToldOf(), list...)
}

// searchTelling is searchFor with what people are told of Swarms without a leader, at once.
func searchTelling(t *testing.T, told *toldOf, list ...*saysOfSwarm) func(at time.Time) string {
	t.Helper()
	var may []mayManage
	for i, e := range list {
		name := string(rune('a' + i))
		may = append(may, mayManage{name: name, Engine: e.Engine, absence: watch.NewRegistry(watch.RegistryConfig{
			Store: told, Me: watch.Presence{Link: swarmName(name)}, Title: swarmTitle(swarmName(name)), Cause: "it has no leader", After: time.Nanosecond,
		})})
	}
	s := newSwarms(may, slog.New(slog.DiscardHandler), func(name string, manager *docker.Engine) *swarmParts {
		return &swarmParts{name: name, manager: manager}
	})
	return func(at time.Time) string {
		s.look(t.Context(), at)
		s.tellAll(t.Context())
		var names []string
		for _, p := range s.all() {
			names = append(names, p.name)
		}
		return strings.Join(names, " ")
	}
}

// TestSwarmsAreFoundWhenTheyCome: after an engine was away, after a Swarm had no leader, and after an engine has become a manager.
func TestSwarmsAreFoundWhenTheyCome(t *testing.T) {
	t.Parallel()
	away, leaderless, none := newSaysOfSwarm(t, ""), newSaysOfSwarm(t, noLeader), newSaysOfSwarm(t, noSwarm)
	found := searchFor(t, away, leaderless, none)
	start := time.Now()
	var got []string
	got = append(got, found(start))
	away.say(managerOf("one"))
	got = append(got, found(start.Add(managesAgain)))
	leaderless.say(managerOf("two"))
	got = append(got, found(start.Add(2*managesAgain)))
	none.say(managerOf("three"))
	got = append(got, found(start.Add(managesAnew)))
	if diff := cmp.Diff([]string{"", "a-swarm", "a-swarm b-swarm", "a-swarm b-swarm c-swarm"}, got); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

// TestSwarmWithoutALeaderAtTheStartIsTold once, and when it has one. An engine that is away says nothing of a Swarm, and what was found tells
// that itself.
func TestSwarmWithoutALeaderAtTheStartIsTold(t *testing.T) {
	t.Parallel()
	told, swarm, away, none := newToldOf(), newSaysOfSwarm(t, noLeader), newSaysOfSwarm(t, ""), newSaysOfSwarm(t, noSwarm)
	found := searchTelling(t, told, swarm, away, none)
	at := time.Now()
	for _, says := range []string{noLeader, noLeader, "", managerOf("one"), noLeader, managerOf("one")} {
		swarm.say(says)
		found(at)
		at = at.Add(managesAnew)
	}
	want := []string{
		"The Swarm a-swarm has not answered for a minute: it has no leader. Until it does, nothing there can be restored or looked at",
		"The Swarm a-swarm answers again, after a minute",
	}
	if diff := cmp.Diff(want, told.said); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// TestReadyzNamesASwarmThatIsNotFoundYet, and the bot is ready all the same: the engine answers.
func TestReadyzNamesASwarmThatIsNotFoundYet(t *testing.T) {
	t.Parallel()
	engine := newSaysOfSwarm(t, noLeader)
	absence := watch.NewRegistry(watch.RegistryConfig{Store: newToldOf()})
	wire := func(name string, manager *docker.Engine) *swarmParts {
		return &swarmParts{name: name, manager: manager}
	}
	s := newSwarms([]mayManage{{name: "a", Engine: engine.Engine, absence: absence}}, slog.New(slog.DiscardHandler), wire)
	type said struct{ says, name string }
	at := time.Now()
	for _, c := range []said{{noLeader, "a-swarm"}, {noSwarm, ""}, {noLeader, "a-swarm"}, {"", "a-swarm"}, {managerOf("one"), "a-swarm"}} {
		engine.say(c.says)
		s.look(t.Context(), at)
		at = at.Add(managesAnew)
		names := ""
		for _, check := range s.checks() {
			names += check.Name
			found := len(s.all()) == 1
			if check.OneOf != "engine" || !found && !errors.Is(check.Ask(t.Context()), swarm.ErrNoLeader) {
				t.Errorf("the engine says %q: %+v", c.says, check)
			}
		}
		if names != c.name {
			t.Errorf("the engine says %q, and readyz names %q, want %q", c.says, names, c.name)
		}
	}
}

// TestNobodyMissesASwarmThatIsNone: an engine has left one that had no leader.
func TestNobodyMissesASwarmThatIsNone(t *testing.T) {
	t.Parallel()
	told, left := newToldOf(), newSaysOfSwarm(t, noLeader)
	found := searchTelling(t, told, left)
	at := time.Now()
	for _, says := range []string{noLeader, noLeader, noSwarm} {
		left.say(says)
		found(at)
		at = at.Add(managesAnew)
	}
	if len(told.said) != 2 || told.away[swarmName("a")] {
		t.Errorf("told: %q", told.said)
	}
}

// TestSearchDoesNotWaitForTheTelling: the database is away.
func TestSearchDoesNotWaitForTheTelling(t *testing.T) {
	t.Parallel()
	store := silentStore{asked: make(chan struct{}, 1)}
	engine := newSaysOfSwarm(t, noLeader)
	s := newSwarms([]mayManage{{name: "a", Engine: engine.Engine, absence: watch.NewRegistry(watch.RegistryConfig{
		Store: store, Logger: slog.New(slog.DiscardHandler), After: time.Nanosecond,
	})}}, slog.New(slog.DiscardHandler), func(name string, manager *docker.Engine) *swarmParts {
		return &swarmParts{name: name, manager: manager}
	})
	s.look(t.Context(), time.Now())
	ctx, cancel := context.WithCancel(t.Context())
	var telling sync.WaitGroup
	telling.Go(func() {
		s.tellAll(ctx) // notes since when
		s.note(&s.may[0], context.DeadlineExceeded)
		s.tellAll(ctx)
	})
	<-store.asked
	engine.say(noSwarm)
	s.look(t.Context(), time.Now().Add(managesAnew))
	if engine.times() != 2 {
		t.Errorf("asked %d times", engine.times())
	}
	cancel()
	telling.Wait()
}

// silentStore is a database that does not answer.
type silentStore struct {
	watch.EngineStore
	asked chan struct{}
}

func (s silentStore) TellAway(ctx context.Context, _ watch.Absence, _ incidents.Entry) error {
	select {
	case s.asked <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return ctx.Err()
}

// TestWhoHasAnsweredIsAskedSeldom: half a minute later. Who has not is asked at once again.
func TestWhoHasAnsweredIsAskedSeldom(t *testing.T) {
	t.Parallel()
	away, none := newSaysOfSwarm(t, ""), newSaysOfSwarm(t, noSwarm)
	found := searchFor(t, away, none)
	start := time.Now()
	for at := time.Duration(0); at < managesAnew; at += managesAgain {
		found(start.Add(at))
	}
	if rounds := int(managesAnew / managesAgain); away.times() != rounds || none.times() != 1 {
		t.Errorf("in half a minute, one that is away was asked %d times, of %d, and one that has answered %d times", away.times(), rounds, none.times())
	}
	if found(start.Add(managesAnew)); none.times() != 2 {
		t.Errorf("after half a minute, it was asked %d times", none.times())
	}
}

// TestManagersOfOneSwarmCountOnce: also when one becomes a manager later, and while the one by which it was found is away.
func TestManagersOfOneSwarmCountOnce(t *testing.T) {
	t.Parallel()
	first, second, third := newSaysOfSwarm(t, managerOf("one")), newSaysOfSwarm(t, managerOf("one")), newSaysOfSwarm(t, noSwarm)
	found := searchFor(t, first, second, third)
	start := time.Now()
	if got := found(start); got != "a-swarm" {
		t.Errorf("of two managers, found are %q", got)
	}
	third.say(managerOf("one"))
	first.say("")
	if got := found(start.Add(managesAnew)); got != "a-swarm" {
		t.Errorf("with a third manager, found are %q", got)
	}
	first.say(managerOf("another"))
	if got := found(start.Add(2 * managesAnew)); got != "a-swarm b-swarm" {
		t.Errorf("after the first one has gone to another Swarm, found are %q", got)
	}
}

// TestASwarmIsLeftToAnotherOfItsManagers: once the one by which it was found is none any more. Before another one answers, it stays.
func TestASwarmIsLeftToAnotherOfItsManagers(t *testing.T) {
	t.Parallel()
	first, second := newSaysOfSwarm(t, managerOf("one")), newSaysOfSwarm(t, "")
	found := searchFor(t, first, second)
	start := time.Now()
	got := []string{found(start)}
	first.say(noSwarm)
	got = append(got, found(start.Add(managesAnew)))
	second.say(managerOf("one"))
	got = append(got, found(start.Add(2*managesAnew)))
	first.say(managerOf("one"))
	got = append(got, found(start.Add(3*managesAnew)))
	second.say("")
	got = append(got, found(start.Add(4*managesAnew)))
	if diff := cmp.Diff([]string{"a-swarm", "a-swarm", "b-swarm", "b-swarm", "b-swarm"}, got); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

// TestServicesAreSeenOnceTheirEngineAnswers: it is away when the bot starts, and becomes a manager meanwhile.
func TestServicesAreSeenOnceTheirEngineAnswers(t *testing.T) {
	t.Parallel()
	daemon := enginetest.StartDaemon(t)
	s := &swarmNight{swarm: &enginetest.Swarm{Scope: enginetest.On(t, daemon.Host()), Daemon: daemon}}
	s.night = newNightOn(t, s.swarm.Scope)
	proxy := enginefault.Start(t, daemon.Host(), s.Only())
	s.env["SNAPBACK_ENGINES"], s.env["SNAPBACK_BASELINE_AFTER"] = "here="+proxy.Host(), "1s"
	proxy.Down()
	s.start()
	s.swarm.Init()
	s.shop = s.Name("shop")
	s.swarm.Service(s.shop, s.labels(s.Image("v1", `ENTRYPOINT ["/app"]`), "serve", "-addr=")...)
	proxy.Up()
	s.await("the service is listed", func() bool {
		_, answer := s.call("GET", "/services", "")
		list, _ := answer["services"].([]any)
		return len(list) == 1 && list[0].(map[string]any)["name"] == s.shop
	})
	s.await("its spec is kept as a good one", func() bool { return len(s.reasons()) == 1 })
	if _, answer := s.call("GET", "/readyz", ""); cmp.Diff(map[string]any{"database": "ok", "engine here": "ok", "here-swarm": "ok"}, answer["checks"]) != "" {
		t.Errorf("readyz says %v", answer)
	}
}
