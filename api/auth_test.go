package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/api"
)

func TestATokenOpensWhatItsScopesSay(t *testing.T) {
	t.Parallel()
	routes := map[access.Scope][]request{
		access.ReadSnapshots: {{path: "/containers"}, {path: "/containers/api"}, {path: "/containers/api/snapshots"}, {path: target}, {path: "/restores/1"}},
		access.WriteSnapshots: {
			{method: "POST", path: "/containers/api/snapshots"},
			{method: "DELETE", path: "/containers/api/snapshots/pre-deploy-2255"},
		},
		access.RestoreScope:   {{method: "PATCH", path: target}, {method: "PUT", path: target}, {method: "POST", path: "/restores/1/undo"}, {path: "/restores/1"}},
		access.ReadIncidents:  {{path: "/incidents"}, {path: "/incidents/1"}, {path: "/incidents/1/timeline"}, {path: "/incidents/1/export"}, {path: "/timeline"}},
		access.WriteIncidents: {{method: "POST", path: "/incidents/1/notes", body: `{"text":"x"}`}},
		access.TerminalScope:  {{method: "POST", path: "/incidents/1/terminal-links"}},
	}
	allowed := func(have, need access.Scope, q request) bool {
		return have == need || have == access.Admin || q.path == "/restores/1" && (have == access.ReadSnapshots || have == access.RestoreScope)
	}
	for need, requests := range routes {
		for _, q := range requests {
			for _, have := range access.Scopes() {
				b := setup(t)
				wantStatus(t, b.do(t, request{method: "PATCH", path: target}), http.StatusOK) // so that restore 1 is there
				q.token = b.token(t, have)
				rec := b.do(t, q)
				if got := rec.Code < 300; got != allowed(have, need, q) {
					t.Errorf("%s %s with %s: %d", q.method, q.path, have, rec.Code)
				}
				if rec.Code >= 300 && rec.Code != http.StatusForbidden {
					t.Errorf("%s %s with %s: %d, want 403", q.method, q.path, have, rec.Code)
				}
			}
			q.token = "-"
			wantCode(t, setup(t).do(t, q), 401, "unauthorized")
		}
	}
}

func TestWhatShellsHaveShownTakesTheScopeOfAShell(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scopes []access.Scope
		want   bool
	}{
		{[]access.Scope{access.ReadIncidents}, false},
		{[]access.Scope{access.ReadIncidents, access.WriteIncidents, access.RestoreScope}, false},
		{[]access.Scope{access.ReadIncidents, access.TerminalScope}, true},
		{[]access.Scope{access.Admin}, true},
	} {
		b := setup(t)
		rec := b.do(t, request{path: "/incidents/1/export?format=zip", token: b.token(t, c.scopes...)})
		wantStatus(t, rec, http.StatusOK)
		if got := strings.Contains(rec.Body.String(), "recordings/QRSTUV.cast"); got != c.want {
			t.Errorf("with %v: recordings %v", c.scopes, got)
		}
	}
}

func TestARevokedTokenIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secret := b.token(t, access.ReadSnapshots)
	q := request{path: "/containers", token: secret}
	wantStatus(t, b.do(t, q), http.StatusOK)
	if err := b.RevokeToken(t.Context(), strings.Split(secret, "_")[1], time.Now()); err != nil {
		t.Fatal(err)
	}
	wantCode(t, b.do(t, q), 401, "unauthorized")
	wrong := b.token(t, access.ReadSnapshots)[:26] + strings.Repeat("0", 64)
	wantCode(t, b.do(t, request{path: "/containers", token: wrong}), 401, "unauthorized")
}

func TestTheUseOfATokenIsNotedOnceAMinute(t *testing.T) {
	t.Parallel()
	b := setup(t)
	q := request{path: "/containers", token: b.token(t, access.Admin)}
	for range 3 {
		wantStatus(t, b.do(t, q), http.StatusOK)
	}
	if len(b.touched) != 1 {
		t.Errorf("noted %d times", len(b.touched))
	}
}

func TestAShortBootstrapTokenOpensNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, func(_ *world, c *api.Config) { c.BootstrapToken = "hunter2" })
	wantCode(t, b.do(t, request{path: "/containers", token: "hunter2"}), 401, "unauthorized")
	b = setup(t, func(_ *world, c *api.Config) { c.BootstrapToken = "" })
	wantCode(t, b.do(t, request{path: "/containers", token: "-", header: map[string]string{"Authorization": "Bearer "}}), 401, "unauthorized")
}

func TestNoTokenAndNoQueryIsEverLogged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secret := b.token(t, access.ReadSnapshots)
	b.do(t, request{path: "/containers?token=" + secret, token: secret})
	b.do(t, request{path: "/containers?password=hunter2", token: secret + "x"})
	b.do(t, request{path: "/incidents?x=hunter2", token: secret})
	b.do(t, request{path: "/nowhere?x=hunter2", token: bootstrap})
	for _, private := range []string{secret[25:], "hunter2", bootstrap} {
		if strings.Contains(b.log.String(), private) {
			t.Errorf("%q is in the log:\n%s", private, b.log)
		}
	}
	if !strings.Contains(b.log.String(), `"route":"/containers"`) || !strings.Contains(b.log.String(), `"token":"ci"`) {
		t.Errorf("the log lacks route or token name:\n%s", b.log)
	}
}
