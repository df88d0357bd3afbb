package pagerdutyfake

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const maxNote = 25000

// lookUp finds an incident by ID or number. The caller holds mu.
func (s *Server) lookUp(id string) (*incident, error) {
	for _, inc := range s.incidents {
		if inc.id == id || itoa(inc.number) == id {
			return inc, nil
		}
	}
	return nil, errNotFound()
}

func (s *Server) getIncident(r *request) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	inc, err := s.lookUp(r.PathValue("id"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, object{"incident": s.incidentDoc(inc)}, nil
}

func (s *Server) listIncidents(r *request) (int, any, error) {
	q := r.URL.Query()
	for _, status := range q["statuses[]"] {
		if !slices.Contains([]string{Triggered, Acknowledged, Resolved}, status) {
			return 0, nil, errInvalid("Status must be a list of triggered, acknowledged, or resolved.")
		}
	}
	since, until, err := span(q)
	if err != nil {
		return 0, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []object{}
	for _, inc := range s.incidents {
		if inc.matches(q) && !inc.createdAt.Before(since) && inc.createdAt.Before(until) {
			found = append(found, s.incidentDoc(inc))
		}
	}
	if strings.HasSuffix(q.Get("sort_by"), ":desc") {
		slices.Reverse(found)
	}
	return page(q, "incidents", found)
}

func (i *incident) matches(q url.Values) bool {
	in := func(name, v string) bool { return len(q[name]) == 0 || slices.Contains(q[name], v) }
	return in("statuses[]", i.status) && in("service_ids[]", i.service.id) && in("urgencies[]", i.urgency) &&
		(q.Get("incident_key") == "" || q.Get("incident_key") == i.key)
}

// span reads since and until; without them it is everything.
func span(q url.Values) (since, until time.Time, err error) {
	until = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, at := range map[string]*time.Time{"since": &since, "until": &until} {
		if v := q.Get(name); v != "" {
			if *at, err = time.Parse(time.RFC3339, v); err != nil {
				return since, until, errInvalid(name + " must be an ISO 8601 date.")
			}
		}
	}
	return since, until, nil
}

// createIncident opens one as a person does. Its service has to be there: unlike tests, the API makes none.
func (s *Server) createIncident(r *request) (int, any, error) {
	var body struct {
		Incident *struct {
			Type, Title string
			Urgency     string
			Key         string `json:"incident_key"`
			Service     struct{ ID, Type string }
		}
	}
	if err := r.decode(&body); err != nil {
		return 0, nil, err
	}
	in := body.Incident
	if in == nil || in.Type != "incident" || in.Title == "" || in.Service.Type != "service_reference" {
		return 0, nil, errInvalid("Incident must have the type incident, a title and a service reference.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.services, func(svc *service) bool { return svc.id == in.Service.ID })
	if i < 0 {
		return 0, nil, errInvalid("Service not found.")
	}
	if in.Key != "" && s.openByKey(s.services[i], in.Key) != nil {
		return 0, nil, errInvalid("Open incident with matching dedup key already exists on this service.")
	}
	urgency := in.Urgency
	if urgency == "" {
		urgency = "high"
	}
	return http.StatusCreated, object{"incident": s.incidentDoc(s.open(s.services[i], in.Title, in.Key, urgency))}, nil
}

// update is what a PUT may change.
type update struct {
	ID              string `json:"id"`
	Type            string `json:"type"`
	Status          string `json:"status"`
	Title           string `json:"title"`
	Urgency         string `json:"urgency"`
	Resolution      string `json:"resolution"`
	EscalationLevel int    `json:"escalation_level"`
	Assignments     []struct {
		Assignee struct {
			ID string `json:"id"`
		} `json:"assignee"`
	} `json:"assignments"`
}

func (s *Server) updateIncident(r *request) (int, any, error) {
	var body struct {
		Incident *update `json:"incident"`
	}
	if err := r.decode(&body); err != nil {
		return 0, nil, err
	}
	if body.Incident == nil {
		return 0, nil, errInvalid("Incident is required.")
	}
	body.Incident.ID = r.PathValue("id")
	s.mu.Lock()
	defer s.mu.Unlock()
	inc, err := s.change(body.Incident, r.from)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, object{"incident": s.incidentDoc(inc)}, nil
}

// updateIncidents changes several, in order, up to the first that can't be.
func (s *Server) updateIncidents(r *request) (int, any, error) {
	var body struct {
		Incidents []*update `json:"incidents"`
	}
	if err := r.decode(&body); err != nil {
		return 0, nil, err
	}
	if len(body.Incidents) == 0 || len(body.Incidents) > 250 {
		return 0, nil, errInvalid("Incidents must have 1 to 250 items.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []object{}
	for _, u := range body.Incidents {
		inc, err := s.change(u, r.from)
		if err != nil {
			return 0, nil, err
		}
		out = append(out, s.incidentDoc(inc))
	}
	return http.StatusOK, object{"incidents": out}, nil
}

// change applies one update. The caller holds mu.
func (s *Server) change(u *update, by User) (*incident, error) {
	if u.Type != "incident" && u.Type != "incident_reference" {
		return nil, errInvalid("Type must be incident or incident_reference.")
	}
	inc, err := s.lookUp(u.ID)
	if err != nil {
		return nil, err
	}
	if err := s.changeStatus(inc, u.Status, &by); err != nil {
		return nil, err
	}
	if u.Title != "" {
		inc.title = u.Title
	}
	if u.Urgency != "" {
		inc.urgency = u.Urgency
	}
	if u.EscalationLevel > 0 {
		s.escalate(inc, u.EscalationLevel, &by)
	}
	return inc, s.reassign(inc, u, &by)
}

func (s *Server) changeStatus(inc *incident, status string, by *User) error {
	switch status {
	case "":
		return nil
	case Acknowledged:
		return s.acknowledge(inc, by)
	case Resolved:
		return s.resolve(inc, by)
	case Triggered:
		if inc.status == Resolved {
			s.reopen(inc, by)
			return nil
		}
	}
	return errInvalid("Status must be acknowledged or resolved.")
}

func (s *Server) reassign(inc *incident, u *update, by *User) error {
	if len(u.Assignments) == 0 {
		return nil
	}
	var to []User
	for _, a := range u.Assignments {
		i := slices.IndexFunc(s.users, func(u User) bool { return u.ID == a.Assignee.ID })
		if i < 0 {
			return errInvalid("Assignee not found.")
		}
		to = append(to, s.users[i])
	}
	inc.assignees = to
	s.record(inc, "assign_log_entry", "Reassigned", by)
	s.emit(inc, "incident.reassigned", by, s.incidentData(inc))
	return nil
}

func (s *Server) listNotes(r *request) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	inc, err := s.lookUp(r.PathValue("id"))
	if err != nil {
		return 0, nil, err
	}
	out := []object{}
	for _, n := range slices.Backward(inc.notes) { // newest first
		out = append(out, s.noteDoc(n))
	}
	return http.StatusOK, object{"notes": out}, nil
}

func (s *Server) noteDoc(n Note) object {
	return object{
		"id": n.ID, "content": n.Content, "created_at": rfc3339(n.At), "user": s.userRef(&n.By),
		"channel": object{"summary": "The PagerDuty website or APIs"},
	}
}

func (s *Server) createNote(r *request) (int, any, error) {
	var body struct {
		Note *struct {
			Content string `json:"content"`
		} `json:"note"`
	}
	if err := r.decode(&body); err != nil {
		return 0, nil, err
	}
	if body.Note == nil || strings.TrimSpace(body.Note.Content) == "" {
		return 0, nil, errInvalid("Content cannot be empty.")
	}
	if len(body.Note.Content) > maxNote {
		return 0, nil, errInvalid("Content is too long.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	inc, err := s.lookUp(r.PathValue("id"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, object{"note": s.noteDoc(s.annotate(inc, r.from, body.Note.Content))}, nil
}

func (s *Server) createStatusUpdate(r *request) (int, any, error) {
	var body struct{ Message, Subject string }
	if err := r.decode(&body); err != nil {
		return 0, nil, err
	}
	if strings.TrimSpace(body.Message) == "" {
		return 0, nil, errInvalid("Message cannot be empty.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	inc, err := s.lookUp(r.PathValue("id"))
	if err != nil {
		return 0, nil, err
	}
	id := s.nextID("S")
	s.record(inc, "status_update_log_entry", "Status update sent", &r.from)
	s.emit(inc, "incident.status_update_published", &r.from, object{
		"incident": s.ref("incident", inc.id, inc.title), "id": id, "message": body.Message,
		"trimmed": false, "type": "incident_status_update",
	})
	return http.StatusOK, object{"status_update": object{
		"id": id, "message": body.Message, "created_at": rfc3339(s.now()), "sender": s.userRef(&r.from),
	}}, nil
}

func (s *Server) listLogEntries(r *request) (int, any, error) {
	q := r.URL.Query()
	since, until, err := span(q)
	if err != nil {
		return 0, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	inc, err := s.lookUp(r.PathValue("id"))
	if err != nil {
		return 0, nil, err
	}
	out := []object{}
	for _, e := range slices.Backward(inc.log) { // newest first
		if !e.at.Before(since) && e.at.Before(until) {
			out = append(out, s.logDoc(inc, e))
		}
	}
	return page(q, "log_entries", out)
}

func (s *Server) logDoc(inc *incident, e logEntry) object {
	out := object{
		"id": e.id, "type": e.kind, "summary": e.summary, "created_at": rfc3339(e.at),
		"self": s.baseURL + "/log_entries/" + e.id, "html_url": s.baseURL + "/web/incidents/" + inc.id + "/log_entries/" + e.id,
		"incident": s.ref("incident", inc.id, inc.title), "service": s.ref("service", inc.service.id, inc.service.name),
		"agent": s.userRef(e.agent), "channel": object{"type": "api"}, "teams": []any{}, "contexts": []any{},
		"event_details": object{},
	}
	if e.agent == nil {
		out["agent"] = s.ref("service", inc.service.id, inc.service.name)
	}
	if e.note != nil {
		out["note"] = s.noteDoc(*e.note)
		out["channel"] = object{"type": "note", "summary": e.note.Content}
	}
	return out
}
