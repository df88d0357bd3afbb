package pagerdutyfake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PagerDuty/go-pagerduty"
	"github.com/PagerDuty/go-pagerduty/webhookv3"
	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/pagerdutyfake"
)

const token = "pd-token"

var (
	ann = pagerdutyfake.User{ID: "PANN", Name: "Ann Example", Email: "ann@example.com"}
	bob = pagerdutyfake.User{ID: "PBOB", Name: "Bob Example", Email: "bob@example.com"}
)

type world struct {
	*pagerdutyfake.Server
	api *pagerduty.Client
}

func setup(t *testing.T) world {
	t.Helper()
	s := pagerdutyfake.Start(t, pagerdutyfake.Config{
		APIToken: token, Users: []pagerdutyfake.User{ann, bob},
		Backoff: []time.Duration{time.Millisecond}, WebhookTimeout: 5 * time.Second,
	})
	return world{Server: s, api: client(s, token)}
}

func client(s *pagerdutyfake.Server, token string) *pagerduty.Client {
	return pagerduty.NewClient(token, pagerduty.WithAPIEndpoint(s.URL()), pagerduty.WithV2EventsAPIEndpoint(s.URL()))
}

// received is what the receiver was sent.
type received struct {
	kind, status, webhookID, agent string
	valid                          bool
}

// receiver answers with what script says, in order, and then 202.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []received
	script []int
}

func receive(t *testing.T, secret string, script ...int) *receiver {
	t.Helper()
	r := &receiver{script: script}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.take(w, req, secret) }))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(w http.ResponseWriter, req *http.Request, secret string) {
	valid := webhookv3.VerifySignature(req, secret) == nil && req.UserAgent() == "PagerDuty-Webhook/V3.0"
	body, _ := io.ReadAll(req.Body)
	var doc struct {
		Event struct {
			Type  string `json:"event_type"`
			Agent *struct{ ID string }
			Data  struct{ Status string }
		}
	}
	_ = json.Unmarshal(body, &doc)
	one := received{kind: doc.Event.Type, status: doc.Event.Data.Status, webhookID: req.Header.Get("X-Webhook-Id"), valid: valid}
	if doc.Event.Agent != nil {
		one.agent = doc.Event.Agent.ID
	}
	r.mu.Lock()
	r.got = append(r.got, one)
	answer := http.StatusAccepted
	if len(r.script) > 0 {
		answer, r.script = r.script[0], r.script[1:]
	}
	r.mu.Unlock()
	if answer == 0 { // no answer at all
		<-req.Context().Done()
		return
	}
	w.WriteHeader(answer)
}

func (r *receiver) kinds() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, g := range r.got {
		out = append(out, fmt.Sprintf("%s %s %s %v", g.kind, g.status, g.agent, g.valid))
	}
	return out
}

// codes are an error's HTTP status and PagerDuty's code.
func codes(err error) string {
	var api pagerduty.APIError
	if !errors.As(err, &api) {
		return fmt.Sprint(err)
	}
	return fmt.Sprintf("%d %d", api.StatusCode, api.APIError.ErrorObject.Code)
}

func (w world) manage(from, id, status string) error {
	_, err := w.api.ManageIncidentsWithContext(context.Background(), from, []pagerduty.ManageIncidentsOptions{{ID: id, Status: status}})
	return err
}

func TestAnIncidentFromTriggerToResolve(t *testing.T) {
	t.Parallel()
	w := setup(t)
	hook := receive(t, "s1")
	w.Subscribe(hook.URL, "s0", "s1") // as in a rotation: the receiver knows one of two
	inc := w.AddService("PSVC1", "api").Trigger("High error rate")
	if err := w.manage(ann.Email, inc.ID(), "acknowledged"); err != nil {
		t.Fatal(err)
	}
	note := pagerduty.IncidentNote{Content: "Restored", User: pagerduty.APIObject{Summary: bob.Email}}
	if _, err := w.api.CreateIncidentNoteWithContext(context.Background(), inc.ID(), note); err != nil {
		t.Fatal(err)
	}
	if _, err := w.api.CreateIncidentStatusUpdate(context.Background(), inc.ID(), ann.Email, "back soon"); err != nil {
		t.Fatal(err)
	}
	if err := inc.Resolve(bob); err != nil {
		t.Fatal(err)
	}
	w.ExpectDelivered(t)
	want := []string{
		"incident.triggered triggered  true", "incident.acknowledged acknowledged PANN true", "incident.annotated  PBOB true",
		"incident.status_update_published  PANN true", "incident.resolved resolved PBOB true",
	}
	if diff := cmp.Diff(want, hook.kinds()); diff != "" {
		t.Error(diff)
	}
	got, err := w.api.GetIncidentWithContext(context.Background(), inc.ID())
	if err != nil || got.Status != "resolved" || got.Service.ID != "PSVC1" || got.Title != "High error rate" || got.ResolvedAt == "" {
		t.Errorf("GET: %+v, %v", got, err)
	}
	if n := inc.ExpectNote(t, "Restored"); n.By != bob {
		t.Errorf("note by %v", n.By)
	}
	log, err := w.api.ListIncidentLogEntriesWithContext(context.Background(), inc.ID(), pagerduty.ListIncidentLogEntriesOptions{})
	if err != nil || len(log.LogEntries) != 5 || log.LogEntries[0].Type != "resolve_log_entry" || log.LogEntries[0].Agent.ID != "PBOB" {
		t.Errorf("log: %+v, %v", log, err)
	}
}

func TestStatesAndCodesAreThoseOfTheRealOne(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inc := w.Service("PSVC1").Trigger("down")
	ack := func() error { return w.manage(ann.Email, inc.ID(), "acknowledged") }
	resolve := func() error { return w.manage(ann.Email, inc.ID(), "resolved") }
	_, missing := w.api.GetIncidentWithContext(context.Background(), "QNONE")
	_, unauthorised := client(w.Server, "wrong").GetIncidentWithContext(context.Background(), inc.ID())
	_, empty := w.api.CreateIncidentNoteWithContext(context.Background(), inc.ID(), pagerduty.IncidentNote{User: pagerduty.APIObject{Summary: ann.Email}})
	_, filter := w.api.ListIncidentsWithContext(context.Background(), pagerduty.ListIncidentsOptions{Statuses: []string{"open"}})
	got := []string{
		codes(ack()), codes(ack()), codes(resolve()), codes(resolve()), codes(ack()),
		codes(w.manage("", inc.ID(), "resolved")), codes(w.manage("eve@example.com", inc.ID(), "resolved")),
		codes(w.manage(ann.Email, inc.ID(), "asleep")), codes(missing), codes(unauthorised), codes(empty), codes(filter),
	}
	want := []string{
		"<nil>", "400 1002", "<nil>", "400 1001", "<nil>",
		"400 2001", "400 1008", "400 2001", "404 2100", "401 2006", "400 2001", "400 2001",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var kinds []string
	for _, e := range inc.LogEntries() {
		kinds = append(kinds, strings.TrimSuffix(e.Type, "_log_entry"))
	}
	if diff := cmp.Diff([]string{"trigger", "acknowledge", "resolve", "reopen", "acknowledge"}, kinds); diff != "" {
		t.Errorf("acknowledging a resolved incident should have reopened it:\n%s", diff)
	}
}

func TestListsAreFilteredAndPaged(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for i := range 3 {
		w.Service("PSVC1").Trigger(fmt.Sprint("incident ", i))
	}
	other := w.Service("PSVC2").Trigger("other")
	_ = other.Resolve(ann)
	first, err := w.api.ListIncidentsWithContext(context.Background(), pagerduty.ListIncidentsOptions{
		ServiceIDs: []string{"PSVC1"}, Statuses: []string{"triggered"}, Limit: 2, Since: "2020-01-01T00:00:00Z",
	})
	if err != nil || len(first.Incidents) != 2 || !first.More {
		t.Errorf("first page: %+v, %v", first, err)
	}
	rest, err := w.api.ListIncidentsWithContext(context.Background(), pagerduty.ListIncidentsOptions{ServiceIDs: []string{"PSVC1"}, Limit: 2, Offset: 2})
	if err != nil || len(rest.Incidents) != 1 || rest.More {
		t.Errorf("second page: %+v, %v", rest, err)
	}
	users, err := w.api.ListUsersWithContext(context.Background(), pagerduty.ListUsersOptions{Query: "example"})
	if err != nil || len(users.Users) != 2 || users.Users[0].Email != ann.Email {
		t.Errorf("users: %+v, %v", users, err)
	}
	if u, err := w.api.GetUserWithContext(context.Background(), "PBOB", pagerduty.GetUserOptions{}); err != nil || u.Email != bob.Email {
		t.Errorf("user: %+v, %v", u, err)
	}
	calls, err := w.api.ListOnCallsWithContext(context.Background(), pagerduty.ListOnCallOptions{Includes: []string{"users"}})
	if err != nil || len(calls.OnCalls) != 1 || calls.OnCalls[0].User.Email != ann.Email {
		t.Errorf("on call: %+v, %v", calls, err)
	}
	services, err := w.api.ListServicesWithContext(context.Background(), pagerduty.ListServiceOptions{})
	if err != nil || len(services.Services) != 2 {
		t.Errorf("services: %+v, %v", services, err)
	}
}

func TestFaultsOnRequest(t *testing.T) {
	t.Parallel()
	w := setup(t)
	inc := w.Service("PSVC1").Trigger("down")
	w.RateLimit(1, 1500*time.Millisecond)
	w.api.SetDebugFlag(pagerduty.DebugCaptureLastResponse)
	_, limited := w.api.GetIncidentWithContext(context.Background(), inc.ID())
	if resp, _ := w.api.LastAPIResponse(); codes(limited) != "429 2020" || resp.Header.Get("ratelimit-reset") != "2" || resp.Header.Get("ratelimit-remaining") != "0" {
		t.Errorf("rate limit: %v, %v", limited, resp.Header)
	}
	w.Outage(true)
	if _, err := w.api.GetIncidentWithContext(context.Background(), inc.ID()); codes(err) != "503 0" {
		t.Errorf("outage: %v", err)
	}
	w.Outage(false)
	w.DropResponse(1)
	if err := w.manage(ann.Email, inc.ID(), "acknowledged"); err == nil {
		t.Error("an answer came although it was to be dropped")
	}
	inc.ExpectStatus(t, pagerdutyfake.Acknowledged)
	if by, ok := inc.AcknowledgedBy(); !ok || by != ann {
		t.Errorf("acknowledged by %v", by)
	}
}

func TestEventsAndChangesAreChecked(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.Service("PSVC1").RoutingKey()
	change := func(key, summary string) error {
		_, err := w.api.CreateChangeEventWithContext(context.Background(), pagerduty.ChangeEvent{RoutingKey: key, Payload: pagerduty.ChangeEventPayload{
			Summary: summary, Source: "snapback", Timestamp: "2026-01-02T22:55:00Z",
		}})
		return err
	}
	if err := change(key, "api 1.41 → 1.42"); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{change("nope", "x"), change(key, ""), change(key, strings.Repeat("x", 1025))} {
		if err == nil || !strings.Contains(err.Error(), "400") {
			t.Errorf("a bad change event: %v", err)
		}
	}
	if all := w.ChangeEvents(); len(all) != 1 || all[0].ServiceID != "PSVC1" || all[0].Summary != "api 1.41 → 1.42" {
		t.Errorf("changes: %+v", all)
	}
	event := pagerduty.V2Event{RoutingKey: key, Action: "trigger", DedupKey: "d1", Payload: &pagerduty.V2Payload{Summary: "down", Source: "x", Severity: "critical"}}
	for _, action := range []string{"trigger", "trigger", "resolve"} {
		event.Action = action
		if _, err := w.api.ManageEventWithContext(context.Background(), &event); err != nil {
			t.Fatal(err)
		}
	}
	if all := w.Incidents(); len(all) != 1 || all[0].Status() != pagerdutyfake.Resolved {
		t.Errorf("%d incidents after two triggers with one key", len(all))
	}
}

func TestRubbishIsSentAsItIs(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var got bytes.Buffer
	site := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(http.StatusOK)
		_, _ = io.Copy(&got, r.Body)
		got.WriteString("|" + r.Header.Get("X-PagerDuty-Signature") + "|" + r.Header.Get("X-Webhook-Id") + "\n")
	}))
	defer site.Close()
	w.Send(t, site.URL, []byte("{"), pagerdutyfake.SignedAs("v1=zz"), pagerdutyfake.With("X-Webhook-Id", "w1"))
	w.Send(t, site.URL, []byte("[]"), pagerdutyfake.With("X-Webhook-Id", ""))
	if diff := cmp.Diff("{|v1=zz|w1\n[]||\n", got.String()); diff != "" {
		t.Error(diff)
	}
}
