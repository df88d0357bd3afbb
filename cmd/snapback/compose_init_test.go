package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/internal/testkit"
)

// outsideIsReached has Slack and PagerDuty listen where containers reach them.
func (d *deployed) outsideIsReached() {
	d.t.Helper()
	d.slackPort, d.pdPort = testkit.FreePort(d.t), testkit.FreePort(d.t)
	slack, err := slackfake.Listen(fmt.Sprintf("0.0.0.0:%d", d.slackPort), slackfake.Config{
		BotToken: "xoxb-test", SigningSecret: "signing", AppToken: "xapp-test", Patience: 2 * time.Minute, AckTimeout: time.Minute,
		BaseURL: fmt.Sprintf("http://%s.1:%d", d.subnet, d.slackPort),
	})
	testkit.OK(d.t, err)
	d.t.Cleanup(slack.Close)
	d.slack, d.channel, d.maria = slack, slack.AddChannel("C0ALERTS", "alerts"), slack.AddUser("U0MARIA", "Maria", "maria@example.com")
	(&link{t: d.t, network: "tcp", at: fmt.Sprintf("0.0.0.0:%d", d.pdPort), to: strings.TrimPrefix(d.pd.URL(), "http://")}).begin()
}

// typeInto runs a line of a shell on a terminal of its own, types an answer at each prompt, and returns all that was on the screen.
func typeInto(t *testing.T, dir, line string, answers ...string) string {
	t.Helper()
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "script", "--quiet", "--return", "--command", line, "/dev/null")
	cmd.Dir = dir
	in, err := cmd.StdinPipe()
	testkit.OK(t, err)
	out, err := cmd.StdoutPipe()
	testkit.OK(t, err)
	testkit.OK(t, cmd.Start())
	var screen strings.Builder
	for piece, typed := make([]byte, 4096), 0; ; {
		n, err := out.Read(piece)
		screen.Write(piece[:n])
		for prompts := strings.Count(screen.String(), "\n> ") + strings.Count(screen.String(), " [y/N] "); typed < prompts && typed < len(answers); typed++ {
			_, _ = io.WriteString(in, answers[typed]+"\r")
		}
		if err != nil {
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s: %v\n%s", line, err, screen.String())
	}
	return screen.String()
}

// takesWhatInitWrites goes from nothing to settings as docs/install.md says, and has Compose read them.
func (d *deployed) takesWhatInitWrites() {
	d.t.Helper()
	dir := d.t.TempDir()
	folder := filepath.Join(dir, "deploy")
	testkit.OK(d.t, os.Mkdir(folder, 0o755))
	testkit.OK(d.t, os.Link(filepath.Join(d.dir, "compose.yaml"), filepath.Join(folder, "compose.yaml")))
	gateway := d.bridgeGateway()
	line := strings.NewReplacer("snapback:local", fmt.Sprintf("--name %s --label %s -e SLACK_API_URL=http://%s:%d/api/ -e PAGERDUTY_API_URL=http://%s:%d %s",
		d.Name("init"), d.Only(), gateway, d.slackPort, gateway, d.pdPort, d.image)).Replace(lineOf(d.t, "install.md", "docker run --rm -it --user 0 "))
	said := typeInto(d.t, dir, line, "https://localhost", "no", "xoxb-test", "xapp-test", "C0ALERTS", "pd-token", "bot@example.com")
	lacks(d.t, said, "ok    SLACK_APP_TOKEN", "ok    engine", "calls https://localhost/webhooks/pagerduty", "docker compose up -d")
	d.follow("cd " + folder + " && COMPOSE_FILE=compose.yaml docker compose config --quiet")
	for _, name := range []string{"slack_app_token", "slack_signing_secret", "slack_bot_token"} {
		text, err := os.ReadFile(filepath.Join(folder, "secrets", name))
		testkit.OK(d.t, err)
		testkit.OK(d.t, os.WriteFile(filepath.Join(d.dir, "secrets", name), text, 0o400)) // which keeps whose it is
	}
}

// takesSettingsAndSocketMode starts the bot anew, with a file of settings beside compose.yaml, and one for Compose as docs/metrics.md has it.
func (d *deployed) takesSettingsAndSocketMode() {
	d.t.Helper()
	testkit.OK(d.t, os.WriteFile(filepath.Join(d.dir, "settings.env"), []byte("SNAPBACK_BASELINE_AFTER=7m\nSNAPBACK_TIMEZONE=Asia/Tokyo\n"), 0o600))
	port := testkit.FreePort(d.t)
	override := strings.Replace(blockOf(d.t, "metrics.md", "## In a container"), "127.0.0.1:9091:", fmt.Sprintf("127.0.0.1:%d:", port), 1)
	testkit.OK(d.t, os.WriteFile(filepath.Join(d.dir, "compose.override.yaml"), []byte(override), 0o600))
	d.files += ":compose.override.yaml"
	d.follow("docker compose up -d --force-recreate --wait --wait-timeout 220 bot")
	measured(d.t, port)
	got := d.follow("docker compose exec -T bot snapback config print")
	if lacks(d.t, got, `SNAPBACK_BASELINE_AFTER: "7m"`, "SLACK_APP_TOKEN"); strings.Contains(got, "Tokyo") {
		d.t.Errorf("compose.yaml's own settings are replaced:\n%s", got)
	}
	d.pollUntil("the bot is connected to Slack", func() bool { return d.slack.Sockets() > 0 })
	if a := d.maria.Command(d.channel, "/snapback", "status"); !a.OK() {
		d.t.Errorf("a command by the socket: %+v", a)
	}
}
