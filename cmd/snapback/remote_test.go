package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// call runs one command against a bot that answers with h, and returns what it printed.
func call(ctx context.Context, t *testing.T, h http.HandlerFunc, newCmd func(env) *cobra.Command, args ...string) (string, error) {
	t.Helper()
	srv := httptest.NewServer(h)
	defer srv.Close()
	vars := map[string]string{"SNAPBACK_URL": srv.URL, "SNAPBACK_TOKEN": "t"}
	var out bytes.Buffer
	cmd := newCmd(env{getenv: func(k string) string { return vars[k] }, stdin: strings.NewReader(""), stdout: &out, stderr: &out})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(append([]string{}, args...)) // nil would be the test program's own
	cmd.SetOut(&out)
	err := cmd.ExecuteContext(ctx)
	return out.String(), err
}

func answer(t *testing.T, w http.ResponseWriter, status int, v any) {
	t.Helper()
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		t.Error(err)
	}
}

func TestCommandsWithoutABotAreUsageErrors(t *testing.T) {
	t.Parallel()
	for _, newCmd := range []func(env) *cobra.Command{newExportCmd, newVerifyCmd} {
		for _, vars := range []map[string]string{{}, {"SNAPBACK_URL": "http://x"}, {"SNAPBACK_URL": "x", "SNAPBACK_TOKEN": "t"}} {
			cmd := newCmd(env{getenv: func(k string) string { return vars[k] }, stdout: &bytes.Buffer{}})
			cmd.SilenceErrors, cmd.SilenceUsage = true, true
			cmd.SetArgs([]string{"1"})
			err := cmd.ExecuteContext(t.Context())
			if exitCode(err) != 2 || !strings.Contains(err.Error(), "SNAPBACK_") {
				t.Errorf("%s with %v: exit code %d, %v", cmd.Name(), vars, exitCode(err), err)
			}
		}
	}
	for _, args := range [][]string{{"restore", "api"}, {"list"}, {"delete", "api"}, {"create"}} {
		if _, err := call(t.Context(), t, http.NotFound, newSnapshotCmd, args...); exitCode(err) != 2 {
			t.Errorf("%v: exit code %d, %v", args, exitCode(err), err)
		}
	}
	if _, err := call(t.Context(), t, http.NotFound, newExportCmd, "1", "--format", "pdf"); exitCode(err) != 2 {
		t.Errorf("format pdf: %v", err)
	}
}

func TestSnapshotListIsReadableAtThreeInTheMorning(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 3, 42, 0, 0, time.UTC)
	list := []wire.Snapshot{
		{
			Name: "pre-deploy-2255", Reason: snapshot.PreDeploy, CreatedAt: now.Add(-287 * time.Minute), SizeBytes: 12_345_678, Restorable: true,
			Changes: []snapshot.Change{{Attribute: "image", Before: "shop:1.42", After: "shop:1.41"}},
		},
		{Name: "baseline-2256", Reason: snapshot.Baseline, CreatedAt: now.Add(-286 * time.Minute), Restorable: true, Running: true},
		{Name: "before-0336-4", Reason: snapshot.Before, CreatedAt: now.Add(-6 * time.Minute), Restorable: true, Doubt: "a restore was made away from it"},
		{Name: "manual-0341", Reason: snapshot.Manual, CreatedAt: now.Add(-59 * time.Second), Restorable: true, Pinned: true, Unwell: "it was unhealthy"},
		{Name: "old", Reason: snapshot.Baseline, CreatedAt: now.Add(-30 * 24 * time.Hour), SizeBytes: 12, WhyNot: []string{"the image\x1b[2J was pruned", "port 80 is taken"}},
	}
	var out bytes.Buffer
	if err := printSnapshots(&out, list, now); err != nil {
		t.Fatal(err)
	}
	want := `NAME             AGE  REASON          SIZE             WOULD CHANGE                  RESTORABLE
pre-deploy-2255  4h   pre-deploy      12.3 MB          image: shop:1.42 → shop:1.41  yes
baseline-2256    4h   baseline        nothing written  nothing: it is what runs now  yes
before-0336-4    6m   before          nothing written                                yes, but a restore was made away from it
manual-0341      59s  manual, pinned  nothing written                                yes, although it was unhealthy
old              30d  baseline        12 B                                           no: the image[2J was pruned; port 80 is taken
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	got, err := call(t.Context(), t, func(w http.ResponseWriter, _ *http.Request) { answer(t, w, 200, wire.Snapshots{}) }, newSnapshotCmd, "list", "api", "--json")
	if err != nil || got != "{\n  \"snapshots\": []\n}\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestSnapshotListSaysWhetherVolumesCanComeBack(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 3, 42, 0, 0, time.UTC)
	list := []wire.Snapshot{
		{Name: "a", Reason: snapshot.Manual, CreatedAt: now, Restorable: true, Volumes: &wire.Volumes{Restorable: true, SizeBytes: 5_000_000, Consistency: snapshot.Frozen}},
		{Name: "b", Reason: snapshot.Manual, CreatedAt: now, Restorable: true, Volumes: &wire.Volumes{WhyNot: []string{"the archive is damaged"}}},
	}
	var out bytes.Buffer
	if err := printSnapshots(&out, list, now); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"yes, also with volumes (5.0 MB, paused)\n", "yes; without volumes only: the archive is damaged\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

func TestSnapshotRestoreAsksForWhatTheFlagsSay(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]wire.RestoreAsk{"": {}, "--with-volumes": {Volumes: true}, "--with-replicas": {Replicas: true}} {
		var asked wire.RestoreAsk
		args := []string{"restore", "api", "x", "--async"}
		if flag != "" {
			args = append(args, flag)
		}
		_, err := call(t.Context(), t, func(w http.ResponseWriter, r *http.Request) {
			if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
				t.Error(err)
			}
			answer(t, w, 202, wire.Restore{ID: 7, State: restore.Requested})
		}, newSnapshotCmd, args...)
		if err != nil || asked != want {
			t.Errorf("with %q: asked for %+v, %v", args, asked, err)
		}
	}
}

func TestSnapshotCreateAsksForWhatTheFlagsSay(t *testing.T) {
	t.Parallel()
	out, err := call(t.Context(), t, func(w http.ResponseWriter, r *http.Request) {
		var ask wire.NewSnapshot
		if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
			t.Error(err)
		}
		want := wire.NewSnapshot{Name: "x", Reason: "pre-deploy", ExpiresIn: "14d", Pinned: true}
		if diff := cmp.Diff(want, ask); diff != "" || r.URL.Path != "/containers/api/snapshots" {
			t.Errorf("%s (-want +got):\n%s", r.URL, diff)
		}
		answer(t, w, 201, wire.Snapshot{Name: "x", Container: "api"})
	}, newSnapshotCmd, "create", "api", "--name", "x", "--pre-deploy", "--expires-in", "14d", "--pin")
	if err != nil || out != "x of api is kept (nothing written)\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

// restoring answers a restore that goes through states, one at every look.
func restoring(t *testing.T, states ...wire.Restore) http.HandlerFunc {
	var n atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			answer(t, w, 202, wire.Restore{ID: 7, Container: "api", Snapshot: "x", State: restore.Requested})
			return
		}
		answer(t, w, 200, states[min(int(n.Add(1)), len(states))-1])
	}
}

func TestSnapshotRestorePrintsPhasesAndEndsWithTheSentence(t *testing.T) {
	t.Parallel()
	phases := []restore.Phase{{State: restore.Requested, Ms: 1}, {State: restore.Preflight, Ms: 42}, {State: restore.Swapping, Ms: 900}}
	out, err := call(t.Context(), t, restoring(t,
		wire.Restore{ID: 7, State: restore.Preflight, Phases: phases[:1]},
		wire.Restore{ID: 7, State: restore.Preflight, Phases: phases[:1]},
		wire.Restore{ID: 7, State: restore.Verified, Phases: phases, Summary: "api is back on x"},
	), newSnapshotCmd, "restore", "api", "x", "--reason", "y")
	want := `restore 7 of api to x: asked for
  requested       1 ms
  preflight …
  preflight      42 ms
  swapping      900 ms
api is back on x
`
	if diff := cmp.Diff(want, out); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestSnapshotRestoreFailsWhenTheContainerIsNotRestored(t *testing.T) {
	t.Parallel()
	_, err := call(t.Context(), t, restoring(t, wire.Restore{ID: 7, State: restore.Reverted, Summary: "api is as it was before: unhealthy"}), newSnapshotCmd, "restore", "api", "x")
	if exitCode(err) != 1 || !strings.Contains(err.Error(), "as it was before: unhealthy") {
		t.Errorf("exit code %d, %v", exitCode(err), err)
	}
	_, err = call(t.Context(), t, func(w http.ResponseWriter, _ *http.Request) {
		answer(t, w, 409, wire.Problem{Status: 409, Code: "restore_in_progress", Detail: "api is being restored by Ana."})
	}, newSnapshotCmd, "restore", "api", "x")
	if exitCode(err) != exitRefused || err.Error() != "api is being restored by Ana." {
		t.Errorf("exit code %d, %v", exitCode(err), err)
	}
	out, err := call(t.Context(), t, restoring(t), newSnapshotCmd, "restore", "api", "x", "--async")
	if err != nil || !strings.Contains(out, "restore 7") {
		t.Errorf("async: %q, %v", out, err)
	}
}

// A pipeline stops for exit code 3: for a hold, and not because the disk is full.
func TestBeforeADeployOnlyAHoldIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status, want int
		code, as     string
	}{
		{423, exitRefused, "held", "--pre-deploy"},
		{423, exitRefused, "held", "--reason=pre-deploy"},
		{412, exitFailed, "disk_full", "--pre-deploy"},
		{409, exitFailed, "in_use", "--pre-deploy"},
		{403, exitFailed, "scope", "--reason=pre-deploy"},
		{404, exitUnknown, "unknown_container", "--pre-deploy"},
		{403, exitRefused, "scope", "--pin"},
	} {
		_, err := call(t.Context(), t, func(w http.ResponseWriter, _ *http.Request) {
			answer(t, w, c.status, wire.Problem{Status: c.status, Code: c.code, Detail: "No."})
		}, newSnapshotCmd, "create", "api", c.as)
		if exitCode(err) != c.want || err.Error() != "No." {
			t.Errorf("%s with %s: exit code %d, %v, want %d", c.code, c.as, exitCode(err), err, c.want)
		}
	}
}

func TestCtrlCEndsTheWatchingAndSaysThatTheRestoreGoesOn(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	h := restoring(t, wire.Restore{ID: 7, State: restore.Swapping})
	_, err := call(ctx, t, func(w http.ResponseWriter, r *http.Request) {
		h(w, r)
		if r.Method == http.MethodGet {
			interrupt()
		}
	}, newSnapshotCmd, "restore", "api", "x")
	if exitCode(err) != 1 || !strings.Contains(err.Error(), "restore 7 goes on") {
		t.Errorf("exit code %d, %v", exitCode(err), err)
	}
}

// timelines answers as a bot with these entries on incident 1, and none outside.
func timelines(t *testing.T, entries []incidents.Entry, findings ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/incidents":
			answer(t, w, 200, wire.Incidents{Incidents: []wire.Incident{{ID: 1, PagerDutyID: "PX"}}})
		case "/incidents/4711":
			answer(t, w, 200, wire.Incident{ID: 1, PagerDutyID: "PX"})
		case "/incidents/1/timeline":
			answer(t, w, 200, wire.Entries{Entries: entries})
		case "/timeline":
			answer(t, w, 200, wire.Entries{})
		case "/incidents/1/proof":
			p := incidents.Proof{Entries: int64(len(entries)), SignedFrom: 1, Findings: findings}
			if len(entries) > 0 {
				p.LastHash = entries[len(entries)-1].Hash
			}
			answer(t, w, 200, p)
		case "/timeline/proof":
			answer(t, w, 200, incidents.Proof{})
		default:
			t.Errorf("asked for %s", r.URL)
		}
	}
}

func sealed(t *testing.T, n int) []incidents.Entry {
	t.Helper()
	var entries []incidents.Entry
	var prev []byte
	for i := range n {
		e := incidents.Entry{IncidentID: 1, Seq: int64(i + 1), OccurredAt: time.Now(), Kind: "note", Summary: fmt.Sprint("<", i, ">"), Details: json.RawMessage(`{"b": "&", "a":1}`)}
		if err := e.Seal(prev); err != nil {
			t.Fatal(err)
		}
		prev, entries = e.Hash, append(entries, e)
	}
	return entries
}

func TestVerifyRecomputesEveryHashHere(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"4711"}} {
		good := sealed(t, 3)
		out, err := call(t.Context(), t, timelines(t, good), newVerifyCmd, args...)
		if err != nil || !strings.Contains(out, fmt.Sprintf("ok      incident 1 (PX): 3 entries, last hash %x", good[2].Hash)) {
			t.Errorf("%v: %q, %v", args, out, err)
		}
		for name, change := range map[string]func([]incidents.Entry) []incidents.Entry{
			"changed":            func(e []incidents.Entry) []incidents.Entry { e[1].Summary = "nothing happened"; return e },
			"removed":            func(e []incidents.Entry) []incidents.Entry { return append(e[:1], e[2]) },
			"begins later":       func(e []incidents.Entry) []incidents.Entry { return e[1:] },
			"another incident's": func(e []incidents.Entry) []incidents.Entry { e[0].IncidentID = 2; return e },
		} {
			out, err := call(t.Context(), t, timelines(t, change(sealed(t, 3))), newVerifyCmd, args...)
			if !errors.Is(err, errBrokenChains) || exitCode(err) != 1 || !strings.Contains(out, "BROKEN  incident 1") {
				t.Errorf("%s: %q, %v", name, out, err)
			}
		}
	}
}

func TestVerifyTellsWhatTheBotFinds(t *testing.T) {
	t.Parallel()
	out, err := call(t.Context(), t, timelines(t, sealed(t, 3), "recording X had 3 pieces when its session ended, and has 2"), newVerifyCmd, "4711")
	if !errors.Is(err, errBrokenChains) || !strings.Contains(out, "BROKEN  incident 1 (PX): recording X had 3 pieces") || strings.Contains(out, "ok ") {
		t.Errorf("%q, %v", out, err)
	}
	for finding, want := range map[string]string{"": `"holds": true`, "recording X is cut": "recording X is cut"} {
		findings := []string{finding}
		if finding == "" {
			findings = nil
		}
		out, err := call(t.Context(), t, timelines(t, sealed(t, 3), findings...), newVerifyCmd, "4711", "--json")
		if errors.Is(err, errBrokenChains) != (finding != "") || !strings.Contains(out, want) || !strings.Contains(out, `"entries": 3`) || !json.Valid([]byte(out)) {
			t.Errorf("as JSON, with %q: %v\n%s", finding, err, out)
		}
	}
	out, err = call(t.Context(), t, timelines(t, sealed(t, 3)), newVerifyCmd, "4711")
	if err != nil || !strings.Contains(out, "; signed\n") || !strings.Contains(out, "not against whoever has the secret keys") {
		t.Errorf("%q, %v", out, err)
	}
}

func TestExportLeavesAWholeFileOrNone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "night.md")
	_, err := call(t.Context(), t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "# half")
	}, newExportCmd, "1", "--output", path)
	if exitCode(err) != 1 || !strings.Contains(err.Error(), "night.md was not written") {
		t.Errorf("half an answer: exit code %d, %v", exitCode(err), err)
	}
	half, err := call(t.Context(), t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "# half")
	}, newExportCmd, "1")
	if exitCode(err) != 1 || half != "" {
		t.Errorf("half an answer to standard output: exit code %d, %v, %q", exitCode(err), err, half)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := call(t.Context(), t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "# whole") }, newExportCmd, "1", "-o", path); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); string(text) != "# whole" {
		t.Errorf("got %q, %v", text, err)
	}
	out, err := call(t.Context(), t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.RequestURI()) }, newExportCmd, "PX", "--format", "zip")
	if err != nil || out != "/incidents/PX/export?format=zip" {
		t.Errorf("got %q, %v", out, err)
	}
}
