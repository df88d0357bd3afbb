package bot_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/internal/slackfake"
)

func sign(key string, stamp int64, body string) string {
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "v0:%d:%s", stamp, body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// tapBody is a tap on Acknowledge as a form.
const tapBody = "payload=%7B%22team%22%3A%7B%22id%22%3A%22T0SNAPBACK%22%7D%2C%22type%22%3A%22block_actions%22%2C%22user%22%3A%7B%22id%22%3A%22U0ANN%22%7D%2C%22container%22%3A%7B%22message_ts%22%3A%221.2%22%2C%22channel_id%22%3A%22C0SHOP%22%7D%2C" +
	"%22actions%22%3A%5B%7B%22action_id%22%3A%22acknowledge%22%2C%22block_id%22%3A%22b%22%2C%22value%22%3A%22%7B%5C%22i%5C%22%3A7%7D%22%2C%22action_ts%22%3A%223.4%22%7D%5D%7D"

func TestOnlyWhatSlackHasSignedComesIn(t *testing.T) {
	t.Parallel()
	now := at("03:42").Unix()
	type call struct {
		method, path, kind, body string
		stamp                    int64
		signature                string
	}
	good := call{"POST", "/slack/interactions", "application/x-www-form-urlencoded", tapBody, now, ""}
	with := func(f func(*call)) call {
		c := good
		f(&c)
		return c
	}
	for name, c := range map[string]struct {
		call
		status int
		reason string
	}{
		"signed":                 {good, 200, ""},
		"five minutes old":       {with(func(c *call) { c.stamp -= 300 }), 200, ""},
		"older":                  {with(func(c *call) { c.stamp -= 301 }), 401, "stale"},
		"from the future":        {with(func(c *call) { c.stamp += 301 }), 401, "stale"},
		"signed by another":      {with(func(c *call) { c.signature = sign("other", now, tapBody) }), 401, "bad_signature"},
		"another body":           {with(func(c *call) { c.signature = sign(secret, now, tapBody+"x") }), 401, "bad_signature"},
		"another time":           {with(func(c *call) { c.signature = sign(secret, now-1, tapBody) }), 401, "bad_signature"},
		"no hexadecimal":         {with(func(c *call) { c.signature = "v0=zz" }), 401, "bad_signature"},
		"another version":        {with(func(c *call) { c.signature = "v1" + sign(secret, now, tapBody)[2:] }), 401, "bad_signature"},
		"truncated":              {with(func(c *call) { c.signature = sign(secret, now, tapBody)[:20] }), 401, "bad_signature"},
		"unsigned":               {with(func(c *call) { c.signature = "none" }), 401, "no_signature"},
		"GET":                    {with(func(c *call) { c.method = "GET" }), 405, "method"},
		"JSON":                   {with(func(c *call) { c.kind = "application/json" }), 415, "content_type"},
		"a megabyte":             {with(func(c *call) { c.body = "payload=" + strings.Repeat("x", 1<<20) }), 413, "too_large"},
		"not JSON":               {with(func(c *call) { c.body = "payload={" }), 400, "malformed"},
		"no payload":             {with(func(c *call) { c.body = "" }), 400, "malformed"},
		"payload in the query":   {with(func(c *call) { c.path += "?" + tapBody; c.body = "x=1" }), 400, "malformed"},
		"no form":                {with(func(c *call) { c.body = "%zz" }), 400, "malformed"},
		"JSON of another shape":  {with(func(c *call) { c.body = "payload=[1]" }), 400, "malformed"},
		"an unknown interaction": {with(func(c *call) { c.body = `payload={"type":"shortcut","user":{"id":"U1"}}` }), 200, ""},
		"a command without user": {with(func(c *call) { c.path, c.body = "/slack/commands", "command=/snapback" }), 400, "malformed"},
		"a certificate check":    {with(func(c *call) { c.path, c.body = "/slack/commands", "ssl_check=1" }), 200, ""},
		"an unknown path":        {with(func(c *call) { c.path = "/slack/other" }), 404, ""},
		"a broken event":         {with(func(c *call) { c.path, c.kind, c.body = "/slack/events", "application/json", "{" }), 400, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			req, err := http.NewRequestWithContext(t.Context(), c.method, n.url+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", c.kind)
			if c.signature == "" {
				c.signature = sign(secret, c.stamp, c.body)
			}
			if c.signature != "none" {
				req.Header.Set("X-Slack-Signature", c.signature)
				req.Header.Set("X-Slack-Request-Timestamp", fmt.Sprint(c.stamp))
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Errorf("answered %d %s, want %d", resp.StatusCode, body, c.status)
			}
			if c.reason != "" && n.count(func() int { return n.observed["refused "+c.reason] }) != 1 {
				t.Errorf("counted %v, want %q", n.observed, c.reason)
			}
			if stored := len(n.drain()); stored != 0 != (c.call == good || name == "five minutes old" || name == "signed") {
				t.Errorf("stored %d", stored)
			}
		})
	}
}

func TestWithoutASecretNothingComesIn(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *bot.Config, _ *world) { c.SigningSecret, c.AppToken = "", "xapp-1" })
	stamp := at("03:42").Unix()
	req, _ := http.NewRequestWithContext(t.Context(), "POST", n.url+"/slack/interactions", strings.NewReader(tapBody))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Slack-Signature", sign("", stamp, tapBody))
	req.Header.Set("X-Slack-Request-Timestamp", fmt.Sprint(stamp))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("answered %d", resp.StatusCode)
	}
}

func TestWhatCannotBeStoredIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	n := setup(t)
	c := n.alert(t).Button("Acknowledge")
	n.do(func() { n.acceptErr = errors.New("the database is away") })
	if a := n.ann.Tap(c); a.Status != http.StatusServiceUnavailable {
		t.Errorf("answered %d, %v", a.Status, a.Err)
	}
}

func TestWhatIsStoredHasNoTokensAndNoLinks(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.ann.Tap(n.alert(t).Button("Acknowledge"))
	body := string(n.drain()[0].body)
	for _, bad := range []string{"deprecated", "Checkout", "pagerduty.com"} {
		if strings.Contains(body, bad) {
			t.Errorf("%q is kept: %s", bad, body)
		}
	}
}

func TestEventsURLIsVerified(t *testing.T) {
	t.Parallel()
	if err := setup(t).slack.VerifyEventsURL(); err != nil {
		t.Error(err)
	}
}

func TestUninstallingIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	n := setup(t, func(c *bot.Config, _ *world) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	if a := n.slack.SendEvent(map[string]any{"type": "app_uninstalled"}); !a.OK() {
		t.Fatalf("answered %d, %v", a.Status, a.Err)
	}
	if !strings.Contains(log.String(), "the app was removed from the workspace") {
		t.Errorf("the log says %s", log.String())
	}
}

func TestSocketModeStoresBeforeItAcknowledges(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *bot.Config, _ *world) { c.AppToken = "xapp-1" })
	c := n.alert(t).Button("Acknowledge")
	deadline, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a := n.ann.Tap(c)
	for errors.Is(a.Err, slackfake.ErrNotConnected) && deadline.Err() == nil {
		<-time.After(5 * time.Millisecond)
		a = n.ann.Tap(c)
	}
	if !a.OK() {
		t.Fatalf("answered %v", a.Err)
	}
	n.work(t)
	if got := n.count(func() int { return len(n.acts) }); got != 1 {
		t.Errorf("acted %d times", got)
	}
	n.ann.Command(n.shop, "/snapback", "list")
	n.work(t)
	n.ann.ExpectEphemeral(t, n.shop, "`api` shop:1.42")
	n.do(func() { n.acceptErr = errors.New("the database is away") })
	if a := n.ann.Tap(c); a.OK() {
		t.Error("what was not stored was acknowledged")
	}
}

func TestSelfTestNamesWhatToMend(t *testing.T) {
	t.Parallel()
	n := setup(t)
	if err := n.bot.SelfTest(t.Context()); err != nil {
		t.Errorf("all is well, and it says %v", err)
	}
	n.ops.RemoveApp()
	if err := n.bot.SelfTest(t.Context()); err == nil || !strings.Contains(err.Error(), "/invite @snapback") {
		t.Errorf("got %v", err)
	}
	n.slack.Refuse("auth.test", 1, "invalid_auth")
	if err := n.bot.SelfTest(t.Context()); err == nil || !strings.Contains(err.Error(), "set SLACK_BOT_TOKEN") {
		t.Errorf("got %v", err)
	}
}

func TestSelfTestNeedsNothingButTheConfig(t *testing.T) {
	t.Parallel()
	n := setup(t)
	b, err := bot.New(bot.Config{BotToken: token, SigningSecret: secret, APIURL: n.slack.APIURL(), Channel: "C0OPS"}, bot.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.SelfTest(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]bot.Config{
		"no bot token":             {},
		"neither a signing secret": {BotToken: token},
		"bot: no ":                 {BotToken: token, SigningSecret: secret},
	} {
		if _, err := bot.New(c, bot.Deps{Inbox: story()}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
