package main

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents/pagerduty"
	"github.com/snapback/snapback/internal/pagerdutyfake"
	"github.com/snapback/snapback/store"
)

// pagerduty runs snapback pagerduty beside the bot, as its user would.
func (n *night) pagerduty(want int, args ...string) string {
	n.t.Helper()
	var out bytes.Buffer
	getenv := func(name string) string { return n.env[name] }
	err := run(n.t.Context(), append([]string{"pagerduty"}, args...), getenv, strings.NewReader(""), &out, &out)
	if got := exitCode(err); got != want {
		n.t.Fatalf("snapback pagerduty %v: exit code %d, want %d:\n%s\n%s", args, got, want, out.String(), n.dump())
	}
	return out.String()
}

func (n *night) says(text string, parts ...string) {
	n.t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			n.t.Errorf("it does not say %q:\n%s", part, text)
		}
	}
}

// unsubscribed is a running bot without a secret, which nothing calls.
func unsubscribed(t *testing.T) *night {
	n := newNight(t)
	delete(n.env, "PAGERDUTY_WEBHOOK_SECRETS")
	n.reachable()
	n.bot = serveWith(t, n.env)
	return n
}

func (n *night) subscription() *pagerdutyfake.Subscription {
	n.t.Helper()
	all := n.pd.Subscriptions()
	if len(all) != 1 {
		n.t.Fatalf("there are %d subscriptions", len(all))
	}
	return all[0]
}

func TestASubscriptionIsMadeMendedAndRotatedByCommand(t *testing.T) {
	n := unsubscribed(t)
	n.says(n.pagerduty(exitUnknown, "status"), "snapback pagerduty subscribe makes one")
	n.says(n.pagerduty(exitUnknown, "enable"), "snapback pagerduty subscribe makes one")
	n.says(n.pagerduty(0, "subscribe"), "for the whole account", "test call came through")
	first := n.subscription()
	n.says(n.pagerduty(0, "subscribe"), first.ID()) // makes no second one
	n.says(n.pagerduty(0, "status"), first.ID(), "ok")
	n.service.Trigger("Errors on shop")
	n.channel.ExpectMessage(t, "Errors on shop")

	n.pd.ExpectDelivered(t)
	first.Disable()
	maria := pagerdutyfake.User{ID: "PMARIA1", Name: "Maria", Email: "maria@example.com"}
	dark := n.service.Trigger("Unheard on shop")
	if err := dark.Acknowledge(maria); err != nil {
		t.Fatal(err)
	}
	if err := dark.Resolve(maria); err != nil {
		t.Fatal(err)
	}
	n.says(n.pagerduty(exitFailed, "status"), "has disabled subscription", "snapback pagerduty enable")
	n.says(n.pagerduty(0, "enable"), "is on again", "test call came through", "3 events of 1 incident\n")
	n.channel.ExpectMessage(t, "Unheard on shop", "esolved")
	n.says(n.pagerduty(0, "enable"), "no subscription was disabled", "nothing was missed")
	n.says(n.snapback("incidents", dark.ID()), "opened the incident: Unheard on shop", "Maria acknowledged the incident", "Maria resolved the incident")
	n.says(n.snapback("incidents", dark.ID(), "--json"), `"timeline": [`, `"summary": "Maria resolved the incident`, `"status": "resolved"`)

	n.says(n.pagerduty(0, "rotate"), "the old one is gone")
	if n.subscription().ID() == first.ID() {
		t.Error("the subscription is the old one")
	}
	if kept := n.count(`SELECT count(*) FROM webhook_secrets`); kept != 1 {
		t.Errorf("%d secrets are kept", kept)
	}
	n.service.Trigger("After the rotation")
	n.channel.ExpectMessage(t, "After the rotation")
}

// cameAlong are the incidents whose alerts PagerDuty has sent along a subscription.
func (n *night) cameAlong(subscription string) (ids []string) {
	for _, d := range n.pd.ExpectDelivered(n.t) {
		if d.SubscriptionID == subscription && d.EventType == "incident.triggered" {
			ids = append(ids, d.IncidentID)
		}
	}
	return ids
}

func TestSubscriptionsForAServiceAndATeamBringTheirAlertsOnce(t *testing.T) {
	n := unsubscribed(t)
	both := n.pd.AddService("PBOTH01", "Both").InTeams("PTEAM01", "PTEAM02")
	ofTeam := n.pd.AddService("PTEAMS1", "Of the team").InTeams("PTEAM01")
	elsewhere := n.pd.AddService("PELSE01", "Elsewhere").InTeams("PTEAM03")

	n.says(n.pagerduty(exitUsage, "subscribe", "--service", "PBOTH01", "--team", "PTEAM01"), "service", "team")
	n.says(n.pagerduty(0, "subscribe", "--service", "PBOTH01"), "for service PBOTH01", "test call came through")
	n.says(n.pagerduty(0, "subscribe", "--team", "PTEAM01"), "for team PTEAM01", "test call came through")
	subs := n.pd.Subscriptions()
	if len(subs) != 2 {
		t.Fatalf("there are %d subscriptions", len(subs))
	}
	n.says(n.pagerduty(0, "subscribe", "--team", "PTEAM01"), subs[1].ID()) // makes no other
	n.says(n.pagerduty(0, "status"), "service PBOTH01", "team PTEAM01", subs[0].ID(), subs[1].ID())
	n.says(n.pagerduty(0, "status", "--json"), `"scope": "service PBOTH01"`, `"scope": "team PTEAM01"`)

	elsewhere.Trigger("Nobody's here")
	first, second := both.Trigger("Errors on both").ID(), ofTeam.Trigger("Errors of the team").ID()
	if got := n.cameAlong(subs[0].ID()); !slices.Equal(got, []string{first}) {
		t.Errorf("along the service's came %q", got)
	}
	if got := n.cameAlong(subs[1].ID()); !slices.Equal(got, []string{first, second}) {
		t.Errorf("along the team's came %q", got)
	}
	n.channel.ExpectMessage(t, "Errors of the team")
	n.channel.ExpectMessage(t, "Errors on both")
	if told := n.toldTimes("Errors on both"); told != 1 {
		t.Errorf("one alert along two subscriptions is %d messages:\n%s", told, n.channel)
	}
	if told := n.toldTimes("Nobody's here"); told != 0 {
		t.Errorf("an alert of another team came:\n%s", n.channel)
	}

	n.says(n.pagerduty(0, "rotate"), "for service PBOTH01", "for team PTEAM01")
	n.says(n.pagerduty(0, "subscribe"), "for the whole account") // beside those
	if subs = n.pd.Subscriptions(); len(subs) != 3 {
		t.Fatalf("there are %d subscriptions", len(subs))
	}
	elsewhere.Trigger("The whole account's")
	n.channel.ExpectMessage(t, "The whole account's")
}

func TestARotationThatDoesNotComeThroughLeavesTheOldSubscription(t *testing.T) {
	n := unsubscribed(t)
	n.pagerduty(0, "subscribe", "--service", "PSHOP01")
	first := n.subscription()
	n.bot.end(t)
	n.says(n.pagerduty(exitFailed, "rotate", "--wait", "1s"), "the old subscription stays", "does the bot run")
	if got := n.subscription(); got.ID() != first.ID() {
		t.Errorf("subscription %s is in the place of %s", got.ID(), first.ID())
	}
	if kept := n.count(`SELECT count(*) FROM webhook_secrets`); kept != 1 {
		t.Errorf("%d secrets are kept", kept)
	}
}

func TestASubscriptionWhoseSecretIsElsewhereIsLeftAlone(t *testing.T) {
	n := newNight(t)
	n.reachable()
	n.start()
	n.hook.Redirect(n.env["SNAPBACK_PUBLIC_URL"] + webhookPath)
	n.says(n.pagerduty(exitRefused, "subscribe"), "calls this bot already", "snapback pagerduty rotate")
	n.says(n.pagerduty(0, "rotate"), "the old one is gone", "PAGERDUTY_WEBHOOK_SECRETS is not needed any more")
	if n.subscription().ID() == n.hook.ID() {
		t.Error("the subscription is the old one")
	}
}

// watch looks as a bot beside the running one does, and often, but not before a look of another one's is over: a look is made in far
// less time than there is between two, also here.
func (n *night) watch(db *store.DB, pingEvery time.Duration) *pagerduty.Watch {
	log := slog.New(slog.NewTextHandler(n.t.Output(), nil))
	pd := pagerduty.New(pagerduty.Config{Token: "pd-token", From: "bot@example.com", APIURL: n.pd.URL()})
	w := pagerduty.NewWatch(pagerduty.WatchConfig{
		Subscriber: pagerduty.Subscriber{Client: pd, Secrets: db, Pings: db, URL: n.env["SNAPBACK_PUBLIC_URL"] + webhookPath},
		Looks:      db, Logger: log, Every: 2 * time.Second, Tick: 50 * time.Millisecond, PingEvery: pingEvery, PingPatience: 5 * time.Second,
		Backfill: backfillOf(pd, db, nil, func(context.Context, int64) error { return nil }, log),
	})
	w.Start()
	n.t.Cleanup(func() { _ = w.Stop(n.t.Context()) })
	return w
}

func (n *night) toldTimes(part string) (times int) {
	for _, m := range n.channel.Messages() {
		if m.Contains(part) {
			times++
		}
	}
	return times
}

func TestTheBotSaysOnceThatAlertsDontReachIt(t *testing.T) {
	n := unsubscribed(t)
	n.pollUntil("serve looks as well", func() bool { return n.count(`SELECT count(*) FROM webhook_watch`) == 1 })
	n.service.Trigger("From before anybody subscribed")
	db := n.store()
	one := n.watch(db, time.Hour)
	n.watch(db, time.Hour)
	n.channel.ExpectMessage(t, "alerts don't reach this bot", "snapback pagerduty subscribe makes one")
	n.pagerduty(0, "subscribe")
	n.channel.ExpectMessage(t, "alerts reach this bot again")
	n.pollUntil("each bot knows that all is well", func() bool { hears, known := one.Hears(); return hears && known })

	sub := n.subscription()
	sub.Disable()
	n.service.Trigger("Unheard on shop")
	n.channel.ExpectMessage(t, "has disabled subscription", "snapback pagerduty enable")
	sub.Enable() // by somebody in PagerDuty
	n.channel.ExpectMessage(t, "reach this bot again", "Fetched what was missed", "1 event of 1 incident")
	n.channel.ExpectMessage(t, "Unheard on shop")
	sub.SwitchOff()
	n.channel.ExpectMessage(t, "is switched off in PagerDuty")
	n.pollUntil("all is told", func() bool { return n.toldTimes("alerts don't reach this bot") >= 3 })
	for part, want := range map[string]int{"alerts don't reach this bot": 3, "reach this bot again": 2} {
		if got := n.toldTimes(part); got != want {
			t.Errorf("%q was said %d times, want %d:\n%s", part, got, want, n.channel)
		}
	}
}

// TestTheBotSaysWhenNothingComesAlongASubscriptionThatIsWell cuts what leads from PagerDuty to the bot, as a firewall does.
func TestTheBotSaysWhenNothingComesAlongASubscriptionThatIsWell(t *testing.T) {
	n := newNight(t)
	delete(n.env, "PAGERDUTY_WEBHOOK_SECRETS")
	n.reachable()
	outside := newEndpoint(t, n.env["SNAPBACK_LISTEN"])
	n.env["SNAPBACK_PUBLIC_URL"] = "http://" + outside.at
	n.bot = serveWith(t, n.env)
	n.pagerduty(0, "subscribe")
	outside.cut()
	db := n.store()
	n.watch(db, time.Second) // two bots, neither of which the calls come to
	n.watch(db, time.Second)
	n.channel.ExpectMessage(t, "alerts don't reach this bot", "test calls along subscription "+n.subscription().ID(), "did not arrive at http://"+outside.at, "snapback doctor")
	n.says(n.pagerduty(exitFailed, "status"), "did not arrive")
	outside.mend()
	n.channel.ExpectMessage(t, "alerts reach this bot again")
	n.pollUntil("status says so", func() bool { return n.count(`SELECT count(*) FROM webhook_pings WHERE lost = 0`) == 1 })
	n.says(n.pagerduty(0, "status"), "ok")
}
