package main

import (
	"context"
	"errors"
	"strings"

	"github.com/snapback/snapback/internal/setup"
)

// slackWay is how Slack's taps are to reach the bot: Slack calls it, or it connects to Slack, which is Socket Mode.
type slackWay struct{ known, sockets bool }

// sockets says whether it is Socket Mode, as far as is known by now.
func (s settingUp) sockets() bool {
	return s.way.sockets || s.value("SLACK_APP_TOKEN") != ""
}

// slackReaches is asked once: afterwards the settings tell.
func (s settingUp) slackReaches() setup.Question {
	return setup.Question{
		Where: "Can Slack reach this machine from the internet? yes: Slack calls it. no: the bot connects to Slack (Socket Mode); PagerDuty\n" +
			"and phones use SNAPBACK_PUBLIC_URL all the same.",
		Skip:   func() bool { return s.way.known || s.sockets() || s.value("SLACK_SIGNING_SECRET") != "" },
		Decide: func(yes bool) { *s.way = slackWay{known: true, sockets: !yes} },
	}
}

func (s settingUp) manifest(publicURL string) string {
	if s.sockets() {
		return setup.SocketManifest()
	}
	return setup.Manifest(publicURL)
}

// checkAppToken has Slack name an address for a connection, and opens none: taps would come to it.
func (s settingUp) checkAppToken(ctx context.Context, v string) (string, error) {
	if !strings.HasPrefix(v, "xapp-") {
		return "", errors.New("that is no app-level token: it begins with xapp-")
	}
	b, err := s.slack(s.value("SLACK_BOT_TOKEN"), "", v)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	return "Slack takes it, and Socket Mode is on", b.SocketTest(ctx)
}
