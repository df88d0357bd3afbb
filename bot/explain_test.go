package bot_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
)

// deployed is a deploy of a container so long from the alert.
func deployed(key string, from time.Duration, changes ...snapshot.Change) snapshot.Deploy {
	when := at("03:42").Add(from)
	return snapshot.Deploy{Key: key, At: when, AfterID: key + when.String(), Changes: changes}
}

func TestTimelineNamesTheDeployNearestBeforeTheAlertOnce(t *testing.T) {
	t.Parallel()
	changes := []snapshot.Change{
		{Attribute: "image", Before: "shop:1.41", After: "shop:1.42"}, {Attribute: "env DB_POOL", Before: "20", After: "2"},
		{Attribute: "env API_KEY", Masked: true}, {Attribute: "user", After: "1000"},
	}
	for name, c := range map[string]struct {
		deploys []snapshot.Deploy // newest first
		status  incidents.Status
		service string
		want    []string
	}{
		"of two containers, with one since": {
			deploys: []snapshot.Deploy{deployed("k/web", time.Hour/4), deployed("k/api", -9*time.Hour/2, changes...), deployed("k/web", -9*time.Hour)},
			want:    []string{"The last deploy before the alert, 4h30m0s before it: api, image: shop:1.41 → shop:1.42, env DB_POOL: 20 → 2, env API_KEY: changed, 1 more"},
		},
		"nothing changed": {
			deploys: []snapshot.Deploy{deployed("k/api", -time.Hour)},
			want:    []string{"The last deploy before the alert, 1h0m0s before it: api, nothing changed"},
		},
		"of an incident that was resolved at once": {
			deploys: []snapshot.Deploy{deployed("k/api", -time.Hour)}, status: incidents.Resolved,
			want: []string{"The last deploy before the alert, 1h0m0s before it: api, nothing changed"},
		},
		"too long ago":              {deploys: []snapshot.Deploy{deployed("k/api", -8*24*time.Hour, changes...)}},
		"only since":                {deploys: []snapshot.Deploy{deployed("k/api", time.Hour)}},
		"of others":                 {deploys: []snapshot.Deploy{deployed("k/other", -time.Hour)}},
		"of those who are suspects": {deploys: []snapshot.Deploy{deployed("k/api", -time.Hour)}, service: "PNEW"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t, func(_ *bot.Config, w *world) {
				web, other, in := theContainer(), theContainer(), theIncident()
				web.Key, web.Name, other.Key, other.Name, other.Settings.PagerDutyServices = "k/web", "web", "k/other", "other", nil
				w.containers, w.deploys = append(w.containers, web, other), c.deploys
				if in.Status = incidents.Triggered; c.status != "" {
					in.Status = c.status
				}
				if c.service != "" {
					in.ServiceID = c.service
				}
				w.incidents[7] = in
			})
			n.deliver(t, 7)
			n.deliver(t, 7)
			var got []string
			for _, e := range n.entries[7] {
				if e.Kind == incidents.KindDeploy {
					got = append(got, e.Summary)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if m := n.messages[7]; m.Seq != int64(len(n.entries[7])) {
				t.Errorf("told up to entry %d of %d", m.Seq, len(n.entries[7]))
			}
		})
	}
}

// A bot that hangs in the middle of a transaction holds the incident's row.
func TestAlertDoesNotWaitForATimelineThatIsHeld(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *bot.Config, w *world) {
		c.Budget = 100 * time.Millisecond
		w.deploys, w.timelineHeld = []snapshot.Deploy{deployed("k/api", -time.Hour)}, true
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.bot.Deliver(ctx, 7) }()
	n.shop.ExpectMessage(t, "Checkout error rate") // while it goes on waiting to note where that stands
	cancel()
	if err := <-done; err == nil {
		t.Error("it was noted where the message stands, although nothing can be written")
	}
}

// An engine on a busy machine never answers within what somebody can be left waiting for. This one takes no time: it has an answer for whoever
// has as much left.
func TestMessageGetsItsButtonFromAnEngineThatIsSlow(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *bot.Config, w *world) { c.Budget, w.slow = 40*time.Second, time.Minute })
	if err := n.bot.Deliver(t.Context(), 7); err == nil {
		t.Error("the first message counts as complete")
	}
	n.shop.ExpectMessage(t, "The container engine does not answer in time")
	n.deliver(t, 7)
	n.shop.ExpectMessage(t, "[Restore pre-deploy-2255]")
}

// One delivery of an alert is all that it takes, and it asks for each thing once.
func TestADeliveryReadsEachThingOnce(t *testing.T) {
	t.Parallel()
	for name, service := range map[string]string{"a container names the service": "PSHOP", "none does": "PNEW"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t, func(_ *bot.Config, w *world) {
				in := theIncident()
				in.ServiceID = service
				w.incidents[7] = in
			})
			for round := 1; round <= 2; round++ {
				testkit.OK(t, n.bot.Deliver(t.Context(), 7))
				if n.listed != round || n.reads["incident"] != round || n.reads["timeline"] != round {
					t.Errorf("after %d deliveries the engine was asked %d times, the store %v", round, n.listed, n.reads)
				}
			}
		})
	}
}

// What is written while the alert is being posted is told after it, and not passed over.
func TestEntryThatComesWhileTheAlertIsPostedIsNotPassedOver(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.onSave = func() {
		n.entries[7] = append(n.entries[7], incidents.Entry{IncidentID: 7, Seq: int64(len(n.entries[7]) + 1), Kind: incidents.KindNote, Summary: "meanwhile"})
	}
	n.deliver(t, 7)
	n.deliver(t, 7)
	m := n.shop.ExpectMessage(t, "Checkout error rate")
	m.ExpectReply(t, "meanwhile")
	if got := len(m.Now().Replies); got != 1 {
		t.Errorf("%d replies", got)
	}
	var kinds []string
	for _, e := range n.entries[7] {
		kinds = append(kinds, string(e.Kind))
	}
	if d := cmp.Diff("incident.triggered deploy note slack.posted", strings.Join(kinds, " ")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
