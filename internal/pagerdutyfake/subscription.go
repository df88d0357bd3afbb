package pagerdutyfake

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// dropsToDisable is how many permanent drops in a row disable a subscription.
const dropsToDisable = 3

type subscription struct {
	id, url, kind string // kind of filter: account_reference, service_reference, …
	filterID      string
	description   string
	events        []string
	headers       map[string]string
	secrets       []string // each signs; the newest first
	drops         int      // in a row
	inactive      bool     // switched off by somebody
	disabledUntil time.Time
	queues        map[string][]*delivery // waiting, by incident
	busy          map[string]bool        // incidents with a goroutine at work
	removed       bool
}

// Subscription is a webhook subscription as its owner sees it.
type Subscription struct {
	s  *Server
	id string
}

// Subscribe sends all events of the account to a URL, signed with each secret. More
// than one secret is what a rotation looks like.
func (s *Server) Subscribe(target string, secrets ...string) *Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := &subscription{id: s.nextID("P"), url: target, kind: "account_reference", secrets: secrets}
	s.addSub(sub)
	return &Subscription{s: s, id: sub.id}
}

// Rotate changes the secrets that sign from now on.
func (h *Subscription) Rotate(secrets ...string) {
	h.change(func(sub *subscription) { sub.secrets = secrets })
}

// Redirect changes where the events go.
func (h *Subscription) Redirect(target string) {
	h.change(func(sub *subscription) { sub.url = target })
}

// Disabled reports whether three drops in a row have disabled it.
func (h *Subscription) Disabled() bool {
	disabled := false
	h.change(func(sub *subscription) { disabled = h.s.disabled(sub) })
	return disabled
}

// Disable does what three drops in a row do.
func (h *Subscription) Disable() {
	h.change(func(sub *subscription) {
		sub.disabledUntil = h.s.now().Add(h.s.cfg.DisableFor)
		h.s.discard(sub)
	})
}

// SwitchOff is somebody's choice in PagerDuty.
func (h *Subscription) SwitchOff() {
	h.change(func(sub *subscription) { sub.inactive = true })
}

// ID is the subscription's ID.
func (h *Subscription) ID() string { return h.id }

// Subscriptions are all that there are, also those made by the API, the oldest first.
func (s *Server) Subscriptions() []*Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Subscription
	for _, sub := range s.subs {
		out = append(out, &Subscription{s: s, id: sub.id})
	}
	return out
}

// Enable ends that, as the button in PagerDuty does.
func (h *Subscription) Enable() {
	h.change(func(sub *subscription) { sub.disabledUntil, sub.drops = time.Time{}, 0 })
}

func (h *Subscription) change(f func(*subscription)) {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	if sub := h.s.findSub(h.id); sub != nil {
		f(sub)
	}
}

// addSub registers a subscription. The caller holds mu.
func (s *Server) addSub(sub *subscription) {
	sub.queues, sub.busy = map[string][]*delivery{}, map[string]bool{}
	s.subs = append(s.subs, sub)
}

func (s *Server) findSub(id string) *subscription {
	i := slices.IndexFunc(s.subs, func(sub *subscription) bool { return sub.id == id })
	if i < 0 {
		return nil
	}
	return s.subs[i]
}

func (s *Server) disabled(sub *subscription) bool { return s.now().Before(sub.disabledUntil) }

// wants reports whether the subscription's filter and events let it through.
func (sub *subscription) wants(inc *incident, kind string) bool {
	if sub.inactive || len(sub.events) > 0 && !slices.Contains(sub.events, kind) {
		return false
	}
	if sub.kind == "account_reference" {
		return true
	}
	svc := inc.serviceOrNone()
	return sub.kind == "service_reference" && svc.id == sub.filterID || sub.kind == "team_reference" && slices.Contains(svc.teams, sub.filterID)
}

func (inc *incident) serviceOrNone() service {
	if inc == nil || inc.service == nil {
		return service{}
	}
	return *inc.service
}

// incidentEvents are what a subscription sends that was not narrowed down.
var incidentEvents = []string{
	"incident.acknowledged", "incident.annotated", "incident.conference_bridge.updated", "incident.custom_field_values.updated",
	"incident.delegated", "incident.escalated", "incident.incident_type.changed", "incident.priority_updated", "incident.reassigned",
	"incident.reopened", "incident.resolved", "incident.responder.added", "incident.responder.replied", "incident.role.assigned",
	"incident.service_updated", "incident.status_update_published", "incident.triggered", "incident.unacknowledged",
}

func (s *Server) subDoc(sub *subscription) object {
	events := sub.events
	if len(events) == 0 {
		events = incidentEvents
	}
	filter := object{"type": sub.kind}
	if sub.filterID != "" {
		filter["id"] = sub.filterID
	}
	headers := []object{}
	for name := range sub.headers {
		headers = append(headers, object{"name": name, "value": "<redacted>"})
	}
	return object{
		"id": sub.id, "type": "webhook_subscription", "active": !sub.inactive, "description": sub.description,
		"events": events, "filter": filter,
		"delivery_method": object{
			"id": sub.id + "D", "type": "http_delivery_method", "url": sub.url, "custom_headers": headers,
			"secret": nil, "temporarily_disabled": s.disabled(sub),
		},
	}
}

func (s *Server) listSubscriptions(r *request) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []object{}
	q := r.URL.Query()
	for _, sub := range s.subs {
		if kind := q.Get("filter_type"); (kind == "" || kind+"_reference" == sub.kind) && (q.Get("filter_id") == "" || q.Get("filter_id") == sub.filterID) {
			out = append(out, s.subDoc(sub))
		}
	}
	return page(q, "webhook_subscriptions", out)
}

func (s *Server) getSubscription(r *request) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.findSub(r.PathValue("id"))
	if sub == nil {
		return 0, nil, errNotFound()
	}
	return http.StatusOK, object{"webhook_subscription": s.subDoc(sub)}, nil
}

// wanted is the body that makes a subscription.
type wanted struct {
	Type, Description string
	Active            *bool
	Events            []string
	DeliveryMethod    struct {
		Type, URL     string
		CustomHeaders []struct{ Name, Value string } `json:"custom_headers"`
	} `json:"delivery_method"`
	Filter struct{ Type, ID string }
}

func (w *wanted) faults() []string {
	var out []string
	if w.Type != "webhook_subscription" || w.DeliveryMethod.Type != "http_delivery_method" {
		out = append(out, "type must be webhook_subscription, with an http_delivery_method")
	}
	if u, err := url.Parse(w.DeliveryMethod.URL); err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, "http") {
		out = append(out, "delivery_method.url must be a valid URL")
	}
	if len(w.Events) == 0 {
		out = append(out, "events can't be empty")
	}
	for i, e := range w.Events {
		if !slices.Contains(incidentEvents, e) && !strings.HasPrefix(e, "service.") || slices.Contains(w.Events[:i], e) {
			out = append(out, "events contains the unknown type or twice "+e)
		}
	}
	kinds := []string{"account_reference", "service_reference", "team_reference"}
	if !slices.Contains(kinds, w.Filter.Type) || w.Filter.Type != "account_reference" && w.Filter.ID == "" {
		out = append(out, "filter must be an account, service or team reference")
	}
	return out
}

// createSubscription is the one answer that shows the secret.
func (s *Server) createSubscription(r *request) (int, any, error) {
	var body struct {
		Subscription *wanted `json:"webhook_subscription"`
	}
	if err := r.decode(&body); err != nil {
		return 0, nil, err
	}
	if body.Subscription == nil {
		return 0, nil, errInvalid("webhook_subscription is required.")
	}
	w := body.Subscription
	if faults := w.faults(); len(faults) > 0 {
		return 0, nil, errInvalid(faults...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := &subscription{
		id: s.nextID("P"), url: w.DeliveryMethod.URL, kind: w.Filter.Type, filterID: w.Filter.ID,
		description: w.Description, events: w.Events, inactive: w.Active != nil && !*w.Active, headers: map[string]string{}, secrets: []string{rand.Text()},
	}
	for _, h := range w.DeliveryMethod.CustomHeaders {
		sub.headers[h.Name] = h.Value
	}
	s.addSub(sub)
	doc := s.subDoc(sub)
	doc["delivery_method"].(object)["secret"] = sub.secrets[0]
	return http.StatusCreated, object{"webhook_subscription": doc}, nil
}

// updateSubscription takes what may be changed: the URL is not among it, as in the description of the API.
func (s *Server) updateSubscription(r *request) (int, any, error) {
	var body struct {
		Subscription *struct {
			Active      *bool
			Description *string
			Delivery    any `json:"delivery_method"`
		} `json:"webhook_subscription"`
	}
	if err := r.decode(&body); err != nil {
		return 0, nil, err
	}
	if body.Subscription == nil || body.Subscription.Delivery != nil {
		return 0, nil, errInvalid("webhook_subscription is required, and delivery_method can't be updated.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.findSub(r.PathValue("id"))
	if sub == nil {
		return 0, nil, errNotFound()
	}
	if body.Subscription.Active != nil {
		sub.inactive = !*body.Subscription.Active
	}
	if body.Subscription.Description != nil {
		sub.description = *body.Subscription.Description
	}
	return http.StatusOK, object{"webhook_subscription": s.subDoc(sub)}, nil
}

func (s *Server) deleteSubscription(r *request) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.findSub(r.PathValue("id"))
	if sub == nil {
		return 0, nil, errNotFound()
	}
	sub.removed = true
	s.discard(sub)
	s.subs = slices.DeleteFunc(s.subs, func(other *subscription) bool { return other == sub })
	return http.StatusNoContent, nil, nil
}

func (s *Server) pingSubscription(r *request) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.findSub(r.PathValue("id"))
	if sub == nil {
		return 0, nil, errNotFound()
	}
	s.queue(sub, s.compose(nil, "pagey.ping", "pagey", nil, object{"message": "Hello from your friend Pagey!", "type": "ping"}))
	return http.StatusAccepted, object{}, nil
}

func (s *Server) enableSubscription(r *request) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.findSub(r.PathValue("id"))
	if sub == nil {
		return 0, nil, errNotFound()
	}
	sub.disabledUntil, sub.drops = time.Time{}, 0
	return http.StatusOK, object{"webhook_subscription": s.subDoc(sub)}, nil
}
