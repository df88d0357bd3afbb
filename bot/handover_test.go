package bot_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot/restore"
)

// restoredBy is a restore that Ann has tapped and that has just ended in that state.
func (n *night) restoredBy(t *testing.T, end restore.State) restore.Restore {
	t.Helper()
	n.tap(t, n.ann, n.alert(t).Button("Restore pre-deploy-2255"))
	var r restore.Restore
	n.do(func() {
		r = n.restores[0]
		r.State, r.EnteredAt = end, n.now
		n.restores[0] = r
	})
	return r
}

func TestWhoTappedARestoreGetsALinkToWhatItLeft(t *testing.T) {
	t.Parallel()
	for _, end := range []restore.State{restore.Verified, restore.Reverted, restore.Failed} {
		n := setup(t)
		r := n.restoredBy(t, end)
		if err := n.bot.HandOver(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
		e := n.ann.ExpectEphemeral(t, n.shop, "The logs and a shell of api, from the restore on", "until 03:47")
		if c := e.Button("Open terminal"); c.URL != "https://snapback.example.com/t#very-secret" {
			t.Errorf("the button is %+v", c)
		}
		if len(n.bob.Ephemerals(n.shop)) != 0 {
			t.Error("others see the link")
		}
		if d := cmp.Diff([]string{"7 api U0ANN shell since 03:42"}, n.mints); d != "" {
			t.Error(d)
		}
	}
}

// A link of which Slack has not said whether it got there may be on the screen: a second one would be one too many.
func TestLinkAfterARestoreIsTriedAgainOnlyIfItIsNotThere(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fail  func(*slackfake.Server)
		again bool
		links int
	}{
		"put off":                 {func(s *slackfake.Server) { s.RateLimit("chat.postEphemeral", 1, time.Second) }, true, 2},
		"there without an answer": {func(s *slackfake.Server) { s.DropResponse("chat.postEphemeral", 1) }, false, 1},
		"perhaps there":           {func(s *slackfake.Server) { s.Refuse("chat.postEphemeral", 1, "internal_error") }, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			r := n.restoredBy(t, restore.Verified)
			test.fail(n.slack)
			if err := n.bot.HandOver(t.Context(), r.ID); (err != nil) != test.again {
				t.Errorf("the job hears %v", err)
			} else if err != nil {
				testkit.OK(t, n.bot.HandOver(t.Context(), r.ID))
				n.ann.ExpectEphemeral(t, n.shop, "from the restore on")
			}
			if len(n.mints) != test.links {
				t.Errorf("links: %v", n.mints)
			}
		})
	}
}

func TestNoLinkAndNoNoiseAfterARestore(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*night){
		"when they may not": func(n *night) {
			bob := access.Allow{Rule: access.Listed, IDs: []string{"U0BOB"}}
			n.containers[0].Settings.RestoreAllow, n.containers[0].Settings.TerminalAllow = bob, bob
		},
		"when the incident is over": func(n *night) { n.incidents[7] = resolvedIncident() },
		"when it is long over":      func(n *night) { n.now = n.now.Add(3 * time.Minute) },
		"when it is gone":           func(n *night) { n.containers = nil },
	} {
		n := setup(t)
		r := n.restoredBy(t, restore.Verified)
		written := n.count(func() int { return len(n.entries[7]) })
		n.do(func() { change(n) })
		if err := n.bot.HandOver(t.Context(), r.ID); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(n.mints) != 0 || len(n.ann.Ephemerals(n.shop)) != 0 || n.count(func() int { return len(n.entries[7]) }) != written {
			t.Errorf("%s: links %v, shown %v", name, n.mints, n.ann.Ephemerals(n.shop))
		}
	}
}

func resolvedIncident() incidents.Incident {
	in := theIncident()
	in.Status = incidents.Resolved
	return in
}
