package docker_test

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
)

// recorded is the real engine behind a proxy that keeps the body of the first create, and refuses it.
func recorded(t *testing.T, s *enginetest.Scope) (*docker.Engine, <-chan []byte) {
	t.Helper()
	bodies := make(chan []byte, 1)
	return inPlaceOf(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/containers/create") {
			return false
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		bodies <- body
		http.Error(w, `{"message":"recorded"}`, http.StatusBadRequest)
		return true
	}), bodies
}

// inPlaceOf is the real engine behind a proxy that may answer in its place.
func inPlaceOf(t *testing.T, s *enginetest.Scope, answer func(http.ResponseWriter, *http.Request) bool) *docker.Engine {
	t.Helper()
	real := s.Engine().Client()
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "docker" },
		Transport: real.HTTPClient().Transport,
	}
	socket := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", socket)
	must(t, err)
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answer(w, r) {
			proxy.ServeHTTP(w, r)
		}
	})}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-served })
	e, err := docker.New(t.Context(), docker.Config{Host: "unix://" + socket})
	must(t, err)
	t.Cleanup(func() { must(t, e.Close()) })
	return e
}

// refusing answers every such request with the engine's words.
func refusing(path, words string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, path) {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusConflict)
		_ = json.NewEncoder(w).Encode(map[string]string{"message": words})
		return true
	}
}

func TestActOnAContainerThatIsBeingRemovedWaitsUntilItIsGone(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	image := s.Image("good", `CMD ["/app"]`)
	for path, act := range map[string]func(*docker.Engine, string) error{
		"/update": func(e *docker.Engine, id string) error {
			return e.SetRestartPolicy(t.Context(), id, snapshot.RestartPolicy{Name: "always"})
		},
		"/stop":   func(e *docker.Engine, id string) error { return e.Stop(t.Context(), id, 0) },
		"/start":  func(e *docker.Engine, id string) error { return e.Start(t.Context(), id) },
		"/rename": func(e *docker.Engine, id string) error { return e.Rename(t.Context(), id, s.Name("other")) },
	} {
		id := s.Run(s.Name("api"), image)
		timer := time.AfterFunc(300*time.Millisecond, func() { _, _ = s.Try("rm", "-f", id) })
		err := act(inPlaceOf(t, s, refusing(path, "Container "+id+` is marked for removal and cannot be "changed"`)), id)
		if !errors.Is(err, snapshot.ErrGone) {
			t.Errorf("%s: %v", path, err)
		}
		if _, err := s.Engine().Inspect(t.Context(), id); !errors.Is(err, snapshot.ErrUnknownContainer) {
			t.Errorf("%s returned before the container was gone: %v", path, err)
		}
		timer.Stop()
	}
}

// A name is taken from the moment on in which the engine begins to create, and until it has ended nobody can look at whose.
func TestCreateThatIsStillUnderWayIsNoVerdict(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	spec := keep(t, s, s.Run(s.Name("api"), s.Image("good", `CMD ["/app"]`)), false)
	name := s.Name("api.snapback-1")
	e := inPlaceOf(t, s, refusing("/containers/create", `Conflict. The container name "/`+name+`" is already in use by container "ff". You have to remove (or rename) that container.`))
	if _, err := e.Create(t.Context(), name, spec); !errors.Is(err, snapshot.ErrEngineAway) {
		t.Errorf("creating it: %v", err)
	}
}

// TestAttributesOfNewerEnginesAreCarriedOver: annotations came with API 1.43, subpaths with 1.45, gateway priorities with
// 1.48, and storage options need a disk with quotas. Here, the snapshot's document is made to have them, and something
// that nobody knows yet.
func TestAttributesOfNewerEnginesAreCarriedOver(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	network := s.Name("net")
	s.Docker("network", "create", network)
	name := s.Name("api")
	id := s.Run(name, "--network", network, "--mount", "type=volume,source="+s.Name("vol")+",target=/data", s.Image("good", `ENTRYPOINT ["/app"]`))
	spec := keep(t, s, id, false)
	var doc map[string]any
	must(t, json.Unmarshal(spec.Document, &doc))
	host := within(doc, "HostConfig")
	host["Annotations"] = map[string]any{"io.example/a": "b"}
	host["StorageOpt"] = map[string]any{"size": "10G"}
	host["FromTheFuture"] = map[string]any{"Deep": []any{"x"}}
	host["Mounts"].([]any)[0].(map[string]any)["VolumeOptions"] = map[string]any{"Subpath": "sub/folder"}
	within(doc, "NetworkSettings", "Networks", network)["GwPriority"] = 7
	var err error
	spec.Document, err = json.Marshal(doc)
	must(t, err)

	e, bodies := recorded(t, s)
	if _, err := e.Create(t.Context(), name+".snapback-1", spec); err == nil || !strings.Contains(err.Error(), "recorded") {
		t.Fatalf("creating it: %v", err)
	}
	var sent struct {
		HostConfig       map[string]any
		NetworkingConfig struct {
			EndpointsConfig map[string]map[string]any
		}
	}
	must(t, json.Unmarshal(<-bodies, &sent))
	for _, key := range []string{"Annotations", "StorageOpt", "FromTheFuture", "Mounts"} {
		if diff := cmp.Diff(host[key], sent.HostConfig[key]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	if got := sent.NetworkingConfig.EndpointsConfig[network]["GwPriority"]; got != float64(7) {
		t.Errorf("gateway priority %v", got)
	}
}

// within is an object within an object.
func within(doc map[string]any, path ...string) map[string]any {
	for _, key := range path {
		doc = doc[key].(map[string]any)
	}
	return doc
}
