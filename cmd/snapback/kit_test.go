package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/pagerdutyfake"
	"github.com/snapback/snapback/internal/slackfake"
	"github.com/snapback/snapback/internal/storetest"
)

const (
	apiToken   = "bootstrap-token-of-a-test"
	hookSecret = "whsec-test"
)

// night is a running bot with everything around it: the engine and Postgres are real, Slack and PagerDuty are not.
type night struct {
	t *testing.T
	*enginetest.Scope
	slack   *slackfake.Server
	pd      *pagerdutyfake.Server
	channel *slackfake.Channel
	maria   *slackfake.User
	service *pagerdutyfake.Service
	hook    *pagerdutyfake.Subscription
	env     map[string]string
	bot     *running
}

// running is one run of serve.
type running struct {
	url, metrics string
	stop         context.CancelFunc
	done         chan error
	log          *syncBuffer
}

// syncBuffer is what a bot logs.
type syncBuffer struct {
	mu   sync.Mutex // guards buf and lines
	buf  bytes.Buffer
	news chan struct{} // closed, and replaced, at every write
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.news)
	b.news = make(chan struct{})
	return b.buf.Write(p)
}

func (b *syncBuffer) read() (string, chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String(), b.news
}

func newNight(t *testing.T) *night {
	t.Helper()
	t.Parallel()
	return newNightOn(t, enginetest.New(t))
}

func newNightOn(t *testing.T, scope *enginetest.Scope) *night {
	t.Helper()
	n := &night{t: t, Scope: scope}
	n.slack = slackfake.Start(t, slackfake.Config{BotToken: "xoxb-test", SigningSecret: "signing", Patience: 2 * time.Minute, AckTimeout: time.Minute})
	n.channel = n.slack.AddChannel("C0ALERTS", "alerts")
	n.maria = n.slack.AddUser("U0MARIA", "Maria", "maria@example.com")
	n.pd = pagerdutyfake.Start(t, pagerdutyfake.Config{APIToken: "pd-token", Users: []pagerdutyfake.User{
		{ID: "PMARIA1", Name: "Maria", Email: "maria@example.com"}, {ID: "PBOT001", Name: "Bot", Email: "bot@example.com"},
	}})
	n.service = n.pd.AddService("PSHOP01", "Shop")
	n.env = map[string]string{
		"DATABASE_URL":      storetest.URL(t),
		"SNAPBACK_DATA_DIR": t.TempDir(),
		"SNAPBACK_LISTEN":   "127.0.0.1:0", "SNAPBACK_METRICS_LISTEN": "127.0.0.1:0",
		"SNAPBACK_PUBLIC_URL": "http://localhost:8080",
		"SNAPBACK_API_TOKEN":  apiToken,
		"SNAPBACK_TIMEZONE":   "UTC",
		"SNAPBACK_ONLY":       n.Only(),
		"SLACK_BOT_TOKEN":     "xoxb-test", "SLACK_SIGNING_SECRET": "signing", "SLACK_CHANNEL": "C0ALERTS", "SLACK_API_URL": n.slack.APIURL(),
		"PAGERDUTY_API_TOKEN": "pd-token", "PAGERDUTY_FROM": "bot@example.com", "PAGERDUTY_WEBHOOK_SECRETS": hookSecret,
		"PAGERDUTY_API_URL": n.pd.URL(), "PAGERDUTY_EVENTS_URL": n.pd.URL(),
	}
	return n
}

// start runs serve until the test ends, and points Slack and PagerDuty at it.
func (n *night) start() *running {
	n.t.Helper()
	r := serveWith(n.t, n.env)
	n.bot = r
	n.slack.SetEndpoints(slackfake.Endpoints{
		Interactions: r.url + "/slack/interactions", Commands: r.url + "/slack/commands", Events: r.url + "/slack/events",
	})
	if n.hook == nil {
		n.hook = n.pd.Subscribe(r.url+"/webhooks/pagerduty", hookSecret)
	} else {
		n.hook.Redirect(r.url + "/webhooks/pagerduty")
	}
	return r
}

var readyLine = regexp.MustCompile(`snapback (?:is|runs, and is not) ready.* addr=(\S+) metrics_addr=(\S+)`)

func serveWith(t *testing.T, env map[string]string) *running {
	t.Helper()
	return serveUntil(t, env, readyLine)
}

// serveUntil runs serve until the test ends, and waits for a line with the two addresses.
func serveUntil(t *testing.T, env map[string]string, ready *regexp.Regexp) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{stop: cancel, done: make(chan error, 1), log: &syncBuffer{news: make(chan struct{})}}
	go func() {
		r.done <- run(ctx, []string{"serve"}, func(k string) string { return env[k] }, strings.NewReader(""), io.Discard, r.log)
	}()
	t.Cleanup(func() { r.end(t) })
	deadline := time.After(time.Minute)
	for {
		text, news := r.log.read()
		if m := ready.FindStringSubmatch(text); m != nil {
			r.url, r.metrics = "http://"+m[1], "http://"+m[2]
			return r
		}
		select {
		case <-news:
		case err := <-r.done:
			r.done <- err
			t.Fatalf("serve ended: %v\n%s", err, text)
		case <-deadline:
			t.Fatalf("serve is not ready:\n%s", text)
		}
	}
}

// end stops the bot and waits for it; a second call finds it stopped.
func (r *running) end(t *testing.T) {
	r.stop()
	select {
	case err := <-r.done:
		r.done <- err
		if err != nil {
			t.Errorf("serve: %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("serve does not stop")
	}
	if t.Failed() {
		text, _ := r.log.read()
		t.Logf("the bot's log:\n%s", text)
	}
}

// labels are what makes a container the shop of this night.
func (n *night) labels(more ...string) []string {
	args := []string{
		"--label", "snapback.service=shop", "--label", "snapback.pagerduty.service=PSHOP01",
		"--label", "snapback.slack.channel=C0ALERTS", "--label", "snapback.runbook=https://wiki.example.com/shop",
	}
	return append(args, more...)
}

// call makes an API call and decodes the answer into a map.
func (n *night) call(method, path, body string, header ...string) (int, map[string]any) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, n.bot.url+path, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+apiToken)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	answer := map[string]any{}
	if err := json.Unmarshal(text, &answer); err != nil {
		answer["text"] = string(text)
	}
	return resp.StatusCode, answer
}

// dump is everything that is in the database, as text.
func (n *night) dump() string {
	n.t.Helper()
	conn, err := pgx.Connect(n.t.Context(), n.env["DATABASE_URL"])
	if err != nil {
		n.t.Fatal(err)
	}
	defer conn.Close(n.t.Context())
	rows, err := conn.Query(n.t.Context(), `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`)
	if err != nil {
		n.t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		n.t.Fatal(err)
	}
	var all strings.Builder
	for _, table := range tables {
		rows, err := conn.Query(n.t.Context(), `SELECT to_jsonb(t)::text || encode(convert_to(t::text, 'UTF8'), 'escape') FROM `+pgx.Identifier{table}.Sanitize()+` t`)
		if err != nil {
			n.t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			n.t.Fatal(err)
		}
		all.WriteString(strings.Join(lines, "\n"))
	}
	return all.String()
}

// failedJobs is how many jobs have failed at least once.
func (n *night) failedJobs() (count int) {
	n.t.Helper()
	conn, err := pgx.Connect(n.t.Context(), n.env["DATABASE_URL"])
	if err != nil {
		n.t.Fatal(err)
	}
	defer conn.Close(n.t.Context())
	if err := conn.QueryRow(n.t.Context(), `SELECT count(*) FROM river_job WHERE cardinality(errors) > 0`).Scan(&count); err != nil {
		n.t.Fatal(err)
	}
	return count
}
