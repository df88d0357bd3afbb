package pagerduty_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/pagerduty"
)

const token = "u+tok3nOfTheTest"

// server answers by "METHOD /path" and keeps what it was sent.
type server struct {
	*httptest.Server
	answers map[string]http.HandlerFunc

	mu   sync.Mutex
	seen []seen // guarded by mu
}

type seen struct{ What, Query, From, Authorization, Body string }

func setup(t *testing.T, answers map[string]http.HandlerFunc) (*server, *pagerduty.Client) {
	t.Helper()
	s := &server{answers: answers}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s, pagerduty.New(pagerduty.Config{Token: token, From: "bot@acme.example", APIURL: s.URL + "/", EventsURL: s.URL + "/events"})
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	what := r.Method + " " + r.URL.Path
	s.mu.Lock()
	s.seen = append(s.seen, seen{what, r.URL.Query().Encode(), r.Header.Get("From"), r.Header.Get("Authorization"), string(body)})
	s.mu.Unlock()
	if answer, ok := s.answers[what]; ok {
		answer(w, r)
		return
	}
	fail(http.StatusNotFound, `{"error":{"code":2100,"message":"Not Found"}}`)(w, r)
}

func (s *server) requests() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]seen(nil), s.seen...)
}

func (s *server) count(what string) int {
	n := 0
	for _, r := range s.requests() {
		if r.What == what {
			n++
		}
	}
	return n
}

func ok(body string) http.HandlerFunc { return fail(http.StatusOK, body) }

func fail(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func incident(status string) http.HandlerFunc {
	return ok(`{"incident":{"id":"PINC","type":"incident","incident_number":42,"title":"T","status":"` + status + `","urgency":"high",
"html_url":"https://acme.pagerduty.com/incidents/PINC","created_at":"2026-03-05T02:42:05Z","service":{"id":"PSVC","summary":"Shop"},
"escalation_policy":{"id":"PPOL"},"assignments":[{"assignee":{"id":"PA","summary":"Anna"}}],"resolve_reason":null,"conference_bridge":{"conference_number":1}}}`)
}

func managed(status string) http.HandlerFunc {
	return ok(`{"incidents":[{"id":"PINC","status":"` + status + `"}]}`)
}

// asError asserts that err is an *Error for the reason.
func asError(t *testing.T, err error, reason string) *pagerduty.Error {
	t.Helper()
	var e *pagerduty.Error
	if !errors.As(err, &e) || e.Reason != reason {
		t.Fatalf("got %v, want an *Error for %s", err, reason)
	}
	return e
}

func TestAcknowledgeActsAsThePersonWhoTapped(t *testing.T) {
	t.Parallel()
	s, c := setup(t, map[string]http.HandlerFunc{"GET /incidents/PINC": incident("triggered"), "PUT /incidents": managed("acknowledged")})
	if err := c.Acknowledge(t.Context(), "PINC", "anna@acme.example"); err != nil {
		t.Fatal(err)
	}
	want := []seen{
		{What: "GET /incidents/PINC", Authorization: "Token token=" + token},
		{
			What: "PUT /incidents", From: "anna@acme.example", Authorization: "Token token=" + token,
			Body: `{"incidents":[{"id":"PINC","type":"incident","status":"acknowledged"}]}`,
		},
	}
	if diff := cmp.Diff(want, s.requests()); diff != "" {
		t.Error(diff)
	}
}

func TestAcknowledgeNeverReopensAResolvedIncident(t *testing.T) {
	t.Parallel()
	s, c := setup(t, map[string]http.HandlerFunc{"GET /incidents/PINC": incident("resolved"), "PUT /incidents": managed("acknowledged")})
	err := c.Acknowledge(t.Context(), "PINC", "")
	asError(t, err, pagerduty.ReasonAlreadyResolved)
	if !errors.Is(err, pagerduty.ErrAlreadyResolved) || s.count("PUT /incidents") != 0 {
		t.Errorf("got %v after %d changes", err, s.count("PUT /incidents"))
	}
}

func TestWhatIsSoAlreadyIsASuccess(t *testing.T) {
	t.Parallel()
	already := map[string]http.HandlerFunc{
		"1001": fail(400, `{"error":{"code":1001,"message":"Incident Already Resolved"}}`),
		"1002": fail(400, `{"error":{"code":1002,"message":"Incident Already Acknowledged"}}`),
		"2001": fail(400, `{"error":{"code":2001,"message":"Invalid Input Provided","errors":["Incident Already Resolved"]}}`),
	}
	client := func(code string) *pagerduty.Client {
		_, c := setup(t, map[string]http.HandlerFunc{"GET /incidents/PINC": incident("triggered"), "PUT /incidents": already[code]})
		return c
	}
	if err := client("1002").Acknowledge(t.Context(), "PINC", ""); err != nil {
		t.Errorf("acknowledged already: %v", err)
	}
	for _, code := range []string{"1001", "2001"} {
		if err := client(code).Resolve(t.Context(), "PINC", ""); err != nil {
			t.Errorf("resolved already (%s): %v", code, err)
		}
		if err := client(code).Acknowledge(t.Context(), "PINC", ""); !errors.Is(err, pagerduty.ErrAlreadyResolved) {
			t.Errorf("resolved between look and acknowledgement (%s): %v", code, err)
		}
	}
}

func TestASuccessIsOnlyWhatTheAnswerSays(t *testing.T) {
	t.Parallel()
	_, c := setup(t, map[string]http.HandlerFunc{"PUT /incidents": managed("triggered")})
	if e := asError(t, c.Resolve(t.Context(), "PINC", ""), pagerduty.ReasonMalformed); !e.Retry {
		t.Error("it is worth another try")
	}
}

func TestNoteReturnsItsIDAndNamesTheSender(t *testing.T) {
	t.Parallel()
	s, c := setup(t, map[string]http.HandlerFunc{"POST /incidents/PINC/notes": fail(201, `{"note":{"id":"PNOTE","content":"x"}}`)})
	id, err := c.Note(t.Context(), "PINC", "", "flat again")
	if err != nil || id != "PNOTE" {
		t.Fatalf("got %q, %v", id, err)
	}
	var in struct {
		Note struct{ Content string }
	}
	sent := s.requests()[0]
	if err := json.Unmarshal([]byte(sent.Body), &in); err != nil || sent.From != "bot@acme.example" || in.Note.Content != "flat again" {
		t.Errorf("sent %+v (%v)", sent, err)
	}
}

func TestIncidentReadsTheRESTShape(t *testing.T) {
	t.Parallel()
	_, c := setup(t, map[string]http.HandlerFunc{"GET /incidents/PINC": incident("acknowledged")})
	got, err := c.Incident(t.Context(), "PINC")
	want := pagerduty.Incident{
		ID: "PINC", Number: 42, Title: "T", Status: incidents.Acknowledged, Urgency: "high", URL: "https://acme.pagerduty.com/incidents/PINC",
		ServiceID: "PSVC", Service: "Shop", PolicyID: "PPOL", Assignees: []pagerduty.User{{ID: "PA", Name: "Anna"}},
		CreatedAt: time.Date(2026, 3, 5, 2, 42, 5, 0, time.UTC),
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestUserByEmailComparesExactly(t *testing.T) {
	t.Parallel()
	s, c := setup(t, map[string]http.HandlerFunc{"GET /users": func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("offset") == "0" {
			ok(`{"users":[{"id":"P1","name":"anna@acme.example","email":"joanna@acme.example"}],"limit":100,"offset":0,"more":true}`)(w, r)
			return
		}
		ok(`{"users":[{"id":"P2","name":"Anna","email":"Anna@ACME.example"}],"more":false}`)(w, r)
	}})
	got, err := c.UserByEmail(t.Context(), " anna@acme.example")
	if want := (pagerduty.User{ID: "P2", Name: "Anna", Email: "Anna@ACME.example"}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if got := s.count("GET /users"); got != 2 {
		t.Errorf("%d pages were read", got)
	}
	_, err = c.UserByEmail(t.Context(), "nna@acme.example")
	if asError(t, err, pagerduty.ReasonNoUser); !errors.Is(err, pagerduty.ErrNoUser) {
		t.Errorf("got %v", err)
	}
}

func TestOnCallIsFirstLevelFirstAndEachOnce(t *testing.T) {
	t.Parallel()
	s, c := setup(t, map[string]http.HandlerFunc{
		"GET /services/PSVC": ok(`{"service":{"id":"PSVC","escalation_policy":{"id":"PPOL"}}}`),
		"GET /oncalls": ok(`{"oncalls":[{"escalation_level":2,"user":{"id":"PB","name":"Ben","email":"ben@acme.example"}},
{"escalation_level":1,"user":{"id":"PA","name":"Anna","email":"anna@acme.example"}},{"escalation_level":2,"user":{"id":"PA","summary":"Anna"}}],"more":false}`),
	})
	got, err := c.OnCall(t.Context(), "PSVC")
	want := []access.Person{{PagerDutyID: "PA", Name: "Anna", Email: "anna@acme.example"}, {PagerDutyID: "PB", Name: "Ben", Email: "ben@acme.example"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	const query = "escalation_policy_ids%5B%5D=PPOL&include%5B%5D=users&limit=100&offset=0"
	if got := s.requests()[1].Query; got != query {
		t.Errorf("asked for %s", got)
	}
}

func TestLogEntriesStandValuesOfAnyType(t *testing.T) {
	t.Parallel()
	s, c := setup(t, map[string]http.HandlerFunc{"GET /incidents/PINC/log_entries": ok(`{"log_entries":[
{"id":"R2","type":"annotate_log_entry","summary":"Note added","created_at":"2026-03-05T02:50:00Z","agent":{"id":"PA","type":"user_reference","summary":"Anna"},"channel":{"type":"note","summary":"the pool"},"event_details":{"n":7,"deep":{"x":[1]}}},
{"id":"R1","type":"trigger_log_entry","summary":"Triggered","created_at":"2026-03-05T02:42:05Z","agent":null,"channel":{"type":"api","summary":{"a":1}},"html_url":null}],"more":false}`)})
	got, err := c.LogEntries(t.Context(), "PINC", time.Date(2026, 3, 5, 3, 0, 0, 0, time.FixedZone("CET", 3600)))
	want := []pagerduty.LogEntry{
		{
			ID: "R1", Type: "trigger_log_entry", At: time.Date(2026, 3, 5, 2, 42, 5, 0, time.UTC), Channel: "api", Summary: "Triggered",
			Agent: incidents.Actor{Kind: incidents.PagerDuty, Name: "PagerDuty"},
		},
		{
			ID: "R2", Type: "annotate_log_entry", At: time.Date(2026, 3, 5, 2, 50, 0, 0, time.UTC), Channel: "note", Summary: "Note added", Note: "the pool",
			Agent: incidents.Actor{Kind: incidents.Person, PagerDutyID: "PA", Name: "Anna"},
		},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if got[0].EventType() != "incident.triggered" || got[1].EventType() != "incident.annotated" {
		t.Error("log entries don't map to event types")
	}
	if q := s.requests()[0].Query; !strings.Contains(q, "since=2026-03-05T02%3A00%3A00Z") {
		t.Errorf("asked for %s", q)
	}
}

func TestAListWithoutEndIsRefused(t *testing.T) {
	t.Parallel()
	_, c := setup(t, map[string]http.HandlerFunc{"GET /webhook_subscriptions": ok(`{"webhook_subscriptions":[],"more":true}`)})
	_, err := c.Subscriptions(t.Context())
	asError(t, err, pagerduty.ReasonRefused)
}

func TestChangeEventStaysWithinItsLimits(t *testing.T) {
	t.Parallel()
	s, c := setup(t, map[string]http.HandlerFunc{"POST /events/v2/change/enqueue": fail(202, `{"status":"success"}`)})
	err := c.ChangeEvent(t.Context(), "r0utingkey", pagerduty.Change{
		Summary: strings.Repeat("ä", 2000), Source: "api", At: time.Date(2026, 3, 4, 21, 55, 0, 0, time.UTC),
		Details: map[string]any{"image": "1.41 → 1.42"},
		Links:   []pagerduty.Link{{URL: "https://snapback.example/x", Text: "Snapshot"}, {URL: "javascript:alert(1)"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		RoutingKey string `json:"routing_key"`
		Payload    struct{ Summary, Source, Timestamp string }
		Links      []struct{ Href, Text string }
	}
	sent := s.requests()[0]
	if err := json.Unmarshal([]byte(sent.Body), &in); err != nil {
		t.Fatal(err)
	}
	if n := len([]rune(in.Payload.Summary)); n != 1024 || in.RoutingKey != "r0utingkey" || in.Payload.Timestamp != "2026-03-04T21:55:00Z" || len(in.Links) != 1 {
		t.Errorf("summary of %d characters, sent %+v", n, in)
	}
	if sent.Authorization != "" {
		t.Error("the REST token went to the events endpoint")
	}
}

func TestSubscriptionsCanBeListedMadePingedAndEnabled(t *testing.T) {
	t.Parallel()
	const raw = `{"id":"PSUB","type":"webhook_subscription","active":true,"delivery_method":{"type":"http_delivery_method","url":"https://bot.example/webhooks/pagerduty","temporarily_disabled":true%s},"events":["incident.triggered"],"filter":{"type":"service_reference","id":"PSVC"}}`
	s, c := setup(t, map[string]http.HandlerFunc{
		"GET /webhook_subscriptions":              ok(`{"webhook_subscriptions":[` + strings.Replace(raw, "%s", `,"secret":null`, 1) + `],"more":false}`),
		"POST /webhook_subscriptions":             fail(201, `{"webhook_subscription":`+strings.Replace(raw, "%s", `,"secret":"s3cret"`, 1)+`}`),
		"POST /webhook_subscriptions/PSUB/ping":   fail(202, ""),
		"POST /webhook_subscriptions/PSUB/enable": ok(`{}`),
	})
	want := pagerduty.Subscription{
		ID: "PSUB", URL: "https://bot.example/webhooks/pagerduty", Events: []incidents.Kind{incidents.KindPagerDutyTriggered},
		FilterType: "service_reference", FilterID: "PSVC", Active: true, Disabled: true,
	}
	list, err := c.Subscriptions(t.Context())
	if diff := cmp.Diff([]pagerduty.Subscription{want}, list); err != nil || diff != "" {
		t.Errorf("list: %v %s", err, diff)
	}
	made, secret, err := c.CreateSubscription(t.Context(), want)
	if diff := cmp.Diff(want, made); err != nil || secret != "s3cret" || diff != "" {
		t.Errorf("create: %v %q %s", err, secret, diff)
	}
	if err := errors.Join(c.PingSubscription(t.Context(), "PSUB"), c.EnableSubscription(t.Context(), "PSUB")); err != nil {
		t.Error(err)
	}
	asError(t, c.PingSubscription(t.Context(), "PGONE"), pagerduty.ReasonNotFound)
	if body := s.requests()[1].Body; !strings.Contains(body, `"filter":{"type":"service_reference","id":"PSVC"}`) || strings.Contains(body, "PSUB") {
		t.Errorf("sent %s", body)
	}
}

func TestCancellingIsSeenThroughTheError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	_, c := setup(t, map[string]http.HandlerFunc{"GET /users": func(w http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}})
	_, err := c.UserByEmail(ctx, "anna@acme.example")
	asError(t, err, pagerduty.ReasonCanceled)
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "anna") {
		t.Errorf("got %v", err)
	}
}
