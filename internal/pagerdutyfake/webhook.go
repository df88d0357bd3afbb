package pagerdutyfake

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// DeliveryState is what has become of a webhook.
type DeliveryState string

// A delivery is pending until it is one of the others.
const (
	Pending   DeliveryState = "pending"
	Delivered DeliveryState = "delivered"
	Dropped   DeliveryState = "dropped"   // refused for good, or given up
	Discarded DeliveryState = "discarded" // its subscription was disabled or removed
)

// Delivery is one webhook to one subscription, with all attempts.
type Delivery struct {
	WebhookID, SubscriptionID      string
	EventID, EventType, IncidentID string
	Body                           []byte
	State                          DeliveryState
	Attempts                       []Attempt
}

// Attempt is one request. Status is 0 when there was no answer.
type Attempt struct {
	At     time.Time
	Status int
	Took   time.Duration
	Err    string
}

// composed is an event ready to be sent.
type composed struct {
	eventID, kind, incidentID string
	body                      []byte
}

type delivery struct {
	Delivery
	since time.Time
}

// compose writes an event's body. The caller holds mu.
func (s *Server) compose(inc *incident, kind, resource string, by *User, data any) composed {
	c := composed{eventID: "01" + rand.Text()[:24], kind: kind}
	if inc != nil {
		c.incidentID = inc.id
	}
	c.body, _ = json.Marshal(object{"event": object{ // maps and strings only: it can't fail
		"id": c.eventID, "event_type": kind, "resource_type": resource,
		"occurred_at": s.now().Format("2006-01-02T15:04:05.000Z"), "agent": s.userRef(by), "client": nil, "data": data,
	}})
	return c
}

// emit queues an event for every subscription that wants it. The caller holds mu.
func (s *Server) emit(inc *incident, kind string, by *User, data any) {
	c := s.compose(inc, kind, "incident", by, data)
	for _, sub := range s.subs {
		if sub.wants(inc, kind) && !s.disabled(sub) {
			s.queue(sub, c)
		}
	}
	s.touch()
}

// queue puts a delivery behind the earlier ones of its incident. The caller holds mu.
func (s *Server) queue(sub *subscription, c composed) {
	d := &delivery{since: s.now(), Delivery: Delivery{
		WebhookID: rand.Text(), SubscriptionID: sub.id, EventID: c.eventID, EventType: c.kind,
		IncidentID: c.incidentID, Body: c.body, State: Pending,
	}}
	s.deliveries = append(s.deliveries, d)
	s.enqueueDelivery(sub, d)
}

func (s *Server) enqueueDelivery(sub *subscription, d *delivery) {
	key := d.IncidentID
	sub.queues[key] = append(sub.queues[key], d)
	if !sub.busy[key] && !s.closed {
		sub.busy[key] = true
		s.wg.Go(func() { s.drain(sub, key) })
	}
}

// drain sends an incident's webhooks one after the other until none is left.
func (s *Server) drain(sub *subscription, key string) {
	for {
		s.mu.Lock()
		if len(sub.queues[key]) == 0 {
			sub.busy[key] = false
			s.mu.Unlock()
			return
		}
		d := sub.queues[key][0]
		s.mu.Unlock()
		if !s.settle(sub, d) {
			return
		}
		s.mu.Lock()
		sub.queues[key] = slices.DeleteFunc(sub.queues[key], func(other *delivery) bool { return other == d })
		s.mu.Unlock()
	}
}

// settle tries until a delivery is no longer pending; false means that the server is closing.
func (s *Server) settle(sub *subscription, d *delivery) bool {
	for n := 0; ; n++ {
		a := s.attempt(sub, d)
		if s.ctx.Err() != nil {
			return false
		}
		if s.noteAttempt(sub, d, a) {
			return true
		}
		wait := s.cfg.Backoff[min(n, len(s.cfg.Backoff)-1)]
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.ctx.Done():
			timer.Stop()
			return false
		}
	}
}

// noteAttempt records an attempt and reports whether the delivery is settled by it.
func (s *Server) noteAttempt(sub *subscription, d *delivery, a Attempt) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.touch()
	d.Attempts = append(d.Attempts, a)
	switch {
	case d.State != Pending: // discarded in the meantime
	case a.Status >= 200 && a.Status < 300:
		d.State, sub.drops = Delivered, 0
	case permanent(a.Status) || s.now().Sub(d.since) > s.cfg.GiveUpAfter:
		d.State = Dropped
		s.countDrop(sub)
	}
	return d.State != Pending
}

// permanent is any 4xx but 429. Redirects aren't followed, and are repeated.
func permanent(status int) bool {
	return status >= 400 && status < 500 && status != http.StatusTooManyRequests
}

// countDrop disables a subscription at its third drop in a row, and empties its queues.
func (s *Server) countDrop(sub *subscription) {
	sub.drops++
	if sub.drops < dropsToDisable {
		return
	}
	sub.disabledUntil = s.now().Add(s.cfg.DisableFor)
	s.discard(sub)
}

// discard gives up all that waits. The caller holds mu.
func (s *Server) discard(sub *subscription) {
	for key, waiting := range sub.queues {
		for _, d := range waiting {
			if d.State == Pending {
				d.State = Discarded
			}
		}
		sub.queues[key] = nil
	}
	s.touch()
}

// attempt makes one request.
func (s *Server) attempt(sub *subscription, d *delivery) Attempt {
	s.mu.Lock()
	target, secrets, headers := sub.url, slices.Clone(sub.secrets), sub.headers
	s.mu.Unlock()
	began := time.Now()
	a := Attempt{At: s.now()}
	status, err := s.post(target, d, secrets, headers)
	a.Status, a.Took = status, time.Since(began)
	if err != nil {
		a.Err = err.Error()
	}
	return a
}

func (s *Server) post(target string, d *delivery, secrets []string, headers map[string]string) (int, error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.WebhookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(d.Body))
	if err != nil {
		return 0, err
	}
	for name, v := range headers {
		req.Header.Set(name, v)
	}
	req.Header.Set("X-Webhook-Id", d.WebhookID)
	req.Header.Set("X-Webhook-Subscription", d.SubscriptionID)
	setHeaders(req.Header, Sign(d.Body, secrets...))
	return s.send(req)
}

// setHeaders is what every webhook carries; signature may be empty.
func setHeaders(h http.Header, signature string) {
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "PagerDuty-Webhook/V3.0")
	h.Set("Accept", "*/*")
	if signature != "" {
		h.Set("X-PagerDuty-Signature", signature)
	}
}

func (s *Server) send(req *http.Request) (int, error) {
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody)) // so that the connection is used again
	return resp.StatusCode, nil
}

// Sign is the value of X-PagerDuty-Signature: HMAC-SHA256 of the raw body, once for
// each secret.
func Sign(body []byte, secrets ...string) string {
	parts := make([]string, 0, len(secrets))
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		parts = append(parts, "v1="+hex.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(parts, ",")
}
