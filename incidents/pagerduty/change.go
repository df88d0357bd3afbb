package pagerduty

import (
	"context"
	"fmt"
	"net/http"
	"time"

	api "github.com/PagerDuty/go-pagerduty"

	"github.com/snapback/snapback/internal/outside"
)

// maxChangeSummary is PagerDuty's limit (its Events API documentation, "Send a change event"), in characters.
const maxChangeSummary = 1024

// Change is a deploy, for the list of changes that PagerDuty shows beside incidents.
type Change struct {
	Summary string         // one sentence; cut to 1024 characters
	Source  string         // where it happened, such as the container's name
	At      time.Time      // zero: PagerDuty takes the time when it gets it
	Details map[string]any // small, without secrets; nil: none
	Links   []Link         // those that are not http or https are left out
}

// Link is a page about a change.
type Link struct{ URL, Text string }

// ChangeEvent tells PagerDuty of a change. The routing key says to which service; it is a secret. A change that is told
// twice is shown twice.
func (c *Client) ChangeEvent(ctx context.Context, routingKey string, change Change) error {
	const op = "sending a change event"
	if routingKey == "" {
		return &Error{Op: op, Reason: ReasonMisconfigured, Err: fmt.Errorf("the routing key is %w", ErrMisconfigured)}
	}
	k := call{op: op, method: http.MethodPost, in: change.event(routingKey)}
	return c.send(ctx, c.eventsURL+"/v2/change/enqueue", false, k, routingKey)
}

func (ch Change) event(routingKey string) api.ChangeEvent {
	event := api.ChangeEvent{
		RoutingKey: routingKey,
		Payload: api.ChangeEventPayload{
			Summary:       clean(ch.Summary, maxChangeSummary),
			Source:        clean(ch.Source, maxName),
			CustomDetails: ch.Details,
		},
	}
	if !ch.At.IsZero() {
		event.Payload.Timestamp = ch.At.UTC().Format(time.RFC3339)
	}
	for _, l := range ch.Links {
		if href := outside.URL(l.URL); href != "" {
			event.Links = append(event.Links, api.ChangeEventLink{Href: href, Text: clean(l.Text, maxName)})
		}
	}
	return event
}
