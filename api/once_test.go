package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/incidents"
)

func keyed(method, path, body, key string) request {
	return request{method: method, path: path, body: body, header: map[string]string{"Idempotency-Key": key}}
}

func TestARequestDeliveredTwiceActsOnceAndIsAnsweredAlike(t *testing.T) {
	t.Parallel()
	b := setup(t)
	noLinks := b.token(t, access.WriteSnapshots, access.RestoreScope, access.WriteIncidents)
	for _, q := range []request{
		keyed("POST", "/containers/api/snapshots", `{"note":"x"}`, "a"),
		keyed("PATCH", target, "", "b"),
		keyed("POST", "/incidents/4711/notes", `{"text":"hello"}`, "c"),
	} {
		q.token = noLinks
		first, second := b.do(t, q), b.do(t, q)
		if first.Code >= 300 || second.Code != first.Code || second.Body.String() != first.Body.String() {
			t.Errorf("%s %s: answered %d %s, then %d %s", q.method, q.path, first.Code, first.Body, second.Code, second.Body)
		}
		for _, name := range []string{"Content-Type", "Location", "ETag"} {
			if first.Header().Get(name) != second.Header().Get(name) {
				t.Errorf("%s %s: %s differs", q.method, q.path, name)
			}
		}
		if second.Header().Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s %s: the second answer doesn't say that it is one", q.method, q.path)
		}
	}
	if len(b.takes) != 1 || len(b.asks) != 1 || len(b.entries[1]) != 1 {
		t.Errorf("%d snapshots, %d restores, %d notes", len(b.takes), len(b.asks), len(b.entries[1]))
	}
	if b.asks[0].Idempotency == "" || b.asks[0].By.Source.NativeID != b.asks[0].Idempotency {
		t.Errorf("the restorer does not know the key: %+v", b.asks[0])
	}
}

func TestAKeyUsedForAnotherRequestIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	wantStatus(t, b.do(t, keyed("POST", "/containers/api/snapshots", `{"note":"x"}`, "k")), http.StatusCreated)
	wantCode(t, b.do(t, keyed("POST", "/containers/api/snapshots", `{"note":"y"}`, "k")), 422, "idempotency_key_reused")
	wantCode(t, b.do(t, keyed("PATCH", target, `{"reason":"x"}`, "k")), 422, "idempotency_key_reused")
	other := keyed("POST", "/containers/api/snapshots", `{"note":"y"}`, "k")
	other.token = b.token(t, access.WriteSnapshots)
	wantStatus(t, b.do(t, other), http.StatusCreated)
}

func TestATwinOfARunningRequestIsToldToWait(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w *world, _ *api.Config) { w.hold = make(chan struct{}) })
	q := keyed("PATCH", target, "", "k")
	rec, done := httptest.NewRecorder(), make(chan struct{})
	go func() {
		defer close(done)
		b.h.ServeHTTP(rec, q.build(t.Context()))
	}()
	<-b.asked
	twin := b.do(t, q)
	wantCode(t, twin, 409, "idempotency_key_in_flight")
	if twin.Header().Get("Retry-After") == "" {
		t.Error("it does not say how long")
	}
	close(b.hold)
	<-done
	wantStatus(t, rec, http.StatusOK)
}

func TestAKeyIsFreeAgainAfterARequestThatDidNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	q := keyed("POST", "/containers/api/snapshots", `{"name":"pre-deploy-2255"}`, "k")
	wantCode(t, b.do(t, q), 409, "name_taken")
	wantStatus(t, b.do(t, request{method: "DELETE", path: target}), http.StatusNoContent)
	wantStatus(t, b.do(t, q), http.StatusCreated)

	b = setup(t, func(w *world, _ *api.Config) { w.panics = true })
	wantStatus(t, b.do(t, keyed("PATCH", target, "", "k")), http.StatusInternalServerError)
	if len(b.kept) != 0 {
		t.Error("a panic keeps the key")
	}
}

func TestATerminalLinkIsHandedOutOnceAndNeverKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	q := keyed("POST", "/incidents/PT4KHLK/terminal-links", `{"mode":"shell"}`, "k")
	first := b.do(t, q)
	wantStatus(t, first, http.StatusCreated)
	if diff := cmp.Diff(`{"url":"https://bot.example/t#secret","expires_at":"2026-03-01T03:47:00Z"}`+"\n", first.Body.String()); diff != "" {
		t.Error(diff)
	}
	wantCode(t, b.do(t, q), 409, "link_handed_out")
	for _, kept := range b.kept {
		if got := string(kept.answer); got != `{"status":201,"header":null,"body":null}` {
			t.Errorf("kept: %s", got)
		}
	}
	if len(b.links) != 1 || b.links[0].Mode != access.ModeShell || b.links[0].Name != "api" || b.links[0].IncidentID != 1 {
		t.Errorf("asked for %+v", b.links)
	}
}

// The link's own entries name whom it is for, which the token's holder has chosen.
func TestATerminalLinkIsOnTheTimelineUnderTheTokenThatAskedForIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	before := len(b.entries[1])
	q := request{method: "POST", path: "/incidents/1/terminal-links", body: `{"person":{"slack_id":"UBOSS","name":"Boss"}}`}
	wantStatus(t, b.do(t, q), http.StatusCreated)
	added := b.entries[1][before:]
	if len(added) != 1 || added[0].Actor != (incidents.Actor{Kind: incidents.Token, Name: b.links[0].Person.Via.Token}) || b.links[0].Person.Via.Channel == "" || !strings.Contains(string(added[0].Details), "UBOSS") {
		t.Errorf("the timeline has %+v", added)
	}
	q.body = `{"person":{"slack_id":"UBOSS"}}`
	if wantStatus(t, b.do(t, q), http.StatusCreated); b.links[1].Person.Name != "UBOSS" {
		t.Errorf("the timeline would tell of nobody: %+v", b.links[1].Person)
	}
}
