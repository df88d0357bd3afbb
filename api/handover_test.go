package api_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/snapshot/restore"
)

func TestRestoreReturnsATerminalLinkToWhoMayOpenOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	both := b.token(t, access.RestoreScope, access.TerminalScope)
	rec := b.do(t, request{method: "PATCH", path: target, token: both})
	wantStatus(t, rec, http.StatusOK)
	got := decodeBody[wire.Restore](t, rec)
	if got.Terminal == nil || got.Terminal.URL != "https://bot.example/t#secret" || got.Incident != 1 {
		t.Fatalf("got %s", rec.Body)
	}
	link := b.links[0]
	if link.IncidentID != 1 || link.Mode != access.ModeLogs || !link.LogsSince.Equal(night) || link.Name != "api" {
		t.Errorf("the link is for %+v", link)
	}
	if rec := b.do(t, request{path: "/restores/1", token: both}); decodeBody[wire.Restore](t, rec).Terminal != nil {
		t.Error("whoever looks the restore up gets a link")
	}
}

func TestRestoreReturnsNoTerminalLinkOtherwise(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scopes []access.Scope
		body   string
		change func(*world)
	}{
		"without the scope":         {[]access.Scope{access.RestoreScope}, "", func(*world) {}},
		"when nothing was touched":  {access.Scopes(), "", func(w *world) { w.ends.State, w.ends.WhyNot = restore.Refused, []string{"x"} }},
		"when the incident is over": {access.Scopes(), `{"incident":2}`, func(*world) {}},
		"when it can't be written":  {[]access.Scope{access.RestoreScope, access.TerminalScope}, "", func(w *world) { w.unwritable = errors.New("full") }},
	} {
		b := setup(t)
		c.change(b.world)
		rec := b.do(t, request{method: "PATCH", path: target, body: c.body, token: b.token(t, c.scopes...)})
		if got := decodeBody[wire.Restore](t, rec); got.Terminal != nil || len(b.links) != 0 {
			t.Errorf("%s: %s", name, rec.Body)
		}
	}
}

func TestRestoreThatDidNotWorkReturnsATerminalLinkToo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ends.State, b.ends.Error = restore.Reverted, "it ended"
	rec := b.do(t, request{method: "PATCH", path: target})
	wantCode(t, rec, http.StatusUnprocessableEntity, "reverted")
	if p := decodeBody[wire.Problem](t, rec); p.Restore == nil || p.Restore.Terminal == nil {
		t.Errorf("got %s", rec.Body)
	}
}

// Its twin gets the same answer, but for the link: that opens once, for whoever got it first.
func TestTwinOfARestoreGetsNoTerminalLink(t *testing.T) {
	t.Parallel()
	for _, ends := range []restore.State{restore.Verified, restore.Reverted} {
		b := setup(t)
		b.ends.State, b.ends.Error = ends, "it ended"
		q := request{method: "PATCH", path: target, header: map[string]string{"Idempotency-Key": "k1"}}
		first := b.do(t, q)
		second := b.do(t, q)
		if first.Code != second.Code || second.Header().Get("Idempotency-Replayed") != "true" {
			t.Fatalf("%s: answered %d, then %d", ends, first.Code, second.Code)
		}
		linked := func(body string) bool { return strings.Contains(body, "bot.example/t#") }
		if !linked(first.Body.String()) || linked(second.Body.String()) || !strings.Contains(second.Body.String(), "pre-deploy-2255") {
			t.Errorf("%s: first %s, second %s", ends, first.Body, second.Body)
		}
	}
}
