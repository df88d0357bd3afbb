package docker_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
)

// deny is what a socket proxy answers.
func deny(w http.ResponseWriter, status int) bool {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	fmt.Fprint(w, "<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>")
	return true
}

func wantDenied(t *testing.T, err error, call string) {
	t.Helper()
	var denied *snapshot.DeniedError
	if !errors.As(err, &denied) || denied.Call != call || !errors.Is(err, snapshot.ErrEngineDenied) || errors.Is(err, snapshot.ErrEngineAway) {
		t.Errorf("got %v, want a denial of %s", err, call)
	}
	if err != nil && strings.Contains(err.Error(), "<") {
		t.Errorf("the proxy's page is quoted: %v", err)
	}
}

func TestAProxyThatDeniesInfoIsNotReady(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	e := inPlaceOf(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/info") && deny(w, http.StatusForbidden)
	})
	if err := e.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantDenied(t, e.Ready(t.Context()), "GET /info")
	_, err := e.List(t.Context())
	wantDenied(t, err, "GET /info")
	wantDenied(t, e.Denied(t.Context()), "GET /info")
}

func TestADeniedStopIsFoundBeforeARestoreBegins(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed} {
		s, name, id := setup(t)
		e := inPlaceOf(t, s, func(w http.ResponseWriter, r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, "/stop") && deny(w, status)
		})
		in, err := e.Inspect(t.Context(), id)
		testkit.OK(t, err)
		found, err := e.Check(t.Context(), name, snapshot.Spec{Document: in.Document, ImageID: in.ImageID, Replaces: id})
		testkit.OK(t, err)
		want := fmt.Sprintf("the container engine, or a proxy before it, denies POST /containers/{id}/stop (%d)", status)
		if len(found.Problems) != 1 || found.Problems[0] != want {
			t.Errorf("problems %q", found.Problems)
		}
		wantDenied(t, e.Stop(t.Context(), id, 0), "POST /containers/{id}/stop")
	}
}

func TestAProxyThatOnlyReadsIsToldInFull(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	e := inPlaceOf(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		return r.Method != http.MethodGet && r.Method != http.MethodHead && deny(w, http.StatusForbidden)
	})
	testkit.OK(t, e.Ready(t.Context()))
	err := e.Denied(t.Context())
	for _, call := range []string{
		"POST /commit", "POST /images/{name}/tag", "POST /containers/create", "POST /containers/{id}/stop", "POST /containers/{id}/rename",
		"DELETE /containers/{id}", "POST /networks/{id}/connect", "DELETE /images/{name}",
	} {
		if err == nil || !strings.Contains(err.Error(), "denies "+call+" (403)") {
			t.Errorf("%s is missing in\n%v", call, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "GET") {
		t.Errorf("what is allowed is told: %v", err)
	}
}

// TestWhatANightCanDoWithoutIsToldByItself, and keeps nothing from being restored.
func TestWhatANightCanDoWithoutIsToldByItself(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	for call, without := range map[string]string{
		"GET /images/{name}/history":   "no snapshot is taken of a container that has written files",
		"POST /containers/{id}/wait":   "a restore fails where a container was taken off the network that it was made with, or is being removed",
		"POST /volumes/create":         "no snapshot is kept on the engine a second time",
		"POST /images/create":          "the contents of volumes are neither kept nor put back",
		"POST /containers/{id}/attach": "the contents of volumes are neither kept nor put back",
		"POST /containers/{id}/exec":   "the terminal has no shells",
		"POST /exec/{id}/start":        "the terminal has no shells",
	} {
		method, path, _ := strings.Cut(call, " ")
		before, after, _ := strings.Cut(strings.Replace(path, "{name}", "{id}", 1), "{id}")
		e := inPlaceOf(t, s, func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == method && strings.Contains(r.URL.Path, before) && strings.HasSuffix(r.URL.Path, after) && deny(w, http.StatusForbidden)
		})
		testkit.OK(t, e.Denied(t.Context()))
		err := e.DeniedExtras(t.Context())
		wantDenied(t, err, call)
		if want := without + ": the container engine, or a proxy before it, denies " + call + " (403)"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	testkit.OK(t, s.Engine().DeniedExtras(t.Context()))
}

func TestAskingWhatIsAllowedDoesNothing(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	real := s.Engine().Client().HTTPClient().Transport
	var asked atomic.Int64
	e := inPlaceOf(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			return false
		}
		asked.Add(1)
		out := r.Clone(r.Context())
		out.URL.Scheme, out.URL.Host, out.RequestURI = "http", "docker", ""
		resp, err := real.RoundTrip(out)
		if err != nil {
			t.Error(err)
			return false
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s %s is answered %s", r.Method, r.URL, resp.Status)
		}
		w.WriteHeader(resp.StatusCode)
		return true
	})
	testkit.OK(t, e.Denied(t.Context()))
	testkit.OK(t, e.DeniedExtras(t.Context()))
	if asked.Load() < 20 {
		t.Errorf("asked %d times", asked.Load())
	}
}

func TestTheEnginesOwnWordsOfADenialAreKept(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	e := inPlaceOf(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/containers/json") {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"message":"authorization denied by plugin opa: no"}`)
		return true
	})
	err := e.Ready(t.Context())
	wantDenied(t, err, "GET /containers/json")
	if err == nil || !strings.Contains(err.Error(), "authorization denied by plugin opa: no") {
		t.Errorf("got %v", err)
	}
}
