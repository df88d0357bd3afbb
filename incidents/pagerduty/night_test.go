package pagerduty_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/pagerduty"
	"github.com/snapback/snapback/internal/pagerdutyfake"
)

func people() (anna, bot pagerdutyfake.User) {
	return pagerdutyfake.User{ID: "PANNA", Name: "Anna", Email: "anna@acme.example"},
		pagerdutyfake.User{ID: "PBOT", Name: "Snapback", Email: "bot@acme.example"}
}

// account is a stand-in for PagerDuty, a client for it, and what a verified webhook receiver gets to see.
func account(t *testing.T) (*pagerdutyfake.Server, *pagerduty.Client, <-chan pagerduty.Event) {
	t.Helper()
	anna, bot := people()
	pd := pagerdutyfake.Start(t, pagerdutyfake.Config{APIToken: token, Users: []pagerdutyfake.User{anna, bot}})
	events := make(chan pagerduty.Event, 100) // never closed: the test ends first
	verifier := pagerduty.Verifier{Secrets: []string{"current"}}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e, err := pagerduty.ParseWebhook(body, time.Now())
		if err = errors.Join(err, verifier.Verify(r.Header.Get(pagerduty.SignatureHeader), body)); err != nil {
			t.Errorf("webhook refused: %v", err)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		events <- e
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(receiver.Close)
	pd.Subscribe(receiver.URL, "next", "current")
	return pd, pagerduty.New(pagerduty.Config{Token: token, From: bot.Email, APIURL: pd.URL(), EventsURL: pd.URL()}), events
}

// expect waits for the next event, which has to be of the kind.
func expect(t *testing.T, events <-chan pagerduty.Event, kind incidents.Kind) pagerduty.Event {
	t.Helper()
	select {
	case e := <-events:
		if e.Type != kind {
			t.Fatalf("got %s (%s), want %s", e.Type, e.Summary, kind)
		}
		return e
	case <-time.After(time.Minute):
		t.Fatalf("no %s within 10 s", kind)
	}
	return pagerduty.Event{}
}

func TestANightFromAlertToResolution(t *testing.T) {
	t.Parallel()
	pd, c, events := account(t)
	anna, _ := people()
	opened := pd.Service("PSHOP").Trigger("Errors over 5 %")

	alert := expect(t, events, "incident.triggered")
	if alert.Incident.ID != opened.ID() || alert.Incident.ServiceID != "PSHOP" || alert.Incident.Status != incidents.Triggered {
		t.Fatalf("alert: %+v", alert.Incident)
	}
	user, err := c.UserByEmail(t.Context(), "ANNA@acme.example")
	if err != nil || user.ID != anna.ID {
		t.Fatalf("user: %+v, %v", user, err)
	}
	if err := c.Acknowledge(t.Context(), alert.Incident.ID, user.Email); err != nil {
		t.Fatal(err)
	}
	if by, ok := opened.AcknowledgedBy(); !ok || by.ID != anna.ID {
		t.Errorf("acknowledged by %+v", by)
	}
	acked := expect(t, events, "incident.acknowledged")
	if want := (incidents.Actor{Kind: incidents.Person, PagerDutyID: "PANNA", Name: "Anna"}); acked.Agent != want {
		t.Errorf("webhook says %+v", acked.Agent)
	}
	if err := c.Acknowledge(t.Context(), alert.Incident.ID, user.Email); err != nil {
		t.Errorf("a second tap: %v", err)
	}
	if id, err := c.Note(t.Context(), alert.Incident.ID, "", "Restored pre-deploy-2255"); err != nil || id == "" {
		t.Errorf("note %q: %v", id, err)
	}
	if note := expect(t, events, "incident.annotated"); note.Incident.ID != opened.ID() {
		t.Errorf("the note's incident is %+v", note.Incident)
	}
	if err := errors.Join(c.Resolve(t.Context(), opened.ID(), user.Email), c.Resolve(t.Context(), opened.ID(), "")); err != nil {
		t.Error(err)
	}
	expect(t, events, "incident.resolved")
	if err := c.Acknowledge(t.Context(), opened.ID(), ""); !errors.Is(err, pagerduty.ErrAlreadyResolved) || opened.Status() != pagerdutyfake.Resolved {
		t.Errorf("after the end: %v, now %s", err, opened.Status())
	}
}

func TestTheRecordSaysWhatTheWebhooksSaid(t *testing.T) {
	t.Parallel()
	pd, c, events := account(t)
	anna, _ := people()
	inc := pd.Service("PSHOP").Trigger("Errors")
	if err := errors.Join(inc.Acknowledge(anna), inc.Resolve(anna)); err != nil {
		t.Fatal(err)
	}
	var fromWebhooks, fromRecord []incidents.Kind
	for _, kind := range []incidents.Kind{incidents.KindPagerDutyTriggered, incidents.KindPagerDutyAcked, incidents.KindPagerDutyResolved} {
		fromWebhooks = append(fromWebhooks, expect(t, events, kind).Type)
	}
	entries, err := c.LogEntries(t.Context(), inc.ID(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range entries {
		if kind := l.EventType(); kind != "" && kind != "incident.reassigned" { // a trigger assigns as well
			fromRecord = append(fromRecord, kind)
		}
	}
	if diff := cmp.Diff(fromWebhooks, fromRecord); diff != "" {
		t.Error(diff)
	}
}

func TestAnOutageAndALimitAreWorthAnotherTry(t *testing.T) {
	t.Parallel()
	pd, c, _ := account(t)
	inc := pd.Service("PSHOP").Trigger("Errors")
	pd.Outage(true)
	if e := asError(t, c.Resolve(t.Context(), inc.ID(), ""), pagerduty.ReasonUnavailable); !e.Retry {
		t.Error("an outage is not retried")
	}
	pd.Outage(false)
	pd.RateLimit(1, 3*time.Second)
	if e := asError(t, c.Resolve(t.Context(), inc.ID(), ""), pagerduty.ReasonRateLimited); !e.Retry || e.After != 3*time.Second {
		t.Errorf("limited: retry %t after %s", e.Retry, e.After)
	}
	pd.DropResponse(1)
	if e := asError(t, c.Resolve(t.Context(), inc.ID(), ""), pagerduty.ReasonUnreachable); !e.Retry {
		t.Error("a lost answer is not retried")
	}
	if err := c.Resolve(t.Context(), inc.ID(), ""); err != nil {
		t.Errorf("it had been carried out, so this is a success: %v", err)
	}
}

func TestWhoIsOnCallAndWhoIsUnknown(t *testing.T) {
	t.Parallel()
	pd, c, _ := account(t)
	anna, bot := people()
	pd.SetOnCall(bot, anna)
	inc := pd.Service("PSHOP").Trigger("Errors")
	got, err := c.OnCall(t.Context(), "PSHOP")
	want := []access.Person{{PagerDutyID: "PBOT", Name: "Snapback", Email: bot.Email}, {PagerDutyID: "PANNA", Name: "Anna", Email: anna.Email}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	err = c.Acknowledge(t.Context(), inc.ID(), "stranger@acme.example")
	if asError(t, err, pagerduty.ReasonNoUser); !errors.Is(err, pagerduty.ErrNoUser) {
		t.Errorf("a stranger: %v", err)
	}
}

func TestASubscriptionMadeHerePingsHere(t *testing.T) {
	t.Parallel()
	_, c, events := account(t)
	before, err := c.Subscriptions(t.Context())
	if err != nil || len(before) != 1 {
		t.Fatalf("%+v, %v", before, err)
	}
	if err := errors.Join(c.PingSubscription(t.Context(), before[0].ID), c.EnableSubscription(t.Context(), before[0].ID)); err != nil {
		t.Fatal(err)
	}
	if ping := expect(t, events, incidents.KindPagerDutyPing); !ping.Ping() {
		t.Errorf("%+v is no ping", ping)
	}
	made, secret, err := c.CreateSubscription(t.Context(), pagerduty.Subscription{URL: "http://127.0.0.1:1/webhooks/pagerduty", Active: true, Events: []incidents.Kind{incidents.KindPagerDutyTriggered}})
	if err != nil || secret == "" || made.FilterType != "account_reference" || !made.Active {
		t.Errorf("%+v, secret of %d characters, %v", made, len(secret), err)
	}
}

func TestADeployShowsAsAChange(t *testing.T) {
	t.Parallel()
	pd, c, _ := account(t)
	service := pd.Service("PSHOP")
	err := c.ChangeEvent(t.Context(), service.RoutingKey(), pagerduty.Change{Summary: "api: shop:1.41 → shop:1.42", Source: "api", At: time.Now()})
	if got := pd.ChangeEvents(); err != nil || len(got) != 1 || got[0].ServiceID != "PSHOP" {
		t.Errorf("%+v, %v", got, err)
	}
}
