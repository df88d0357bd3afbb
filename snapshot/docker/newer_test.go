package docker_test

import (
	"encoding/json"
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
	"github.com/snapback/snapback/snapshot/docker"
)

// recorded is the real engine behind a proxy that keeps the body of the first create, and refuses it.
func recorded(t *testing.T, s *enginetest.Scope) (*docker.Engine, <-chan []byte) {
	t.Helper()
	bodies := make(chan []byte, 1)
	real := s.Engine().Client()
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "docker" },
		Transport: real.HTTPClient().Transport,
	}
	socket := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", socket)
	must(t, err)
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/containers/create") {
			proxy.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		bodies <- body
		http.Error(w, `{"message":"recorded"}`, http.StatusBadRequest)
	})}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-served })
	e, err := docker.New(t.Context(), docker.Config{Host: "unix://" + socket})
	must(t, err)
	t.Cleanup(func() { must(t, e.Close()) })
	return e, bodies
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
