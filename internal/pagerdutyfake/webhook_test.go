package pagerdutyfake_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/pagerdutyfake"
)

func TestWebhooksAreRepeatedInOrderUntilTaken(t *testing.T) {
	t.Parallel()
	w := setup(t)
	hook := receive(t, "s", 503, 429, 0, 202)
	w.Subscribe(hook.URL, "s")
	inc := w.Service("PSVC1").Trigger("down")
	_ = inc.Acknowledge(ann)
	all := w.ExpectDelivered(t)
	if len(all) != 2 || len(all[0].Attempts) != 4 || all[0].Attempts[2].Status != 0 || len(all[1].Attempts) != 1 {
		t.Errorf("attempts: %+v", all)
	}
	hook.mu.Lock()
	defer hook.mu.Unlock()
	for i, g := range hook.got[:4] {
		if g.kind != "incident.triggered" || g.webhookID != hook.got[0].webhookID {
			t.Errorf("attempt %d was %+v", i, g)
		}
	}
	if last := hook.got[4]; last.kind != "incident.acknowledged" || last.webhookID == hook.got[0].webhookID {
		t.Errorf("the second webhook was %+v", last)
	}
}

func TestThreeRefusalsDisableASubscription(t *testing.T) {
	t.Parallel()
	w := setup(t)
	hook := receive(t, "s", 401, 400, 404)
	sub := w.Subscribe(hook.URL, "s")
	for range 3 {
		w.Service("PSVC1").Trigger("down")
		w.ExpectDelivered(t)
	}
	if !sub.Disabled() {
		t.Error("three drops did not disable it")
	}
	w.Service("PSVC1").Trigger("unheard")
	sub.Enable()
	w.Service("PSVC1").Trigger("heard again")
	var states []pagerdutyfake.DeliveryState
	for _, d := range w.ExpectDelivered(t) {
		states = append(states, d.State)
	}
	want := []pagerdutyfake.DeliveryState{pagerdutyfake.Dropped, pagerdutyfake.Dropped, pagerdutyfake.Dropped, pagerdutyfake.Delivered}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Error(diff)
	}
}

func TestARedeliveryKeepsItsID(t *testing.T) {
	t.Parallel()
	w := setup(t)
	hook := receive(t, "s")
	w.Subscribe(hook.URL, "s")
	inc := w.Service("PSVC1").Trigger("down")
	w.ExpectDelivered(t)
	inc.Redeliver()
	w.ExpectDelivered(t)
	hook.mu.Lock()
	defer hook.mu.Unlock()
	if len(hook.got) != 2 || hook.got[0] != hook.got[1] {
		t.Errorf("got %+v", hook.got)
	}
}

func TestSubscriptionsByAPI(t *testing.T) {
	t.Parallel()
	w := setup(t)
	call := func(method, path, body string) (int, map[string]any) {
		req, err := http.NewRequestWithContext(t.Context(), method, w.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := w.api.Do(req, true)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		var doc map[string]any
		_ = json.NewDecoder(resp.Body).Decode(&doc)
		return resp.StatusCode, doc
	}
	hook := receive(t, "unknown yet")
	body := fmt.Sprintf(`{"webhook_subscription":{"type":"webhook_subscription","events":["incident.triggered"],
		"delivery_method":{"type":"http_delivery_method","url":%q},"filter":{"type":"service_reference","id":"PSVC1"}}}`, hook.URL)
	status, doc := call(http.MethodPost, "/webhook_subscriptions", body)
	if status != http.StatusCreated {
		t.Fatalf("create: %d %v", status, doc)
	}
	made := doc["webhook_subscription"].(map[string]any)
	if secret, _ := made["delivery_method"].(map[string]any)["secret"].(string); secret == "" {
		t.Error("create did not show the secret")
	}
	path := "/webhook_subscriptions/" + made["id"].(string)
	_, doc = call(http.MethodGet, path, "")
	method := doc["webhook_subscription"].(map[string]any)["delivery_method"].(map[string]any)
	if method["secret"] != nil || method["temporarily_disabled"] != false {
		t.Errorf("get shows %v", method)
	}
	ping, _ := call(http.MethodPost, path+"/ping", "")
	_ = w.Service("PSVC1").Trigger("heard").Acknowledge(ann) // the second event was not asked for
	w.Service("PSVC2").Trigger("another service")
	w.ExpectDelivered(t)
	enable, _ := call(http.MethodPost, path+"/enable", "")
	bad, _ := call(http.MethodPost, "/webhook_subscriptions", `{"webhook_subscription":{"type":"webhook_subscription"}}`)
	ofTeam, other := w.Service("PSVC3").InTeams("PTEAM1"), receive(t, "unknown as well")
	_, doc = call(http.MethodPost, "/webhook_subscriptions", strings.NewReplacer("service_reference", "team_reference", "PSVC1", "PTEAM1", hook.URL, other.URL).Replace(body))
	team := doc["webhook_subscription"].(map[string]any)["id"]
	heard := ofTeam.Trigger("of the team")
	w.Service("PSVC2").Trigger("of no team")
	for _, d := range w.ExpectDelivered(t) {
		if d.SubscriptionID == team && d.IncidentID != heard.ID() {
			t.Errorf("the team's subscription sent %s of %s", d.EventType, d.IncidentID)
		}
	}
	del, _ := call(http.MethodDelete, path, "")
	gone, _ := call(http.MethodGet, path, "")
	if diff := cmp.Diff([]int{202, 200, 400, 204, 404}, []int{ping, enable, bad, del, gone}); diff != "" {
		t.Error(diff)
	}
	seen := strings.Join(hook.kinds(), "\n")
	if len(hook.kinds()) != 2 || !strings.Contains(seen, "pagey.ping") || !strings.Contains(seen, "incident.triggered") {
		t.Errorf("the receiver saw:\n%s", seen)
	}
}
