package pagerduty_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/pagerduty"
	"github.com/snapback/snapback/internal/testkit"
)

// looks is what one bot's database keeps, in memory.
type looks struct {
	mu    sync.Mutex
	look  incidents.WebhookLook
	saved int
	told  []incidents.Entry
	pinged
}

func (l *looks) ClaimWebhookLook(context.Context, string, time.Duration) (bool, error) {
	return true, nil
}

func (l *looks) WebhookLook(context.Context, string, time.Duration) (incidents.WebhookLook, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.look, nil
}

func (l *looks) SaveWebhookLook(_ context.Context, _, trouble string, _ bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.look.Trouble = trouble
	l.saved++
	return nil
}

func (l *looks) RecordOnce(_ context.Context, e incidents.Entry) (incidents.Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, e)
	return e, nil
}

func (l *looks) is() (told []incidents.Entry, saved int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]incidents.Entry(nil), l.told...), l.saved
}

func (l *looks) OpenIncidents(context.Context, []string) ([]incidents.Incident, error) {
	return nil, nil
}

// watching looks at an account that answers as answer does.
func watching(t *testing.T, l *looks, answer http.HandlerFunc) *pagerduty.Watch {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	c := pagerduty.New(pagerduty.Config{Token: "pd-token", From: "bot@example.com", APIURL: server.URL, EventsURL: server.URL})
	w := pagerduty.NewWatch(pagerduty.WatchConfig{
		Subscriber: pagerduty.Subscriber{Client: c, Secrets: &keeper{}, URL: "https://bot.example/webhooks/pagerduty", InSettings: true},
		Looks:      l, Logger: slog.New(slog.DiscardHandler), Every: 20 * time.Millisecond, Tick: 10 * time.Millisecond,
		Backfill: pagerduty.Backfill{Client: c, Open: l},
	})
	w.Start()
	t.Cleanup(func() { _ = w.Stop(context.Background()) })
	return w
}

func TestATokenThatIsRefusedIsToldOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	l := &looks{}
	watching(t, l, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":{"message":"Unauthorized, request %d","code":2006}}`, asked.Add(1))
	})
	testkit.Eventually(t, "it has looked three times", func() bool { _, saved := l.is(); return saved >= 3 })
	told, _ := l.is()
	if len(told) != 1 || told[0].Kind != incidents.KindPagerDutyDeaf || !strings.Contains(told[0].Summary, "may not reach this bot: PagerDuty refuses PAGERDUTY_API_TOKEN") {
		t.Errorf("told: %+v", told)
	}
}

// TestATokenThatMayNotSeeSubscriptionsSaysNothingOfAlerts has one that may do all else.
func TestATokenThatMayNotSeeSubscriptionsSaysNothingOfAlerts(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	l := &looks{}
	w := watching(t, l, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusForbidden)
	})
	testkit.Eventually(t, "it has looked three times", func() bool { return asked.Load() >= 4 })
	if told, saved := l.is(); len(told) != 0 || saved != 0 {
		t.Errorf("told %+v, saved %d times", told, saved)
	}
	if hears, known := w.Hears(); hears || known {
		t.Errorf("hears %v, known %v", hears, known)
	}
}

// TestFetchingWhatWasMissedHasAnEnd has a PagerDuty that lists subscriptions, and answers nothing else.
func TestFetchingWhatWasMissedHasAnEnd(t *testing.T) {
	t.Parallel()
	l := &looks{look: incidents.WebhookLook{Trouble: "it was disabled"}, pinged: pinged{due: time.Now().Add(time.Hour)}}
	watching(t, l, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/webhook_subscriptions" {
			<-r.Context().Done()
			return
		}
		_, _ = w.Write([]byte(`{"webhook_subscriptions":[{"id":"PSUB","type":"webhook_subscription","active":true,"description":"Snapback",
			"delivery_method":{"type":"http_delivery_method","url":"https://bot.example/webhooks/pagerduty"},
			"events":["incident.triggered"],"filter":{"type":"account_reference"}}]}`))
	})
	testkit.Eventually(t, "it is told", func() bool { told, _ := l.is(); return len(told) > 0 })
	if told, _ := l.is(); told[0].Kind != incidents.KindPagerDutyHeard || !strings.Contains(told[0].Summary, "could not be fetched") {
		t.Errorf("told: %+v", told)
	}
}

// remembering is an inbox in which one incident is, and what came.
type remembering struct {
	entries []incidents.Entry
	came    []incidents.Entry
}

func (r *remembering) FindIncident(context.Context, string) (incidents.Incident, error) {
	return incidents.Incident{ID: 1}, nil
}

func (r *remembering) Entries(context.Context, int64, int64) ([]incidents.Entry, error) {
	return r.entries, nil
}

func (r *remembering) ReceiveEvent(_ context.Context, _ incidents.Delivery, in incidents.Incident, _ time.Time, e incidents.Entry) (bool, error) {
	if in.PagerDutyID != "" {
		r.came = append(r.came, e)
	}
	return true, nil
}

// TestALongNoteOfOurOwnIsNoNewsWhenItIsFetched fetches one that is longer than what is kept of others' notes, and one that is theirs.
func TestALongNoteOfOurOwnIsNoNewsWhenItIsFetched(t *testing.T) {
	t.Parallel()
	pd, c, _ := account(t)
	opened := pd.Service("PSHOP").Trigger("Errors over 5 %")
	long := strings.Repeat("Restored api to pre-deploy-2255. ", 100)
	for _, text := range []string{long, "Is it back?"} {
		if _, err := c.Note(t.Context(), opened.ID(), "", text); err != nil {
			t.Fatal(err)
		}
	}
	in := &remembering{entries: []incidents.Entry{{Kind: incidents.KindRestoreVerified, Summary: long}}}
	b := pagerduty.Backfill{Client: c, Open: &looks{}, Intake: pagerduty.Intake{Inbox: in, Logger: slog.New(slog.DiscardHandler)}}
	if _, err := b.Since(t.Context(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if len(in.came) != 2 || in.came[0].Kind != incidents.KindPagerDutyTriggered || !strings.Contains(in.came[1].Summary, "Is it back?") {
		t.Errorf("what came: %+v", in.came)
	}
}
