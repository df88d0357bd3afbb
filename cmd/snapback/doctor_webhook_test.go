package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/pagerduty"
)

// TestDoctorTakesNoOtherWebhookForTheTestCall: while a test call is under way, alerts come and are stored or refused.
func TestDoctorTakesNoOtherWebhookForTheTestCall(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		others, outcome string // how the others end, and how the test call does
		want            error
	}{
		"an alert is stored, the test refused":   {"snapback_webhooks_stored_total", "refused", errUnknownSecret},
		"a call is refused, and the test stored": {`snapback_webhooks_refused_total{reason="bad_signature"}`, "stored", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked, looks atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/metrics" {
					asked.Add(1)
					w.WriteHeader(http.StatusAccepted)
					return
				}
				others, tests := asked.Load(), int32(0)
				if others > 0 && looks.Add(1) > 3 { // the others are quicker
					tests = 1
				}
				_, _ = fmt.Fprintf(w, "%s %d\nsnapback_webhook_tests_total{outcome=%q} %d\n", test.others, others, test.outcome, tests)
			}))
			t.Cleanup(server.Close)
			pd := pagerduty.New(pagerduty.Config{Token: "pd-token", From: "bot@example.com", APIURL: server.URL})
			err := tryWebhook(t.Context(), pd, "PSUB001", config{MetricsListen: strings.TrimPrefix(server.URL, "http://")})
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// TestDoctorMissesNothingThatAnotherSubscriptionSends: of what a service's subscription does not send, the account's may tell.
func TestDoctorMissesNothingThatAnotherSubscriptionSends(t *testing.T) {
	t.Parallel()
	standing := func(id, service string, events ...incidents.Kind) pagerduty.Standing {
		one := pagerduty.Standing{Kept: true}
		one.ID, one.Active, one.Events = id, true, append([]incidents.Kind{incidents.KindPagerDutyTriggered}, events...)
		if service != "" {
			one.FilterType, one.FilterID = "service_reference", service
		}
		return one
	}
	all := []incidents.Kind{incidents.KindPagerDutyAcked, incidents.KindPagerDutyResolved, incidents.KindPagerDutyNoted}
	for name, test := range map[string]struct {
		list []pagerduty.Standing
		want string
	}{
		"the account's sends it":      {[]pagerduty.Standing{standing("A", "PSHOP01"), standing("B", "", all...)}, ""},
		"each sends a part":           {[]pagerduty.Standing{standing("A", "", all[:1]...), standing("B", "", all[1:]...)}, ""},
		"only one service's sends it": {[]pagerduty.Standing{standing("A", "PSHOP01", all...), standing("B", "")}, "subscription B does not send incident.acknowledged"},
		"another service's sends it":  {[]pagerduty.Standing{standing("A", "PSHOP01", all...), standing("B", "PBLOG01", all[:2]...)}, "subscription B does not send incident.annotated"},
	} {
		err := forgiven(pagerduty.Subscriber{}, test.list)
		if got := fmt.Sprint(err); test.want == "" && err != nil || !strings.Contains(got, test.want) {
			t.Errorf("%s: got %s, want %q", name, got, test.want)
		}
	}
}
