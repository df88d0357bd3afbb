package api_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/api"
)

func TestATokenOpensWhatItsScopesSay(t *testing.T) {
	t.Parallel()
	routes := map[api.Scope][]request{
		api.ReadSnapshots: {{path: "/containers"}, {path: "/containers/api"}, {path: "/containers/api/snapshots"}, {path: target}, {path: "/restores/1"}},
		api.WriteSnapshots: {
			{method: "POST", path: "/containers/api/snapshots"},
			{method: "DELETE", path: "/containers/api/snapshots/pre-deploy-2255"},
		},
		api.RestoreScope:   {{method: "PATCH", path: target}, {method: "PUT", path: target}, {method: "POST", path: "/restores/1/undo"}, {path: "/restores/1"}},
		api.ReadIncidents:  {{path: "/incidents"}, {path: "/incidents/1"}, {path: "/incidents/1/timeline"}, {path: "/incidents/1/export"}, {path: "/timeline"}},
		api.WriteIncidents: {{method: "POST", path: "/incidents/1/notes", body: `{"text":"x"}`}},
		api.TerminalScope:  {{method: "POST", path: "/incidents/1/terminal-links"}},
	}
	allowed := func(have, need api.Scope, q request) bool {
		return have == need || have == api.Admin || q.path == "/restores/1" && (have == api.ReadSnapshots || have == api.RestoreScope)
	}
	for need, requests := range routes {
		for _, q := range requests {
			for _, have := range api.Scopes() {
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
		scopes []api.Scope
		want   bool
	}{
		{[]api.Scope{api.ReadIncidents}, false},
		{[]api.Scope{api.ReadIncidents, api.WriteIncidents, api.RestoreScope}, false},
		{[]api.Scope{api.ReadIncidents, api.TerminalScope}, true},
		{[]api.Scope{api.Admin}, true},
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
	secret := b.token(t, api.ReadSnapshots)
	q := request{path: "/containers", token: secret}
	wantStatus(t, b.do(t, q), http.StatusOK)
	if err := b.RevokeToken(t.Context(), strings.Split(secret, "_")[1], time.Now()); err != nil {
		t.Fatal(err)
	}
	wantCode(t, b.do(t, q), 401, "unauthorized")
	wrong := b.token(t, api.ReadSnapshots)[:26] + strings.Repeat("0", 64)
	wantCode(t, b.do(t, request{path: "/containers", token: wrong}), 401, "unauthorized")
}

func TestTheUseOfATokenIsNotedOnceAMinute(t *testing.T) {
	t.Parallel()
	b := setup(t)
	q := request{path: "/containers", token: b.token(t, api.Admin)}
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

func TestNewTokenRefusesWhatItCannotMake(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", " x", "a\nb", strings.Repeat("x", 65)} {
		if _, _, err := api.NewToken(name, []api.Scope{api.Admin}); !errors.Is(err, api.ErrBadToken) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	if _, _, err := api.NewToken("ci", nil); !errors.Is(err, api.ErrBadToken) {
		t.Errorf("without scopes: %v", err)
	}
	if _, err := api.ParseScopes([]string{"restore", "root"}); !errors.Is(err, api.ErrBadToken) || !strings.Contains(err.Error(), "snapshots:read") {
		t.Errorf("scope root: %v", err)
	}
	one, first, _ := api.NewToken("ci", []api.Scope{api.Admin})
	two, second, _ := api.NewToken("ci", []api.Scope{api.Admin})
	if one.ID == two.ID || first == second || strings.Contains(string(one.Hash), first[30:]) {
		t.Error("two tokens are alike, or one is kept in the clear")
	}
}

func TestNoTokenAndNoQueryIsEverLogged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secret := b.token(t, api.ReadSnapshots)
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
