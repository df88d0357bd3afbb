package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
)

// webhookLimit is within the 5 s after which PagerDuty takes a delivery for lost.
const webhookLimit = 4 * time.Second

// The reasons in snapback_webhooks_refused_total.
const (
	webhookUnsigned  = "unsigned"
	webhookSignature = "bad_signature"
	webhookMalformed = "malformed"
	webhookTooLarge  = "too_large"
	webhookDisabled  = "disabled"
	webhookNotStored = "not_stored"
)

// The outcomes in snapback_webhook_tests_total.
const (
	webhookTestStored  = "stored"
	webhookTestRefused = "refused"
)

func webhookReasons() []string {
	return []string{webhookUnsigned, webhookSignature, webhookMalformed, webhookTooLarge, webhookDisabled, webhookNotStored}
}

// receivePagerDuty answers 202 once the webhook is stored.
//
// PagerDuty's "Webhooks V3" documentation: a 4xx other than 429 drops the event for good, and three in a row turn the
// subscription off for a day. So 401 and 413 are kept for what can't be PagerDuty's. What bears a right signature is
// never answered 4xx, not even when it can't be read; and while nothing can be stored it is 503, to be tried again.
// The content type is not looked at, for the same reason: the signature says whose it is.
func (a *API) receivePagerDuty(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(r)
	if err == nil {
		err = a.receive(r, body)
	} else {
		err = retryable(err)
	}
	a.countTest(body, err)
	if err == nil {
		a.metrics.WebhooksStored.Inc()
		return respond(w, http.StatusAccepted, wire.Stored{Status: "stored"})
	}
	reason := webhookReason(err)
	a.metrics.WebhooksRefused.WithLabelValues(reason).Inc()
	a.log.ErrorContext(r.Context(), "pagerduty webhook refused", "request_id", traceOf(r).id, "reason", reason, "err", err,
		"webhook_id", clip(r.Header.Get("X-Webhook-Id")), "source", host(r.RemoteAddr))
	if errors.Is(err, incidents.ErrMalformed) {
		return respond(w, http.StatusAccepted, wire.Stored{Status: "stored", Detail: "It is not an event that can be read."})
	}
	return err
}

// countTest counts a test call of PagerDuty's, apart from what else comes at that moment. Whoever sends one that is not signed is
// believed that it is one: it is refused all the same.
func (a *API) countTest(body []byte, err error) {
	var test struct {
		Event struct {
			Type incidents.Kind `json:"event_type"`
		}
	}
	if json.Unmarshal(body, &test) != nil || test.Event.Type != incidents.KindPagerDutyPing {
		return
	}
	outcome := webhookTestStored
	if err != nil {
		outcome = webhookTestRefused
	}
	a.metrics.WebhookTests.WithLabelValues(outcome).Inc()
}

func (a *API) receive(r *http.Request, body []byte) error {
	if a.deps.PagerDuty == nil {
		return errWebhookDisabled
	}
	return retryable(a.deps.PagerDuty.Receive(r.Context(), r.Header, body))
}

// retryable makes a 503 of everything that could be another time.
func retryable(err error) error {
	for _, last := range []error{nil, errTooLarge, incidents.ErrMalformed, incidents.ErrUnsigned, incidents.ErrBadSignature} {
		if errors.Is(err, last) {
			return err
		}
	}
	// The cause is for the log alone: one that stands for a 4xx, such as a body that was cut off, would drop the event.
	return &refusal{err: fmt.Errorf("%w: %v", ErrUnavailable, err), detail: "The webhook was not stored. Deliver it again."}
}

func webhookReason(err error) string {
	switch {
	case errors.Is(err, incidents.ErrUnsigned):
		return webhookUnsigned
	case errors.Is(err, incidents.ErrBadSignature):
		return webhookSignature
	case errors.Is(err, errTooLarge):
		return webhookTooLarge
	case errors.Is(err, errWebhookDisabled):
		return webhookDisabled
	case errors.Is(err, incidents.ErrMalformed):
		return webhookMalformed
	}
	return webhookNotStored
}
