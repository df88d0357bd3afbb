package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/pagerdutyfake"
	"github.com/snapback/snapback/internal/pgserver"
	"github.com/snapback/snapback/internal/testkit"
)

// Guarantee 1: a container without the label is never offered or changed.
func TestContainerWithoutTheLabelIsOutOfReach(t *testing.T) {
	n := newNight(t)
	name := n.Name("private")
	id := n.Docker("run", "--detach", "--name", name, "--label", n.Only(), "--env", "SECRET_TOKEN=hunter2", n.Image("v1", `CMD ["/app"]`))
	n.start()
	for _, ref := range []string{name, id, id[:12]} {
		for _, try := range [][2]string{
			{"GET", "/containers/" + ref + "/snapshots"}, {"POST", "/containers/" + ref + "/snapshots"},
			{"PATCH", "/containers/" + ref + "/snapshots/x"}, {"DELETE", "/containers/" + ref + "/snapshots/x"},
		} {
			if status, answer := n.call(try[0], try[1], ""); status != http.StatusNotFound {
				t.Errorf("%s %s: %d %v", try[0], try[1], status, answer)
			}
		}
	}
	if _, answer := n.call("GET", "/containers", ""); strings.Contains(textOf(answer), name) {
		t.Errorf("it is listed: %v", answer)
	}
	if now := n.Docker("inspect", "--format", "{{.Id}} {{.State.Running}}", name); now != id+" true" {
		t.Errorf("it is %s now", now)
	}
}

func textOf(answer map[string]any) string {
	var b strings.Builder
	for k, v := range answer {
		b.WriteString(k)
		if s, ok := v.(string); ok {
			b.WriteString(s)
		}
		if list, ok := v.([]any); ok {
			for _, e := range list {
				if m, ok := e.(map[string]any); ok {
					b.WriteString(textOf(m))
				}
			}
		}
	}
	return b.String()
}

// Guarantee 4: what is delivered twice acts once.
func TestTapTwiceIsOneRestoreAndWebhookTwiceOneMessage(t *testing.T) {
	n := newNight(t)
	shop := n.Name("shop")
	n.Run(shop, n.labels(n.Image("v1", `CMD ["/app"]`))...)
	n.start()
	n.call("POST", "/containers/"+shop+"/snapshots", `{"name":"good"}`)
	n.Docker("rm", "-f", shop)
	n.Run(shop, n.labels("--env", "DB_POOL=2", n.Image("v2", `CMD ["/app"]`))...)
	incident := n.service.Trigger("High error rate")
	alert := n.channel.ExpectMessage(t, "High error rate", "[Restore good]")
	incident.Redeliver()
	first, second := n.maria.TapTwice(alert.Button("Restore good"))
	if first.Status != 200 || second.Status != 200 {
		t.Fatalf("answers %d and %d", first.Status, second.Status)
	}
	alert.ExpectUpdate(t, "Undo")
	if status, _ := n.call("GET", "/restores/2", ""); status != http.StatusNotFound {
		t.Errorf("there is a second restore (%d)", status)
	}
	found := 0
	for _, m := range n.channel.Messages() {
		if m.Contains("High error rate") {
			found++
		}
	}
	if found != 1 {
		t.Errorf("%d messages of one alert", found)
	}
}

// Guarantee 5: while the database is away, PagerDuty is told to come again, and nothing is lost.
func TestWebhookIsNotTakenWhileTheDatabaseIsAway(t *testing.T) {
	n := newNight(t)
	dir := t.TempDir()
	begin := func() *pgserver.Server {
		server, err := pgserver.Start(t.Context(), pgserver.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return server
	}
	end := func(s *pgserver.Server) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	}
	server := begin()
	n.env["DATABASE_URL"] = server.URL()
	n.start()
	end(server)

	n.service.Trigger("High error rate")
	testkit.Eventually(t, "a webhook answered 503", func() bool {
		for _, d := range n.pd.Deliveries() {
			for _, a := range d.Attempts {
				if a.Status == http.StatusServiceUnavailable {
					return true
				}
			}
		}
		return false
	})
	server = begin()
	n.channel.ExpectMessage(t, "High error rate")
	n.bot.end(t)
	end(server)
}

// Guarantee 5: an outage of Slack delays posts; they arrive in order, once.
func TestSlackOutageDelaysPostsAndLosesNone(t *testing.T) {
	n := newNight(t)
	n.start()
	n.slack.Outage(true)
	incident := n.service.Trigger("High error rate")
	if err := incident.Acknowledge(pagerdutyfake.User{ID: "PMARIA1", Name: "Maria", Email: "maria@example.com"}); err != nil {
		t.Fatal(err)
	}
	n.pd.ExpectDelivered(t)
	testkit.Eventually(t, "a post that fails", func() bool { return n.failedJobs() > 0 })
	n.slack.Outage(false)
	alert := n.channel.ExpectMessage(t, "High error rate", "Maria")
	alert.ExpectReply(t, "Maria")
	if all := n.channel.Messages(); len(all) != 1 || len(all[0].Replies) != 1 {
		t.Errorf("after the outage the channel shows:\n%s", n.channel)
	}
}

// Bad signatures are refused with 401, and counted by reason.
func TestUnsignedWebhookIsRefusedAndCounted(t *testing.T) {
	n := newNight(t)
	n.start()
	body := []byte(`{"event":{"id":"E1","event_type":"pagey.ping","resource_type":"pagey","occurred_at":"2026-03-01T00:00:00Z","data":{"message":"x","type":"ping"}}}`)
	target := n.bot.url + "/webhooks/pagerduty"
	if reply := n.pd.Send(t, target, body); reply.Status != http.StatusUnauthorized {
		t.Errorf("unsigned: %d", reply.Status)
	}
	if reply := n.pd.Send(t, target, body, pagerdutyfake.SignedWith("another secret")); reply.Status != http.StatusUnauthorized {
		t.Errorf("wrong secret: %d", reply.Status)
	}
	if reply := n.pd.Send(t, target, body, pagerdutyfake.SignedWith("another secret", hookSecret)); reply.Status != http.StatusAccepted {
		t.Errorf("during a rotation: %d", reply.Status)
	}
	if reply := n.pd.Send(t, target, make([]byte, 1<<20+1), pagerdutyfake.SignedWith(hookSecret)); reply.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("over 1 MiB: %d", reply.Status)
	}
	resp, err := http.Get(n.bot.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range []string{"unsigned", "bad_signature", "too_large"} {
		if want := fmt.Sprintf("snapback_webhooks_refused_total{reason=%q} 1\n", reason); !strings.Contains(string(text), want) {
			t.Errorf("the metrics do not say %s", want)
		}
	}
}

// Guarantee 9: a secret of the environment is nowhere to be seen.
func TestSecretOfTheEnvironmentIsNowhereToBeSeen(t *testing.T) {
	n := newNight(t)
	const secret = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
	shop := n.Name("shop")
	n.Run(shop, n.labels("--env", "AWS_SECRET_ACCESS_KEY="+secret, n.Image("v1", `CMD ["/app"]`))...)
	n.start()
	n.call("POST", "/containers/"+shop+"/snapshots", `{"name":"good"}`)
	n.Docker("rm", "-f", shop)
	n.Run(shop, n.labels("--env", "AWS_SECRET_ACCESS_KEY=x"+secret, n.Image("v2", `CMD ["/app"]`))...)
	incident := n.service.Trigger("High error rate")
	alert := n.channel.ExpectMessage(t, "High error rate", "good")
	n.maria.Tap(alert.Button("Restore good"))
	alert.ExpectUpdate(t, "Undo")
	_, export := n.call("GET", "/incidents/"+incident.ID()+"/export?format=json", "")
	_, list := n.call("GET", "/containers/"+shop+"/snapshots", "")
	log, _ := n.bot.log.read()
	dump := n.dump()
	if !strings.Contains(dump, shop) {
		t.Fatal("the dump of the database is not one")
	}
	for where, text := range map[string]string{
		"Slack": n.channel.String(), "the export": textOf(export), "the API": textOf(list), "the log": log, "the database": dump,
	} {
		if strings.Contains(text, secret) {
			t.Errorf("it is in %s", where)
		}
	}
}

// Guarantee 9: an engine quotes what it can't start. What is secret in that, by its name or by the environment, is nowhere.
func TestSecretOfACommandThatDoesNotStartIsNowhereToBeSeen(t *testing.T) {
	n := newNight(t)
	const secret, known = "hunter2-hunter3", "correct horse"
	shop := n.Name("shop")
	image := n.Image("v1", `CMD ["/app"]`)
	n.Docker(append([]string{"create", "--name", shop, "--label", "snapback.enable=true", "--label", n.Only(), "--env", "A_TOKEN=" + known,
		"--entrypoint", "/app --password=" + secret + " " + known}, n.labels(image)...)...)
	n.start()
	if status, answer := n.call("POST", "/containers/"+shop+"/snapshots", `{"name":"broken"}`); status != http.StatusCreated {
		t.Fatalf("the snapshot: %d %v", status, answer)
	}
	n.Docker("rm", "-f", shop)
	n.Run(shop, n.labels(image)...)
	incident := n.service.Trigger("High error rate")
	alert := n.channel.ExpectMessage(t, "High error rate", "broken")
	n.maria.Tap(alert.Button("Restore broken"))
	alert.ExpectUpdate(t, "did not work", "/app --password=[masked] [masked]")
	_, export := n.call("GET", "/incidents/"+incident.ID()+"/export?format=md", "")
	_, restore := n.call("GET", "/restores/1", "")
	if !strings.Contains(textOf(export), `--password=\[masked\]`) {
		t.Errorf("the export does not tell why: %s", textOf(export))
	}
	log, _ := n.bot.log.read()
	for where, text := range map[string]string{
		"Slack": n.channel.String(), "the export": textOf(export), "the API": textOf(restore), "the log": log, "the database": n.dump(),
	} {
		if strings.Contains(text, secret) || strings.Contains(text, known) {
			t.Errorf("it is in %s", where)
		}
	}
}
