package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/pagerdutyfake"
	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/internal/storetest"
)

// newcomer is somebody with a Slack workspace and a PagerDuty account, and no settings yet.
type newcomer struct {
	t    *testing.T
	pd   *pagerdutyfake.Server
	file string
	env  map[string]string
}

func newNewcomer(t *testing.T) *newcomer {
	t.Parallel()
	slack := slackfake.Start(t, slackfake.Config{BotToken: "xoxb-right", SigningSecret: "signing", AppToken: "xapp-right"})
	slack.AddChannel("C0ALERTS", "alerts")
	n := &newcomer{t: t, file: filepath.Join(t.TempDir(), "config.yaml")}
	n.pd = pagerdutyfake.Start(t, pagerdutyfake.Config{APIToken: "pd-token", ReadOnlyToken: "pd-reading", Users: []pagerdutyfake.User{{ID: "PBOT001", Name: "Bot", Email: "bot@example.com"}}})
	n.env = map[string]string{"SLACK_API_URL": slack.APIURL(), "PAGERDUTY_API_URL": n.pd.URL(), "HOME": "/nowhere"}
	return n
}

// init runs snapback init, and answers in order.
func (n *newcomer) init(want int, answers []string, args ...string) string {
	n.t.Helper()
	var out bytes.Buffer
	typed := ""
	for _, answer := range answers {
		typed += answer + "\n"
	}
	err := run(n.t.Context(), append([]string{"init", "--config", n.file}, args...), func(name string) string { return n.env[name] },
		strings.NewReader(typed), &out, &out)
	if got := exitCode(err); got != want {
		n.t.Fatalf("snapback init %v: exit code %d, want %d:\n%s", args, got, want, out.String())
	}
	return out.String()
}

func (n *newcomer) text() string {
	text, _ := os.ReadFile(n.file)
	return string(text)
}

// lacks fails for each part that is missing in text.
func lacks(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("it does not say %q:\n%s", part, text)
		}
	}
}

func TestInitLeadsFromNothingToSettingsThatHold(t *testing.T) {
	n := newNewcomer(t)
	url := storetest.URL(t)
	out := n.init(exitFailed, []string{"http://bot.example.com", "https://bot.example.com/snapback", "https://bot.example.com", "maybe", "yes", "xoxb-wrong", "xoxb-right", "0123456789abcdef"})
	lacks(t, out, "want https", "without a path: https://bot.example.com", "Can Slack reach this machine from the internet?", "Type yes or no", "url: https://bot.example.com/slack/commands", "https://api.slack.com/apps?new_app=1&manifest_yaml=", "does not take the bot token",
		"goes on from there")
	lacks(t, n.text(), `SLACK_BOT_TOKEN: "xoxb-right"`)
	if info, err := os.Stat(n.file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}

	out = n.init(0, []string{"C0NOWHERE", "C0ALERTS", "wrong", "pd-reading", "pd-token", "nobody@example.com", "bot@example.com", url})
	lacks(t, out, "ok    SLACK_BOT_TOKEN", "can't be looked at", "the bot is in channel", "it is a read-only key", "ok    PAGERDUTY_API_TOKEN: PagerDuty takes it, and it may write", "ok    PAGERDUTY_FROM: Bot", "ok    engine", "calls https://bot.example.com/webhooks/pagerduty", "snapback test-alert")
	if strings.Contains(out, "xoxb-right") || strings.Contains(out, "pd-token") {
		t.Errorf("it shows a secret:\n%s", out)
	}
	env := maps.Clone(n.env)
	env["SNAPBACK_CONFIG"] = n.file
	var checked bytes.Buffer
	if err := run(t.Context(), []string{"config", "check"}, func(k string) string { return env[k] }, strings.NewReader(""), &checked, &checked); err != nil {
		t.Errorf("config check: %v\n%s\n%s", err, checked.String(), n.text())
	}
	subs := n.pd.Subscriptions()
	if len(subs) != 1 || !strings.Contains(n.text(), "PAGERDUTY_WEBHOOK_SECRETS") {
		t.Fatalf("%d subscriptions, and the file:\n%s", len(subs), n.text())
	}

	n.append("# ours\n")
	before := n.text()
	lacks(t, n.init(0, nil), "calls this bot already") // nothing is missing
	if n.text() != before || len(n.pd.Subscriptions()) != 1 {
		t.Errorf("a second run changed the file or PagerDuty:\n%s", n.text())
	}
	lacks(t, n.init(0, []string{"C0ALERTS"}, "--ask", "SLACK_CHANNEL"), "systemctl restart snapback")
	if n.text() != before {
		t.Errorf("asked for what it is already:\n%s", n.text())
	}
}

func TestInitAsksOnceForWhatIsNotNeededAndTakesItAway(t *testing.T) {
	n := newNewcomer(t)
	url := storetest.URL(t)
	out := n.init(0, []string{"https://bot.example.com", "yes", "xoxb-right", "0123456789abcdef", "C0ALERTS", "pd-token", "bot@example.com", ""})
	lacks(t, out, "(An empty answer leaves it out.)", "ok    database: a private server", "warn  SLACK_SIGNING_SECRET: is it the one under Signing Secret? Slack's have 32")
	lacks(t, n.text(), `DATABASE_URL: ""`)
	n.init(0, nil)
	out = n.init(0, []string{"0123456789abcdef0123456789abcdef"}, "--ask", "SLACK_SIGNING_SECRET")
	if strings.Contains(out, "warn  SLACK") || strings.Contains(out, "\nDATABASE_URL: ") {
		t.Errorf("it says:\n%s", out)
	}
	n.init(0, []string{url}, "--ask", "DATABASE_URL")
	lacks(t, n.init(0, []string{""}, "--ask", "DATABASE_URL"), "An empty answer leaves it so; - takes it away")
	lacks(t, n.text(), `DATABASE_URL: "`+url)
	lacks(t, n.init(0, []string{"-"}, "--ask", "DATABASE_URL"), "ok    DATABASE_URL: left out", "ok    database: a private server")
	lacks(t, n.text(), `DATABASE_URL: ""`)
	n.init(0, nil, "--yes", "--set", "SNAPBACK_LISTEN=127.0.0.1:8080", "--set", "SNAPBACK_TRUSTED_PROXIES=127.0.0.1")
	lacks(t, n.init(0, []string{"-"}, "--ask", "SNAPBACK_TRUSTED_PROXIES", "--set", "SNAPBACK_LISTEN=-"), "ok    SNAPBACK_LISTEN: left out", "ok    SNAPBACK_TRUSTED_PROXIES: left out")
	lacks(t, n.text(), `SNAPBACK_LISTEN: ""`, `SNAPBACK_TRUSTED_PROXIES: ""`)
}

func TestInitLeavesOutWhatSocketModeDoesNotNeed(t *testing.T) {
	n := newNewcomer(t)
	url := storetest.URL(t)
	out := n.init(0, []string{"https://bot.example.com", "no", "xoxb-right", "xoxb-right", "xapp-wrong", "xapp-right", "C0ALERTS", "pd-token", "bot@example.com", url})
	lacks(t, out, "socket_mode_enabled: true", "connections:write", "it begins with xapp-", "does not take SLACK_APP_TOKEN", "ok    SLACK_APP_TOKEN: Slack takes it", "calls https://bot.example.com/webhooks/pagerduty")
	if strings.Contains(out, "bot.example.com/slack/") || strings.Contains(out, "SLACK_SIGNING_SECRET") {
		t.Errorf("it tells of what Slack would call:\n%s", out)
	}
	lacks(t, n.text(), `SLACK_APP_TOKEN: "xapp-right"`)
	env := maps.Clone(n.env)
	env["SNAPBACK_CONFIG"] = n.file
	var checked bytes.Buffer
	if err := run(t.Context(), []string{"config", "check"}, func(k string) string { return env[k] }, strings.NewReader(""), &checked, &checked); err != nil {
		t.Errorf("config check: %v\n%s\n%s", err, checked.String(), n.text())
	}
	if out = n.init(0, nil); strings.Contains(out, "Can Slack reach") {
		t.Errorf("it asks what the settings tell:\n%s", out)
	}
	lacks(t, n.init(0, nil, "--manifest"), "socket_mode_enabled: true")
}

func TestInitTakesSocketModeByFlags(t *testing.T) {
	n := newNewcomer(t)
	all := n.all()
	at := slices.Index(all, "SLACK_SIGNING_SECRET=0123456789abcdef")
	all = slices.Delete(all, at-1, at+1) // and its --set
	lacks(t, n.init(0, nil, "--manifest", "--socket-mode"), "socket_mode_enabled: true")
	lacks(t, n.init(exitUsage, nil, append(all, "--set", "SLACK_BOT_TOKEN=xoxb-right")...), "SLACK_SIGNING_SECRET: is missing", "--socket-mode")
	lacks(t, n.init(exitUsage, nil, append(all, "--socket-mode")...), "SLACK_APP_TOKEN: is missing")
	lacks(t, n.init(0, nil, append(all, "--set", "SLACK_APP_TOKEN=xapp-right")...), "ok    SLACK_APP_TOKEN")
	lacks(t, n.init(exitUsage, nil, "--ask", "SLACK_SIGNING_SECRET"), "remove SLACK_APP_TOKEN")
}

func (n *newcomer) append(line string) {
	n.t.Helper()
	if err := os.WriteFile(n.file, []byte(n.text()+line), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// all is every answer but the Slack token's, as --set takes them.
func (n *newcomer) all() []string {
	var args []string
	for _, one := range []string{
		"SNAPBACK_PUBLIC_URL=https://bot.example.com", "SLACK_SIGNING_SECRET=0123456789abcdef", "SLACK_CHANNEL=C0ALERTS",
		"PAGERDUTY_API_TOKEN=pd-token", "PAGERDUTY_FROM=bot@example.com", "DATABASE_URL=" + storetest.URL(n.t),
	} {
		args = append(args, "--set", one)
	}
	return append(args, "--yes")
}

// TestInitForComposeNamesNoFolder: in a container the folder of compose.yaml has another name than on the machine.
func TestInitForComposeNamesNoFolder(t *testing.T) {
	n := newNewcomer(t)
	dir := t.TempDir()
	var out bytes.Buffer
	args := []string{"init", "--compose", dir, "--yes"}
	for _, one := range []string{
		"SNAPBACK_PUBLIC_URL=https://bot.example.com", "SLACK_BOT_TOKEN=xoxb-right", "SLACK_SIGNING_SECRET=0123456789abcdef", "SLACK_CHANNEL=C0ALERTS",
		"PAGERDUTY_API_TOKEN=pd-token", "PAGERDUTY_FROM=bot@example.com",
	} {
		args = append(args, "--set", one)
	}
	if err := run(t.Context(), args, func(name string) string { return n.env[name] }, strings.NewReader(""), &out, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	lacks(t, out.String(), "All is in .env and secrets, beside compose.yaml. Next, there: docker compose up -d")
	if strings.Contains(out.String(), dir) {
		t.Errorf("it names the folder:\n%s", out.String())
	}
}

func TestInitWarnsOfASubscriptionWhoseSecretNobodyKnowsHere(t *testing.T) {
	n := newNewcomer(t)
	sub := n.pd.Subscribe("https://bot.example.com"+webhookPath, "of an earlier installation")
	out := n.init(0, nil, append(n.all(), "--set", "SLACK_BOT_TOKEN=xoxb-right")...)
	lacks(t, out, "warn  PagerDuty: subscription "+sub.ID()+" calls this bot already", "what it sends will be refused", "snapback pagerduty rotate", "Next: ")
	if strings.Contains(n.text(), "PAGERDUTY_WEBHOOK_SECRETS") || len(n.pd.Subscriptions()) != 1 {
		t.Errorf("%d subscriptions, and the file:\n%s", len(n.pd.Subscriptions()), n.text())
	}
	n.append("PAGERDUTY_WEBHOOK_SECRETS: of an earlier installation\n")
	lacks(t, n.init(0, nil), "ok    PagerDuty: subscription "+sub.ID()+" calls this bot already")
}

func TestInitAsksNothingWhenItIsToldAll(t *testing.T) {
	n := newNewcomer(t)
	out := n.init(exitUsage, nil, "--yes", "--set", "SLACK_CHANNEL=C0ALERTS")
	lacks(t, out, "snapback: SNAPBACK_PUBLIC_URL: is missing: how phones", "by the link that snapback init --manifest prints", "snapback: PAGERDUTY_FROM: is missing: the e-mail")
	lacks(t, n.init(exitUsage, nil, "--yes", "--set", "SNAPBACK_PUBLIC_URL="+nowhere), "ok    SNAPBACK_PUBLIC_URL", "warn  SNAPBACK_PUBLIC_URL: "+strings.TrimPrefix(nowhere, "https://")+" is not found in DNS")
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("xoxb-right\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.init(0, nil, append(n.all(), "--set", "SLACK_BOT_TOKEN=@"+token)...)
	lacks(t, n.text(), `SLACK_BOT_TOKEN: "xoxb-right"`, `PAGERDUTY_WEBHOOK_SECRETS: "`)
	lacks(t, n.init(exitUsage, nil, "--yes", "--set", "SLACK_CHANEL=C1"), "did you mean SLACK_CHANNEL?")
	for name, want := range map[string]string{"PAGERDUTY_WEBHOOK_SECRETS": "keeps its secret by itself", "SNAPBACK_FORGET": "set it in the environment"} {
		if said := n.init(exitUsage, nil, "--yes", "--set", name+"=1"); strings.Contains(said, "did you mean") || !strings.Contains(said, want) {
			t.Errorf("for a setting that it does not ask for, it says %q", said)
		}
	}
	lacks(t, n.init(0, nil, "--manifest"), "https://bot.example.com/slack/events")
}

func TestInitTakesWhatFewNeed(t *testing.T) {
	n := newNewcomer(t)
	eu := n.env["PAGERDUTY_API_URL"]
	n.env["PAGERDUTY_API_URL"] = "" // or it would win
	lacks(t, n.init(exitUsage, nil, "--yes", "--set", "PAGERDUTY_API_URL=eu", "--set", "SNAPBACK_LISTEN=8080", "--set", "SNAPBACK_TRUSTED_PROXIES=caddy"),
		"PAGERDUTY_API_URL: want a URL", "SNAPBACK_LISTEN: want host:port", "SNAPBACK_TRUSTED_PROXIES: want addresses")
	_, readme, _ := strings.Cut(readmeBlock(t, "sudo snapback init"), "\nsudo snapback init ")
	line, _, _ := strings.Cut(readme, "\n")
	args := append(n.all(), "--set", "SLACK_BOT_TOKEN=xoxb-right", "--set", "PAGERDUTY_API_URL="+eu, "--set", "PAGERDUTY_EVENTS_URL="+eu)
	n.init(0, nil, append(args, strings.Fields(line)...)...)
	lacks(t, n.text(), `PAGERDUTY_API_URL: "`+eu, `PAGERDUTY_EVENTS_URL: "`+eu, `SNAPBACK_LISTEN: "127.0.0.1:8080"`, `SNAPBACK_TRUSTED_PROXIES: "127.0.0.1,::1"`)
}

func TestInitSaysFirstThatItCanNotWrite(t *testing.T) {
	n := newNewcomer(t)
	n.append("")
	n.file += "/snapback/config.yaml" // below a file nobody makes a folder
	out := n.init(exitFailed, []string{"https://bot.example.com"})
	lacks(t, out, "answers can't be written to "+n.file, "(sudo)", "--config FILE")
	if strings.Contains(out, "SNAPBACK_PUBLIC_URL") {
		t.Errorf("it has asked before:\n%s", out)
	}
}

func TestInitPrintsNoManifestForWhatIsNoAddress(t *testing.T) {
	n := newNewcomer(t)
	lacks(t, n.init(exitUsage, nil, "--manifest", "--set", "SNAPBACK_PUBLIC_URL=banana"), "SNAPBACK_PUBLIC_URL: want a URL")
	lacks(t, n.init(0, nil, "--manifest", "--set", "SNAPBACK_PUBLIC_URL=https://bot.acme.example"), "https://bot.acme.example/slack/events")
}
