package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/incidents/pagerduty"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot/docker"
)

func TestDoctorTellsOfTheEnginesDisk(t *testing.T) {
	t.Parallel()
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(t, w, http.StatusOK, map[string]string{"DockerRootDir": "/"})
	}))
	t.Cleanup(remote.Close)
	for name, test := range map[string]struct {
		where docker.Config
		limit float64
		want  string
		ill   bool
	}{
		"room":            {docker.Config{}, 1.01, "✓", false},
		"full":            {docker.Config{}, 0.0001, "✗", true},
		"on another host": {docker.Config{Host: "tcp://" + remote.Listener.Addr().String()}, 0.9, "!", false},
	} {
		var out bytes.Buffer
		err := examine(t.Context(), &out, []check{{name: "engine's disk", ask: func(ctx context.Context) (string, error) { return checkDisk(ctx, test.where, test.limit) }}})
		if (err != nil) != test.ill || !strings.HasPrefix(out.String(), test.want+" engine's disk") {
			t.Errorf("%s: %v, %s", name, err, out.String())
		}
	}
}

func TestDoctorTellsOfContainersThatCountAsOne(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	for _, project := range []string{"shop", "office"} {
		s.Run(s.Name(project+"-api-1"), "--label", "snapback.identity="+s.Name("api"), "--label", "snapback.pagerduty.service=PSHOP01",
			"--label", "com.docker.compose.project="+s.Name(project), "--label", "com.docker.compose.service=api", "--label", "com.docker.compose.container-number=1",
			s.Image("shop", `CMD ["/app", "serve", "-addr="]`))
	}
	var out bytes.Buffer
	err := examine(t.Context(), &out, []check{{name: "enabled containers", ask: func(ctx context.Context) (string, error) {
		return checkContainers(ctx, config{Only: s.Only()}, engineAt{})
	}}})
	if err != nil {
		t.Fatal(err, out.String())
	}
	for _, want := range []string{"!", s.Name("shop-api-1"), s.Name("office-api-1"), "so they count as one", "give each an identity of its own"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q: %s", want, out.String())
		}
	}
}

func TestDoctorTriesTheWebhooksSecret(t *testing.T) {
	n := newNight(t)
	n.start()
	c := config{PublicURL: n.bot.url, MetricsListen: strings.TrimPrefix(n.bot.metrics, "http://")}
	pd := pagerduty.New(pagerduty.Config{Token: "pd-token", From: "bot@example.com", APIURL: n.pd.URL()})
	ask := func(c config) string {
		var out bytes.Buffer
		hook := testCall{}
		err := examine(t.Context(), &out, []check{{name: "PagerDuty webhook", ask: func(ctx context.Context) (string, error) { return hook.checkSubscription(ctx, pd, c) }}})
		if through := strings.Contains(out.String(), "came through") || strings.Contains(out.String(), "along another subscription"); hook.came != through {
			t.Errorf("the test call came through: %v: %s", hook.came, out.String())
		}
		if ill := strings.HasPrefix(out.String(), "✗"); ill != (err != nil) {
			t.Errorf("%v: %s", err, out.String())
		}
		return out.String()
	}
	if got := ask(c); !strings.HasPrefix(got, "✓") || !strings.Contains(got, "a test call came through") {
		t.Errorf("with the right secret: %s", got)
	}
	n.hook.Rotate("another secret")
	if got := ask(c); !strings.HasPrefix(got, "✗") || !strings.Contains(got, "does not know the secret of subscription "+n.hook.ID()) {
		t.Errorf("with another secret: %s", got)
	}
	second := n.pd.Subscribe(n.bot.url+webhookPath, hookSecret)
	if got := ask(c); !strings.HasPrefix(got, "!") || !strings.Contains(got, "along another subscription, but this bot does not know the secret of subscription "+n.hook.ID()) {
		t.Errorf("with a second subscription, whose secret is right: %s", got)
	}
	n.hook.Enable()
	n.hook.Rotate(hookSecret)
	if got := ask(c); !strings.HasPrefix(got, "✓") || !strings.Contains(got, n.hook.ID()+", "+second.ID()) {
		t.Errorf("with two that are right: %s", got)
	}
	second.Rotate("another secret")
	n.hook.SwitchOff()
	if got := ask(c); !strings.HasPrefix(got, "✗") || !strings.Contains(got, "is switched off") || !strings.Contains(got, "does not know the secret of subscription "+second.ID()) {
		t.Errorf("with one that is switched off, and one with another secret: %s", got)
	}
	c.MetricsListen = "127.0.0.1:1"
	if got := ask(c); !strings.HasPrefix(got, "!") || !strings.Contains(got, "the secret was not tried") {
		t.Errorf("where no bot runs: %s", got)
	}
	c.PublicURL = "https://elsewhere.example.com"
	if got := ask(c); !strings.HasPrefix(got, "✗") || !strings.Contains(got, "no webhook subscription in PagerDuty calls") {
		t.Errorf("without a subscription: %s", got)
	}
}

func TestDoctorTellsOfLabels(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	image := s.Image("shop")
	s.Docker("create", "--name", s.Name("unheard"), "--label", s.Only(), "--label", "snapback.enable=true", image, "/none")
	var out bytes.Buffer
	enabled := check{name: "enabled containers", ask: func(ctx context.Context) (string, error) {
		return checkContainers(ctx, config{Only: s.Only()}, engineAt{})
	}}
	err := examine(t.Context(), &out, []check{enabled})
	if want := s.Name("unheard") + " has no label snapback.pagerduty.service"; err != nil || !strings.HasPrefix(out.String(), "!") || !strings.Contains(out.String(), want) {
		t.Errorf("%v, want %q in\n%s", err, want, out.String())
	}
	for _, label := range []string{"snapback.enable=yes", "snapback.enable=true"} {
		s.Docker("create", "--name", s.Name(strings.TrimPrefix(label, "snapback.enable=")), "--label", s.Only(), "--label", label, "--label", "snapback.restor.allow=oncall", image, "/none")
	}
	out.Reset()
	err = examine(t.Context(), &out, []check{enabled})
	for _, want := range []string{
		"✗", s.Name("unheard") + " has no label snapback.pagerduty.service",
		s.Name("yes") + `: label snapback.enable="yes": want true or false`,
		s.Name("true") + `: label snapback.restor.allow="oncall" is unknown; did you mean snapback.restore.allow? Until then nobody may restore`,
	} {
		if err == nil || !strings.Contains(out.String(), want) {
			t.Errorf("want %q in\n%s", want, out.String())
		}
	}
}

func TestDoctorSaysWhatSlackDoesNotLetTheBotDo(t *testing.T) {
	t.Parallel()
	var all []string
	for scope := range bot.Scopes() {
		all = append(all, scope)
	}
	const right = "0123456789abcdef0123456789abcdef"
	for name, test := range map[string]struct {
		scopes         []string
		signing, token string
		want           string
	}{
		"all":                       {append(all, "files:write"), right, "", "✓"},
		"no uploads":                {all, right, "", "! Slack                  slack scope files:write is missing: the thread has no picture of the errors"},
		"nothing to post":           {[]string{"files:write"}, right, "", "✗"},
		"it does not tell":          {nil, right, "", "✓"},
		"a secret cut off":          {nil, right[1:], "", "! Slack                  is SLACK_SIGNING_SECRET the one under Signing Secret?"},
		"a secret with too much":    {nil, right + "0", "", "!"},
		"a secret of other letters": {nil, "g" + right[1:], "", "!"},
		"none, with Socket Mode":    {nil, "", "xapp-1", "✓"},
	} {
		s := slackfake.Start(t, slackfake.Config{BotToken: "xoxb-1", AppToken: "xapp-1", SigningSecret: right, Scopes: test.scopes})
		s.AddChannel("C1", "alerts")
		c := config{SlackBotToken: "xoxb-1", SlackSigningSecret: test.signing, SlackAppToken: test.token, SlackAPIURL: s.APIURL(), SlackChannel: "C1"}
		var out bytes.Buffer
		_ = examine(t.Context(), &out, []check{{name: "Slack", ask: func(ctx context.Context) (string, error) { return checkSlack(ctx, c) }}})
		if !strings.HasPrefix(out.String(), test.want) {
			t.Errorf("%s: %s", name, out.String())
		}
	}
}

func TestDoctorEndsInWhetherTheNightMayCome(t *testing.T) {
	t.Parallel()
	well := check{"Engine", "engine", "start it", func(context.Context) (string, error) { return "E1", nil }}
	worry := check{"Engine", "disk", "tidy up", func(context.Context) (string, error) { return "", caution{errors.New("it is not seen")} }}
	ill := check{"Slack", "token", "make one", func(context.Context) (string, error) { return "", errors.New("it is refused") }}
	for want, list := range map[string][]check{
		"Engine\n✓ engine                 E1\n! disk                   it is not seen\n                         → tidy up\nready for tonight, with a warning\n": {well, worry},
		"Engine\n✓ engine                 E1\nready for tonight\n": {well},
	} {
		var out bytes.Buffer
		if err := examine(t.Context(), &out, list); err != nil || out.String() != want {
			t.Errorf("%v, %q, want %q", err, out.String(), want)
		}
	}
	var out bytes.Buffer
	err := examineForScripts(t.Context(), &out, []check{well, worry, ill})
	if err == nil || err.Error() != "not ready for tonight: 1 of 3 failed, with a warning" {
		t.Errorf("got %v", err)
	}
	var doc struct {
		Ready  bool
		Checks []checked
	}
	testkit.OK(t, json.Unmarshal(out.Bytes(), &doc))
	if diff := cmp.Diff(checked{"Slack", "token", checkFailed, "it is refused", "make one"}, doc.Checks[2]); doc.Ready || len(doc.Checks) != 3 || diff != "" {
		t.Errorf("%+v\n%s", doc, diff)
	}
}
