package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/pagerdutyfake"
	"github.com/snapback/snapback/internal/slackfake"
)

// holding is a night with a Compose project, whose second file was rolled back.
type holding struct {
	*night
	project  *enginetest.Project
	name     string // the container's
	good     string // the first file
	bad      string // the second one
	badImage string
	incident string // PagerDuty's ID
	alert    slackfake.Message
}

func (n *night) version(number int) string {
	n.t.Helper()
	return n.Image(fmt.Sprintf("shop:1.4%d", number), fmt.Sprintf("ENV VERSION=%d\nCMD [\"/app\", \"serve\", \"-addr=\"]", number))
}

// file is a Compose file with one service.
func (n *night) file(image, pool string) string {
	return fmt.Sprintf(`version: "2.4"
services:
  web:
    image: %s
    environment: {DB_POOL: "%s", API_KEY: "hunter2-%s-hunter2"}
    labels: {snapback.enable: "true", %s, snapback.pagerduty.service: PSHOP01, snapback.slack.channel: C0ALERTS}
`, image, pool, pool, strings.Replace(n.Only(), "=", ": ", 1))
}

func (h *holding) up(file string) {
	h.t.Helper()
	h.project.Write(file)
	h.project.Compose("up", "-d", "--timeout", "1")
}

func (h *holding) awaitRows(what, query string, n int) {
	h.t.Helper()
	limit, tick := time.After(2*time.Minute), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for h.count(query) < n {
		select {
		case <-tick.C:
		case <-limit:
			h.t.Fatalf("it did not come to pass that %s", what)
		}
	}
}

func (h *holding) awaitDeploys(n int) {
	h.t.Helper()
	h.awaitRows(fmt.Sprintf("%d deploys are seen", n), `SELECT count(*) FROM deploys`, n)
}

// restored runs both files, and taps on Restore in the alert.
func restored(t *testing.T, n *night, c enginetest.Compose) *holding {
	t.Helper()
	n.env["SNAPBACK_BASELINE_AFTER"] = "400ms"
	h := &holding{night: n, badImage: n.version(2)}
	h.good, h.bad = n.file(n.version(1), "20"), n.file(h.badImage, "2")
	n.start()
	h.project = n.Project(c, h.good)
	h.name = h.project.Container("web", 1)
	h.up(h.good)
	h.awaitRows("there is a baseline", `SELECT count(*) FROM snapshots WHERE reason = 'baseline'`, 1)
	h.up(h.bad)
	h.awaitDeploys(1)
	h.incident = n.service.Trigger("Checkout error rate above 5 %").ID()
	h.alert = n.channel.ExpectMessage(t, "Checkout error rate above 5 %", "[Restore pre-deploy-")
	h.tapRestore(h.alert)
	h.alert = h.alert.ExpectUpdate(t, "is back on pre-deploy-", "On hold: "+h.name+" 1.42", "[Release]")
	return h
}

// tapRestore taps on the message's Restore button, and waits until that restore is verified.
func (h *holding) tapRestore(m slackfake.Message) {
	h.t.Helper()
	button, ok := restoreButton(m)
	if !ok {
		h.t.Fatalf("no Restore button:\n%s", m)
	}
	const verified = `SELECT count(*) FROM restores WHERE state = 'verified'`
	before := h.count(verified)
	if answer := h.maria.Tap(button); answer.Status != 200 {
		h.t.Fatalf("tapping Restore: %+v", answer)
	}
	h.awaitRows("the restore is verified", verified, before+1)
}

func (h *holding) runs() string {
	h.t.Helper()
	return h.Docker("inspect", "-f", "{{json .Config.Env}}", h.name)
}

// exit runs a command of the program, and returns its exit code and what it said.
func (h *holding) exit(args ...string) (int, string) {
	h.t.Helper()
	vars := map[string]string{"SNAPBACK_URL": h.bot.url, "SNAPBACK_TOKEN": apiToken}
	var out bytes.Buffer
	err := run(h.t.Context(), args, func(k string) string { return vars[k] }, strings.NewReader(""), &out, &out)
	return exitCode(err), out.String()
}

// TestOldComposeFileThatComesBackIsSeenAndRestoredAgain is the story of a hold, by a real `docker compose up` of the old file.
func TestOldComposeFileThatComesBackIsSeenAndRestoredAgain(t *testing.T) {
	enginetest.EachCompose(t, func(t *testing.T, c enginetest.Compose) {
		t.Parallel()
		h := restored(t, newNightOn(t, enginetest.New(t)), c)
		if status, answer := h.call("GET", "/containers/"+h.name+"/hold", ""); status != 200 || strings.Contains(fmt.Sprint(answer), "hunter2") {
			t.Fatalf("the hold: %d %v", status, answer)
		}
		if code, said := h.exit("snapshot", "create", h.name, "--pre-deploy"); code != exitRefused || !strings.Contains(said, "1.42 is on hold since") {
			t.Errorf("a deploy while there is a hold: exit code %d, %s", code, said)
		}

		h.up(h.bad)
		alert := h.alert.ExpectUpdate(t, "1.42 is back since", "the deploy that was rolled back at", "[Restore pre-deploy-", "[Release]")
		reply := alert.ExpectReply(t, "⛔", "1.42 is back: the deploy that was rolled back at", "[Restore pre-deploy-", "[Release]")
		if !reply.Broadcast {
			t.Errorf("the channel is not told:\n%s", reply)
		}
		h.maria.Command(h.channel, "/snapback", "status")
		h.maria.ExpectEphemeral(t, h.channel, "⛔", "1.42 is on hold since", "It is back since")
		h.tapRestore(reply)
		if env := h.runs(); !strings.Contains(env, "DB_POOL=20") {
			t.Errorf("after the second restore it runs with %s", env)
		}
		h.alert = alert.ExpectUpdate(t, "is back on pre-deploy-", "On hold: ", "[Undo]")

		h.maria.Command(h.channel, "/snapback", "status")
		h.maria.ExpectEphemeral(t, h.channel, "✋", "1.42 is on hold since", "by Maria")
		if answer := h.maria.Tap(h.alert.Button("Release")); answer.Status != 200 {
			t.Fatalf("tapping Release: %+v", answer)
		}
		h.alert.ExpectReply(t, "Maria released the hold on ", "1.42")
		if status, answer := h.call("GET", "/containers/"+h.name+"/hold", ""); status != 404 || answer["code"] != "not_held" {
			t.Errorf("after Release: %d %v", status, answer)
		}
		h.checkStory()
	})
}

// Whoever lets a deploy be that runs again has not put back what was restored, and keeps the button that does.
func TestReleaseOfADeployThatRunsAgainKeepsTheWayBack(t *testing.T) {
	enginetest.EachCompose(t, func(t *testing.T, c enginetest.Compose) {
		t.Parallel()
		h := restored(t, newNightOn(t, enginetest.New(t)), c)
		h.up(h.bad)
		alert := h.alert.ExpectUpdate(t, "1.42 is back since", "[Release]")
		if answer := h.maria.Tap(alert.Button("Release")); answer.Status != 200 {
			t.Fatalf("tapping Release: %+v", answer)
		}
		alert = alert.ExpectUpdate(t, "1.42 is back since", "released", "[Restore pre-deploy-")
		if said := alert.String(); strings.Contains(said, "is back on pre-deploy-") || strings.Contains(said, "[Release]") || strings.Contains(said, "[Undo]") {
			t.Errorf("the message says of a restore that it holds:\n%s", said)
		}
	})
}

// checkStory looks whether the post-mortem has all of it, and the database no secret.
func (h *holding) checkStory() {
	h.t.Helper()
	_, answer := h.call("GET", "/incidents/"+h.incident+"/export?format=md", "")
	text, _ := answer["text"].(string)
	for _, want := range []string{"On hold: ", "is back: the deploy that was rolled back at", "released the hold on"} {
		if !strings.Contains(text, want) {
			h.t.Errorf("the post-mortem does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(h.dump(), "hunter2") {
		h.t.Error("a secret is in the database")
	}
	if n := h.count(`SELECT count(*) FROM timeline WHERE kind = '` + string(incidents.KindDeployBack) + `'`); n != 1 {
		h.t.Errorf("it was told %d times", n)
	}
}

// TestThePipelineOfTheDocsIsStoppedByAHold runs the script of docs/hold.md against a bot.
func TestThePipelineOfTheDocsIsStoppedByAHold(t *testing.T) {
	enginetest.EachCompose(t, func(t *testing.T, c enginetest.Compose) {
		t.Parallel()
		h := restored(t, newNightOn(t, enginetest.New(t)), c)
		fix, script := h.version(3), blockOf(t, "hold.md", "## In a pipeline")
		if out, err := h.shell(script, h.badImage); err == nil || !strings.Contains(out, `"code":"held"`) || !strings.Contains(out, "1.42 is on hold since") {
			t.Errorf("what is on hold gets through: %v\n%s", err, out)
		}
		if out, err := h.shell(script, fix); err != nil {
			t.Errorf("the fix does not get through: %v\n%s", err, out)
		}
		if code, said := h.exit("snapshot", "create", h.name, "--pre-deploy", "--deploying", fix); code != 0 {
			t.Errorf("the fix does not get through: %d %s", code, said)
		}
		if code, said := h.exit("snapshot", "create", h.name, "--pre-deploy", "--override"); code != 0 {
			t.Errorf("override: %d %s", code, said)
		}
	})
}

// shell runs a script as a pipeline does.
func (h *holding) shell(script, image string) (string, error) {
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-eo", "pipefail", "-c", script)
	cmd.Env = append(os.Environ(), "SNAPBACK_URL="+h.bot.url, "SNAPBACK_TOKEN="+apiToken, "CONTAINER="+h.name, "IMAGE="+image)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// shop is a container that was replaced, and restored over the API, within the incident if there is one.
func (n *night) shopRestored(labels ...string) (shop string, bad []string) {
	n.t.Helper()
	shop = n.Name("shop")
	n.Run(shop, append(labels, "--env", "DB_POOL=20", n.version(1))...)
	n.start()
	n.awaitKnown(1)
	if status, answer := n.call("POST", "/containers/"+shop+"/snapshots", `{"reason":"pre-deploy","name":"pre-deploy-2255"}`); status != 201 {
		n.t.Fatalf("taking a snapshot: %d %v", status, answer)
	}
	bad = append(labels[:len(labels):len(labels)], "--env", "DB_POOL=2", n.version(2))
	n.deploy(shop, bad, 1)
	if status, answer := n.call("PATCH", "/containers/"+shop+"/snapshots/pre-deploy-2255", "{}"); status != 200 {
		n.t.Fatalf("restoring: %d %v", status, answer)
	}
	return shop, bad
}

// deploy replaces a container, and waits until that many deploys are seen.
func (n *night) deploy(name string, args []string, seen int) {
	n.t.Helper()
	n.Docker("rm", "-f", name)
	n.Run(name, args...)
	n.pollUntil("the deploy is seen", func() bool { return n.count(`SELECT count(*) FROM deploys`) == seen })
}

func TestHoldOutsideOfAnyIncidentIsToldInTheChannel(t *testing.T) {
	n := newNight(t)
	shop, bad := n.shopRestored("--label", "snapback.slack.channel=C0ALERTS")
	asked := n.channel.ExpectMessage(t, "asked to restore")
	on := asked.ExpectReply(t, "✋ On hold: "+shop+" 1.42", "or until somebody releases it", "[Release]")
	n.deploy(shop, bad, 2)
	back := n.channel.ExpectMessage(t, "⛔ "+shop+" 1.42 is back: the deploy that was rolled back at", "[Restore pre-deploy-2255]", "[Release]")
	if answer := n.maria.Tap(back.Button("Restore pre-deploy-2255")); answer.Status != 200 {
		t.Fatalf("tapping Restore: %+v", answer)
	}
	n.pollUntil("it is restored once more", func() bool { return n.count(`SELECT count(*) FROM restores WHERE state = 'verified'`) == 2 })
	if answer := n.maria.Tap(on.Button("Release")); answer.Status != 200 {
		t.Fatalf("tapping Release: %+v", answer)
	}
	n.channel.ExpectMessage(t, "Maria asked to restore").ExpectReply(t, "🔓 Maria released the hold on "+shop+" 1.42")
	if answer := n.maria.Tap(on.Button("Release")); answer.Status != 200 {
		t.Fatalf("tapping Release again: %+v", answer)
	}
	n.maria.ExpectEphemeral(t, n.channel, "nothing is on hold there any more")
}

func TestReleaseTakesThePermissionToRestore(t *testing.T) {
	n := newNight(t)
	shop, _ := n.shopRestored("--label", "snapback.slack.channel=C0ALERTS", "--label", "snapback.restore.allow=U0OTHER")
	on := n.channel.ExpectMessage(t, "asked to restore").ExpectReply(t, "✋ On hold: ", "[Release]")
	if answer := n.maria.Tap(on.Button("Release")); answer.Status != 200 {
		t.Fatalf("tapping Release: %+v", answer)
	}
	n.maria.ExpectEphemeral(t, n.channel, "Nothing was done: only these may release the hold on "+shop)
	if status, answer := n.call("GET", "/containers/"+shop+"/hold", ""); status != 200 {
		t.Errorf("after a refused Release: %d %v", status, answer)
	}
	n.pollUntil("the refusal is on the timeline", func() bool { return n.count(`SELECT count(*) FROM timeline WHERE kind = 'refused'`) == 1 })
}

// TestHoldOfASuspectIsToldInItsIncident has a container that names no service: an alert shows it since it was deployed last.
func TestHoldOfASuspectIsToldInItsIncident(t *testing.T) {
	n := newNight(t)
	shop := n.Name("shop")
	n.Run(shop, "--env", "DB_POOL=20", n.version(1))
	n.start()
	n.awaitKnown(1)
	if status, answer := n.call("POST", "/containers/"+shop+"/snapshots", `{"reason":"pre-deploy","name":"pre-deploy-2255"}`); status != 201 {
		t.Fatalf("taking a snapshot: %d %v", status, answer)
	}
	bad := []string{"--env", "DB_POOL=2", n.version(2)}
	n.deploy(shop, bad, 1)
	incident := n.service.Trigger("High error rate on shop")
	alert := n.channel.ExpectMessage(t, "High error rate on shop", "[Restore pre-deploy-2255")
	button, _ := restoreButton(alert)
	n.maria.Tap(button)
	alert = alert.ExpectUpdate(t, "On hold: "+shop+" 1.42")
	n.deploy(shop, bad, 2)
	alert.ExpectReply(t, "⛔ "+shop+" 1.42 is back")
	alert = alert.ExpectUpdate(t, "1.42 is back since", "[Restore pre-deploy-2255")

	if err := incident.Resolve(pagerdutyfake.User{ID: "PMARIA1", Name: "Maria", Email: "maria@example.com"}); err != nil {
		t.Fatal(err)
	}
	alert.ExpectUpdate(t, "Resolved")
	if status, answer := n.call("GET", "/containers/"+shop+"/hold", ""); status != 404 {
		t.Errorf("after the incident was resolved: %d %v", status, answer)
	}
}
