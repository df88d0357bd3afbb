package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/pagerdutyfake"
	"github.com/snapback/snapback/snapshot"
)

// testAlert runs snapback test-alert beside the bot, as its user would.
func (n *night) testAlert(want int, args ...string) string {
	n.t.Helper()
	var out bytes.Buffer
	err := run(n.t.Context(), append([]string{"test-alert"}, args...), func(name string) string { return n.env[name] }, strings.NewReader(""), &out, &out)
	if got := exitCode(err); got != want {
		n.t.Fatalf("snapback test-alert %v: exit code %d, want %d:\n%s\n%s", args, got, want, out.String(), n.dump())
	}
	return out.String()
}

func TestATestAlertIsFollowedToSlackAndSaysWhereItStops(t *testing.T) {
	n := unsubscribed(t)
	shop, office := n.Name("shop"), n.Name("office")
	n.Run(shop, n.labels(n.Image("v1", `CMD ["/app"]`))...)
	n.Docker("run", "-d", "--name", office, "--label", "snapback.enable=true", "--label", n.Only(), n.Image("v1", `CMD ["/app"]`))
	n.says(n.testAlert(exitUnknown, "nothing"), shop)
	n.says(n.testAlert(exitRefused, office), "snapback.pagerduty.service")
	n.says(n.testAlert(exitUnknown, shop), "stopped before it began", "snapback pagerduty subscribe makes one")
	n.says(n.testAlert(exitUsage, shop, "--local"), "snapback pagerduty subscribe")
	if got := len(n.pd.Incidents()); got != 0 {
		t.Errorf("%d incidents were opened before anything could come of them", got)
	}
	n.pagerduty(0, "subscribe")

	n.says(n.testAlert(0, shop), "PagerDuty opened incident", "the webhook came", "the message is in Slack", "PagerDuty resolved it")
	n.pd.Incidents()[0].ExpectStatus(t, pagerdutyfake.Resolved)
	n.channel.ExpectMessage(t, "TEST of Snapback", "esolved")
	n.says(n.testAlert(0, shop, "--keep"), "stays open")
	n.pd.Incidents()[1].ExpectStatus(t, pagerdutyfake.Triggered)
	n.says(n.testAlert(0, shop, "--local"), "was accepted", "the message is in Slack", "resolved in the same way")
	if got := len(n.pd.Incidents()); got != 2 {
		t.Errorf("a local test made an incident in PagerDuty: there are %d", got)
	}

	n.channel.Archive()
	n.says(n.testAlert(exitFailed, shop, "--local", "--wait", "10s"), "stopped at Slack")
	n.bot.end(t)
	n.says(n.testAlert(exitFailed, shop, "--local"), "stopped at the bot", "snapback serve")
	n.says(n.testAlert(exitFailed, shop, "--wait", "1s"), "stopped at the webhook", "Does the bot run", "PagerDuty resolved it")
}

func TestATestAlertForANameOfSeveralEnginesIsRefused(t *testing.T) {
	t.Parallel()
	on := func(engine, key string) snapshot.Container {
		c := snapshot.Container{Key: key + "/name/api", ID: key, Name: "api", Engine: key, On: engine, Twin: true}
		c.Settings.PagerDutyServices = []string{"P" + key}
		return c
	}
	list := []snapshot.Container{on("web", "A"), on("db", "B")}
	if c, err := alerted(list, "api"); exitCode(err) != exitRefused || !strings.Contains(err.Error(), "db/api, web/api") {
		t.Errorf("the bare name leads to %s, %v", c.Called(), err)
	}
	if c, err := alerted(list, "web/api"); err != nil || c.Engine != "A" {
		t.Errorf("with its engine's name it leads to %s, %v", c.Called(), err)
	}
}
