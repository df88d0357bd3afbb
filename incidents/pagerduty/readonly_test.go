package pagerduty_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/pagerduty"
	"github.com/snapback/snapback/internal/pagerdutyfake"
)

func TestAKeyThatMayOnlyReadIsToldFromOneThatIsWrong(t *testing.T) {
	t.Parallel()
	pd := pagerdutyfake.Start(t, pagerdutyfake.Config{APIToken: "writing", ReadOnlyToken: "reading", Users: []pagerdutyfake.User{{ID: "PBOT001", Name: "Bot", Email: "bot@acme.example"}}})
	with := func(token, from string) *pagerduty.Client {
		return pagerduty.New(pagerduty.Config{Token: token, From: from, APIURL: pd.URL(), EventsURL: pd.URL()})
	}
	for _, from := range []string{"bot@acme.example", "nobody@acme.example", ""} {
		if err := with("writing", from).MayWrite(t.Context()); err != nil {
			t.Errorf("as %q: %v", from, err)
		}
		if err := with("reading", from).MayWrite(t.Context()); !errors.Is(err, pagerduty.ErrMayNotWrite) {
			t.Errorf("as %q, with a read-only key: %v", from, err)
		}
	}
	asError(t, with("wrong", "").MayWrite(t.Context()), pagerduty.ReasonUnauthorized)

	hook := pd.Subscribe("https://bot.acme.example/webhooks/pagerduty", "of by hand")
	id := pd.AddService("PSHOP01", "Shop").Trigger("Errors on shop").ID()
	c := with("reading", "bot@acme.example")
	s := pagerduty.Subscriber{Client: c, Secrets: &keeper{kept: []incidents.WebhookSecret{{Subscription: hook.ID()}}}, URL: "https://bot.acme.example/webhooks/pagerduty"}
	hook.SwitchOff()
	_, subscribeErr := s.Subscribe(t.Context(), pagerduty.Scope{Service: "PSHOP01"})
	_, enableErr := s.Enable(t.Context())
	_, rotateErr := s.Rotate(t.Context())
	_, noteErr := c.Note(t.Context(), id, "", "x")
	for what, err := range map[string]error{
		"subscribe": subscribeErr, "enable": enableErr, "rotate": rotateErr, "ping": c.PingSubscription(t.Context(), hook.ID()), "note": noteErr,
		"acknowledge": c.Acknowledge(t.Context(), id, ""), "resolve": c.Resolve(t.Context(), id, ""),
	} {
		if asError(t, err, pagerduty.ReasonForbidden); !errors.Is(err, pagerduty.ErrMayNotWrite) || !strings.Contains(err.Error(), "snapback init --ask PAGERDUTY_API_TOKEN") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Who may read nothing has another trouble, and a change event goes with a key of its own.
func TestOnlyAWriteWithTheKeyTellsThatItMayNotWrite(t *testing.T) {
	t.Parallel()
	_, c := setup(t, map[string]http.HandlerFunc{
		"GET /incidents/PINC": fail(403, `{}`), "POST /events/v2/change/enqueue": fail(403, `{}`),
	})
	_, readErr := c.Incident(t.Context(), "PINC")
	for _, err := range []error{readErr, c.ChangeEvent(t.Context(), "r0utingkey", pagerduty.Change{Summary: "x"})} {
		if asError(t, err, pagerduty.ReasonForbidden); errors.Is(err, pagerduty.ErrMayNotWrite) {
			t.Errorf("it blames the key: %v", err)
		}
	}
}

// outbox has one entry to carry.
type outbox struct {
	entry    incidents.Entry
	recorded []string
}

func (o *outbox) CarryToPagerDuty(ctx context.Context, incident int64, carry func(context.Context, incidents.Incident, incidents.Entry) error) error {
	return carry(ctx, incidents.Incident{ID: incident, PagerDutyID: "PINC"}, o.entry)
}

func (*outbox) Person(context.Context, string) (access.Person, bool, error) {
	return access.Person{}, false, nil
}

func (o *outbox) Record(_ context.Context, e incidents.Entry) (incidents.Entry, error) {
	o.recorded = append(o.recorded, e.Summary)
	return e, nil
}

func TestATapThatPagerDutyRefusesSaysWhenItIsTheKeysFault(t *testing.T) {
	t.Parallel()
	for status, why := range map[int]string{403: "PAGERDUTY_API_TOKEN may not write (is it a read-only key?)", 401: "it does not take PAGERDUTY_API_TOKEN", 422: "it refused"} {
		_, c := setup(t, map[string]http.HandlerFunc{
			"GET /incidents/PINC": ok(`{"incident":{"id":"PINC","status":"triggered"}}`), "PUT /incidents": fail(status, `{}`),
		})
		out := &outbox{entry: incidents.Entry{Kind: incidents.KindAcknowledgeAsked}}
		if err := (pagerduty.Carrier{Outbox: out, Client: c, Logger: slog.New(slog.DiscardHandler)}).Carry(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if want := "PagerDuty did not acknowledge: " + why + ". Do it in PagerDuty"; len(out.recorded) != 1 || out.recorded[0] != want {
			t.Errorf("%d: it says %q, want %q", status, out.recorded, want)
		}
	}
}
