package main

import (
	"bytes"
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/slackfake"
)

var fragment = regexp.MustCompile(`/t#([\w.-]+)`)

var tokenID = regexp.MustCompile(`\b[0-9a-f]{16}\b`)

// redeem uses a link up as its page does, and returns the status.
func (n *night) redeem(link string) int {
	n.t.Helper()
	m := fragment.FindStringSubmatch(link)
	if m == nil {
		n.t.Fatalf("there is no link in %q", link)
	}
	status, _ := n.call("POST", "/t/redeem", `{"token":"`+m[1]+`"}`, "Origin", n.env["SNAPBACK_PUBLIC_URL"], "Sec-Fetch-Site", "same-origin")
	return status
}

// cli runs a subcommand with the bot's settings, and returns what it printed.
func (n *night) cli(args ...string) string {
	n.t.Helper()
	var out bytes.Buffer
	getenv := func(name string) string { return n.env[name] }
	if err := run(context.Background(), args, getenv, strings.NewReader(""), &out, &out); err != nil {
		n.t.Fatalf("snapback %v: %v: %s", args, err, out.String())
	}
	return strings.TrimSpace(out.String())
}

func TestTerminalLinkIsWorthNothingOnceItsTokenIsRevoked(t *testing.T) {
	n := newNight(t)
	n.Run(n.Name("shop"), n.labels(n.Image("v1", `CMD ["/app"]`))...)
	n.start()
	incident := n.service.Trigger("High error rate")
	n.channel.ExpectMessage(t, "High error rate")
	n.slack.AddUser("U0BOSS", "Boss", "boss@example.com")
	token := n.cli("token", "create", "ci", "--scope", "terminal")
	mint := func() string {
		status, answer := n.call("POST", "/incidents/"+incident.ID()+"/terminal-links", `{"person":{"slack_id":"U0BOSS","name":"Boss"}}`, "Authorization", "Bearer "+token)
		if status != http.StatusCreated {
			t.Fatalf("minting: %d %v", status, answer)
		}
		return answer["url"].(string)
	}
	first, second := mint(), mint()
	if status := n.redeem(first); status != http.StatusOK {
		t.Errorf("redeeming: %d", status)
	}
	n.cli("token", "revoke", tokenID.FindString(n.cli("token", "list")))
	if status := n.redeem(second); status != http.StatusForbidden {
		t.Errorf("redeeming what a revoked token asked for: %d", status)
	}
	_, answer := n.call("GET", "/incidents/"+incident.ID()+"/export?format=md", "")
	if text := answer["text"].(string); !strings.Contains(text, "token ci, for Boss") || strings.Contains(text, "| Boss |") {
		t.Errorf("the post-mortem takes the token's word for who it was:\n%s", text)
	}
}

// offered is an alert as it is once it has a button, for which a busy engine may not answer at once.
func (n *night) offered(alert slackfake.Message, button string) slackfake.Message {
	n.t.Helper()
	return alert.ExpectUpdate(n.t, "["+button+"]")
}

func TestTerminalLinkIsWorthNothingToWhomADeployHasShutOut(t *testing.T) {
	n := newNight(t)
	shop, image := n.Name("shop"), n.Image("v1", `CMD ["/app"]`)
	n.Run(shop, n.labels(image)...)
	n.start()
	n.service.Trigger("High error rate")
	n.maria.Tap(n.offered(n.channel.ExpectMessage(t, "High error rate"), "Terminal").Button("Terminal"))
	link := n.maria.ExpectEphemeral(t, n.channel, "/t#").String()
	n.Docker("rm", "-f", shop)
	n.Run(shop, n.labels("--label", "snapback.restore.allow=U0SOMEBODY", image)...)
	if status := n.redeem(link); status != http.StatusForbidden {
		t.Errorf("redeeming: %d", status)
	}
}

func TestTerminalLinkOfATokenIsForWhomTheLabelsAllowIt(t *testing.T) {
	n := newNight(t)
	shop, image := n.Name("shop"), n.Image("v1", `CMD ["/app"]`)
	n.Run(shop, n.labels("--label", "snapback.restore.allow=U0MARIA", "--label", "snapback.terminal.allow=oncall", image)...)
	n.start()
	incident := n.service.Trigger("High error rate")
	n.channel.ExpectMessage(t, "High error rate")
	mint := func(person, mode string) (int, map[string]any) {
		return n.call("POST", "/incidents/"+incident.ID()+"/terminal-links", `{"mode":"`+mode+`","person":{`+person+`}}`)
	}
	n.pd.Outage(true)
	if status, answer := mint(`"slack_id":"U0MARIA"`, "shell"); status != http.StatusServiceUnavailable || answer["code"] != "unsure" {
		t.Errorf("while PagerDuty is away: %d %v", status, answer)
	}
	n.pd.Outage(false)
	for person, want := range map[string][2]int{ // for the logs, for a shell
		`"slack_id":"U0MARIA"`:     {http.StatusCreated, http.StatusCreated},
		`"slack_id":"U0BOSS"`:      {http.StatusForbidden, http.StatusForbidden},
		`"pagerduty_id":"PMARIA1"`: {http.StatusForbidden, http.StatusCreated},
		`"pagerduty_id":"PBOT001"`: {http.StatusForbidden, http.StatusForbidden},
	} {
		for i, mode := range []string{"logs", "shell"} {
			if status, answer := mint(person, mode); status != want[i] {
				t.Errorf("%s for %s: %d %v", mode, person, status, answer)
			}
		}
	}
	_, answer := mint(`"slack_id":"U0MARIA"`, "logs")
	n.Docker("rm", "-f", shop)
	n.Run(shop, n.labels("--label", "snapback.restore.allow=U0SOMEBODY", image)...)
	if status := n.redeem(answer["url"].(string)); status != http.StatusForbidden {
		t.Errorf("redeeming what a deploy has taken away since: %d", status)
	}
}

func TestTerminalOfAnotherServiceIsNotOpenedWithinAnIncident(t *testing.T) {
	n := newNight(t)
	n.Run(n.Name("shop"), n.labels(n.Image("v1", `CMD ["/app"]`))...)
	n.Run(n.Name("pay"), "--label", "snapback.pagerduty.service=PPAY", n.Name("v1"))
	n.start()
	incident := n.service.Trigger("High error rate")
	n.channel.ExpectMessage(t, "High error rate")
	status, answer := n.call("POST", "/incidents/"+incident.ID()+"/terminal-links", `{"container":"`+n.Name("pay")+`"}`)
	if status != http.StatusConflict || answer["code"] != "other_service" {
		t.Errorf("%d %v", status, answer)
	}
}

func TestTerminalLinkIsForLivingMembersOfTheWorkspaceAlone(t *testing.T) {
	n := newNight(t)
	n.Run(n.Name("shop"), n.labels("--label", "snapback.terminal.allow=oncall", n.Image("v1", `CMD ["/app"]`))...)
	n.start()
	incident := n.service.Trigger("High error rate")
	alert := n.offered(n.channel.ExpectMessage(t, "High error rate"), "Terminal")
	for id, c := range map[string]struct { // all with the address of who is on call
		account slackfake.Account
		want    int
	}{
		"U0TWIN":    {want: http.StatusCreated},
		"U0LEFT":    {slackfake.Account{Deleted: true}, http.StatusForbidden},
		"U0FOREIGN": {slackfake.Account{Workspace: "T0OTHER"}, http.StatusForbidden},
		"U0GUEST":   {slackfake.Account{Guest: true}, http.StatusForbidden},
		"U0NEW":     {slackfake.Account{Unconfirmed: true}, http.StatusForbidden},
		"U0ROBOT":   {slackfake.Account{Bot: true}, http.StatusForbidden},
	} {
		n.slack.AddUser(id, id, "maria@example.com").Becomes(c.account)
		status, answer := n.call("POST", "/incidents/"+incident.ID()+"/terminal-links", `{"mode":"shell","person":{"slack_id":"`+id+`"}}`)
		if status != c.want {
			t.Errorf("%s: %d %v", id, status, answer)
		}
	}
	if a := n.maria.Tap(alert.Button("Terminal"), slackfake.FromWorkspace("T0OTHER")); a.Status != http.StatusForbidden {
		t.Errorf("a tap of another workspace: %d %v", a.Status, a.Err)
	}
}
