package pagerdutyfake

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

func (s *Server) userDoc(u User) object {
	out := s.ref("user", u.ID, u.Name)
	out["type"], out["name"], out["email"] = "user", u.Name, u.Email
	out["time_zone"], out["role"], out["job_title"], out["teams"] = "Etc/UTC", "user", nil, []any{}
	return out
}

// listUsers matches the query against names and e-mails, loosely, as PagerDuty does.
func (s *Server) listUsers(r *request) (int, any, error) {
	query := strings.ToLower(r.URL.Query().Get("query"))
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []object{}
	for _, u := range s.users {
		if strings.Contains(strings.ToLower(u.Name+" "+u.Email), query) {
			found = append(found, s.userDoc(u))
		}
	}
	return page(r.URL.Query(), "users", found)
}

func (s *Server) getUser(r *request) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.users, func(u User) bool { return u.ID == r.PathValue("id") })
	if i < 0 {
		return 0, nil, errNotFound()
	}
	return http.StatusOK, object{"user": s.userDoc(s.users[i])}, nil
}

func (s *Server) listOnCalls(r *request) (int, any, error) {
	q := r.URL.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []object{}
	for i, u := range s.onCall {
		if len(q["user_ids[]"]) > 0 && !slices.Contains(q["user_ids[]"], u.ID) {
			continue
		}
		if len(q["escalation_policy_ids[]"]) > 0 && !slices.Contains(q["escalation_policy_ids[]"], "PPOLICY") {
			continue
		}
		person := s.ref("user", u.ID, u.Name)
		if slices.Contains(q["include[]"], "users") {
			person = s.userDoc(u)
		}
		found = append(found, object{
			"user": person, "schedule": nil, "escalation_policy": s.policyRef(),
			"escalation_level": i + 1, "start": nil, "end": nil,
		})
	}
	return page(q, "oncalls", found)
}

func (s *Server) serviceDoc(svc *service) object {
	out := s.ref("service", svc.id, svc.name)
	out["type"], out["name"], out["status"] = "service", svc.name, "active"
	out["escalation_policy"], out["teams"] = s.policyRef(), s.teamRefs(svc)
	return out
}

func (s *Server) listServices(r *request) (int, any, error) {
	query := strings.ToLower(r.URL.Query().Get("query"))
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []object{}
	for _, svc := range s.services {
		if strings.Contains(strings.ToLower(svc.name), query) {
			found = append(found, s.serviceDoc(svc))
		}
	}
	return page(r.URL.Query(), "services", found)
}

func (s *Server) getService(r *request) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, svc := range s.services {
		if svc.id == r.PathValue("id") {
			return http.StatusOK, object{"service": s.serviceDoc(svc)}, nil
		}
	}
	return 0, nil, errNotFound()
}
