package pagerdutyfake

import (
	"slices"
	"time"
)

// The three states of an incident.
const (
	Triggered    = "triggered"
	Acknowledged = "acknowledged"
	Resolved     = "resolved"
)

type service struct {
	id, name, key string
	teams         []string // IDs
}

type incident struct {
	id, key, title, status, urgency string
	number                          int
	service                         *service
	createdAt, changedAt            time.Time
	reopenedAt, resolvedAt          time.Time
	changedBy                       *User
	ackedBy                         *User
	ackedAt                         time.Time
	assignees                       []User
	level                           int
	log                             []logEntry
	notes                           []Note
}

type logEntry struct {
	id, kind, summary string
	at                time.Time
	agent             *User
	note              *Note
}

// Note is a note on an incident.
type Note struct {
	ID, Content string
	By          User
	At          time.Time
}

// open starts an incident and assigns it to whoever is on call. The caller holds mu.
func (s *Server) open(svc *service, title, key, urgency string) *incident {
	now := s.now()
	inc := &incident{
		id: s.nextID("Q"), number: len(s.incidents) + 1, key: key, title: title, status: Triggered,
		urgency: urgency, service: svc, createdAt: now, changedAt: now,
		assignees: slices.Clone(s.onCall[:min(1, len(s.onCall))]), level: 1,
	}
	if inc.key == "" {
		inc.key = s.nextID("key")
	}
	s.incidents = append(s.incidents, inc)
	s.record(inc, "trigger_log_entry", "Triggered", nil)
	s.emit(inc, "incident.triggered", nil, s.incidentData(inc))
	return inc
}

// record adds to the incident's log. The caller holds mu.
func (s *Server) record(inc *incident, kind, summary string, by *User) *logEntry {
	if by != nil {
		summary += " by " + by.Name
	}
	inc.log = append(inc.log, logEntry{id: s.nextID("R"), kind: kind, summary: summary, at: s.now(), agent: by})
	s.touch()
	return &inc.log[len(inc.log)-1]
}

// acknowledge takes an incident; a resolved one is reopened by it. The caller holds mu.
func (s *Server) acknowledge(inc *incident, by *User) error {
	switch inc.status {
	case Acknowledged:
		return errAcknowledged()
	case Resolved:
		s.reopen(inc, by)
	}
	inc.move(Acknowledged, s.now(), by)
	inc.ackedBy, inc.ackedAt = by, s.now()
	if by != nil {
		inc.assignees = []User{*by}
	}
	s.record(inc, "acknowledge_log_entry", "Acknowledged", by)
	s.emit(inc, "incident.acknowledged", by, s.incidentData(inc))
	return nil
}

// resolve ends an incident. The caller holds mu.
func (s *Server) resolve(inc *incident, by *User) error {
	if inc.status == Resolved {
		return errResolved()
	}
	inc.move(Resolved, s.now(), by)
	inc.resolvedAt, inc.ackedBy, inc.assignees = s.now(), nil, nil
	s.record(inc, "resolve_log_entry", "Resolved", by)
	s.emit(inc, "incident.resolved", by, s.incidentData(inc))
	return nil
}

// reopen makes a resolved incident triggered again. The caller holds mu.
func (s *Server) reopen(inc *incident, by *User) {
	inc.move(Triggered, s.now(), by)
	inc.reopenedAt, inc.resolvedAt = s.now(), time.Time{}
	inc.assignees = slices.Clone(s.onCall[:min(1, len(s.onCall))])
	s.record(inc, "reopen_log_entry", "Reopened", by)
	s.emit(inc, "incident.reopened", by, s.incidentData(inc))
}

// escalate assigns the next person on call. The caller holds mu.
func (s *Server) escalate(inc *incident, level int, by *User) {
	inc.level = level
	if level >= 1 && level <= len(s.onCall) {
		inc.assignees = []User{s.onCall[level-1]}
	}
	if inc.status == Acknowledged { // escalating takes the acknowledgement away
		inc.move(Triggered, s.now(), by)
		inc.ackedBy = nil
	}
	s.record(inc, "escalate_log_entry", "Escalated", by)
	s.emit(inc, "incident.escalated", by, s.incidentData(inc))
}

// annotate adds a note. The caller holds mu.
func (s *Server) annotate(inc *incident, by User, content string) Note {
	n := Note{ID: s.nextID("N"), Content: content, By: by, At: s.now()}
	inc.notes = append(inc.notes, n)
	entry := s.record(inc, "annotate_log_entry", "Note added", &by)
	entry.note = &n
	s.emit(inc, "incident.annotated", &by, object{
		"incident": s.ref("incident", inc.id, inc.title), "id": n.ID, "content": content, "trimmed": false, "type": "incident_note",
	})
	return n
}

func (i *incident) move(status string, at time.Time, by *User) {
	i.status, i.changedAt, i.changedBy = status, at, by
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// ref is a reference to anything by ID. The caller holds mu.
func (s *Server) ref(kind, id, summary string) object {
	plural := kind + "s"
	if kind == "escalation_policy" {
		plural = "escalation_policies"
	}
	return object{
		"id": id, "type": kind + "_reference", "summary": summary,
		"self": s.baseURL + "/" + plural + "/" + id, "html_url": s.baseURL + "/web/" + plural + "/" + id,
	}
}

func (s *Server) userRef(u *User) any {
	if u == nil {
		return nil
	}
	return s.ref("user", u.ID, u.Name)
}

// teamRefs are the teams of a service, which may be nil.
func (s *Server) teamRefs(svc *service) []any {
	refs := []any{}
	if svc != nil {
		for _, id := range svc.teams {
			refs = append(refs, s.ref("team", id, id))
		}
	}
	return refs
}

func (s *Server) policyRef() object { return s.ref("escalation_policy", "PPOLICY", "Default") }

// incidentData is an incident as webhooks show it. The caller holds mu.
func (s *Server) incidentData(inc *incident) object {
	assignees := []any{}
	for _, u := range inc.assignees {
		assignees = append(assignees, s.userRef(&u))
	}
	out := object{
		"id": inc.id, "type": "incident", "self": s.baseURL + "/incidents/" + inc.id,
		"html_url": s.baseURL + "/web/incidents/" + inc.id, "number": inc.number, "status": inc.status,
		"incident_key": inc.key, "created_at": rfc3339(inc.createdAt), "title": inc.title,
		"service": nil, "assignees": assignees, "escalation_policy": s.policyRef(), "teams": s.teamRefs(inc.service),
		"priority": nil, "urgency": inc.urgency, "conference_bridge": nil, "resolve_reason": nil,
		"incident_type": object{"name": "incident_default"},
	}
	if inc.service != nil {
		out["service"] = s.ref("service", inc.service.id, inc.service.name)
	}
	if !inc.reopenedAt.IsZero() {
		out["reopened_at"] = rfc3339(inc.reopenedAt)
	}
	return out
}

// incidentDoc is an incident as the REST API shows it. The caller holds mu.
func (s *Server) incidentDoc(inc *incident) object {
	out := s.incidentData(inc)
	delete(out, "number")
	delete(out, "assignees")
	delete(out, "reopened_at")
	assignments := []any{}
	for _, u := range inc.assignees {
		assignments = append(assignments, object{"at": rfc3339(inc.changedAt), "assignee": s.userRef(&u)})
	}
	acks := []any{}
	if inc.ackedBy != nil {
		acks = append(acks, object{"at": rfc3339(inc.ackedAt), "acknowledger": s.userRef(inc.ackedBy)})
	}
	out["incident_number"], out["summary"], out["description"] = inc.number, inc.title, inc.title
	out["assignments"], out["acknowledgements"] = assignments, acks
	out["last_status_change_at"], out["updated_at"] = rfc3339(inc.changedAt), rfc3339(inc.changedAt)
	out["last_status_change_by"] = s.userRef(inc.changedBy)
	if inc.status == Resolved {
		out["resolved_at"] = rfc3339(inc.resolvedAt)
	}
	return out
}
