package pagerduty

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/outside"
)

// Subscription is a webhook subscription: which events PagerDuty sends where.
type Subscription struct {
	ID          string
	Description string
	URL         string // where events are sent
	Events      []incidents.Kind
	FilterType  string // account_reference, service_reference or team_reference
	FilterID    string // empty for the account
	Active      bool
	Disabled    bool // PagerDuty stopped sending for a while, after refusals; see EnableSubscription
}

// rawSubscription is a subscription on the wire.
type rawSubscription struct {
	ID          string           `json:"id,omitempty"`
	Type        string           `json:"type"`
	Active      *bool            `json:"active,omitempty"`
	Description string           `json:"description,omitempty"`
	Delivery    rawDelivery      `json:"delivery_method"`
	Events      []incidents.Kind `json:"events"`
	Filter      rawFilter        `json:"filter"`
}

type rawDelivery struct {
	Type     string `json:"type"`
	URL      string `json:"url"`
	Secret   string `json:"secret,omitempty"`
	Disabled bool   `json:"temporarily_disabled,omitempty"`
}

type rawFilter struct {
	Type string `json:"type"`
	ID   string `json:"id,omitempty"`
}

func (r rawSubscription) subscription() Subscription {
	return Subscription{
		ID:          clean(r.ID, maxName),
		Description: clean(r.Description, maxName),
		URL:         outside.URL(r.Delivery.URL),
		Events:      r.Events,
		FilterType:  clean(r.Filter.Type, maxName),
		FilterID:    clean(r.Filter.ID, maxName),
		Active:      r.Active == nil || *r.Active,
		Disabled:    r.Delivery.Disabled,
	}
}

func (s Subscription) raw() rawSubscription {
	return rawSubscription{
		Type:        "webhook_subscription",
		Active:      &s.Active,
		Description: s.Description,
		Delivery:    rawDelivery{Type: "http_delivery_method", URL: s.URL},
		Events:      s.Events,
		Filter:      rawFilter{Type: cmp.Or(s.FilterType, "account_reference"), ID: s.FilterID},
	}
}

// Subscriptions lists the account's webhook subscriptions.
func (c *Client) Subscriptions(ctx context.Context) ([]Subscription, error) {
	const op = "listing webhook subscriptions"
	var all []Subscription
	err := pages(op, func(offset int) (bool, error) {
		var out struct {
			page
			Subscriptions []rawSubscription `json:"webhook_subscriptions"`
		}
		err := c.rest(ctx, call{op: op, method: http.MethodGet, path: "/webhook_subscriptions", query: listQuery(offset), out: &out})
		for _, raw := range out.Subscriptions {
			all = append(all, raw.subscription())
		}
		return out.More, err
	})
	if err != nil {
		return nil, err // half a list would look like a missing subscription
	}
	return all, nil
}

// CreateSubscription creates one from URL, Events, Description, Active and the filter (zero: the account). It returns what was
// created and the secret that signs its webhooks, which PagerDuty never tells again. Calling it twice makes two.
func (c *Client) CreateSubscription(ctx context.Context, s Subscription) (created Subscription, secret string, err error) {
	const op = "creating a webhook subscription"
	if outside.URL(s.URL) == "" || len(s.Events) == 0 {
		return Subscription{}, "", &Error{Op: op, Reason: ReasonRefused, Err: errors.New("it needs a web address and events")}
	}
	in := map[string]rawSubscription{"webhook_subscription": s.raw()}
	var out struct {
		Subscription rawSubscription `json:"webhook_subscription"`
	}
	if err := c.rest(ctx, call{op: op, method: http.MethodPost, path: "/webhook_subscriptions", in: in, out: &out}); err != nil {
		return Subscription{}, "", err
	}
	return out.Subscription.subscription(), out.Subscription.Delivery.Secret, nil
}

// ActivateSubscription switches one on.
func (c *Client) ActivateSubscription(ctx context.Context, id string) error {
	op := "switching on webhook subscription " + clean(id, maxName)
	if err := checkID(op, id); err != nil {
		return err
	}
	in := map[string]any{"webhook_subscription": map[string]bool{"active": true}}
	return c.rest(ctx, call{op: op, method: http.MethodPut, path: "/webhook_subscriptions/" + id, in: in})
}

// DeleteSubscription ends one. That it is gone already is a success.
func (c *Client) DeleteSubscription(ctx context.Context, id string) error {
	op := "deleting webhook subscription " + clean(id, maxName)
	if err := checkID(op, id); err != nil {
		return err
	}
	err := c.rest(ctx, call{op: op, method: http.MethodDelete, path: "/webhook_subscriptions/" + id})
	if hasReason(err, ReasonNotFound) {
		return nil
	}
	return err
}

// PingSubscription has PagerDuty send a test event (incidents.KindPagerDutyPing) along a subscription.
func (c *Client) PingSubscription(ctx context.Context, id string) error {
	return c.poke(ctx, "pinging webhook subscription", id, "ping")
}

// EnableSubscription makes PagerDuty send again after it disabled a subscription for refusals.
func (c *Client) EnableSubscription(ctx context.Context, id string) error {
	return c.poke(ctx, "enabling webhook subscription", id, "enable")
}

func (c *Client) poke(ctx context.Context, doing, id, verb string) error {
	op := doing + " " + clean(id, maxName)
	if err := checkID(op, id); err != nil {
		return err
	}
	return c.rest(ctx, call{op: op, method: http.MethodPost, path: "/webhook_subscriptions/" + id + "/" + verb})
}
