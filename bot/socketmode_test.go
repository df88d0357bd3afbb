package bot_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/internal/testkit"
)

// logBook is what a bot logs.
type logBook struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// socketBot runs a bot in Socket Mode against a Slack that has been prepared.
func socketBot(t *testing.T, appToken string, prepare func(*slackfake.Server)) (*bot.Bot, *slackfake.Server, *world, *logBook) {
	t.Helper()
	w, log := story(), &logBook{}
	slack := slackfake.Start(t, slackfake.Config{BotToken: token, SigningSecret: secret, AppToken: "xapp-1", Clock: w.clock})
	slack.AddChannel("C0OPS", "ops")
	prepare(slack)
	b, _ := start(t, bot.Config{
		BotToken: token, AppToken: appToken, APIURL: slack.APIURL(), Channel: "C0OPS", Now: w.clock, SocketPause: 20 * time.Millisecond,
		Logger:  slog.New(slog.NewTextHandler(log, nil)),
		Observe: func(event, outcome string) { w.do(func() { w.observed[event+" "+outcome]++ }) },
	}, w)
	return b, slack, w, log
}

func TestSocketModeBacksOffWhenConnectionsAreShort(t *testing.T) {
	t.Parallel()
	for reason, advice := range map[string]string{
		"link_disabled": "switch Socket Mode on", "too_many_websockets": "10 connections", "": "cut", "a new one": "other", "warning": "refresh",
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			b, slack, w, log := socketBot(t, "xapp-1", func(s *slackfake.Server) { s.EndSockets(6, reason) })
			testkit.Eventually(t, "a connection that lasts", func() bool {
				return slack.Calls("apps.connections.open") == 7 && slack.Sockets() == 1 && b.Ready(t.Context()) == nil
			})
			if took, least := time.Since(began), 20*(1+2+4+8+16+32)*time.Millisecond; took < least {
				t.Errorf("seven connections within %s, want at least %s", took, least)
			}
			if !strings.Contains(log.String(), advice) || !strings.Contains(log.String(), "taps and commands don't arrive") {
				t.Errorf("the log does not say %q:\n%s", advice, log)
			}
			outcome := map[string]string{"": "cut", "a new one": "other", "warning": "refresh"}[reason]
			if outcome == "" {
				outcome = reason
			}
			w.do(func() {
				if w.observed["socket "+outcome] != 6 {
					t.Errorf("counted %v", w.observed)
				}
			})
		})
	}
}

func TestAWrongAppTokenIsNamedAndNotReady(t *testing.T) {
	t.Parallel()
	b, slack, _, log := socketBot(t, "xapp-wrong", func(*slackfake.Server) {})
	for what, err := range map[string]error{"ready": b.Ready(t.Context()), "self-test": b.SelfTest(t.Context())} {
		if err == nil || !strings.Contains(err.Error(), "invalid_auth") || !strings.Contains(err.Error(), "SLACK_APP_TOKEN") {
			t.Errorf("%s: %v", what, err)
		}
	}
	testkit.Eventually(t, "the log names it", func() bool { return strings.Contains(log.String(), "SLACK_APP_TOKEN") })
	if slack.Sockets() != 0 {
		t.Error("a socket is open")
	}
}

func TestReadyHasAnEndWhileSlackDoesNotAnswer(t *testing.T) {
	t.Parallel()
	b, _, _, _ := socketBot(t, "xapp-1", func(s *slackfake.Server) { s.Delay("apps.connections.open", time.Minute) })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := b.Ready(ctx); err == nil {
		t.Error("ready without a connection")
	}
}

func TestWhatComesWhileAConnectionIsReplacedIsHeard(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *bot.Config, _ *world) { c.AppToken, c.SocketPause = "xapp-1", time.Hour })
	button := n.alert(t).Button("Acknowledge")
	if err := n.bot.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.slack.Refresh()
	if a := n.ann.Tap(button); !a.OK() {
		t.Errorf("answered %v", a.Err)
	}
}
