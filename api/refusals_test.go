package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

const target = "/containers/api/snapshots/pre-deploy-2255"

func TestEveryRefusalHasItsStatusCodeAndSentence(t *testing.T) {
	t.Parallel()
	run := func(s restore.Restore) func(*world, *api.Config) {
		return func(w *world, _ *api.Config) { w.running = &s }
	}
	ends := func(state restore.State, whyNot ...string) func(*world, *api.Config) {
		return func(w *world, _ *api.Config) {
			w.ends = restore.Restore{State: state, WhyNot: whyNot, Error: strings.Join(whyNot, "; ")}
		}
	}
	there := func(w *world, _ *api.Config) { w.there = true }
	service := func(w *world, _ *api.Config) { w.there, w.service = true, true }
	fails := func(err error) func(*world, *api.Config) { return func(w *world, _ *api.Config) { w.failAll = err } }
	ana := restore.Restore{ID: 9, Container: "api", Snapshot: "manual-0100", State: restore.Swapping, RequestedAt: night, By: snapshot.By{Actor: incidents.Actor{Name: "Ana"}}}
	for _, c := range []struct {
		name   string
		q      request
		world  func(*world, *api.Config)
		status int
		code   string
		detail string // a part of it
	}{
		{"unknown path", request{path: "/nothing", token: "-"}, nil, 404, "unknown_path", "/openapi.json"},
		{"wrong method", request{method: "DELETE", path: "/containers", token: "-"}, nil, 405, "method_not_allowed", "Allow"},
		{"no token", request{path: "/containers", token: "-"}, nil, 401, "unauthorized", "snapback token create"},
		{"wrong token", request{path: "/containers", token: "guess"}, nil, 401, "unauthorized", "Bearer"},
		{"token of the right form", request{path: "/containers", token: "snapback_0123456789abcdef_" + strings.Repeat("0", 64)}, nil, 401, "unauthorized", ""},
		{"basic", request{path: "/containers", token: "-", header: map[string]string{"Authorization": "Basic " + bootstrap}}, nil, 401, "unauthorized", ""},
		{"token in the query", request{path: "/containers?token=" + bootstrap, token: "-"}, nil, 401, "unauthorized", ""},
		{"limit 0", request{path: "/containers?limit=0"}, nil, 400, "malformed", "1 to 200"},
		{"limit no number", request{path: "/incidents?limit=many"}, nil, 400, "malformed", "limit"},
		{"limit too high", request{path: "/timeline?limit=201"}, nil, 400, "malformed", "limit"},
		{"cursor made up", request{path: "/containers?cursor=x"}, nil, 400, "malformed", "cursor"},
		{"order", request{path: "/timeline?order=best"}, nil, 400, "malformed", "newest or oldest"},
		{"unknown container", request{path: "/containers/nope/snapshots"}, nil, 404, "unknown_container", "There are: api, web-1, web-2."},
		{"evidence of a restore", request{path: "/containers/api.before-0347"}, nil, 404, "unknown_container", "There are: api, web-1, web-2."},
		{"ambiguous service", request{path: "/containers/web"}, nil, 409, "ambiguous", "web-1, web-2"},
		{"unknown snapshot", request{path: "/containers/api/snapshots/nope"}, nil, 404, "unknown_snapshot", "It has: pre-deploy-2255, manual-0100."},
		{"snapshot that can't exist", request{path: "/containers/api/snapshots/NO%2f..%2fPE"}, nil, 404, "unknown_snapshot", "It has"},
		{"no snapshot at all", request{path: "/containers/web-1/snapshots/nope"}, nil, 404, "unknown_snapshot", "There are none."},
		{"restore of an unknown snapshot", request{method: "PATCH", path: "/containers/api/snapshots/nope"}, nil, 404, "unknown_snapshot", "pre-deploy-2255"},
		{"unknown restore", request{path: "/restores/77"}, nil, 404, "unknown_restore", ""},
		{"restore by name", request{path: "/restores/latest"}, nil, 404, "unknown_restore", ""},
		{"undo of an unknown restore", request{method: "POST", path: "/restores/77/undo"}, nil, 404, "unknown_restore", ""},
		{"unknown incident", request{path: "/incidents/PNOPE"}, nil, 404, "unknown_incident", "PNOPE"},
		{"odd incident", request{path: "/incidents/a%20b"}, nil, 404, "unknown_incident", ""},
		{"export format", request{path: "/incidents/1/export?format=pdf"}, nil, 400, "unknown_format", "cdevents"},
		{"not JSON", request{method: "POST", path: "/containers/api/snapshots", body: "{"}, nil, 400, "malformed", "not JSON"},
		{"not an object", request{method: "POST", path: "/containers/api/snapshots", body: "[]"}, nil, 400, "malformed", ""},
		{"unknown field", request{method: "POST", path: "/containers/api/snapshots", body: `{"nmae":"x"}`}, nil, 400, "malformed", "nmae"},
		{"wrong type", request{method: "POST", path: "/containers/api/snapshots", body: `{"pinned":"yes"}`}, nil, 400, "malformed", "pinned"},
		{"two documents", request{method: "POST", path: "/containers/api/snapshots", body: `{}{}`}, nil, 400, "malformed", "after its end"},
		{"not UTF-8", request{method: "POST", path: "/containers/api/snapshots", body: "{\"note\":\"\xff\"}"}, nil, 400, "malformed", "UTF-8"},
		{"form", request{method: "POST", path: "/containers/api/snapshots", body: "name=x", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, nil, 415, "unsupported_media_type", "application/json"},
		{"no media type", request{method: "PATCH", path: target, body: "{}", header: map[string]string{"Content-Type": ""}}, nil, 415, "unsupported_media_type", ""},
		{"other charset", request{method: "PATCH", path: target, body: "{}", header: map[string]string{"Content-Type": "application/json; charset=latin1"}}, nil, 415, "unsupported_media_type", ""},
		{"too large", request{method: "POST", path: "/incidents/1/notes", body: `{"text":"` + strings.Repeat("x", 1<<20) + `"}`}, nil, 413, "too_large", "1 MiB"},
		{"bad name", request{method: "POST", path: "/containers/api/snapshots", body: `{"name":"../x"}`}, nil, 400, "bad_name", "1 to 64"},
		{"name of a restore's own", request{method: "POST", path: "/containers/api/snapshots", body: `{"name":"joined-12"}`}, nil, 400, "malformed", "a restore's own snapshots"},
		{"taken name", request{method: "POST", path: "/containers/api/snapshots", body: `{"name":"manual-0100"}`}, nil, 409, "name_taken", ""},
		{"the bot's own reason", request{method: "POST", path: "/containers/api/snapshots", body: `{"reason":"baseline"}`}, nil, 400, "malformed", "pre-deploy or manual"},
		{"expiry", request{method: "POST", path: "/containers/api/snapshots", body: `{"expires_in":"-5m"}`}, nil, 400, "malformed", "14d"},
		{"expiry in years", request{method: "POST", path: "/containers/api/snapshots", body: `{"expires_in":"99999d"}`}, nil, 400, "malformed", "14d"},
		{"two lines", request{method: "POST", path: "/containers/api/snapshots", body: `{"note":"a\nb"}`}, nil, 400, "malformed", "one line"},
		{"deleting what is in use", request{method: "DELETE", path: "/containers/api/snapshots/manual-0100"}, nil, 409, "in_use", ""},
		{"a restore runs", request{method: "PATCH", path: target}, run(ana), 409, "restore_in_progress", "by Ana"},
		{"it runs already", request{method: "PATCH", path: target}, there, 409, "already_there", "force=true"},
		{"it is a service's spec already", request{method: "PATCH", path: target}, service, 409, "already_there", "starts no tasks anew: docker service update --force api does."},
		{"forced, in a word that is none", request{method: "PATCH", path: target + "?force=yes"}, there, 400, "malformed", "force"},
		{"replaced", request{method: "PATCH", path: target, header: map[string]string{"If-Match": `"` + idOfWeb + `"`}}, nil, 412, "replaced", "Look again"},
		{"odd If-Match", request{method: "PATCH", path: target, header: map[string]string{"If-Match": `"abc"`}}, nil, 400, "malformed", "If-Match"},
		{"weak If-Match", request{method: "PATCH", path: target, header: map[string]string{"If-Match": `W/"` + idOfAPI + `"`}}, nil, 400, "malformed", "If-Match"},
		{"not restorable", request{method: "PATCH", path: target}, ends(restore.Refused, "the image is gone", "port 80 is taken"), 422, "not_restorable", "Nothing was changed"},
		{"reverted", request{method: "PATCH", path: target}, ends(restore.Reverted, "unhealthy"), 422, "reverted", "as it was before"},
		{"failed", request{method: "PUT", path: target}, ends(restore.Failed, "no space"), 422, "restore_failed", "needs you"},
		{"nothing to undo", request{method: "POST", path: "/restores/5/undo"}, func(w *world, _ *api.Config) {
			w.restores[5] = restore.Restore{ID: 5, State: restore.Refused}
		}, 409, "nothing_to_undo", ""},
		{"incident of a restore", request{method: "PATCH", path: target, body: `{"incident":"PNOPE"}`}, nil, 404, "unknown_incident", ""},
		{"incident of another type", request{method: "PATCH", path: target, body: `{"incident":true}`}, nil, 400, "malformed", "incident"},
		{"empty note", request{method: "POST", path: "/incidents/1/notes", body: `{"text":" "}`}, nil, 400, "malformed", "text"},
		{"note with an escape", request{method: "POST", path: "/incidents/1/notes", body: `{"text":"\u001b[2J"}`}, nil, 400, "malformed", "text"},
		{"link of a resolved incident", request{method: "POST", path: "/incidents/2/terminal-links"}, nil, 409, "incident_resolved", ""},
		{"link for no mode", request{method: "POST", path: "/incidents/1/terminal-links", body: `{"mode":"root"}`}, nil, 400, "malformed", "logs or shell"},
		{"link that lives too long", request{method: "POST", path: "/incidents/1/terminal-links", body: `{"expires_in":"1h"}`}, nil, 400, "malformed", "10m"},
		{"link for a name", request{method: "POST", path: "/incidents/1/terminal-links", body: `{"person":{"name":"Ana"}}`}, nil, 400, "malformed", "slack_id"},
		{"link for who may not", request{method: "POST", path: "/incidents/1/terminal-links", body: `{"person":{"slack_id":"UNOBODY"}}`}, nil, 403, "not_allowed", ""},
		{"link to an ambiguous container", request{method: "POST", path: "/incidents/1/terminal-links", body: `{"container":"web"}`}, nil, 409, "ambiguous", ""},
		{"odd idempotency key", request{method: "PATCH", path: target, header: map[string]string{"Idempotency-Key": "a b"}}, nil, 400, "malformed", "Idempotency-Key"},
		{"long idempotency key", request{method: "PATCH", path: target, header: map[string]string{"Idempotency-Key": strings.Repeat("k", 256)}}, nil, 400, "malformed", "Idempotency-Key"},
		{"database away", request{path: "/incidents"}, fails(errNetwork), 503, "database_away", "Nothing was done"},
		{"database away at the token", request{path: "/incidents", token: "snapback_0123456789abcdef_" + strings.Repeat("0", 64)}, fails(errNetwork), 503, "database_away", ""},
		{"engine away", request{path: "/containers"}, fails(snapshot.ErrEngineAway), 503, "engine_away", ""},
		{"engine denies", request{path: "/containers"}, fails(&snapshot.DeniedError{Call: "GET /info", Status: 403}), 503, "engine_denied", "denies GET /info (403)"},
		{"mistake of ours", request{path: "/incidents"}, fails(http.ErrBodyNotAllowed), 500, "internal_error", "log"},
		{"panic", request{path: "/containers"}, func(w *world, _ *api.Config) { w.panics = true }, 500, "internal_error", "log"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.world == nil {
				c.world = func(*world, *api.Config) {}
			}
			b := setup(t, c.world)
			p := wantCode(t, b.do(t, c.q), c.status, c.code)
			if !strings.Contains(p.Detail, c.detail) {
				t.Errorf("detail %q lacks %q", p.Detail, c.detail)
			}
			if !strings.Contains(b.log.String(), p.RequestID) {
				t.Error("the log has nothing under the request's ID")
			}
			for _, private := range []string{"10.0.0.7", "a secret", "goroutine", http.ErrBodyNotAllowed.Error()} {
				if strings.Contains(p.Detail, private) {
					t.Errorf("detail %q tells what is private", p.Detail)
				}
			}
		})
	}
}

func TestRefusalsCarryWhatAClientActsOn(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w *world, _ *api.Config) {
		w.ends = restore.Restore{State: restore.Refused, WhyNot: []string{"the image is gone", "port 80 is taken"}}
	})
	p := wantCode(t, b.do(t, request{method: "PATCH", path: target}), 422, "not_restorable")
	if len(p.Reasons) != 2 || p.Restore == nil || p.Restore.State != restore.Refused {
		t.Errorf("got %+v", p)
	}
	p = wantCode(t, b.do(t, request{path: "/containers/nope"}), 404, "unknown_container")
	if strings.Join(p.Names, " ") != "api web-1 web-2" {
		t.Errorf("names %q", p.Names)
	}
	rec := b.do(t, request{method: "OPTIONS", path: target, token: "-"})
	if got := rec.Header().Get("Allow"); got != "DELETE, GET, HEAD, PATCH, PUT" {
		t.Errorf("Allow %q", got)
	}
	rec = b.do(t, request{path: "/containers", token: "-"})
	if got := rec.Header().Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer") {
		t.Errorf("WWW-Authenticate %q", got)
	}
}
