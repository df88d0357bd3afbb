package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// A link from Slack registers a phone; its passkey signs in; Home shows what is there.
func TestPhoneIsRegisteredSignsInAndSeesHome(t *testing.T) {
	n := newNight(t)
	n.reachable()
	shop := n.Name("shop")
	n.Run(shop, n.labels(n.Image("v1", `CMD ["/app"]`))...)
	n.start()
	p := newPhone(t)

	p.open(n.env["SNAPBACK_PUBLIC_URL"] + "/")
	p.sees("Nobody can sign in yet")
	p.pictures("nobody")

	url, _ := n.signinLink(n.maria)
	p.open(url)
	p.sees("Register this device")
	p.pictures("register")
	p.tap("Register this device")
	p.sees("All quiet. 1 container", shop, "running", "Maria")
	p.pictures("home-quiet")
	n.channel.ExpectMessage(t, "Maria registered a passkey for the console")

	p.tap("Sign out")
	p.sees("You are signed out")
	p.pictures("signin")
	p.tap("Sign in with a passkey")
	p.sees("All quiet. 1 container", shop)

	p.open(n.env["SNAPBACK_PUBLIC_URL"] + "/")
	p.sees("All quiet. 1 container")
}

// From Home to the change of a deploy in two taps, back to the state before it in two more, and undone.
func TestPhoneFindsTheDeployAndRestoresFromTheConsole(t *testing.T) {
	n := newNight(t)
	n.reachable()
	shop := n.Name("shop")
	n.Run(shop, n.labels("--env", "DB_POOL=20", "--env", "API_KEY=topsecret1", n.Image("v1", `CMD ["/app"]`))...)
	n.Run(n.Name("a-"+strings.Repeat("very-long-name-", 13)), n.labels(n.Image("v1", `CMD ["/app"]`))...)
	n.Run(n.Name("batch"), "--label", "snapback.restore.allow=U0BOB", "--label", "snapback.slack.channel=C0OTHER", n.Image("v1", `CMD ["/app"]`))
	n.start()
	n.awaitKnown(3)
	if status, answer := n.call("POST", "/containers/"+shop+"/snapshots", `{"reason":"pre-deploy","name":"pre-deploy-2255"}`); status != 201 {
		t.Fatalf("taking a snapshot: %d %v", status, answer)
	}
	n.Docker("rm", "-f", shop)
	n.Run(shop, n.labels("--env", "DB_POOL=2", "--env", "API_KEY=topsecret2", n.Image("v2", `CMD ["/app"]`))...)
	incident := n.service.Trigger("High error rate on shop: 5xx for 41 % of requests, " + strings.Repeat("and more of the same ", 8))
	n.channel.ExpectMessage(t, "High error rate on shop")

	p := newPhone(t)
	url, _ := n.signinLink(n.maria)
	p.open(url)
	p.tap("Register this device")
	p.sees("1 incident open", "High error rate", "Nobody has it", "DB_POOL: 20 → 2", "1 more container is not yours to see")
	p.pictures("home-incident")
	if strings.Contains(p.text(), "batch") {
		t.Error("she sees what is Bob's")
	}

	p.network(false)
	p.sees("Offline since")
	p.pictures("home-offline")
	p.network(true)
	p.until("it is live again", func() bool { return !strings.Contains(p.text(), "Offline") })

	p.opens("High error rate", "PagerDuty opened the incident")
	p.sees("Acknowledge")
	p.pictures("incident")
	p.tap("Acknowledge")
	incident.ExpectStatus(t, "acknowledged")
	if by, _ := incident.AcknowledgedBy(); by.Email != "maria@example.com" {
		t.Errorf("acknowledged by %+v", by)
	}
	p.sees("Maria has it")
	p.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('textarea').value = 'DB_POOL looks wrong, token=sk_live_4242424242424242'`))
	p.tap("Add note")
	p.sees("DB_POOL looks wrong")
	incident.ExpectNote(t, "DB_POOL looks wrong")
	if strings.Contains(p.text(), "sk_live_4242424242424242") {
		t.Error("a secret in a note is shown")
	}
	p.pictures("incident-acknowledged")
	p.opens("Changes and snapshots of "+shop, "Last deploy")
	p.sees("DB_POOL: 20 → 2", "Restore pre-deploy-2255", "Would change back")
	if strings.Contains(p.text(), "topsecret") {
		t.Error("a secret is shown")
	}
	p.pictures("container-changes")
	p.tap("Snapshots")
	p.sees("pre-deploy-2255")
	p.pictures("container-snapshots")
	p.tap("Restore pre-deploy-2255")
	p.sees("Leave it as it is", "DB_POOL: 2 → 20")
	p.pictures("container-sheet")
	p.tapLast("Restore pre-deploy-2255")
	p.sees("Undo", "Undone: pre-deploy-2255 was restored")
	if env := n.Docker("inspect", "--format", "{{.Config.Env}}", shop); !strings.Contains(env, "DB_POOL=20") {
		t.Errorf("env is %s", env)
	}
	n.channel.ExpectMessage(t, "Undo")
	p.pictures("container-restored")

	p.tap("Undo")
	p.tap("Undo the restore")
	p.sees("was undone")
	if env := n.Docker("inspect", "--format", "{{.Config.Env}}", shop); !strings.Contains(env, "DB_POOL=2") {
		t.Errorf("env is %s", env)
	}
	p.pictures("container-undone")
	p.tap("‹ Home")
	p.opens("High error rate", "PagerDuty opened the incident")
	p.tap("Resolve")
	p.sees("Leave it as it is")
	p.tapLast("Resolve")
	incident.ExpectStatus(t, "resolved")
	p.sees("Resolved by Maria")
	p.pictures("incident-resolved")
	p.open(n.env["SNAPBACK_PUBLIC_URL"] + "/#/c/nothing")
	p.sees("There is nothing here")
	p.pictures("container-unseen")
}
