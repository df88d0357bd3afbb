package pagerduty_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/pagerduty"
	"github.com/snapback/snapback/internal/testkit"
)

// pinged is what one bot's database keeps of test calls along one subscription, in memory, and PagerDuty's end of them.
type pinged struct {
	pings  sync.Mutex // guards what follows
	last   incidents.WebhookPing
	due    time.Time
	came   time.Time
	asked  int
	refuse bool                 // PagerDuty makes none
	comes  func(asked int) bool // nil: none comes
}

func (p *pinged) WebhookPings(context.Context) (map[string]incidents.WebhookPing, error) {
	p.pings.Lock()
	defer p.pings.Unlock()
	last := p.last
	last.Age = time.Since(last.SentAt)
	return map[string]incidents.WebhookPing{"PSUB": last}, nil
}

func (p *pinged) LastWebhook(context.Context) (time.Time, error) {
	p.pings.Lock()
	defer p.pings.Unlock()
	return p.came, nil
}

func (p *pinged) ClaimWebhookPing(_ context.Context, _ string, next time.Duration) (time.Time, bool, error) {
	p.pings.Lock()
	defer p.pings.Unlock()
	if time.Now().Before(p.due) {
		return time.Time{}, false, nil
	}
	p.last.SentAt, p.last.Waiting, p.due = time.Now(), true, time.Now().Add(next)
	return p.last.SentAt, true, nil
}

func (p *pinged) JudgeWebhookPing(_ context.Context, _ string, sentAt time.Time, lost int, next time.Duration) error {
	p.pings.Lock()
	defer p.pings.Unlock()
	if sentAt.Equal(p.last.SentAt) {
		p.last.Waiting, p.last.Lost, p.due = false, lost, time.Now().Add(next)
	}
	return nil
}

// ask is PagerDuty's answer to being asked for a test call.
func (p *pinged) ask(w http.ResponseWriter) {
	p.pings.Lock()
	defer p.pings.Unlock()
	p.asked++
	switch {
	case p.refuse:
		w.WriteHeader(http.StatusForbidden)
		return
	case p.comes != nil && p.comes(p.asked):
		p.came = time.Now()
	}
	w.WriteHeader(http.StatusAccepted)
}

func (p *pinged) times() int {
	p.pings.Lock()
	defer p.pings.Unlock()
	return p.asked
}

func (p *pinged) now(comes bool) {
	p.pings.Lock()
	defer p.pings.Unlock()
	p.comes = func(int) bool { return comes }
}

// pinging has test calls made that often, along a subscription of which PagerDuty says nothing bad.
func pinging(t *testing.T, l *looks, every time.Duration) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/ping") {
			l.ask(w)
			return
		}
		_, _ = w.Write([]byte(`{"webhook_subscriptions":[{"id":"PSUB","type":"webhook_subscription","active":true,"description":"ours",
			"delivery_method":{"type":"http_delivery_method","url":"https://bot.example/webhooks/pagerduty"},
			"events":["incident.triggered"],"filter":{"type":"account_reference"}}],"incidents":[]}`))
	}))
	t.Cleanup(server.Close)
	c := pagerduty.New(pagerduty.Config{Token: "pd-token", From: "bot@example.com", APIURL: server.URL, EventsURL: server.URL})
	w := pagerduty.NewWatch(pagerduty.WatchConfig{
		Subscriber: pagerduty.Subscriber{Client: c, Secrets: &keeper{}, Pings: l, URL: "https://bot.example/webhooks/pagerduty", InSettings: true},
		Looks:      l, Logger: slog.New(slog.DiscardHandler), Every: 10 * time.Millisecond, Tick: 5 * time.Millisecond,
		PingEvery: every, PingPatience: time.Microsecond, Backfill: pagerduty.Backfill{Client: c, Open: l},
	})
	w.Start()
	t.Cleanup(func() { _ = w.Stop(context.Background()) })
}

func (l *looks) afterPings(t *testing.T, more int) []incidents.Entry {
	t.Helper()
	before := l.times()
	testkit.Eventually(t, "more test calls are made", func() bool { return l.times() >= before+more })
	told, _ := l.is()
	return told
}

func TestTestCallsThatDoNotComeAreToldOnceAndSoIsThatTheyComeAgain(t *testing.T) {
	t.Parallel()
	l := &looks{look: incidents.WebhookLook{Fresh: true}}
	pinging(t, l, time.Millisecond)
	told := l.afterPings(t, 10)
	if len(told) != 1 || told[0].Kind != incidents.KindPagerDutyDeaf || !strings.Contains(told[0].Summary, "test calls along subscription PSUB (the whole account) did not arrive at https://bot.example/webhooks/pagerduty") {
		t.Fatalf("told: %+v", told)
	}
	l.now(true)
	testkit.Eventually(t, "it is told that they come", func() bool { told, _ := l.is(); return len(told) > 1 })
	if told = l.afterPings(t, 5); len(told) != 2 || told[1].Kind != incidents.KindPagerDutyHeard || !strings.Contains(told[1].Summary, "reach this bot again") {
		t.Fatalf("told: %+v", told)
	}
	l.now(false)
	testkit.Eventually(t, "it is told that they don't", func() bool { told, _ := l.is(); return len(told) > 2 })
	if told, _ = l.is(); told[2].Kind != incidents.KindPagerDutyDeaf {
		t.Errorf("told: %+v", told[2])
	}
}

func TestOneTestCallThatIsLostIsNoAlarm(t *testing.T) {
	t.Parallel()
	l := &looks{look: incidents.WebhookLook{Fresh: true}, pinged: pinged{comes: func(asked int) bool { return asked%2 == 0 }}}
	pinging(t, l, time.Millisecond)
	if told := l.afterPings(t, 20); len(told) != 0 {
		t.Errorf("told: %+v", told)
	}
}

// TestATestCallThatNobodyWaitedForIsNotLost: no bot has looked since it was asked for, so that none may have been there to take it.
func TestATestCallThatNobodyWaitedForIsNotLost(t *testing.T) {
	t.Parallel()
	l := &looks{}
	pinging(t, l, time.Millisecond)
	if told := l.afterPings(t, 10); len(told) != 0 {
		t.Errorf("told: %+v", told)
	}
}

func TestWhereNoTestCallIsMadeNoneIsLost(t *testing.T) {
	t.Parallel()
	l := &looks{look: incidents.WebhookLook{Fresh: true}, pinged: pinged{refuse: true}}
	pinging(t, l, time.Millisecond)
	if told := l.afterPings(t, 10); len(told) != 0 {
		t.Errorf("told: %+v", told)
	}
}

func TestNoTestCallIsMadeWhileWebhooksCome(t *testing.T) {
	t.Parallel()
	l := &looks{look: incidents.WebhookLook{Fresh: true}, pinged: pinged{came: time.Now()}}
	pinging(t, l, time.Hour)
	testkit.Eventually(t, "it has looked three times", func() bool { _, saved := l.is(); return saved >= 3 })
	if asked := l.times(); asked != 0 {
		t.Errorf("%d test calls, right after a webhook", asked)
	}
	l.pings.Lock()
	l.came = l.came.Add(-time.Hour)
	l.pings.Unlock()
	l.afterPings(t, 1)
}

func TestTheDocsHaveTheLimitsOfTestCalls(t *testing.T) {
	t.Parallel()
	w := pagerduty.NewWatch(pagerduty.WatchConfig{})
	testkit.Limits(t, "../../docs/limits.md", map[string][]time.Duration{
		"without a webhook, PagerDuty is asked for a test call": {w.PingEvery, w.PingPatience, w.PingEvery / 6},
	})
}

// TestWhatComesLateCountsFromTheStart has a webhook that came after two test calls were given up.
func TestWhatComesLateCountsFromTheStart(t *testing.T) {
	t.Parallel()
	sentAt := time.Now().Add(-time.Hour)
	l := &looks{look: incidents.WebhookLook{Fresh: true, Trouble: "they did not arrive"}, pinged: pinged{
		last: incidents.WebhookPing{SentAt: sentAt, Lost: 2}, due: time.Now().Add(time.Hour), came: sentAt.Add(time.Minute),
	}}
	pinging(t, l, 2*time.Hour)
	testkit.Eventually(t, "it is told that they come", func() bool { told, _ := l.is(); return len(told) > 0 })
	if told, _ := l.is(); told[0].Kind != incidents.KindPagerDutyHeard {
		t.Errorf("told: %+v", told)
	}
	pings, err := l.WebhookPings(t.Context())
	testkit.OK(t, err)
	if lost := pings["PSUB"].Lost; lost != 0 {
		t.Errorf("%d are lost still: one more would be told", lost)
	}
}
