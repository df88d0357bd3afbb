package main

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/internal/testkit"
)

func TestAWrongAppTokenIsFoundByDoctorAndServeAndIsNotReady(t *testing.T) {
	n := newNight(t)
	n.slack = slackfake.Start(t, slackfake.Config{BotToken: "xoxb-test", SigningSecret: "signing", AppToken: "xapp-right"})
	n.slack.AddChannel("C0ALERTS", "alerts")
	n.env["SLACK_API_URL"] = n.slack.APIURL()
	for token, ready := range map[string]bool{"xapp-wrong": false, "xapp-right": true} {
		n.env["SLACK_APP_TOKEN"] = token
		c, err := readConfig(&reader{getenv: func(k string) string { return n.env[k] }})
		testkit.OK(t, err)
		var out bytes.Buffer
		err = examine(t.Context(), &out, []check{{name: "Slack", ask: func(ctx context.Context) (string, error) { return checkSlack(ctx, c) }}})
		if (err == nil) != ready || strings.Contains(out.String(), "SLACK_APP_TOKEN") == ready {
			t.Errorf("%s: doctor says %v, %s", token, err, out.String())
		}
		bot := serveWith(t, n.env)
		log, _ := bot.log.read()
		if strings.Contains(log, "snapback is ready") != ready || !ready && !strings.Contains(log, "does not take SLACK_APP_TOKEN") {
			t.Errorf("%s: serve says\n%s", token, log)
		}
		resp, err := http.Get(bot.metrics + "/readyz")
		testkit.OK(t, err)
		resp.Body.Close()
		if (resp.StatusCode == http.StatusOK) != ready {
			t.Errorf("%s: /readyz answers %s", token, resp.Status)
		}
		bot.end(t)
	}
}
