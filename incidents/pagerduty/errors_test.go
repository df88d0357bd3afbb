package pagerduty_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents/pagerduty"
)

func TestEveryAnswerHasAReasonAndSaysWhetherToRetry(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		reason string
		retry  bool
		after  time.Duration
	}{
		"429 with a reset":       {fail(429, ``, "ratelimit-reset", "23"), pagerduty.ReasonRateLimited, true, 23 * time.Second},
		"429 with Retry-After":   {fail(429, ``, "Retry-After", "7", "ratelimit-reset", "23"), pagerduty.ReasonRateLimited, true, 7 * time.Second},
		"429 bare":               {fail(429, `x`), pagerduty.ReasonRateLimited, true, time.Minute},
		"429 for ever":           {fail(429, ``, "Retry-After", "999999999999"), pagerduty.ReasonRateLimited, true, 10 * time.Minute},
		"500":                    {fail(500, `<html>`), pagerduty.ReasonUnavailable, true, 0},
		"503 with Retry-After":   {fail(503, ``, "Retry-After", "5"), pagerduty.ReasonUnavailable, true, 5 * time.Second},
		"408":                    {fail(408, ``), pagerduty.ReasonTimeout, true, 0},
		"401":                    {fail(401, `{"error":{"code":2006,"message":"nope `+token+`"}}`), pagerduty.ReasonUnauthorized, false, 0},
		"403":                    {fail(403, `{"error":"forbidden"}`), pagerduty.ReasonForbidden, false, 0},
		"404":                    {fail(404, `{"error":{"code":2100}}`), pagerduty.ReasonNotFound, false, 0},
		"400 that says no such":  {fail(400, `{"error":{"code":2100}}`), pagerduty.ReasonNotFound, false, 0},
		"400":                    {fail(400, `{"error":{"code":2001,"errors":"a string"}}`), pagerduty.ReasonRefused, false, 0},
		"a redirect":             {fail(302, ``, "Location", "http://127.0.0.1:1/"), pagerduty.ReasonRefused, false, 0},
		"200 that isn't JSON":    {ok(`<html>`), pagerduty.ReasonMalformed, true, 0},
		"200 without the object": {ok(`{}`), pagerduty.ReasonMalformed, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, c := setup(t, map[string]http.HandlerFunc{"GET /incidents/PINC": tc.answer})
			_, err := c.Incident(t.Context(), "PINC")
			e := asError(t, err, tc.reason)
			if e.Retry != tc.retry || e.After != tc.after {
				t.Errorf("retry %t after %s, want %t after %s", e.Retry, e.After, tc.retry, tc.after)
			}
			if strings.Contains(e.Error(), token) || strings.Contains(e.Error(), "http://") {
				t.Errorf("the text tells too much: %s", e)
			}
		})
	}
}

func TestNoConnectionIsUnreachableAndRetried(t *testing.T) {
	t.Parallel()
	s, c := setup(t, nil)
	s.Close()
	_, err := c.UserByEmail(t.Context(), "anna@acme.example")
	if e := asError(t, err, pagerduty.ReasonUnreachable); !e.Retry || strings.Contains(e.Error(), "anna") {
		t.Errorf("got %v", e)
	}
}

func TestASlowAnswerIsATimeout(t *testing.T) {
	t.Parallel()
	slow := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	s, _ := setup(t, map[string]http.HandlerFunc{"GET /incidents/PINC": slow})
	c := pagerduty.New(pagerduty.Config{Token: token, APIURL: s.URL, HTTPClient: &http.Client{Timeout: 20 * time.Millisecond}})
	_, err := c.Incident(t.Context(), "PINC")
	if e := asError(t, err, pagerduty.ReasonTimeout); !e.Retry {
		t.Error("it is worth another try")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, c = setup(t, map[string]http.HandlerFunc{"GET /incidents/PINC": slow})
	_, err = c.Incident(ctx, "PINC")
	asError(t, err, pagerduty.ReasonTimeout)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the chain is lost: %v", err)
	}
}

func TestWhatIsNotAnIDNeverReachesAPath(t *testing.T) {
	t.Parallel()
	s, c := setup(t, nil)
	for _, id := range []string{"", "..", "a/b", "P1?x", "P 1", strings.Repeat("P", 65)} {
		_, incidentErr := c.Incident(t.Context(), id)
		_, noteErr := c.Note(t.Context(), id, "", "x")
		_, onCallErr := c.OnCall(t.Context(), id)
		_, logErr := c.LogEntries(t.Context(), id, time.Time{})
		for _, err := range []error{
			incidentErr, noteErr, onCallErr, logErr, c.Acknowledge(t.Context(), id, ""), c.Resolve(t.Context(), id, ""),
			c.PingSubscription(t.Context(), id), c.EnableSubscription(t.Context(), id),
		} {
			if asError(t, err, pagerduty.ReasonRefused); !errors.Is(err, pagerduty.ErrBadID) {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
	if n := len(s.requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestWithoutSettingsNothingIsSent(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, nil)
	noToken := pagerduty.New(pagerduty.Config{APIURL: s.URL, EventsURL: s.URL, From: "bot@acme.example"})
	noFrom := pagerduty.New(pagerduty.Config{APIURL: s.URL, EventsURL: s.URL, Token: token})
	for _, err := range []error{
		noToken.Resolve(t.Context(), "PINC", ""),
		noFrom.Resolve(t.Context(), "PINC", ""),
		noFrom.ChangeEvent(t.Context(), "", pagerduty.Change{Summary: "x"}),
	} {
		if asError(t, err, pagerduty.ReasonMisconfigured); !errors.Is(err, pagerduty.ErrMisconfigured) {
			t.Errorf("got %v", err)
		}
	}
	asError(t, noFrom.Resolve(t.Context(), "PINC", "Anna\r\nX-Evil: 1"), pagerduty.ReasonRefused)
	if n := len(s.requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestARoutingKeyIsNotEchoedInErrors(t *testing.T) {
	t.Parallel()
	_, c := setup(t, map[string]http.HandlerFunc{
		"POST /events/v2/change/enqueue": fail(400, `{"error":{"code":1,"message":"bad routing key r0utingkey"}}`),
	})
	err := c.ChangeEvent(t.Context(), "r0utingkey", pagerduty.Change{Summary: "x"})
	if e := asError(t, err, pagerduty.ReasonRefused); strings.Contains(e.Error(), "r0utingkey") || !strings.Contains(e.Error(), "bad routing key") {
		t.Errorf("got %v", e)
	}
}
