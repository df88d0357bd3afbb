package pagerduty_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/pagerduty"
	"github.com/snapback/snapback/internal/pagerdutyfake"
)

// keeper keeps secrets, until fault says that it can't.
type keeper struct {
	kept  []incidents.WebhookSecret
	fault error
	came  []string
}

func (k *keeper) KeepWebhookSecret(_ context.Context, s incidents.WebhookSecret) error {
	if k.fault == nil {
		k.kept = append(k.kept, s)
	}
	return k.fault
}

func (k *keeper) ForgetWebhookSecret(_ context.Context, subscription string) error {
	for i, s := range k.kept {
		if s.Subscription == subscription {
			k.kept = append(k.kept[:i], k.kept[i+1:]...)
			break
		}
	}
	return nil
}

func (k *keeper) WebhookSecrets(context.Context) ([]incidents.WebhookSecret, error) {
	return k.kept, k.fault
}

func (k *keeper) WebhookCame(_ context.Context, subscription string) error {
	k.came = append(k.came, subscription)
	return nil
}

// inbox has stored nothing yet.
type inbox struct{ stored int }

func (b *inbox) ReceiveEvent(context.Context, incidents.Delivery, incidents.Incident, time.Time, incidents.Entry) (bool, error) {
	b.stored++
	return true, nil
}

func (b *inbox) FindIncident(context.Context, string) (incidents.Incident, error) {
	return incidents.Incident{}, incidents.ErrUnknown
}

func (b *inbox) Entries(context.Context, int64, int64) ([]incidents.Entry, error) { return nil, nil }

func TestAKeptSecretThatCantBeReadIsNoBadSignature(t *testing.T) {
	t.Parallel()
	body := []byte(`{"event":{"id":"01E","event_type":"pagey.ping","occurred_at":"2026-03-01T03:42:00Z","data":{"message":"x","type":"ping"}}}`)
	header := http.Header{}
	header.Set(pagerduty.SignatureHeader, pagerdutyfake.Sign(body, "kept"))
	k, in := &keeper{kept: []incidents.WebhookSecret{{Subscription: "PSUB", Secret: "kept"}}}, &inbox{}
	intake := pagerduty.Intake{Inbox: in, Kept: k, Verifier: pagerduty.Verifier{Secrets: []string{"of the settings"}}, Logger: slog.New(slog.DiscardHandler)}
	if err := intake.Receive(t.Context(), header, body); err != nil || in.stored != 1 || len(k.came) != 1 || k.came[0] != "PSUB" {
		t.Errorf("with the kept secret: %v, %d stored, came %v", err, in.stored, k.came)
	}
	k.kept, k.fault = nil, errors.New("the database is away")
	if err := intake.Receive(t.Context(), header, body); err == nil || errors.Is(err, incidents.ErrBadSignature) {
		t.Errorf("PagerDuty would drop the alert for good: %v", err)
	}
	k.fault = nil
	if err := intake.Receive(t.Context(), header, body); !errors.Is(err, incidents.ErrBadSignature) || in.stored != 1 {
		t.Errorf("without any secret that fits: %v, %d stored", err, in.stored)
	}
}

func TestASubscriptionWhoseSecretCantBeKeptIsRemoved(t *testing.T) {
	t.Parallel()
	pd, c, _ := account(t)
	before := len(pd.Subscriptions())
	s := pagerduty.Subscriber{Client: c, Secrets: &failing{}, URL: "https://bot.example/webhooks/pagerduty"}
	if _, err := s.Subscribe(t.Context(), pagerduty.Scope{}); err == nil {
		t.Error("it says that all is well")
	}
	if now := len(pd.Subscriptions()); now != before {
		t.Errorf("there are %d subscriptions, and were %d", now, before)
	}
}

// failing keeps nothing.
type failing struct{ keeper }

func (*failing) KeepWebhookSecret(context.Context, incidents.WebhookSecret) error {
	return errors.New("no room")
}

// locked keeps a secret that no key opens until it is forgotten, and hears at every look from all others.
type locked struct {
	keeper
	lost string
}

func (k *locked) ForgetWebhookSecret(ctx context.Context, subscription string) error {
	if subscription == k.lost {
		k.lost = ""
	}
	return k.keeper.ForgetWebhookSecret(ctx, subscription)
}

func (k *locked) WebhookSecrets(context.Context) (opened []incidents.WebhookSecret, err error) {
	for i := range k.kept {
		k.kept[i].CameAt = time.Now()
	}
	if k.lost != "" {
		err = errors.New("no key opens the secret of " + k.lost)
	}
	return append([]incidents.WebhookSecret{}, k.kept...), err // never nil: all were looked at
}

func TestASecretThatNoKeyOpensCountsAsNotKeptUntilItIsRotated(t *testing.T) {
	t.Parallel()
	pd, c, _ := account(t)
	url := "https://bot.example/webhooks/pagerduty"
	lost, known := pd.Subscribe(url, "lost").ID(), pd.Subscribe(url, "known").ID()
	k := &locked{lost: lost, keeper: keeper{kept: []incidents.WebhookSecret{{Subscription: known, URL: url, Secret: "known"}}}}
	s := pagerduty.Subscriber{Client: c, Secrets: k, URL: url, Logger: slog.New(slog.DiscardHandler)}

	list, err := s.Standings(t.Context())
	if err != nil || len(list) != 2 || list[0].Kept || !list[1].Kept || list[1].CameAt.IsZero() {
		t.Fatalf("%+v, %v", list, err)
	}
	if why := s.Trouble(list[0]); !strings.Contains(why, "does not know the secret of subscription "+lost) || s.Trouble(list[1]) != "" {
		t.Errorf("of the one: %q, of the other: %q", why, s.Trouble(list[1]))
	}
	if one, err := s.Subscribe(t.Context(), pagerduty.Scope{}); !errors.Is(err, pagerduty.ErrNotOurs) || one.ID != lost {
		t.Errorf("subscribing: %+v, %v", one, err)
	}
	made, err := s.Rotate(t.Context())
	if err != nil || len(made) != 1 || k.lost != "" {
		t.Errorf("rotating: %+v, %v; still lost: %q", made, err, k.lost)
	}
	if list, err = s.Standings(t.Context()); err != nil || len(list) != 1 || !list[0].Kept {
		t.Errorf("after that: %+v, %v", list, err)
	}
}

func TestNoSecretsAtAllIsNoAnswer(t *testing.T) {
	t.Parallel()
	_, c, _ := account(t)
	s := pagerduty.Subscriber{Client: c, Secrets: &keeper{fault: errors.New("the database is away")}, URL: "https://bot.example/webhooks/pagerduty"}
	if list, err := s.Standings(t.Context()); err == nil {
		t.Errorf("it says that all is known: %+v", list)
	}
}

func TestWhatIsLeftOfASubscribeThatDiedIsReplaced(t *testing.T) {
	t.Parallel()
	pd, c, _ := account(t)
	url := "https://bot.example/webhooks/pagerduty"
	left, _, err := c.CreateSubscription(t.Context(), pagerduty.Subscription{Description: "Snapback", URL: url, Events: pagerduty.Events()})
	if err != nil || left.Active {
		t.Fatalf("%+v, %v", left, err)
	}
	k := &keeper{}
	one, err := (pagerduty.Subscriber{Client: c, Secrets: k, URL: url}).Subscribe(t.Context(), pagerduty.Scope{})
	if err != nil || one.ID == left.ID || !one.Active || len(k.kept) != 1 {
		t.Errorf("%+v, %v, %d kept", one, err, len(k.kept))
	}
	if n := len(pd.Subscriptions()); n != 2 { // account's own, and the new one
		t.Errorf("there are %d subscriptions", n)
	}
}

func TestAVerdictForgivesWhatAnotherSubscriptionMakesUpFor(t *testing.T) {
	t.Parallel()
	s := pagerduty.Subscriber{URL: "https://bot.example/webhooks/pagerduty"}
	well := pagerduty.Standing{Subscription: pagerduty.Subscription{ID: "PWELL", FilterType: "account_reference", Active: true, Events: pagerduty.Events()}, Kept: true}
	service := well
	service.ID, service.FilterType, service.FilterID = "PSVC", "service_reference", "PSHOP"
	broken := func(of pagerduty.Standing, how func(*pagerduty.Standing)) pagerduty.Standing { how(&of); return of }
	disabled := func(s *pagerduty.Standing) { s.Disabled = true }
	for name, test := range map[string]struct {
		list []pagerduty.Standing
		well bool
	}{
		"none":                           {nil, false},
		"well":                           {[]pagerduty.Standing{well}, true},
		"disabled":                       {[]pagerduty.Standing{broken(well, disabled)}, false},
		"switched off":                   {[]pagerduty.Standing{broken(well, func(s *pagerduty.Standing) { s.Active = false })}, false},
		"no alerts":                      {[]pagerduty.Standing{broken(well, func(s *pagerduty.Standing) { s.Events = s.Events[1:] })}, false},
		"unknown secret":                 {[]pagerduty.Standing{broken(well, func(s *pagerduty.Standing) { s.Kept = false })}, false},
		"two of a kind":                  {[]pagerduty.Standing{broken(well, disabled), well}, true},
		"the account makes up":           {[]pagerduty.Standing{broken(service, disabled), well}, true},
		"a service does not make up":     {[]pagerduty.Standing{service, broken(well, disabled)}, false},
		"another service is not reached": {[]pagerduty.Standing{service, broken(service, func(s *pagerduty.Standing) { s.FilterID, s.Disabled = "POTHER", true })}, false},
	} {
		if err := s.Verdict(test.list); (err == nil) != test.well {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNothingIsFetchedFromBeforeTheBot(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 10, 3, 42, 0, 0, time.UTC)
	day := func(n int) time.Time { return now.AddDate(0, 0, n) }
	for name, test := range map[string]struct{ first, last, want time.Time }{
		"nothing is known":        {want: now.Add(-pagerduty.Dark)},
		"all was well until now":  {day(-100), day(0), now.Add(-pagerduty.Dark)},
		"deaf for long":           {day(-100), day(-20), day(-20)},
		"since yesterday":         {day(-1), day(0), day(-1)},
		"nothing has come so far": {day(-2), time.Time{}, day(-2)},
	} {
		if got := pagerduty.DarkSince(now, test.first, test.last); !got.Equal(test.want) {
			t.Errorf("%s: since %s, want %s", name, got, test.want)
		}
	}
}
