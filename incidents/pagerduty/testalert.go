package pagerduty

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/snapback/snapback/incidents"
)

// ErrTestStopped says that a test alert did not arrive; the text says where it stopped, and what to do.
var ErrTestStopped = errors.New("the test alert stopped")

// Told is what the bot has stored.
type Told interface {
	// FindIncident looks up by PagerDuty's ID. It returns incidents.ErrUnknown.
	FindIncident(ctx context.Context, ref string) (incidents.Incident, error)
	// Entries lists those of an incident from after that sequence number.
	Entries(ctx context.Context, incident, after int64) ([]incidents.Entry, error)
}

// TestAlert makes an alert that says that it is a test, and follows it: to the webhook, to what is stored, to Slack.
type TestAlert struct {
	Subscriber Subscriber
	Told       Told
	Service    string // PagerDuty's ID
	Container  string // for the title
	Keep       bool   // leave the incident open at the end
	Patience   time.Duration
	Step       func(what string) // is told of each step when it is done
}

// Title is the test incident's.
func (t TestAlert) Title() string {
	return "TEST of Snapback, please ignore: alert of " + t.Container
}

// Real opens an incident in PagerDuty. It returns what wraps ErrTestStopped, or an *Error when PagerDuty refuses the incident.
func (t TestAlert) Real(ctx context.Context) error {
	if err := t.covered(ctx); err != nil {
		return err
	}
	in, err := t.Subscriber.Client.CreateIncident(ctx, t.Service, t.Title())
	if err != nil {
		return err
	}
	t.Step(fmt.Sprintf("PagerDuty opened incident %s (#%d) on service %s", in.ID, in.Number, t.Service))
	err = t.follow(ctx, in.ID, t.lost)
	if t.Keep {
		t.Step("the incident stays open: resolve it in PagerDuty")
		return err
	}
	if resolveErr := t.Subscriber.Client.Resolve(context.WithoutCancel(ctx), in.ID, ""); resolveErr != nil {
		return errors.Join(err, fmt.Errorf("the test incident could not be resolved, do it in PagerDuty: %w", resolveErr))
	}
	t.Step("PagerDuty resolved it")
	return err
}

// covered looks whether any subscription would bring the alert, before anybody is paged for nothing.
func (t TestAlert) covered(ctx context.Context) error {
	list, err := t.Subscriber.Standings(ctx)
	if err != nil {
		return err
	}
	if err := t.Subscriber.Verdict(list); err != nil {
		return fmt.Errorf("%w before it began: %w", ErrTestStopped, err)
	}
	scopes := Scopes(list)
	others := slices.ContainsFunc(scopes, func(s Scope) bool { return s.Team != "" }) // whose services are not known here
	if !others && !slices.Contains(scopes, Scope{}) && !slices.Contains(scopes, Scope{Service: t.Service}) {
		return fmt.Errorf("%w before it began: no subscription brings alerts of service %s: snapback pagerduty subscribe --service %[2]s makes one", ErrTestStopped, t.Service)
	}
	t.Step("PagerDuty has a subscription that calls " + t.Subscriber.URL)
	return nil
}

// lost says why a webhook of PagerDuty's is not here.
func (t TestAlert) lost(ctx context.Context) string {
	list, err := t.Subscriber.Standings(ctx)
	if err == nil {
		err = t.Subscriber.Verdict(list)
	}
	if err != nil {
		return err.Error()
	}
	return "PagerDuty's subscription looks well. Does the bot run, and can PagerDuty reach " + t.Subscriber.URL + "? snapback doctor tries it, and the bot's log tells of webhooks that were refused"
}

// follow waits for what the bot makes of an incident.
func (t TestAlert) follow(ctx context.Context, id string, lost func(context.Context) string) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(t.Patience, time.Minute))
	defer cancel()
	var in incidents.Incident
	found, err := t.until(ctx, func() (done bool, err error) {
		in, err = t.Told.FindIncident(ctx, id)
		if errors.Is(err, incidents.ErrUnknown) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("%w at the webhook, which did not come: %s", ErrTestStopped, lost(context.WithoutCancel(ctx)))
	}
	t.Step(fmt.Sprintf("the webhook came, and is stored as incident %d", in.ID))
	return t.posted(ctx, in.ID)
}

// posted waits for the message in Slack.
func (t TestAlert) posted(ctx context.Context, incident int64) error {
	var refused string
	where := ""
	done, err := t.until(ctx, func() (bool, error) {
		entries, err := t.Told.Entries(ctx, incident, 0)
		for _, e := range entries {
			switch e.Kind {
			case incidents.KindSlackPosted:
				where = cmp.Or(e.Source.URL, e.Summary)
				return true, nil
			case incidents.KindSlackRefused:
				refused = e.Summary
			}
		}
		return false, err
	})
	switch {
	case err != nil:
		return err
	case !done && refused != "":
		return fmt.Errorf("%w at Slack: %s", ErrTestStopped, refused)
	case !done:
		return fmt.Errorf("%w at Slack: the message was not posted in time. Does the bot run? Its log says what Slack answers, and snapback doctor checks token, scopes and channel", ErrTestStopped)
	}
	if refused != "" {
		t.Step(refused)
	}
	t.Step("the message is in Slack: " + where)
	return nil
}

// until asks again and again, until ctx ends.
func (t TestAlert) until(ctx context.Context, is func() (bool, error)) (bool, error) {
	for {
		done, err := is()
		if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return false, ctx.Err() // Ctrl-C
		}
		if done || ctx.Err() != nil {
			return done, nil
		}
		if err != nil {
			return false, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Local sends the bot at address a webhook such as PagerDuty's, signed with secret. PagerDuty hears nothing of it.
func (t TestAlert) Local(ctx context.Context, address, secret string) error {
	id := "SNAPBACKTEST" + rand.Text()[:10]
	if err := t.send(ctx, address, secret, id, incidents.KindPagerDutyTriggered); err != nil {
		return err
	}
	t.Step("a webhook such as PagerDuty's was sent to " + address + ", and was accepted")
	err := t.follow(ctx, id, func(context.Context) string {
		return "the bot accepted it, and it is in another database: is DATABASE_URL the bot's?"
	})
	if t.Keep {
		return err
	}
	if err := errors.Join(err, t.send(context.WithoutCancel(ctx), address, secret, id, incidents.KindPagerDutyResolved)); err != nil {
		return err
	}
	t.Step("it was resolved in the same way")
	return nil
}

// send sends one event, and says what an answer other than 202 means.
func (t TestAlert) send(ctx context.Context, address, secret, id string, kind incidents.Kind) error {
	body, err := json.Marshal(map[string]any{"event": t.event(id, kind)})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Webhook-Id", rand.Text())
	req.Header.Set(SignatureHeader, fmt.Sprintf("v1=%x", sign(secret, body)))
	resp, err := newHTTPClient().Do(req)
	if err != nil {
		return fmt.Errorf("%w at the bot, which does not answer at %s (%v): start it, snapback serve", ErrTestStopped, address, bare(err))
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	switch resp.StatusCode {
	case http.StatusAccepted:
		return nil
	case http.StatusUnauthorized:
		return fmt.Errorf("%w at the signature: the bot runs with other webhook secrets. Restart it, if PAGERDUTY_WEBHOOK_SECRETS was changed", ErrTestStopped)
	case http.StatusServiceUnavailable:
		return fmt.Errorf("%w at the database: the bot could not store the webhook. Its log says why", ErrTestStopped)
	}
	return fmt.Errorf("%w at %s, which answers %s: is that the bot?", ErrTestStopped, address, resp.Status)
}

func (t TestAlert) event(id string, kind incidents.Kind) map[string]any {
	now := time.Now().UTC()
	return map[string]any{
		"id": "test-" + rand.Text(), "event_type": kind, "resource_type": "incident", "occurred_at": now,
		"data": map[string]any{
			"id": id, "type": "incident", "title": t.Title(), "status": leaves(kind), "urgency": "low", "created_at": now,
			"service": map[string]string{"id": t.Service, "type": "service_reference", "summary": t.Container},
		},
	}
}

// CreateIncident opens one of low urgency on a service, as Config.From. Calling it twice makes two.
func (c *Client) CreateIncident(ctx context.Context, service, title string) (Incident, error) {
	op := "opening an incident on service " + clean(service, maxName)
	if err := checkID(op, service); err != nil {
		return Incident{}, err
	}
	from, err := c.sender(op, "")
	if err != nil {
		return Incident{}, err
	}
	in := map[string]any{"incident": map[string]any{
		"type": "incident", "title": clean(title, maxTitle), "urgency": "low", "service": map[string]string{"id": service, "type": "service_reference"},
	}}
	var out struct {
		Incident rawIncident `json:"incident"`
	}
	if err := c.rest(ctx, call{op: op, method: http.MethodPost, path: "/incidents", from: from, in: in, out: &out}); err != nil {
		return Incident{}, err
	}
	return out.Incident.incident(), nil
}
