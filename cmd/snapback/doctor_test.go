package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/incidents/pagerduty"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/slackfake"
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
		"room":            {docker.Config{}, 1.01, "ok  ", false},
		"full":            {docker.Config{}, 0.0001, "FAIL", true},
		"on another host": {docker.Config{Host: "tcp://" + remote.Listener.Addr().String()}, 0.9, "warn", false},
	} {
		var out bytes.Buffer
		err := examine(t.Context(), &out, []check{{"engine's disk", func(ctx context.Context) (string, error) { return checkDisk(ctx, test.where, test.limit) }}})
		if (err != nil) != test.ill || !strings.HasPrefix(out.String(), test.want+"  engine's disk") {
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
	err := examine(t.Context(), &out, []check{{"enabled containers", func(ctx context.Context) (string, error) { return checkContainers(ctx, config{Only: s.Only()}) }}})
	if err != nil {
		t.Fatal(err, out.String())
	}
	for _, want := range []string{"warn", s.Name("shop-api-1"), s.Name("office-api-1"), "so they count as one", "give each an identity of its own"} {
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
		err := examine(t.Context(), &out, []check{{"PagerDuty webhook", func(ctx context.Context) (string, error) { return checkSubscription(ctx, pd, c) }}})
		if ill := strings.HasPrefix(out.String(), "FAIL"); ill != (err != nil) {
			t.Errorf("%v: %s", err, out.String())
		}
		return out.String()
	}
	if got := ask(c); !strings.HasPrefix(got, "ok") || !strings.Contains(got, "a test call came through") {
		t.Errorf("with the right secret: %s", got)
	}
	n.hook.Rotate("another secret")
	if got := ask(c); !strings.HasPrefix(got, "FAIL") || !strings.Contains(got, "PAGERDUTY_WEBHOOK_SECRETS is not this subscription's secret") {
		t.Errorf("with another secret: %s", got)
	}
	c.MetricsListen = "127.0.0.1:1"
	if got := ask(c); !strings.HasPrefix(got, "warn") || !strings.Contains(got, "the secret was not tried") {
		t.Errorf("where no bot runs: %s", got)
	}
	c.PublicURL = "https://elsewhere.example.com"
	if got := ask(c); !strings.HasPrefix(got, "FAIL") || !strings.Contains(got, "no webhook subscription calls") {
		t.Errorf("without a subscription: %s", got)
	}
}

func TestDoctorTellsOfLabels(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	image := s.Image("shop")
	for _, label := range []string{"snapback.enable=yes", "snapback.enable=true"} {
		s.Docker("create", "--name", s.Name(strings.TrimPrefix(label, "snapback.enable=")), "--label", s.Only(), "--label", label, "--label", "snapback.restor.allow=oncall", image, "/none")
	}
	var out bytes.Buffer
	err := examine(t.Context(), &out, []check{{"enabled containers", func(ctx context.Context) (string, error) {
		return checkContainers(ctx, config{Only: s.Only()})
	}}})
	for _, want := range []string{
		"FAIL", s.Name("yes") + `: label snapback.enable="yes": want true or false`,
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
	for name, test := range map[string]struct {
		scopes []string
		want   string
	}{
		"all":              {append(all, "files:write"), "ok  "},
		"no uploads":       {all, "warn  Slack                  slack scope files:write is missing: the thread has no picture of the errors"},
		"nothing to post":  {[]string{"files:write"}, "FAIL"},
		"it does not tell": {nil, "ok  "},
	} {
		s := slackfake.Start(t, slackfake.Config{BotToken: "xoxb-1", SigningSecret: "secret", Scopes: test.scopes})
		s.AddChannel("C1", "alerts")
		c := config{SlackBotToken: "xoxb-1", SlackSigningSecret: "secret", SlackAPIURL: s.APIURL(), SlackChannel: "C1"}
		var out bytes.Buffer
		_ = examine(t.Context(), &out, []check{{"Slack", func(ctx context.Context) (string, error) { return checkSlack(ctx, c) }}})
		if !strings.HasPrefix(out.String(), test.want) {
			t.Errorf("%s: %s", name, out.String())
		}
	}
}
