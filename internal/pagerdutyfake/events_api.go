package pagerdutyfake

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"
)

const maxSummary = 1024

// ChangeEvent is a change that was reported, such as a deploy.
type ChangeEvent struct {
	ServiceID, Summary, Source string
	Timestamp                  time.Time // zero when it had none
	Details                    map[string]any
	Links                      []Link
}

// Link is a link in a change event.
type Link struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// ChangeEvents are all changes reported so far, in order.
func (s *Server) ChangeEvents() []ChangeEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.changes)
}

// event is the body of both kinds of event.
type event struct {
	RoutingKey string `json:"routing_key"`
	Action     string `json:"event_action"`
	DedupKey   string `json:"dedup_key"`
	Payload    *struct {
		Summary   string         `json:"summary"`
		Source    string         `json:"source"`
		Severity  string         `json:"severity"`
		Timestamp string         `json:"timestamp"`
		Details   map[string]any `json:"custom_details"`
	} `json:"payload"`
	Links []Link `json:"links"`
}

// events answers in the Events API's own shape, which is not the REST API's.
func (s *Server) events(take func(event) (object, []string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := s.count(w.Header()); err != nil {
			writeJSON(w, http.StatusTooManyRequests, object{"status": "throttle exceeded", "message": "Requests for this service are arriving too quickly."})
			return
		}
		body, _ := io.ReadAll(io.LimitReader(r.Body, 512<<10))
		var e event
		faults := []string{"'body' is not valid JSON"}
		var doc object
		if json.Unmarshal(body, &e) == nil {
			doc, faults = take(e)
		}
		if len(faults) > 0 {
			writeJSON(w, http.StatusBadRequest, object{"status": "invalid event", "message": "Event object is invalid", "errors": faults})
			return
		}
		writeJSON(w, http.StatusAccepted, doc)
	}
}

func (e event) faults(svc *service) []string {
	var out []string
	if svc == nil {
		out = append(out, "'routing_key' is missing or unknown")
	}
	if e.Payload == nil {
		return append(out, "'payload' is missing or blank")
	}
	if n := utf8.RuneCountInString(e.Payload.Summary); n == 0 || n > maxSummary {
		out = append(out, "'payload.summary' must have 1 to 1024 characters")
	}
	if e.Payload.Timestamp != "" {
		if _, err := time.Parse(time.RFC3339, e.Payload.Timestamp); err != nil {
			out = append(out, "'payload.timestamp' is not an ISO 8601 time")
		}
	}
	return out
}

func (s *Server) byKey(key string) *service {
	for _, svc := range s.services {
		if svc.key == key {
			return svc
		}
	}
	return nil
}

func (s *Server) enqueueChange(e event) (object, []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	svc := s.byKey(e.RoutingKey)
	if faults := e.faults(svc); len(faults) > 0 {
		return nil, faults
	}
	at, _ := time.Parse(time.RFC3339, e.Payload.Timestamp) // empty or checked above
	s.changes = append(s.changes, ChangeEvent{
		ServiceID: svc.id, Summary: e.Payload.Summary, Source: e.Payload.Source,
		Timestamp: at, Details: e.Payload.Details, Links: e.Links,
	})
	s.touch()
	return object{"status": "success", "message": "Change event processed"}, nil
}

// enqueue opens, acknowledges or resolves by dedup_key. An event about an incident
// that isn't open is accepted and has no effect, as with PagerDuty.
func (s *Server) enqueue(e event) (object, []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	svc := s.byKey(e.RoutingKey)
	if faults := e.alertFaults(svc); len(faults) > 0 {
		return nil, faults
	}
	open := s.openByKey(svc, e.DedupKey)
	switch {
	case e.Action == "trigger" && open == nil:
		open = s.open(svc, e.Payload.Summary, e.DedupKey, "high")
		e.DedupKey = open.key
	case e.Action == "acknowledge" && open != nil && open.status == Triggered:
		_ = s.acknowledge(open, nil)
	case e.Action == "resolve" && open != nil:
		_ = s.resolve(open, nil)
	}
	return object{"status": "success", "message": "Event processed", "dedup_key": e.DedupKey}, nil
}

func (e event) alertFaults(svc *service) []string {
	switch e.Action {
	case "trigger":
		out := e.faults(svc)
		if e.Payload != nil && (e.Payload.Source == "" || !slices.Contains([]string{"critical", "error", "warning", "info"}, e.Payload.Severity)) {
			out = append(out, "'payload.source' or 'payload.severity' is invalid")
		}
		return out
	case "acknowledge", "resolve":
		if svc == nil || e.DedupKey == "" {
			return []string{"'routing_key' or 'dedup_key' is missing or unknown"}
		}
		return nil
	}
	return []string{"'event_action' must be trigger, acknowledge or resolve"}
}

// openByKey is the incident that a dedup_key belongs to while it is open. The caller holds mu.
func (s *Server) openByKey(svc *service, key string) *incident {
	for _, inc := range s.incidents {
		if inc.service == svc && inc.key == key && inc.status != Resolved {
			return inc
		}
	}
	return nil
}
