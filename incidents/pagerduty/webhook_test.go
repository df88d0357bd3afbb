package pagerduty_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/pagerduty"
)

const triggered = `{"event":{"id":"01EVENT","event_type":"incident.triggered","resource_type":"incident",
"occurred_at":"2026-03-05T02:42:07.123Z","agent":{"id":"PSVC","type":"service_reference","summary":"Shop API"},
"client":{"name":"Monitoring"},"data":{"id":"PGR0VU2","type":"incident","self":"https://api.pagerduty.com/incidents/PGR0VU2",
"html_url":"https://acme.pagerduty.com/incidents/PGR0VU2","number":42,"status":"triggered","incident_key":"k",
"created_at":"2026-03-05T03:42:05+01:00","title":"Errors over 5 %\nin\u0000 checkout","service":{"id":"PF9KMXH","summary":"Shop API"},
"assignees":[{"id":"PTUXL6G","type":"user_reference","summary":"Anna"}],"escalation_policy":{"id":"PUS0KTE","summary":"Default"},
"priority":{"id":"P1","summary":"P1"},"urgency":"high","conference_bridge":{"conference_number":1000,"conference_url":"https://x/?pwd=hunter2"},
"resolve_reason":null}}}`

// received is when webhooks came, in all tests.
var received = time.Date(2026, 3, 5, 2, 50, 3, 0, time.UTC)

func event(kind, data string) string {
	return `{"event":{"id":"E1","event_type":"` + kind + `","resource_type":"incident","occurred_at":"2026-03-05T02:50:00Z",` +
		`"agent":{"id":"PANNA","type":"user_reference","summary":"Anna"},"client":null,"data":` + data + `}}`
}

const reference = `"incident":{"id":"PGR0VU2","type":"incident_reference","summary":"Errors","html_url":"https://acme.pagerduty.com/incidents/PGR0VU2"}`

func mustParse(t *testing.T, body string) pagerduty.Event {
	t.Helper()
	e, err := pagerduty.ParseWebhook([]byte(body), received)
	if err != nil {
		t.Fatalf("parsing: %v", err)
	}
	return e
}

func TestATriggeredIncidentIsReadWhole(t *testing.T) {
	t.Parallel()
	got := mustParse(t, triggered)
	got.Details = nil
	want := pagerduty.Event{
		ID: "01EVENT", Type: "incident.triggered", ResourceType: "incident",
		OccurredAt: time.Date(2026, 3, 5, 2, 42, 7, 123e6, time.UTC),
		Agent:      incidents.Actor{Kind: incidents.PagerDuty, PagerDutyID: "PSVC", Name: "Shop API"},
		Incident: pagerduty.Incident{
			ID: "PGR0VU2", Number: 42, Title: "Errors over 5 % in checkout", Status: incidents.Triggered, Urgency: "high",
			Priority: "P1", URL: "https://acme.pagerduty.com/incidents/PGR0VU2", ServiceID: "PF9KMXH", Service: "Shop API",
			PolicyID: "PUS0KTE", Assignees: []pagerduty.User{{ID: "PTUXL6G", Name: "Anna"}},
			CreatedAt: time.Date(2026, 3, 5, 2, 42, 5, 0, time.UTC),
		},
		HasIncident: true,
		Summary:     "Shop API opened the incident: Errors over 5 % in checkout.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOwnNoteIsKnownByItsText(t *testing.T) {
	t.Parallel()
	said := func(content, trimmed string) pagerduty.Event {
		return mustParse(t, event("incident.annotated", `{`+reference+`,"id":"PN","content":"`+content+`","trimmed":`+trimmed+`,"type":"incident_note"}`))
	}
	const text = "api is back on pre-deploy-2255\nafter 1.9 s"
	for name, c := range map[string]struct {
		event pagerduty.Event
		want  bool
	}{
		"the same":        {said(`api is back on pre-deploy-2255\nafter 1.9 s`, "false"), true},
		"its beginning":   {said(`api is back on pre-deploy-2255`, "false"), false},
		"cut off":         {said(`api is back on pre-dep...`, "true"), true},
		"another one":     {said(`looks like the pool`, "true"), false},
		"an empty one":    {said(``, "true"), false},
		"no note, though": {mustParse(t, triggered), false},
	} {
		if got := c.event.Echoes(text); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestDetailsLeaveOutPassCodes(t *testing.T) {
	t.Parallel()
	doc, err := json.Marshal(mustParse(t, triggered).Details)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"status":"triggered","urgency":"high","priority":"P1","assignees":[{"id":"PTUXL6G","name":"Anna"}],"client":"Monitoring"}`
	if diff := cmp.Diff(want, string(doc)); diff != "" {
		t.Error(diff)
	}
}

// What a monitoring tool puts into a title is anything, and people see, store and export it.
func TestSecretsInWhatPagerDutySaysAreHidden(t *testing.T) {
	t.Parallel()
	const secret = "swordfish"
	for kind, data := range map[string]string{
		"incident.triggered":               `{"id":"PGR0VU2","type":"incident","title":"Login failed: password=swordfish on db","service":{"id":"P1","summary":"mot_de_passe: swordfish"},"priority":{"summary":"pwd=swordfish"}}`,
		"incident.acknowledged":            `{"id":"PGR0VU2","type":"incident","title":"Login failed: pass\u200bword=swordfish on db"}`,
		"incident.annotated":               `{"id":"N1","type":"incident_note","content":"try postgres://shop:swordfish@db/shop",` + reference + `}`,
		"incident.status_update_published": `{"id":"S1","type":"incident_status_update","message":"API_KEY=swordfish",` + reference + `}`,
		"incident.resolved":                `{"id":"PGR0VU2","type":"incident","summary":"[#42] ` + strings.Repeat("x ", 490) + `kennwort=swordfish","title":""}`,
	} {
		e := mustParse(t, event(kind, data))
		kept, err := json.Marshal([]any{e, e.Incident.Record()})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(kept), secret) {
			t.Errorf("%s keeps %s", kind, kept)
		}
		if !strings.Contains(string(kept), "[masked]") {
			t.Errorf("%s says nothing of what is hidden: %s", kind, kept)
		}
	}
}

func TestEventsThatReferToAnIncidentFindIt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ kind, data, summary string }{
		{"incident.annotated", `{` + reference + `,"id":"PN","content":"looks like the pool","trimmed":false,"type":"incident_note"}`, "Anna wrote a note: looks like the pool."},
		{"incident.status_update_published", `{` + reference + `,"id":"PS","message":"rolling back","type":"incident_status_update"}`, "Anna published a status update: rolling back."},
		{"incident.responder.added", `{` + reference + `,"user":{"id":"PM","summary":"Maeve"},"state":"pending","type":"incident_responder"}`, "Anna asked Maeve to respond."},
		{"incident.responder.replied", `{` + reference + `,"user":null,"escalation_policy":{"id":"PE","summary":"Databases"},"state":"accepted","type":"incident_responder"}`, "Anna told of a reply: Databases is accepted."},
		{"incident.custom_field_values.updated", `{` + reference + `,"custom_fields":[{"value":"s3cret"}],"type":"incident_field_values"}`, "Anna changed custom fields."},
		{"incident.something.new", `{` + reference + `,"type":"incident_something","more":[1,2]}`, "Anna reported incident.something.new."},
	} {
		t.Run(tc.kind, func(t *testing.T) {
			t.Parallel()
			e := mustParse(t, event(tc.kind, tc.data))
			want := pagerduty.Incident{ID: "PGR0VU2", Title: "Errors", URL: "https://acme.pagerduty.com/incidents/PGR0VU2"}
			if diff := cmp.Diff(want, e.Incident); diff != "" || !e.HasIncident {
				t.Errorf("incident (found: %t): %s", e.HasIncident, diff)
			}
			if diff := cmp.Diff(tc.summary, e.Summary); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEveryIncidentTypeSaysWhatHappened(t *testing.T) {
	t.Parallel()
	data := `{"id":"PGR0VU2","type":"incident","title":"T","service":{"id":"PS","summary":"Shop"},"priority":{"id":"P","summary":"P2"},"assignees":[{"id":"PB","summary":"Ben"}]}`
	for kind, want := range map[string]string{
		"acknowledged": "Anna acknowledged the incident.", "unacknowledged": "Anna took the acknowledgement back.",
		"resolved": "Anna resolved the incident.", "reopened": "Anna opened the incident again.",
		"escalated": "Anna escalated the incident to Ben.", "reassigned": "Anna reassigned the incident to Ben.",
		"delegated":        "Anna handed the incident to another escalation policy, to Ben.",
		"priority_updated": "Anna set the priority to P2.", "service_updated": "Anna moved the incident to the service Shop.",
	} {
		if got := mustParse(t, event("incident."+kind, data)).Summary; got != want {
			t.Errorf("%s: got %q, want %q", kind, got, want)
		}
	}
}

func TestPingAndServiceEventsHaveNoIncident(t *testing.T) {
	t.Parallel()
	ping := mustParse(t, `{"event":{"id":"E","event_type":"pagey.ping","resource_type":"pagey","occurred_at":"2026-03-05T02:50:00Z","agent":null,"client":null,"data":{"message":"Hello","type":"ping"}}}`)
	if !ping.Ping() || ping.HasIncident || ping.Agent.Kind != incidents.PagerDuty {
		t.Errorf("ping: %+v", ping)
	}
	service := mustParse(t, event("service.updated", `{"id":"PF9KMXH","type":"service","summary":"Shop"}`))
	if service.HasIncident || service.Ping() {
		t.Errorf("service: %+v", service)
	}
	if none := mustParse(t, event("incident.odd", `null`)); none.HasIncident || none.Details != nil {
		t.Errorf("no data: %+v", none)
	}
}

func TestLinksOfOtherSchemesAreDropped(t *testing.T) {
	t.Parallel()
	for _, link := range []string{"javascript:alert(1)", "javascript://evil.example/%0aalert(1)", "//evil.example", "data:text/html,x", "https://user:pw@evil.example/"} {
		e := mustParse(t, event("incident.resolved", `{"id":"P1","type":"incident","html_url":"`+link+`"}`))
		if e.Incident.URL != "" {
			t.Errorf("%s was kept as %s", link, e.Incident.URL)
		}
	}
}

func TestAlertIsReadAlthoughSomethingBesideItIsOdd(t *testing.T) {
	t.Parallel()
	for name, odd := range map[string]string{
		"priority": `"priority":"P1"`, "assignees": `"assignees":{}`, "policy": `"escalation_policy":7`, "title": `"title":7,"summary":"High error rate"`,
		"number": `"number":"12"`, "time": `"created_at":"yesterday"`, "status": `"status":"snoozed"`,
	} {
		body := event("incident.triggered", `{"id":"P1","type":"incident","title":"High error rate","status":"triggered","service":{"id":"PSHOP"},`+odd+`}`)
		e, err := pagerduty.ParseWebhook([]byte(body), received)
		want := incidents.Triggered
		if name == "status" {
			want = "" // what stands is left as it is
		}
		if err != nil || !e.HasIncident || e.Incident.ID != "P1" || e.Incident.Title != "High error rate" || e.Incident.ServiceID != "PSHOP" || e.Incident.Status != want {
			t.Errorf("%s: %+v, %v", name, e.Incident, err)
		}
	}
}

func TestAlertIsReadAlthoughItsEnvelopeIsOdd(t *testing.T) {
	t.Parallel()
	const data = `"data":{"id":"P1","type":"incident","title":"High error rate","status":"triggered","service":{"id":"PSHOP"}}`
	at := func(s string) time.Time { return must(time.Parse(time.RFC3339, s)) }
	usual := at("2026-03-05T02:50:00Z")
	for envelope, want := range map[string]struct {
		at  time.Time
		who string
	}{
		`"agent":"Anna"`:                                {usual, "Anna"},
		`"agent":["Anna"]`:                              {usual, "PagerDuty"},
		`"agent":7`:                                     {usual, "PagerDuty"},
		`"agent":{"id":7,"summary":"Anna"}`:             {usual, "Anna"},
		`"client":"Monitoring"`:                         {usual, "PagerDuty"},
		`"client":["Monitoring"]`:                       {usual, "PagerDuty"},
		`"client":{"name":{"first":"x"}}`:               {usual, "PagerDuty"},
		`"resource_type":{}`:                            {usual, "PagerDuty"},
		`"occurred_at":1772679000`:                      {usual, "PagerDuty"},
		`"occurred_at":1772679000000`:                   {usual, "PagerDuty"},
		`"occurred_at":"1772679000"`:                    {usual, "PagerDuty"},
		`"occurred_at":"2026-03-05T03:50:00+0100"`:      {usual, "PagerDuty"},
		`"occurred_at":"2026-03-05 02:50:00 UTC"`:       {usual, "PagerDuty"},
		`"occurred_at":"2026-03-05 02:50:00"`:           {usual, "PagerDuty"},
		`"occurred_at":"2026-03-05T02:50:00"`:           {usual, "PagerDuty"},
		`"occurred_at":"Thu, 05 Mar 2026 02:50:00 GMT"`: {usual, "PagerDuty"},
		`"occurred_at":"yesterday"`:                     {received, "PagerDuty"},
		`"occurred_at":["2026"]`:                        {received, "PagerDuty"},
		`"occurred_at":null`:                            {received, "PagerDuty"},
		`"occurred_at":-1e300`:                          {received, "PagerDuty"},
	} {
		usually := `"occurred_at":"2026-03-05T02:50:00Z",`
		if strings.Contains(envelope, "occurred_at") {
			usually = ""
		}
		e, err := pagerduty.ParseWebhook([]byte(`{"event":{"id":"E1","event_type":"incident.triggered",`+usually+envelope+`,`+data+`}}`), received)
		if err != nil || !e.HasIncident || e.ID != "E1" || e.Type != incidents.KindPagerDutyTriggered || e.Incident.Title != "High error rate" || e.Incident.ServiceID != "PSHOP" {
			t.Errorf("%s: %+v, %v", envelope, e, err)
		}
		if !e.OccurredAt.Equal(want.at) || e.Agent.Name != want.who {
			t.Errorf("%s: %s by %s, want %s by %s", envelope, e.OccurredAt, e.Agent.Name, want.at, want.who)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestAlertWithoutAnIDOrTypeIsKeptOnce(t *testing.T) {
	t.Parallel()
	body := []byte(`{"event":{"data":{"id":"P1","type":"incident","title":"High error rate","status":"acknowledged"}}}`)
	first, err := pagerduty.ParseWebhook(body, received)
	again, _ := pagerduty.ParseWebhook(body, received.Add(time.Minute))
	other, _ := pagerduty.ParseWebhook(append([]byte(" "), body...), received)
	if err != nil || !first.HasIncident || first.Type != incidents.KindPagerDutyAcked || first.ID == "" || first.ID != again.ID || first.ID == other.ID {
		t.Errorf("%+v, %v; again %s, another %s", first, err, again.ID, other.ID)
	}
	kind := mustParse(t, `{"event":{"id":"E","event_type":"incident.triggered","data":{"id":"P1","title":"High error rate","service":{"id":"PSHOP"}}}}`)
	if !kind.HasIncident || kind.Incident.Title != "High error rate" {
		t.Errorf("data that don't say what they are: %+v", kind)
	}
	part := event("incident.annotated", `{"id":"PN","content":"x"}`)
	if e := mustParse(t, part); e.HasIncident {
		t.Errorf("a note was taken for an incident: %+v", e.Incident)
	}
}

func TestWhatIsNotAnEventIsMalformed(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty": "", "not JSON": "secret=hunter2", "a list": "[]", "a number": "7", "null": "null", "no event": "{}",
		"event null": `{"event":null}`, "event a string": `{"event":"hunter2"}`, "no ID": `{"event":{"event_type":"incident.triggered"}}`,
		"no time":             `{"event":{"id":"E","event_type":"incident.triggered"}}`,
		"time of no kind":     `{"event":{"id":"E","event_type":"t","occurred_at":"hunter2"}}`,
		"NUL in the ID":       `{"event":{"id":"E\u0000","event_type":"t","occurred_at":"2026-03-05T02:50:00Z"}}`,
		"data a list":         event("incident.triggered", `["hunter2"]`),
		"data a string":       event("incident.triggered", `"hunter2"`),
		"incident without ID": event("incident.triggered", `{"type":"incident","title":"T"}`),
		"incident ID a path":  event("incident.triggered", `{"type":"incident","id":"../users"}`),
		"reference a string":  event("incident.annotated", `{"type":"incident_note","incident":"hunter2"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pagerduty.ParseWebhook([]byte(body), received)
			if !errors.Is(err, pagerduty.ErrMalformed) {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error quotes the body: %v", err)
			}
		})
	}
}

func TestRecordKeepsWhatTheDomainNeeds(t *testing.T) {
	t.Parallel()
	want := incidents.Incident{
		PagerDutyID: "PGR0VU2", Number: 42, Title: "Errors over 5 % in checkout", ServiceID: "PF9KMXH", Service: "Shop API",
		Status: incidents.Triggered, Urgency: "high", Priority: "P1", URL: "https://acme.pagerduty.com/incidents/PGR0VU2",
		OpenedAt: time.Date(2026, 3, 5, 2, 42, 5, 0, time.UTC),
	}
	if diff := cmp.Diff(want, mustParse(t, triggered).Incident.Record()); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseWebhook(f *testing.F) {
	for _, seed := range []string{
		triggered, event("incident.annotated", `{`+reference+`,"type":"incident_note","content":"\u202ex\u0000"}`),
		event("incident.resolved", `{"id":"P1","type":"incident","resolve_reason":{"type":"merge_resolve_reason"}}`),
		`{"event":{"id":"E","event_type":"pagey.ping","occurred_at":"2026-03-05T02:50:00Z","data":{"message":"Hi","type":"ping"}}}`,
		`{}`, `null`, `{"event":[]}`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := pagerduty.ParseWebhook(body, received)
		if err != nil {
			if !errors.Is(err, pagerduty.ErrMalformed) {
				t.Fatalf("not ErrMalformed: %v", err)
			}
			return
		}
		if e.ID == "" || e.Type == "" || e.Summary == "" || e.OccurredAt.IsZero() || e.HasIncident != (e.Incident.ID != "") {
			t.Fatalf("incomplete: %+v", e)
		}
		for _, s := range []string{e.ID, string(e.Type), e.Summary, e.Incident.Title, e.Incident.URL, e.Agent.Name} {
			if strings.ContainsFunc(s, unicode.IsControl) {
				t.Fatalf("control characters in %q", s)
			}
		}
		if doc, err := json.Marshal(e.Details); err != nil || strings.Contains(string(doc), `\u0000`) {
			t.Fatalf("details %s: %v", doc, err)
		}
	})
}

// Whatever stands beside it, and in it beside its ID and title: an alert is posted.
func FuzzNothingBesideAnAlertLosesIt(f *testing.F) {
	for _, odd := range []string{`null`, `7`, `-1e999`, `"x"`, `[[]]`, `{"id":{}}`, `{"summary":["a"],"id":"P"}`, `"2026-13-45T99:00:00Z"`, `true`, `1772679000000`, `"\u0000"`} {
		f.Add("agent", odd, "service", odd)
		f.Add("occurred_at", odd, "created_at", odd)
		f.Add("id", odd, "number", odd)
		f.Add("event_type", odd, "assignees", odd)
		f.Add("client", odd, "status", odd)
	}
	f.Fuzz(func(t *testing.T, beside, value, within, inner string) {
		name, nested := string(must(json.Marshal(beside))), string(must(json.Marshal(within)))
		data := `{` + nested + `:` + inner + `,"id":"P1","type":"incident","title":"High error rate"}`
		body := `{"event":{"id":"E1","event_type":"incident.triggered","occurred_at":"2026-03-05T02:50:00Z",` + name + `:` + value + `,"data":` + data + `}}`
		if !json.Valid([]byte(value)) || !json.Valid([]byte(inner)) || !json.Valid([]byte(body)) {
			t.Skip("not JSON")
		}
		e, err := pagerduty.ParseWebhook([]byte(body), received)
		if err != nil || !e.HasIncident || e.Incident.ID != "P1" || e.Incident.Title != "High error rate" || e.ID == "" || e.Type == "" || e.OccurredAt.IsZero() || e.Summary == "" {
			t.Fatalf("%s: %+v, %v", body, e, err)
		}
		for _, s := range []string{e.ID, string(e.Type), e.Summary} {
			if strings.ContainsFunc(s, unicode.IsControl) {
				t.Fatalf("control characters in %q", s)
			}
		}
	})
}
