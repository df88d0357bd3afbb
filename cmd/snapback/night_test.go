package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/snapback/snapback/incidents"
)

// TestNight is the story from the alert to the post-mortem.
func TestNight(t *testing.T) {
	n := newNight(t)
	shop := n.Name("shop")
	n.Run(shop, n.labels("--env", "DB_POOL=20", n.Image("v1", `CMD ["/app"]`))...)
	n.start()

	if status, answer := n.call("POST", "/containers/"+shop+"/snapshots", `{"reason":"pre-deploy","name":"pre-deploy-2255"}`); status != 201 {
		t.Fatalf("taking a snapshot: %d %v", status, answer)
	}
	n.Docker("rm", "-f", shop)
	n.Run(shop, n.labels("--env", "DB_POOL=2", n.Image("v2", `CMD ["/app"]`))...)

	incident := n.service.Trigger("High error rate on shop")
	alert := n.channel.ExpectMessage(t, "High error rate on shop", "pre-deploy-2255")
	if answer := n.maria.Tap(alert.Button("Acknowledge")); answer.Status != 200 {
		t.Fatalf("tapping Acknowledge: %+v", answer)
	}
	incident.ExpectStatus(t, "acknowledged")
	if by, _ := incident.AcknowledgedBy(); by.Email != "maria@example.com" {
		t.Errorf("acknowledged by %+v", by)
	}
	alert = alert.ExpectUpdate(t, "Maria")

	if answer := n.maria.Tap(alert.Button("Terminal")); answer.Status != 200 {
		t.Fatalf("tapping Terminal: %+v", answer)
	}
	n.openTerminal(linkToken(t, n.maria.ExpectEphemeral(t, n.channel, "/t#")), "DB_POOL=2")

	if answer := n.maria.Tap(alert.Button("Restore pre-deploy-2255")); answer.Status != 200 {
		t.Fatalf("tapping Restore: %+v", answer)
	}
	alert = alert.ExpectUpdate(t, "Undo")
	alert.ExpectReply(t, "is back on pre-deploy-2255")
	n.openTerminal(linkToken(t, n.maria.ExpectEphemeral(t, n.channel, "from the restore on", "/t#")), "DB_POOL=20")
	if env := n.Docker("inspect", "--format", "{{.Config.Env}}", shop); !strings.Contains(env, "DB_POOL=20") {
		t.Errorf("env is %s", env)
	}

	if answer := n.maria.Tap(alert.Button("Resolve")); answer.Status != 200 {
		t.Fatalf("tapping Resolve: %+v", answer)
	}
	incident.ExpectStatus(t, "resolved")
	alert.ExpectUpdate(t, "Resolved")

	incident.ExpectNote(t, "is back on pre-deploy-2255")
	n.pd.ExpectDelivered(t)
	n.checkTimeline(incident.ID())
	_, answer := n.call("GET", "/incidents/"+incident.ID()+"/export?format=md", "")
	postMortem, _ := answer["text"].(string)
	for _, want := range []string{"High error rate on shop", "Maria", "is back on pre-deploy-2255", "Timeline: verified", ".slack.com/archives/C0ALERTS/p"} {
		if !strings.Contains(postMortem, want) {
			t.Errorf("the post-mortem does not say %q:\n%s", want, postMortem)
		}
	}
}

// checkTimeline looks whether everything of the night is on the timeline, once, and each entry leads to where it comes from.
func (n *night) checkTimeline(incident string) {
	n.t.Helper()
	_, answer := n.call("GET", "/incidents/"+incident+"/timeline?limit=100", "")
	list, _ := answer["entries"].([]any)
	count := map[incidents.Kind]int{}
	for _, one := range list {
		e := one.(map[string]any)
		kind, source := e["kind"].(string), e["source"].(map[string]any)
		count[incidents.Kind(kind)]++
		link, _ := source["url"].(string)
		if u, err := url.Parse(link); err != nil || u.Host == "" {
			n.t.Errorf("%s (%v) has no link: %v", kind, e["summary"], source)
		}
		if base := n.env["SNAPBACK_PUBLIC_URL"]; strings.HasPrefix(link, base) {
			if status, answer := n.call("GET", strings.TrimPrefix(link, base), ""); status != 200 {
				n.t.Errorf("%s leads to %s, where there is %d %v", kind, link, status, answer)
			}
		}
	}
	for _, kind := range []incidents.Kind{incidents.KindTerminalLink, incidents.KindTerminalOpened, incidents.KindTerminalEnded} {
		if count[kind] != 2 { // the tap's, and the restore's
			n.t.Errorf("the timeline has %d entries %s", count[kind], kind)
		}
	}
	for _, kind := range []incidents.Kind{
		incidents.KindPagerDutyTriggered, incidents.KindSlackPosted, incidents.KindAcknowledgeAsked,
		incidents.KindPagerDutyAcked, incidents.KindRestoreRequested,
		incidents.KindRestoreVerified, incidents.KindResolveAsked, incidents.KindPagerDutyResolved,
	} {
		if count[kind] != 1 {
			n.t.Errorf("the timeline has %d entries %s", count[kind], kind)
		}
	}
	if count[incidents.KindPagerDutyNoted] != 0 {
		n.t.Errorf("the bot's own note to PagerDuty came back as an entry: %v", list)
	}
}
