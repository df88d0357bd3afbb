package terminal_test

import (
	"testing"
	"time"

	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/terminal"
)

// sweepWithout has a bot sweep that does not reach the container, as if it were later, and says how many shells are left to be ended then.
func (n *night) sweepWithout(others *neighbours, later time.Duration) int {
	n.t.Helper()
	bot, err := terminal.New(terminal.Config{
		PublicURL: n.url, Ring: ring(n.t), Store: n.store, Engine: noEngine{}, Gate: n.gate, Timeline: n.timeline, Peers: others,
		Now: func() time.Time { return time.Now().Add(later) },
	})
	testkit.OK(n.t, err)
	testkit.OK(n.t, bot.Sweep(n.t.Context()))
	left, err := n.store.StaleShells(n.t.Context(), time.Now().Add(later))
	testkit.OK(n.t, err)
	return len(left)
}

// A bot that does not reach a container finds none, and must not take that for the end of the shells in it.
func TestSweepLeavesAShellToTheBotThatReachesItsContainer(t *testing.T) {
	t.Parallel()
	n := setup(t)
	b := n.shell()
	b.typeIn("(env -i setsid sleep 5555 &)\n")
	within(t, time.Minute, "it runs", func() bool { return n.runs("sleep 5555") })
	others := &neighbours{}
	for what, say := range map[string]func(){
		"another one reaches it":             func() { others.set(nil, terminal.Peer{Bot: "back", Address: "192.0.2.1:1"}) },
		"another one, which says no address": func() { others.set(terminal.ErrElsewhere) },
		"none reaches it now":                func() { others.set(snapshot.ErrEngineAway) },
	} {
		say()
		if left := n.sweepWithout(others, 2*time.Minute); left != 1 {
			t.Errorf("%s: %d shells are left to be ended, want 1", what, left)
		}
	}
	if !n.runs("sleep 5555") {
		t.Error("it has ended")
	}
	n.otherBotSweeps()
	n.wantNothingLeft()
}

func TestSweepGivesUpAShellThatNoBotReachesForAWeek(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.shell()
	others := &neighbours{}
	others.set(snapshot.ErrEngineAway)
	if left := n.sweepWithout(others, 8*24*time.Hour); left != 0 {
		t.Errorf("%d shells are left to be ended after a week", left)
	}
}
