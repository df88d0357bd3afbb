package watch_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/storetest"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/internal/snapshottest"
	"github.com/snapback/snapback/snapshot/watch"
	"github.com/snapback/snapback/store"
)

// engines is a database with engine Q77P in it, whose container a bot has seen.
type engines struct {
	t  *testing.T
	db *store.DB
}

const upgraded = "6f2b3f2e-8d0d-4b55-9f7e-0c8a1c7f3a11"

var itsTraces = snapshot.Traces{Containers: []string{"c1"}}

func setupEngines(t *testing.T) *engines {
	t.Helper()
	t.Parallel()
	db := storetest.Open(t, storetest.URL(t), snapshottest.NewRing(t))
	e := &engines{t, db}
	if name := e.name(e.bot("a"), "Q77P", "host", snapshot.Traces{}); name != "Q77P" {
		t.Fatalf("the first one is called %s", name)
	}
	c := snapshot.Container{Key: "Q77P/name/api", Engine: "Q77P", ID: "c1", Name: "api"}
	if err := db.SetOccupant(t.Context(), snapshot.Occupant{Container: c, Document: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	return e
}

// bot is a bot that was just started.
func (e *engines) bot(name string) *watch.Registry {
	return e.patient(name, time.Hour)
}

// patient is a bot with another patience for engines that look like one that is attended.
func (e *engines) patient(name string, wait time.Duration) *watch.Registry {
	e.t.Helper()
	return watch.NewRegistry(watch.RegistryConfig{
		Store: e.db, Me: watch.Presence{Bot: name, Run: name + time.Now().String()}, Wait: wait,
	})
}

func (e *engines) ask(r *watch.Registry, id, host string, t snapshot.Traces) (string, error) {
	return r.Name(e.t.Context(), snapshot.Introduction{ID: id, Host: host}, func(context.Context) (snapshot.Traces, error) { return t, nil })
}

func (e *engines) name(r *watch.Registry, id, host string, t snapshot.Traces) string {
	e.t.Helper()
	name, err := e.ask(r, id, host, t)
	if err != nil {
		e.t.Fatal(err)
	}
	return name
}

// silence has all bots not be heard of for a while.
func (e *engines) silence() {
	e.t.Helper()
	if _, err := e.db.Pool().Exec(e.t.Context(), `UPDATE bots SET seen_at = seen_at - interval '2 minutes'`); err != nil {
		e.t.Fatal(err)
	}
}

// told are the kinds of entries outside incidents.
func (e *engines) told() string {
	var kinds []string
	for _, entry := range snapshottest.Must(e.db.Entries(e.t.Context(), 0, 0)) {
		kinds = append(kinds, string(entry.Kind))
	}
	return strings.Join(kinds, " ")
}

func TestUpgradedEngineKeepsItsName(t *testing.T) {
	for what, traces := range map[string]snapshot.Traces{
		"its containers":             itsTraces,
		"duplicates":                 {Containers: []string{"new"}, Duplicates: map[string]int{"Q77P": 2}},
		"duplicates, also of others": {Containers: []string{"c1"}, Duplicates: map[string]int{"Q77P": 1, "ZZZZ": 5}},
	} {
		t.Run(what, func(t *testing.T) {
			e := setupEngines(t)
			e.silence()
			b := e.bot("b")
			for range 2 {
				if name := e.name(b, upgraded, "host", traces); name != "Q77P" {
					t.Errorf("it is called %s", name)
				}
			}
			if told := e.told(); told != string(incidents.KindEngineAdopted) {
				t.Errorf("the timeline has %q", told)
			}
			if name := e.name(b, "Q77P", "host", traces); name != "Q77P" {
				t.Errorf("after going back it is called %s", name)
			}
		})
	}
}

func TestEngineKeepsItsNameWhenTheDatabaseIsLost(t *testing.T) {
	e := setupEngines(t)
	if name := e.name(e.bot("b"), upgraded, "other", snapshot.Traces{Duplicates: map[string]int{"OLD0": 3}}); name != "OLD0" {
		t.Errorf("it is called %s", name)
	}
}

func TestNewEngineIsCalledWhatItCallsItself(t *testing.T) {
	e := setupEngines(t)
	if name := e.name(e.bot("b"), upgraded, "host", snapshot.Traces{Containers: []string{"others"}}); name != upgraded {
		t.Errorf("it is called %s", name)
	}
	if told := e.told(); told != "" {
		t.Errorf("the timeline has %q", told)
	}
}

// TestUpgradeIsSeenByTheBotThatWatchesIt has no other bot that could still see the engine as it was.
func TestUpgradeIsSeenByTheBotThatWatchesIt(t *testing.T) {
	e := setupEngines(t)
	e.silence()
	b := e.bot("b")
	e.name(b, "Q77P", "host", itsTraces)
	if name := e.name(b, upgraded, "host", itsTraces); name != "Q77P" {
		t.Errorf("it is called %s", name)
	}
}

func TestCopyOfAnEngineThatRunsIsNotTakenForIt(t *testing.T) {
	e := setupEngines(t)
	b := e.bot("b")
	if name, err := e.ask(b, upgraded, "copy", itsTraces); !errors.Is(err, snapshot.ErrEngineAway) {
		t.Fatalf("at first it is called %s: %v", name, err)
	}
	if told := e.told(); told != "" {
		t.Errorf("the timeline has %q", told)
	}
	if name := e.name(e.patient("b", time.Nanosecond), upgraded, "copy", itsTraces); name != upgraded {
		t.Errorf("in the end it is called %s", name)
	}
	if told := e.told(); told != string(incidents.KindEngineCopied) {
		t.Errorf("the timeline has %q", told)
	}
	e.silence()
	if name := e.name(e.bot("b"), upgraded, "copy", itsTraces); name != upgraded {
		t.Errorf("when the other one has gone it is called %s", name)
	}
}

func TestEngineWhoseBotFellSilentIsWaitedFor(t *testing.T) {
	e := setupEngines(t)
	b := e.bot("b")
	if _, err := e.ask(b, upgraded, "host", itsTraces); !errors.Is(err, snapshot.ErrEngineAway) {
		t.Fatal(err)
	}
	e.silence()
	if name := e.name(b, upgraded, "host", itsTraces); name != "Q77P" {
		t.Errorf("it is called %s", name)
	}
}

func TestBotThatStopsLeavesItsEngineToOthers(t *testing.T) {
	e := setupEngines(t)
	e.silence()
	b := e.bot("b")
	e.name(b, "Q77P", "host", itsTraces)
	if err := b.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if name := e.name(e.bot("c"), upgraded, "host", itsTraces); name != "Q77P" {
		t.Errorf("it is called %s", name)
	}
}

// TestTwoEnginesThatCallThemselvesTheSameAreToldApart is about a copy of a machine, whose engine has the same ID.
func TestTwoEnginesThatCallThemselvesTheSameAreToldApart(t *testing.T) {
	e := setupEngines(t)
	_, err := e.ask(e.bot("b"), "Q77P", "copy", itsTraces)
	if !errors.Is(err, watch.ErrEngineTwice) || !errors.Is(err, snapshot.ErrEngineAway) {
		t.Fatal(err)
	}
	if !strings.Contains(err.Error(), "remove engine-id") {
		t.Errorf("it does not say what to do: %v", err)
	}
	if name := e.name(e.bot("c"), "Q77P", "host", itsTraces); name != "Q77P" {
		t.Errorf("another bot on the same engine calls it %s", name)
	}
}

// links are the ways of one bot to its engines, in one run.
func (e *engines) links(bot string, names ...string) (all []*watch.Registry) {
	run := bot + time.Now().String()
	for _, name := range names {
		all = append(all, watch.NewRegistry(watch.RegistryConfig{
			Store: e.db, Me: watch.Presence{Bot: bot, Link: name, Run: run}, Wait: time.Hour,
		}))
	}
	return all
}

func TestOneBotReachesSeveralEngines(t *testing.T) {
	e := setupEngines(t)
	l := e.links("b", "web", "db")
	if name := e.name(l[0], "Q77P", "host", itsTraces); name != "Q77P" {
		t.Errorf("the first engine is called %s", name)
	}
	if name := e.name(l[1], "OTHER", "host2", snapshot.Traces{}); name != "OTHER" {
		t.Errorf("the second engine is called %s", name)
	}
	attended := snapshottest.Must(e.db.Attended(t.Context()))
	if len(attended) != 2 {
		t.Errorf("attended are %v", attended)
	}
	if err := l[1].Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if attended = snapshottest.Must(e.db.Attended(t.Context())); len(attended) != 1 {
		t.Errorf("when one is let go of, attended are %v", attended)
	}
}

func TestTwoNamesOfOneEngineAreNoTwoEngines(t *testing.T) {
	e := setupEngines(t)
	l := e.links("b", "web", "db")
	e.name(l[0], "Q77P", "host", itsTraces)
	_, err := e.ask(l[1], "Q77P", "host", itsTraces)
	if !errors.Is(err, watch.ErrSameEngine) || !errors.Is(err, snapshot.ErrEngineAway) || !strings.Contains(err.Error(), "web and db") {
		t.Errorf("the second name: %v", err)
	}
	if name := e.name(l[0], "Q77P", "host", itsTraces); name != "Q77P" {
		t.Errorf("the first name leads to %s", name)
	}
}

// TestFirstNameOfAnEngineCountsForAsLongAsTheBotRuns is about an engine that hangs for longer than a bot counts as there.
func TestFirstNameOfAnEngineCountsForAsLongAsTheBotRuns(t *testing.T) {
	e := setupEngines(t)
	e.silence()
	l := e.links("b", "web", "db")
	e.name(l[0], "Q77P", "host", itsTraces)
	e.silence()
	if _, err := e.ask(l[1], "Q77P", "host", itsTraces); !errors.Is(err, watch.ErrSameEngine) {
		t.Errorf("the second name, while nothing is heard of the first: %v", err)
	}
	if _, err := e.ask(l[1], "Q77P", "copy", itsTraces); !errors.Is(err, watch.ErrEngineTwice) {
		t.Errorf("a copy under the second name, while nothing is heard of the first: %v", err)
	}
	if name := e.name(l[0], "Q77P", "host", itsTraces); name != "Q77P" {
		t.Errorf("the first name leads to %s", name)
	}
	if err := l[0].Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if name := e.name(l[1], "Q77P", "host", itsTraces); name != "Q77P" {
		t.Errorf("when the first one has left, the second name leads to %s", name)
	}
}

func TestTwoEnginesMayChangeTheirAddresses(t *testing.T) {
	e := setupEngines(t)
	e.silence()
	l := e.links("b", "web", "db")
	e.name(l[0], "Q77P", "host", itsTraces)
	e.name(l[1], "OTHER", "host2", snapshot.Traces{})
	if _, err := e.ask(l[0], "OTHER", "host2", snapshot.Traces{}); !errors.Is(err, watch.ErrSameEngine) {
		t.Errorf("the first name leads to the second engine: %v", err)
	}
	if name := e.name(l[1], "Q77P", "host", itsTraces); name != "Q77P" {
		t.Errorf("the second name leads to %s", name)
	}
	if name := e.name(l[0], "OTHER", "host2", snapshot.Traces{}); name != "OTHER" {
		t.Errorf("the first name leads to %s", name)
	}
}

func TestCopyOfAnEngineBesideItsOriginalIsNotTakenForIt(t *testing.T) {
	e := setupEngines(t)
	e.silence()
	l := e.links("b", "web", "db")
	e.name(l[0], "Q77P", "host", itsTraces)
	if name, err := e.ask(l[1], "COPY", "host2", itsTraces); !errors.Is(err, snapshot.ErrEngineAway) {
		t.Errorf("the copy is called %q, %v, while the original is there", name, err)
	}
}

func TestEnginesThatLeaveTheSettingsAreForgotten(t *testing.T) {
	e := setupEngines(t)
	l := e.links("b", "web", "db")
	e.name(l[0], "Q77P", "host", itsTraces)
	e.name(l[1], "OTHER", "host2", snapshot.Traces{})
	e.name(e.links("b", "web")[0], "Q77P", "host", itsTraces) // started again, without the other
	if attended := snapshottest.Must(e.db.Attended(t.Context())); len(attended) != 1 {
		t.Errorf("attended are %v", attended)
	}
}

func TestRestoresOfAnEngineAreAttendedWhileABotForTheirLabelReachesIt(t *testing.T) {
	e := setupEngines(t)
	attended := func(key, only string) bool { return snapshottest.Must(e.db.RestoresAttended(t.Context(), key, only)) }
	if !attended("Q77P/name/api", "") {
		t.Error("while a bot reaches it, they are not")
	}
	if attended("OTHER/name/api", "") || attended("Q77P/name/api", "team=a") {
		t.Error("those of another engine, or for another label, are")
	}
	if e.silence(); attended("Q77P/name/api", "") {
		t.Error("when the bot has fallen silent, they are")
	}
}
