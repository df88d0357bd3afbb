package pagerdutyfake

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxBody   = 1 << 20
	rateLimit = 960 // requests a minute
)

// apiError is an error in the shape of the REST API.
type apiError struct {
	status  int
	Code    int      `json:"code"`
	Message string   `json:"message"`
	Errors  []string `json:"errors,omitempty"`
}

func (e *apiError) Error() string { return e.Message }

// The REST API's error codes.
func errResolved() error {
	return &apiError{status: http.StatusBadRequest, Code: 1001, Message: "Incident Already Resolved"}
}

func errAcknowledged() error {
	return &apiError{status: http.StatusBadRequest, Code: 1002, Message: "Incident Already Acknowledged"}
}

func errRequester() error {
	return &apiError{status: http.StatusBadRequest, Code: 1008, Message: "Requester User Not Found"}
}

func errInvalid(why ...string) error {
	return &apiError{status: http.StatusBadRequest, Code: 2001, Message: "Invalid Input Provided", Errors: why}
}

func errUnauthorised() error {
	return &apiError{status: http.StatusUnauthorized, Code: 2006, Message: "Access Denied: the token is missing or not valid"}
}

func errForbidden() error {
	return &apiError{status: http.StatusForbidden, Code: 2010, Message: "Access Denied"}
}

func errLimited() error {
	return &apiError{status: http.StatusTooManyRequests, Code: 2020, Message: "Rate Limit Exceeded"}
}

func errNotFound() error {
	return &apiError{status: http.StatusNotFound, Code: 2100, Message: "Not Found"}
}

type object = map[string]any

// request is a REST request that has been let in.
type request struct {
	*http.Request
	body []byte
	from User // who writes; zero for reads
}

// decode reads the body's JSON.
func (r *request) decode(into any) error {
	if err := json.Unmarshal(r.body, into); err != nil {
		return errInvalid("The request body is not valid JSON of the documented shape.")
	}
	return nil
}

// handler answers a status and a document, or an error. It takes mu itself.
type handler func(*request) (int, any, error)

func (s *Server) newRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	rest := func(pattern string, h handler, needsFrom bool) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.rest(w, r, h, needsFrom) })
	}
	rest("GET /incidents", s.listIncidents, false)
	rest("POST /incidents", s.createIncident, true)
	rest("PUT /incidents", s.updateIncidents, true)
	rest("GET /incidents/{id}", s.getIncident, false)
	rest("PUT /incidents/{id}", s.updateIncident, true)
	rest("GET /incidents/{id}/log_entries", s.listLogEntries, false)
	rest("GET /incidents/{id}/notes", s.listNotes, false)
	rest("POST /incidents/{id}/notes", s.createNote, true)
	rest("POST /incidents/{id}/status_updates", s.createStatusUpdate, true)
	rest("GET /users", s.listUsers, false)
	rest("GET /users/{id}", s.getUser, false)
	rest("GET /oncalls", s.listOnCalls, false)
	rest("GET /services", s.listServices, false)
	rest("GET /services/{id}", s.getService, false)
	rest("GET /webhook_subscriptions", s.listSubscriptions, false)
	rest("POST /webhook_subscriptions", s.createSubscription, false)
	rest("GET /webhook_subscriptions/{id}", s.getSubscription, false)
	rest("PUT /webhook_subscriptions/{id}", s.updateSubscription, false)
	rest("DELETE /webhook_subscriptions/{id}", s.deleteSubscription, false)
	rest("POST /webhook_subscriptions/{id}/ping", s.pingSubscription, false)
	rest("POST /webhook_subscriptions/{id}/enable", s.enableSubscription, false)
	mux.HandleFunc("POST /v2/enqueue", s.events(s.enqueue))
	mux.HandleFunc("POST /v2/change/enqueue", s.events(s.enqueueChange))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { s.fail(w, errNotFound()) })
	return mux
}

// ServeHTTP serves both APIs.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		http.Error(w, "closed", http.StatusServiceUnavailable)
		return
	}
	defer s.wg.Done()
	s.mu.Lock()
	outage := s.outage
	s.mu.Unlock()
	if outage {
		http.Error(w, "<html>503 Service Unavailable</html>", http.StatusServiceUnavailable)
		return
	}
	s.routes.ServeHTTP(w, r)
}

func (s *Server) rest(w http.ResponseWriter, r *http.Request, h handler, needsFrom bool) {
	if err := s.count(w.Header()); err != nil {
		s.fail(w, err)
		return
	}
	req, err := s.admit(r, needsFrom)
	if err != nil {
		s.fail(w, err)
		return
	}
	status, doc, err := h(req)
	if r.Method != http.MethodGet && s.dropsAnswer() {
		panic(http.ErrAbortHandler) // net/http's own way to close without an answer
	}
	if err != nil {
		s.fail(w, err)
		return
	}
	writeJSON(w, status, doc)
}

// count keeps the rate-limit headers and applies a limit that was asked for.
func (s *Server) count(h http.Header) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.windowCalls++
	h.Set("Ratelimit-Limit", strconv.Itoa(rateLimit))
	h.Set("Ratelimit-Remaining", strconv.Itoa(max(0, rateLimit-s.windowCalls)))
	h.Set("Ratelimit-Reset", "60")
	if s.limited == 0 {
		return nil
	}
	s.limited--
	h.Set("Ratelimit-Remaining", "0")
	h.Set("Ratelimit-Reset", strconv.Itoa(int((s.retryAfter+time.Second-1)/time.Second)))
	return errLimited()
}

func (s *Server) dropsAnswer() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dropped == 0 {
		return false
	}
	s.dropped--
	return true
}

// admit checks the token, the content type and, for writes, who writes.
func (s *Server) admit(r *http.Request, needsFrom bool) (*request, error) {
	switch token := tokenOf(r.Header.Get("Authorization")); {
	case token != "" && token == s.cfg.ReadOnlyToken:
		if r.Method != http.MethodGet {
			return nil, errForbidden()
		}
	case token == "" || token != s.cfg.APIToken:
		return nil, errUnauthorised()
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return nil, errInvalid("The request body could not be read.")
	}
	if len(body) > 0 && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return nil, errInvalid("The Content-Type header must be application/json.")
	}
	req := &request{Request: r, body: body}
	if !needsFrom {
		return req, nil
	}
	return req, s.identify(req)
}

func tokenOf(header string) string {
	token, ok := strings.CutPrefix(header, "Token token=")
	if !ok {
		token, _ = strings.CutPrefix(header, "Bearer ")
	}
	if token == header {
		return ""
	}
	return token
}

func (s *Server) identify(req *request) error {
	email := strings.TrimSpace(req.Header.Get("From"))
	if email == "" {
		return errInvalid("The From header is required and must be the email address of a valid user.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	from, ok := s.userByEmail(email)
	if !ok {
		return errRequester()
	}
	req.from = from
	return nil
}

func (s *Server) fail(w http.ResponseWriter, err error) {
	var known *apiError
	if !errors.As(err, &known) {
		known = &apiError{status: http.StatusInternalServerError, Code: 2000, Message: "Internal Error"}
	}
	writeJSON(w, known.status, object{"error": known})
}

func writeJSON(w http.ResponseWriter, status int, doc any) {
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc)
}

// page cuts one page out of a list and names it, by classic pagination.
func page[T any](q url.Values, name string, all []T) (int, any, error) {
	limit, err := bounded(q, "limit", 25, 1, 100)
	if err != nil {
		return 0, nil, err
	}
	offset, err := bounded(q, "offset", 0, 0, 10000)
	if err != nil {
		return 0, nil, err
	}
	from, to := min(offset, len(all)), min(offset+limit, len(all))
	doc := object{name: append([]T{}, all[from:to]...), "limit": limit, "offset": offset, "more": to < len(all), "total": nil}
	if q.Get("total") == "true" {
		doc["total"] = len(all)
	}
	return http.StatusOK, doc, nil
}

func bounded(q url.Values, name string, fallback, least, most int) (int, error) {
	v := q.Get(name)
	if v == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return 0, errInvalid(name + " must be between " + strconv.Itoa(least) + " and " + strconv.Itoa(most) + ".")
	}
	return n, nil
}
