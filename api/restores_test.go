package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

func TestRestoreAnswersWhenTheContainerIsVerified(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"PATCH", "PUT"} {
		b := setup(t)
		rec := b.do(t, request{method: method, path: target, body: `{"reason":"checkout answers 500"}`, header: map[string]string{"If-Match": `"` + idOfAPI + `"`}})
		wantStatus(t, rec, http.StatusOK)
		got := decodeBody[wire.Restore](t, rec)
		if got.State != restore.Verified || got.Container != "api" || got.Snapshot != "pre-deploy-2255" || !strings.Contains(got.Summary, "back on pre-deploy-2255") {
			t.Errorf("%s: got %+v", method, got)
		}
		ask := b.asks[0]
		want := snapshot.By{
			Actor: incidents.Actor{Kind: incidents.Token, Name: "bootstrap"}, Incident: 1, Reason: "checkout answers 500",
			Source: incidents.Source{System: "api", NativeID: "request/" + rec.Header().Get("X-Request-Id")},
		}
		if diff := cmp.Diff(want, ask.By); diff != "" {
			t.Errorf("%s: who asked (-want +got):\n%s", method, diff)
		}
		if ask.Seen != idOfAPI || rec.Header().Get("Location") != "/restores/1" {
			t.Errorf("%s: seen %q, location %q", method, ask.Seen, rec.Header().Get("Location"))
		}
	}
}

func TestRestoreToWhatRunsIsDoneWhenItIsForced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.there = true
	wantStatus(t, b.do(t, request{method: "PATCH", path: target + "?force=true"}), http.StatusOK)
	if len(b.asks) != 1 || !b.asks[0].Force {
		t.Errorf("asked: %+v", b.asks)
	}
}

func TestRestoreHasTheShapeOfTheDesign(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.do(t, request{method: "PATCH", path: target})
	rec := b.do(t, request{path: "/restores/1"})
	wantStatus(t, rec, http.StatusOK)
	got := decodeBody[map[string]json.RawMessage](t, rec)
	for _, field := range []string{"id", "container", "snapshot", "state", "requested_by", "reason", "requested_at", "verified_at", "downtime_ms", "phases", "differences", "error"} {
		if _, ok := got[field]; !ok {
			t.Errorf("%s is missing in %s", field, rec.Body)
		}
	}
	if string(got["phases"]) != "[]" || string(got["differences"]) != "[]" {
		t.Errorf("an empty list is null: %s", rec.Body)
	}
}

func TestWhatMovesVolumesIsToldWhileItLasts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.hold = make(chan struct{})
	b.moves = &snapshot.Progress{Doing: snapshot.FillingVolume, Volume: 2, Of: 3, Path: "/data", Bytes: 412e6, Total: 12e8}
	wantStatus(t, b.do(t, request{method: "PATCH", path: target, header: map[string]string{"Prefer": "respond-async"}}), http.StatusAccepted)
	rec := b.do(t, request{path: "/restores/1"})
	api.CheckAnswer(t, "GET", "/restores/1", rec)
	if d := cmp.Diff(b.moves, decodeBody[wire.Restore](t, rec).Progress); d != "" {
		t.Errorf("while it runs (-want +got):\n%s", d)
	}
	close(b.hold)
	b.do(t, request{method: "PATCH", path: target}) // waits until it is over, if it isn't yet
	b.restores[1] = restore.Restore{ID: 1, State: restore.Verified}
	if p := decodeBody[wire.Restore](t, b.do(t, request{path: "/restores/1"})).Progress; p != nil {
		t.Errorf("when it is over: %s", p)
	}
	for name, want := range map[string]*snapshot.Progress{"web-1": b.moves, "api": nil} {
		rec := b.do(t, request{path: "/containers/" + name})
		api.CheckAnswer(t, "GET", "/containers/"+name, rec)
		if d := cmp.Diff(want, decodeBody[wire.Container](t, rec).Archiving); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestRestoreAnswersAtOnceWhenTheClientPrefersIt(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w *world, _ *api.Config) { w.hold = make(chan struct{}) })
	rec := b.do(t, request{method: "PATCH", path: target, header: map[string]string{"Prefer": "return=minimal, respond-async; wait=1"}})
	wantStatus(t, rec, http.StatusAccepted)
	if got := decodeBody[wire.Restore](t, rec); got.State != restore.Requested {
		t.Errorf("state %s", got.State)
	}
	if rec.Header().Get("Location") != "/restores/1" || rec.Header().Get("Preference-Applied") != "respond-async" {
		t.Errorf("headers %v", rec.Header())
	}
}

func TestRestoreThatTakesTooLongIsAnsweredByWhereToLook(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w *world, c *api.Config) { w.hold, c.MaxWait = make(chan struct{}), 10*time.Millisecond })
	rec := b.do(t, request{method: "PATCH", path: target})
	wantStatus(t, rec, http.StatusAccepted)
	if rec.Header().Get("Location") != "/restores/1" {
		t.Errorf("location %q", rec.Header().Get("Location"))
	}
}

func TestRestoreOutlivesItsClientAndItsTwinIsToldWhereToLook(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w *world, _ *api.Config) { w.hold = make(chan struct{}) })
	q := request{method: "PATCH", path: target, header: map[string]string{"Idempotency-Key": "k1", "If-Match": `"` + idOfAPI + `"`}}
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.h.ServeHTTP(httptest.NewRecorder(), q.build(ctx))
	}()
	<-b.asked
	leave()
	<-done
	rec := b.do(t, q)
	wantStatus(t, rec, http.StatusAccepted)
	if len(b.asks) != 1 || rec.Header().Get("Location") != "/restores/1" {
		t.Errorf("%d restores were asked for, location %q", len(b.asks), rec.Header().Get("Location"))
	}
	close(b.hold)
	if over, err := b.Wait(t.Context(), 1); err != nil || over.State != restore.Verified {
		t.Errorf("the restore came to %v, %v", over.State, err)
	}
}

// The server's read time-out is for reading: it must not cancel a request that waits.
func TestRestoreIsWaitedForLongerThanTheServerReads(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w *world, _ *api.Config) { w.hold = make(chan struct{}) })
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = api.Server(b.h, nil)
	srv.Config.ReadTimeout = time.Second
	srv.Start()
	defer srv.Close()
	for _, body := range []string{"", `{"reason":"x"}`} {
		restart := time.AfterFunc(3*time.Second, func() { close(b.hold) })
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, srv.URL+target, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+bootstrap)
		r.Header.Set("Content-Type", "application/json")
		resp, err := srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("body %q: status %d", body, resp.StatusCode)
		}
		restart.Stop()
		b.hold = make(chan struct{})
	}
}

func TestUndoBelongsToTheIncidentOfItsRestore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	wantStatus(t, b.do(t, request{method: "PATCH", path: target, body: `{"incident":4712}`}), http.StatusOK)
	rec := b.do(t, request{method: "POST", path: "/restores/1/undo", body: `{"reason":"worse"}`})
	wantStatus(t, rec, http.StatusOK)
	if by := b.asks[1].By; by.Incident != 2 || by.Reason != "worse" {
		t.Errorf("asked by %+v", by)
	}
}

func TestOnlyASingleOpenIncidentIsAttachedUnasked(t *testing.T) {
	t.Parallel()
	open := func(id int64) incidents.Incident {
		return incidents.Incident{ID: id, PagerDutyID: "P" + strings.Repeat("X", int(id)), ServiceID: "PSVC1", Status: incidents.Triggered}
	}
	for name, c := range map[string]struct {
		open []incidents.Incident
		body string
		want int64
	}{
		"none":           {nil, "", 0},
		"one":            {[]incidents.Incident{open(3)}, "", 3},
		"two":            {[]incidents.Incident{open(3), open(4)}, "", 0},
		"one of two":     {[]incidents.Incident{open(3), open(4)}, `{"incident":"PXXX"}`, 3},
		"number as text": {[]incidents.Incident{open(3), open(4)}, `{"incident":"4"}`, 4},
	} {
		b := setup(t, func(w *world, _ *api.Config) { w.incs = c.open })
		wantStatus(t, b.do(t, request{method: "PATCH", path: target, body: c.body}), http.StatusOK)
		if got := b.asks[0].By.Incident; got != c.want {
			t.Errorf("%s: incident %d, want %d", name, got, c.want)
		}
	}
}

func TestVolumesAreRestoredOnlyWhenAskedFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.do(t, request{method: "PATCH", path: target})
	wantStatus(t, b.do(t, request{method: "PATCH", path: target, body: `{"volumes":true}`}), http.StatusOK)
	if b.asks[0].Volumes || !b.asks[1].Volumes {
		t.Errorf("asked for %v and %v", b.asks[0].Volumes, b.asks[1].Volumes)
	}
	rec := b.do(t, request{method: "POST", path: "/restores/1/undo", body: `{"volumes":true}`})
	if wantStatus(t, rec, http.StatusBadRequest); !strings.Contains(rec.Body.String(), "undo puts back") {
		t.Errorf("got %s", rec.Body)
	}
}

func TestReplicasAreRestoredOnlyWhenAskedFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.do(t, request{method: "PATCH", path: target})
	wantStatus(t, b.do(t, request{method: "PATCH", path: target, body: `{"replicas":true}`}), http.StatusOK)
	if b.asks[0].Replicas || !b.asks[1].Replicas {
		t.Errorf("asked for %v and %v", b.asks[0].Replicas, b.asks[1].Replicas)
	}
	rec := b.do(t, request{method: "POST", path: "/restores/1/undo", body: `{"replicas":true}`})
	if wantStatus(t, rec, http.StatusBadRequest); !strings.Contains(rec.Body.String(), "undo puts back") {
		t.Errorf("got %s", rec.Body)
	}
}

func TestSnapshotTellsWhereTasksStood(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if got := decodeBody[wire.Snapshot](t, b.do(t, request{path: target})); got.Placement != nil {
		t.Errorf("of one that is no service's: %+v", got.Placement)
	}
	b.placed = &snapshot.Placement{Constraints: []string{"node.role==worker"}, Spread: []string{}, Tasks: []snapshot.PlacedTask{{Name: "shop.1", Node: "one"}}}
	got := decodeBody[wire.Snapshot](t, b.do(t, request{path: target}))
	if diff := cmp.Diff(b.placed, got.Placement); diff != "" {
		t.Errorf("placement (-want +got):\n%s", diff)
	}
}

func TestSnapshotTellsOfItsVolumes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if got := decodeBody[wire.Snapshot](t, b.do(t, request{path: target})); got.Volumes != nil {
		t.Errorf("of one without: %+v", got.Volumes)
	}
	b.volumes = &restore.VolumeOffer{WhyNot: []string{"the archive is damaged"}, Set: snapshot.VolumeSet{
		ID: "s", TakenAt: night, Consistency: snapshot.CrashConsistent, Left: []string{"/ro is mounted read-only"},
		Archives: []snapshot.Archive{{Mount: snapshot.Mount{Path: "/data", Source: "secret-name"}, Bytes: 5, Left: []string{"a.sock is a socket"}}},
	}}
	rec := b.do(t, request{path: target})
	want := &wire.Volumes{
		TakenAt: night.UTC(), Consistency: snapshot.CrashConsistent, Paths: []string{"/data"}, SizeBytes: 5,
		WhyNot: []string{"the archive is damaged"}, Left: []string{"/ro is mounted read-only", "/data: a.sock is a socket"},
	}
	if diff := cmp.Diff(want, decodeBody[wire.Snapshot](t, rec).Volumes); diff != "" {
		t.Errorf("volumes (-want +got):\n%s", diff)
	}
}

// Reading volumes may take hours. When that is too long, the snapshot is to be there all the same, without them.
func TestSnapshotHasPatienceForTheArchivesOfVolumes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for container, want := range map[string]time.Duration{"api": 15 * time.Minute, "web-1": 6*time.Hour + 15*time.Minute} {
		rec := b.do(t, request{method: http.MethodPost, path: "/containers/" + container + "/snapshots", body: `{"name":"x"}`})
		if rec.Code != http.StatusCreated {
			t.Fatalf("%s: %d %s", container, rec.Code, rec.Body)
		}
		if got := b.takeFor.Round(time.Minute); got != want {
			t.Errorf("%s: it may take %s, want %s", container, got, want)
		}
		ask := b.takes[len(b.takes)-1]
		if (ask.Patience != nil) != (container == "web-1") {
			t.Errorf("%s: patience is %v", container, ask.Patience)
		}
		if ask.Patience == nil {
			continue
		}
		if until, ok := ask.Patience.Deadline(); !ok || time.Until(until).Round(time.Minute) != 6*time.Hour {
			t.Errorf("%s: patience ends at %s", container, until)
		}
	}
}

// The connection has to stand it too, with a key as without.
func TestAnswerOfALongSnapshotMayComeLate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, header := range []map[string]string{nil, {"Idempotency-Key": "k"}} {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		b.h.ServeHTTP(w, request{method: http.MethodPost, path: "/containers/web-1/snapshots", body: `{}`, header: header}.build(t.Context()))
		if w.Code != http.StatusCreated || time.Until(w.last) < 6*time.Hour {
			t.Errorf("%v: %d, the answer may be written until %s", header, w.Code, w.last)
		}
	}
}

// deadlines remembers until when an answer may be written.
type deadlines struct {
	*httptest.ResponseRecorder
	last time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.last = at
	return nil
}
