package main

import (
	"bytes"
	"image/png"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/slackfake"
)

// A container that crashes again and again is told as such, and the errors that it logs are in the picture, wherever that is to be had.
func TestAlertShowsHowTheContainerIsAndWhatItLogs(t *testing.T) {
	n := newNight(t)
	n.env["SNAPBACK_ERRORS_MINUTE"] = "500ms"
	n.start()
	shop := n.Name("shop")
	n.Run(shop, n.labels("--restart", "always", "--env", "DB_PASSWORD=hunter22hunter", n.Image("v1", `CMD ["/app", "fail", "139", "level=error no connection with hunter22hunter"]`))...)
	counted := func() int {
		_, answer := n.call("GET", "/containers/"+shop+"/errors", "")
		minutes, _ := answer["minutes"].([]any)
		errors := 0.0
		for _, m := range minutes {
			errors += m.(map[string]any)["errors"].(float64)
		}
		return int(errors)
	}
	n.pollUntil("three errors are counted", func() bool { return counted() > 2 })

	incident := n.service.Trigger("High error rate on shop")
	alert := n.channel.ExpectMessage(t, "High error rate on shop", "exit code 139 (segmentation fault)", "times in the last")
	if strings.Contains(alert.String(), "hunter22") {
		t.Errorf("it tells a secret: %s", alert)
	}
	n.maria.Tap(alert.Overflow("Details"))
	n.maria.ExpectEphemeral(t, n.channel, "Last errors in its log", "level=error no connection with")

	var drawn []slackfake.File
	n.pollUntil("the thread has the picture", func() bool {
		for _, r := range alert.Now().Replies {
			drawn = append(drawn, r.Files...)
		}
		return len(drawn) > 0
	})
	if _, err := png.Decode(bytes.NewReader(drawn[0].Data)); err != nil || !strings.Contains(drawn[0].Alt, "Errors a minute of "+shop) {
		t.Errorf("%q: %v", drawn[0].Alt, err)
	}
	for path, want := range map[string]string{"/chart": "<svg ", "/export?format=html": "<figure>\n<svg ", "/export?format=md": "Errors a minute of "} {
		_, answer := n.call("GET", "/incidents/"+incident.ID()+path, "")
		if text, _ := answer["text"].(string); !strings.Contains(text, want) {
			t.Errorf("%s has no %q: %v", path, want, answer)
		}
	}
}

// A log that the engine does not keep tells nothing of errors, and the alert says so.
func TestAlertSaysThatErrorsCannotBeCounted(t *testing.T) {
	n := newNight(t)
	n.start()
	n.Run(n.Name("shop"), n.labels("--log-driver", "syslog", "--log-opt", "syslog-address=udp://127.0.0.1:9", "--log-opt", "cache-disabled=true", n.Image("v1", `CMD ["/app"]`))...)
	n.pollUntil("the log was tried", func() bool {
		text, _ := n.bot.log.read()
		return strings.Contains(text, "errors of a container can't be counted from its log")
	})
	n.service.Trigger("High error rate on shop")
	n.channel.ExpectMessage(t, "High error rate on shop", "Errors can't be counted", "the log driver syslog does not keep it")
}
