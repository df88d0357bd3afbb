package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/api/client"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/pagerduty"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

func TestExitCodesTellRefusedFromNotFoundFromFailed(t *testing.T) {
	t.Parallel()
	status := func(code int, name string) error {
		return fmt.Errorf("so: %w", &client.Error{Problem: wire.Problem{Status: code, Code: name}})
	}
	for want, errs := range map[int][]error{
		0: {nil},
		1: {errors.New("x"), errNotRestored, verdict([]checked{{State: checkFailed}}), status(500, "internal_error"), status(503, "away"), status(429, "too_many"), status(404, "not_snapback")},
		2: {usageError{errors.New("x")}, status(401, "unauthorized"), status(400, "malformed"), fmt.Errorf("so: %w", &pagerduty.Error{Err: pagerduty.ErrMayNotWrite})},
		3: {errRefused, status(403, "scope"), status(409, "restore_in_progress"), status(412, "changed"), status(422, "not_restorable"), status(423, "held")},
		4: {status(404, "unknown_container")},
	} {
		for _, err := range errs {
			if got := exitCode(err); got != want {
				t.Errorf("%v: exit code %d, want %d", err, got, want)
			}
		}
	}
}

func TestContainersAreListed(t *testing.T) {
	t.Parallel()
	list := func(w http.ResponseWriter, _ *http.Request) {
		answer(t, w, 200, wire.Containers{Containers: []wire.Container{{ID: "1", Name: "shop-api-1", Service: "api", State: "running", Image: "shop/api:1.42\x1b[2J"}}})
	}
	out, err := call(t.Context(), t, list, newContainersCmd)
	testkit.OK(t, err)
	if lines := strings.Split(out, "\n"); len(lines) != 3 || strings.Join(strings.Fields(lines[1]), " ") != "shop-api-1 api running shop/api:1.42[2J" {
		t.Errorf("it prints %q", out)
	}
	out, err = call(t.Context(), t, list, newContainersCmd, "--json")
	var got wire.Containers
	if testkit.OK(t, err); json.Unmarshal([]byte(out), &got) != nil || len(got.Containers) != 1 || got.Containers[0].Name != "shop-api-1" {
		t.Errorf("as JSON: %s", out)
	}
}

func TestIncidentsAreListedAndShown(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 3, 42, 0, 0, time.UTC)
	night := wire.Incident{ID: 7, Number: 4711, Title: "checkout answers 500", Service: "shop", Status: incidents.Triggered, OpenedAt: at, RestoredAt: at.Add(5 * time.Minute)}
	bot := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/incidents":
			answer(t, w, 200, wire.Incidents{Incidents: []wire.Incident{night, {ID: 6, Title: "long over", Status: incidents.Resolved}}})
		case "/incidents/4711":
			answer(t, w, 200, night)
		case "/incidents/7/timeline":
			answer(t, w, 200, wire.Entries{Entries: []incidents.Entry{{Seq: 1, OccurredAt: at, Summary: "The alert came"}}})
		default:
			answer(t, w, 404, wire.Problem{Status: 404, Code: "unknown_incident", Detail: "There is none."})
		}
	}
	for _, try := range []struct{ args, with, without string }{
		{"", "checkout answers 500", "long over"}, {"--all", "long over", "\x1b"}, {"--json", `"number": 4711`, "long over"},
		{"4711", local(at) + "  The alert came", "acknowledged"}, {"4711", "restored      " + local(at.Add(5*time.Minute)), "flat"},
	} {
		out, err := call(t.Context(), t, bot, newIncidentsCmd, strings.Fields(try.args)...)
		if err != nil || !strings.Contains(out, try.with) || strings.Contains(out, try.without) {
			t.Errorf("incidents %s: %v\n%s", try.args, err, out)
		}
	}
	if _, err := call(t.Context(), t, bot, newIncidentsCmd, "1"); exitCode(err) != exitUnknown {
		t.Errorf("an unknown one: %v", err)
	}
	none := func(w http.ResponseWriter, _ *http.Request) { answer(t, w, 200, wire.Incidents{}) }
	if out, err := call(t.Context(), t, none, newIncidentsCmd); err != nil || out != "no incident is open\n" {
		t.Errorf("without one: %q, %v", out, err)
	}
	if out, err := call(t.Context(), t, none, newIncidentsCmd, "--all"); err != nil || out != "there was no incident yet\n" {
		t.Errorf("of all, without one: %q, %v", out, err)
	}
}

func TestDeploysAreListed(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 22, 55, 0, 0, time.UTC)
	deploy := wire.Deploy{ID: 9, Container: "api", At: at, Snapshot: "pre-deploy-2255", Changes: []snapshot.Change{{Attribute: "image", Before: "shop:1.41", After: "shop:1.42\x1b[2J"}}}
	deploy.RolledBack = &wire.RolledBack{Snapshot: "pre-deploy-2255", At: at.Add(5 * time.Hour)}
	deploy.Together = []wire.DeployedWith{{ID: 8, Container: "web"}, {ID: 7, Container: "worker"}}
	bot := func(w http.ResponseWriter, r *http.Request) {
		switch q := r.URL.Query(); {
		case q.Get("container") == "nobody":
			answer(t, w, 404, wire.Problem{Status: 404, Code: "unknown_container", Detail: "There is none."})
		case q.Get("since") == "tonight":
			answer(t, w, 400, wire.Problem{Status: 400, Code: "malformed", Detail: "since is a time."})
		case r.URL.Path != "/deploys" || q.Get("since") == "1h":
			answer(t, w, 200, wire.Deploys{})
		default:
			answer(t, w, 200, wire.Deploys{Deploys: []wire.Deploy{deploy, {ID: 8, Container: "web", At: at}}})
		}
	}
	row := local(at) + ` +\d+d +api +pre-deploy-2255 +image: shop:1\.41 → shop:1\.42\[2J; together with web and worker; rolled back to pre-deploy-2255 at ` + local(at.Add(5*time.Hour)) + "\n"
	for args, want := range map[string]string{
		"": row, "api --since 7d": row, "--limit 1": row + "$", "--limit 0": `web +none +nothing\n$`, "--since 1h": "^no deploy was seen\n$",
		"--json": `"id": 9,`, "--json --since 1h": `"deploys": \[\]`,
	} {
		out, err := call(t.Context(), t, bot, newDeploysCmd, strings.Fields(args)...)
		if err != nil || !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("deploys %s: %v\n%s", args, err, out)
		}
	}
	for args, want := range map[string]int{"nobody": exitUnknown, "--since tonight": exitUsage, "--limit -1": exitUsage, "api web": exitUsage} {
		if _, err := call(t.Context(), t, bot, newDeploysCmd, strings.Fields(args)...); exitCode(err) != want {
			t.Errorf("deploys %s: exit code %d, %v", args, exitCode(err), err)
		}
	}
}

func TestUndoIsSeenThrough(t *testing.T) {
	t.Parallel()
	end := restore.Verified
	bot := func(w http.ResponseWriter, r *http.Request) {
		undo := wire.Restore{ID: 13, UndoOf: 12, Container: "api", State: restore.Requested}
		switch r.Method + r.URL.Path {
		case "POST/restores/12/undo":
			answer(t, w, 202, undo)
		case "GET/restores/13":
			undo.State, undo.Summary = end, "api is back"
			answer(t, w, 200, undo)
		default:
			answer(t, w, 404, wire.Problem{Status: 404, Code: "unknown_restore", Detail: "There is none."})
		}
	}
	out, err := call(t.Context(), t, bot, newUndoCmd, "12", "--reason", "it was not the deploy")
	if err != nil || !strings.Contains(out, "restore 13, the undo of 12") || !strings.Contains(out, "api is back") {
		t.Errorf("%v\n%s", err, out)
	}
	end = restore.Refused
	for args, want := range map[string]int{"12": exitRefused, "99": exitUnknown, "api": exitUsage, "0": exitUsage, "": exitUsage} {
		if _, err := call(t.Context(), t, bot, newUndoCmd, strings.Fields(args)...); exitCode(err) != want {
			t.Errorf("undo %s: exit code %d, %v", args, exitCode(err), err)
		}
	}
}

func TestARestoreSaysHowToUndoIt(t *testing.T) {
	t.Parallel()
	out, err := call(t.Context(), t, func(w http.ResponseWriter, _ *http.Request) {
		answer(t, w, 200, wire.Restore{ID: 12, Container: "api", Snapshot: "good", State: restore.Verified, Summary: "api is back on good", Kept: "api.before-0347"})
	}, newSnapshotCmd, "restore", "api", "good")
	if err != nil || !strings.HasSuffix(out, "api is back on good\nto undo: snapback undo 12\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestWhatIsOnHoldIsSaidAndReleased(t *testing.T) {
	t.Parallel()
	held := true
	bot := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/containers/api/hold" || !held:
			answer(t, w, 404, wire.Problem{Status: 404, Code: "not_held", Title: "nothing is on hold"})
		case r.Method == http.MethodDelete:
			held = false
			w.WriteHeader(http.StatusNoContent)
		default:
			back := time.Date(2026, 3, 1, 4, 10, 0, 0, time.UTC)
			answer(t, w, 200, wire.Holds{Container: "api", Holds: []wire.Hold{{Summary: "api 1.42 is on hold since 03:46\x1b[2J", BackAt: back}}})
		}
	}
	out, err := call(t.Context(), t, bot, newHoldCmd, "list", "api")
	if want := "api 1.42 is on hold since 03:46[2J\n  it came back at 2026-03-01 04:10 UTC\n"; err != nil || out != want {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := call(t.Context(), t, bot, newHoldCmd, "release", "api", "--yes"); err != nil || held || !strings.Contains(out, "nothing of api is on hold") {
		t.Errorf("%q, %v", out, err)
	}
	for _, args := range [][]string{{"list", "api"}, {"release", "api", "--yes"}} {
		if _, err := call(t.Context(), t, bot, newHoldCmd, args...); exitCode(err) != exitUnknown {
			t.Errorf("%v: exit code %d, %v", args, exitCode(err), err)
		}
	}
}

func TestOnlyAYesIsAYes(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{"y\n": true, " YES \n": true, "\n": false, "": false, "no\n": false, "yesterday\n": false} {
		var out bytes.Buffer
		err := env{stdin: strings.NewReader(line), stderr: &out}.ask(t.Context(), "Put api back to good?")
		if (err == nil) != want || out.String() != "Put api back to good? [y/N] " {
			t.Errorf("%q: %v, %q", line, err, out.String())
		}
	}
	// A script is not asked.
	testkit.OK(t, env{stdin: strings.NewReader("")}.confirm(t.Context(), false, "Put api back?"))
}
