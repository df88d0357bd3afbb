package pagerdutyfake

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Service is a service as people see it.
type Service struct {
	s   *Server
	svc *service
}

// Incident is an incident as people see it.
type Incident struct {
	s   *Server
	inc *incident
}

// LogEntry is a line of an incident's log.
type LogEntry struct {
	Type, Summary, Agent string // Agent is a user's ID; "" for the service
	At                   time.Time
}

// AddService adds a service, or renames the one with this ID.
func (s *Server) AddService(id, name string) *Service {
	svc := s.Service(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	svc.svc.name = name
	return svc
}

// Service is the service with this ID; it is made when it isn't there.
func (s *Server) Service(id string) *Service {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.services, func(svc *service) bool { return svc.id == id })
	if i < 0 {
		s.services = append(s.services, &service{id: id, name: id, key: strings.ToLower(rand.Text() + rand.Text())[:32]})
		i = len(s.services) - 1
	}
	return &Service{s: s, svc: s.services[i]}
}

// InTeams makes the service one of these teams', by their IDs.
func (v *Service) InTeams(ids ...string) *Service {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	v.svc.teams = ids
	return v
}

// RoutingKey is the service's key for the Events API.
func (v *Service) RoutingKey() string { return v.svc.key }

// Detail changes how an incident is triggered.
type Detail func(*opening)

type opening struct {
	urgency, key string
}

// Key sets the incident's key.
func Key(key string) Detail { return func(o *opening) { o.key = key } }

// Trigger starts an incident on the service.
func (v *Service) Trigger(title string, details ...Detail) *Incident {
	o := opening{urgency: "high"}
	for _, d := range details {
		d(&o)
	}
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	return &Incident{s: v.s, inc: v.s.open(v.svc, title, o.key, o.urgency)}
}

// Incidents are all incidents in the order of their numbers.
func (s *Server) Incidents() []*Incident {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*Incident, 0, len(s.incidents))
	for _, inc := range s.incidents {
		out = append(out, &Incident{s: s, inc: inc})
	}
	return out
}

// ID is the incident's ID.
func (i *Incident) ID() string { return i.inc.id }

// Number is the incident's number.
func (i *Incident) Number() int { return i.inc.number }

// Acknowledge is a person's acknowledgement in PagerDuty's own app. It fails as the
// API would: when it is acknowledged already.
func (i *Incident) Acknowledge(by User) error {
	return i.do(func() error { return i.s.acknowledge(i.inc, &by) })
}

// Resolve is a person's resolution; it fails when it is resolved already.
func (i *Incident) Resolve(by User) error {
	return i.do(func() error { return i.s.resolve(i.inc, &by) })
}

// Redeliver sends the incident's last webhooks once more, as they were and with the
// same X-Webhook-Id: to each subscription the last one.
func (i *Incident) Redeliver() {
	_ = i.do(func() error {
		for _, sub := range i.s.subs {
			if d := i.s.lastDelivery(sub.id, i.inc.id); d != nil {
				again := &delivery{since: i.s.now(), Delivery: d.Delivery}
				again.State, again.Attempts = Pending, nil
				i.s.deliveries = append(i.s.deliveries, again)
				i.s.enqueueDelivery(sub, again)
			}
		}
		return nil
	})
}

func (s *Server) lastDelivery(subID, incidentID string) *delivery {
	for _, d := range slices.Backward(s.deliveries) {
		if d.SubscriptionID == subID && d.IncidentID == incidentID {
			return d
		}
	}
	return nil
}

func (i *Incident) do(f func() error) error {
	i.s.mu.Lock()
	defer i.s.mu.Unlock()
	return f()
}

// Status is triggered, acknowledged or resolved.
func (i *Incident) Status() string {
	i.s.mu.Lock()
	defer i.s.mu.Unlock()
	return i.inc.status
}

// AcknowledgedBy is who has it; ok is false when nobody does.
func (i *Incident) AcknowledgedBy() (by User, ok bool) {
	i.s.mu.Lock()
	defer i.s.mu.Unlock()
	if i.inc.ackedBy == nil {
		return User{}, false
	}
	return *i.inc.ackedBy, true
}

// Notes are the incident's notes, oldest first.
func (i *Incident) Notes() []Note {
	i.s.mu.Lock()
	defer i.s.mu.Unlock()
	return slices.Clone(i.inc.notes)
}

// LogEntries are the incident's log, oldest first.
func (i *Incident) LogEntries() []LogEntry {
	i.s.mu.Lock()
	defer i.s.mu.Unlock()
	var out []LogEntry
	for _, e := range i.inc.log {
		line := LogEntry{Type: e.kind, Summary: e.summary, At: e.at}
		if e.agent != nil {
			line.Agent = e.agent.ID
		}
		out = append(out, line)
	}
	return out
}

// Deliveries are all webhooks so far, in the order in which they were caused.
func (s *Server) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Delivery, 0, len(s.deliveries))
	for _, d := range s.deliveries {
		c := d.Delivery
		c.Attempts = slices.Clone(d.Attempts)
		out = append(out, c)
	}
	return out
}

// ExpectStatus waits until the incident is in a state.
func (i *Incident) ExpectStatus(t TB, status string) {
	t.Helper()
	if err := i.s.await(context.Background(), func() bool { return i.Status() == status }); err != nil {
		t.Fatalf("waiting for %s to be %s: %v; it is %s, its log: %v", i.ID(), status, err, i.Status(), i.LogEntries())
	}
}

// ExpectNote waits for a note with all the texts.
func (i *Incident) ExpectNote(t TB, containing ...string) Note {
	t.Helper()
	return i.s.expectNote(t, i.Notes, containing)
}

func (s *Server) expectNote(t TB, read func() []Note, texts []string) Note {
	t.Helper()
	var found Note
	err := s.await(context.Background(), func() bool {
		for _, n := range read() {
			if containsAll(n.Content, texts) {
				found = n
				return true
			}
		}
		return false
	})
	if err != nil {
		t.Fatalf("waiting for a note with %q: %v; there are: %v", texts, err, read())
	}
	return found
}

func containsAll(s string, texts []string) bool {
	return !slices.ContainsFunc(texts, func(t string) bool { return !strings.Contains(s, t) })
}

// ExpectDelivered waits until no webhook is pending any more.
func (s *Server) ExpectDelivered(t TB) []Delivery {
	t.Helper()
	pending := func(d Delivery) bool { return d.State == Pending }
	if err := s.await(context.Background(), func() bool { return !slices.ContainsFunc(s.Deliveries(), pending) }); err != nil {
		t.Fatalf("waiting for the webhooks to be delivered: %v\n%s", err, s.describe())
	}
	return s.Deliveries()
}

func (s *Server) describe() string {
	var b strings.Builder
	for _, d := range s.Deliveries() {
		fmt.Fprintf(&b, "%s %s of %s: %v\n", d.State, d.EventType, d.IncidentID, d.Attempts)
	}
	return b.String()
}

// Reply is how a receiver answered a request made by Send.
type Reply struct {
	Status int
	Took   time.Duration
}

// SendOption changes a request made by Send.
type SendOption func(http.Header, []byte)

// SignedWith signs properly with these secrets.
func SignedWith(secrets ...string) SendOption {
	return func(h http.Header, body []byte) { h.Set("X-PagerDuty-Signature", Sign(body, secrets...)) }
}

// SignedAs puts anything into the signature header.
func SignedAs(value string) SendOption {
	return func(h http.Header, _ []byte) { h.Set("X-PagerDuty-Signature", value) }
}

// With sets any header, or removes it with "".
func With(name, value string) SendOption {
	return func(h http.Header, _ []byte) {
		h.Set(name, value)
		if value == "" {
			h.Del(name)
		}
	}
}

// Send posts any body to a receiver, once and unsigned unless an option says so.
func (s *Server) Send(t TB, target string, body []byte, opts ...SendOption) Reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.WebhookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		t.Fatalf("sending to %s: %v", target, err)
		return Reply{}
	}
	setHeaders(req.Header, "")
	req.Header.Set("X-Webhook-Id", rand.Text())
	for _, opt := range opts {
		opt(req.Header, body)
	}
	began := time.Now()
	status, err := s.send(req)
	if err != nil {
		t.Fatalf("sending to %s: %v", target, err)
	}
	return Reply{Status: status, Took: time.Since(began)}
}
