package page_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/internal/demo/engine"
	"github.com/snapback/snapback/internal/demo/load"
	"github.com/snapback/snapback/internal/demo/page"
	"github.com/snapback/snapback/internal/slackfake"
)

// app is what a tap or a command arrived with; it stands where the product is.
type app struct {
	mu       sync.Mutex
	received []slack.InteractionCallback
	commands []url.Values
	changed  chan struct{} // closed, and made anew, at every request
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	verifier, err := slack.NewSecretsVerifier(r.Header, "signing")
	if err == nil {
		_, _ = verifier.Write(body)
		err = verifier.Ensure()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	form, _ := url.ParseQuery(string(body))
	a.mu.Lock()
	defer a.mu.Unlock()
	if payload := form.Get("payload"); payload != "" {
		var i slack.InteractionCallback
		if err := json.Unmarshal([]byte(payload), &i); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		a.received = append(a.received, i)
	} else {
		a.commands = append(a.commands, form)
	}
	close(a.changed)
	a.changed = make(chan struct{})
}

// tapped waits for the nth tap.
func (a *app) tapped(t *testing.T, n int) slack.InteractionCallback {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		a.mu.Lock()
		all, changed := a.received, a.changed
		a.mu.Unlock()
		if len(all) >= n {
			return all[n-1]
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("tap %d did not arrive; %d did", n, len(all))
		}
	}
}

func (a *app) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.received)
}

// world is a workspace with an app and a page.
type world struct {
	slack   *slackfake.Server
	api     *slack.Client
	app     *app
	maria   *slackfake.User
	channel *slackfake.Channel
	again   atomic.Int32 // how often the page has asked for a deploy
	url     string
}

func setup(t *testing.T) *world {
	t.Helper()
	w := &world{app: &app{changed: make(chan struct{})}}
	appServer := httptest.NewServer(w.app)
	t.Cleanup(appServer.Close)
	w.slack = slackfake.Start(t, slackfake.Config{
		BotToken: "xoxb-test", SigningSecret: "signing",
		Endpoints: slackfake.Endpoints{Interactions: appServer.URL, Commands: appServer.URL},
	})
	w.api = slack.New("xoxb-test", slack.OptionAPIURL(w.slack.APIURL()))
	w.maria = w.slack.AddUser("U0MARIA", "Maria", "maria@example.com")
	w.channel = w.slack.AddChannel("C0OPS", "ops-alerts")
	srv := httptest.NewServer(page.New(page.Config{Slack: w.slack, Me: w.maria, Channel: w.channel, Side: side, Again: w.deployAgain, Every: 200 * time.Millisecond}))
	t.Cleanup(srv.Close)
	t.Cleanup(w.slack.Close) // ends the streams, so that the page's server can end
	w.url = srv.URL
	return w
}

// deployAgain fails from the second time on.
func (w *world) deployAgain(context.Context) error {
	if w.again.Add(1) > 1 {
		return errors.New("the shop is not restored")
	}
	return nil
}

// side is a deploy that broke the shop two minutes ago.
func side() page.Side {
	now := time.Now()
	s := page.Side{
		Hint:    "🚨 It is 03:42 and your phone rang. Tap Restore.",
		Again:   "Deploy 1.42 again",
		ShopURL: "http://127.0.0.1:49153/",
		Shop:    engine.Status{Name: "shop", ID: "4f1d2a7c9b3e", Image: "snapback-demo/shop:1.42", Version: "1.42", Pool: "2", State: "running", Kept: []string{}},
		Incident: &page.Incident{
			ID: "Q000001", Number: 1, Title: "High error rate on shop", Service: "Shop", Status: "triggered", Notes: []string{},
		},
	}
	for i := range 180 {
		b := load.Bucket{Second: now.Unix() - 180 + int64(i), OK: 20}
		switch {
		case i == 95 || i == 96:
			b.OK, b.Down = 4, 16
		case i > 96:
			b.OK, b.Errors = 4+i%2, 16-i%2
		}
		s.Load.Buckets = append(s.Load.Buckets, b)
	}
	s.Load.Percent, s.Load.ErrorsPerMinute, s.Load.Over = 79, 948, 5
	for i, text := range []string{
		"shop 1.41 runs with DB_POOL=20; 20 requests a second arrive", "Snapback is ready",
		"The pipeline asks for a snapshot: pre-deploy-2255", "shop 1.42 is deployed with DB_POOL=2", "79 % of requests fail",
		"PagerDuty: High error rate on shop", "The message is in Slack, 84 ms after the webhook",
	} {
		mark := map[int]string{4: "bad", 6: "good"}[i]
		s.Log = append(s.Log, page.Line{At: now.Add(time.Duration(i-8) * 9 * time.Second), Mark: mark, Text: text})
	}
	return s
}

func plain(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
}

func mrkdwn(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, s, false, true)
}

// alert is a message such as the product posts: what is wrong, what was changed before, what can be done.
func alert() []slack.Block {
	restore := slack.NewButtonBlockElement("restore", `{"i":1,"s":"pre-deploy-2255"}`, plain("Restore pre-deploy-2255")).WithStyle(slack.StyleDanger)
	ask := slack.NewConfirmationBlockObject(plain("Restore shop?"),
		plain("shop goes back to pre-deploy-2255: image 1.42 → 1.41 · DB_POOL: 2 → 20. It is down for a moment; what runs now is kept for Undo."), plain("Restore"), plain("Not now"))
	restore.WithConfirm(ask.WithStyle(slack.StyleDanger))
	more := slack.NewOverflowBlockElement("more",
		slack.NewOptionBlockObject(`{"a":"pick","s":"baseline-2130"}`, plain("Restore baseline-2130 …"), nil),
		slack.NewOptionBlockObject(`{"a":"details"}`, plain("Details"), nil),
		slack.NewOptionBlockObject(`{"a":"resolve"}`, plain("Resolve"), nil))
	opened := time.Now().Add(-20 * time.Second)
	return []slack.Block{
		slack.NewHeaderBlock(plain("🚨 High error rate on shop")),
		slack.NewSectionBlock(mrkdwn(fmt.Sprintf("*Shop* · high urgency · <!date^%d^{date_short_pretty} {time}|just now> · <https://example.pagerduty.com/incidents/Q000001|PagerDuty #1>", opened.Unix())), nil, nil),
		slack.NewSectionBlock(mrkdwn("Last deploy 22:55 (4 h 47 min before): image 1.41 → 1.42 · DB_POOL: 20 → 2"), nil, nil),
		slack.NewActionBlock("", restore, slack.NewButtonBlockElement("acknowledge", `{"i":1}`, plain("Acknowledge")),
			slack.NewButtonBlockElement("terminal", `{"i":1}`, plain("Terminal")), more),
		slack.NewContextBlock("", mrkdwn("`pre-deploy-2255` 22:55 · `baseline-2130` 21:30")),
	}
}

func (w *world) post(t *testing.T, blocks ...slack.Block) string {
	t.Helper()
	_, ts, err := w.api.PostMessageContext(context.Background(), w.channel.ID(), slack.MsgOptionText("High error rate on shop", false),
		slack.MsgOptionBlocks(blocks...), slack.MsgOptionDisableLinkUnfurl())
	if err != nil {
		t.Fatal(err)
	}
	return ts
}
