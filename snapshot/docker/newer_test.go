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
	"github.com/snapback/snapback/internal/testkit"
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
	testkit.OK(t, err)
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answer(w, r) {
			proxy.ServeHTTP(w, r)
		}
	})}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-served })
	e, err := docker.New(t.Context(), docker.Config{Host: "unix://" + socket})
	testkit.OK(t, err)
	t.Cleanup(func() { testkit.OK(t, e.Close()) })
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
	testkit.OK(t, json.Unmarshal(spec.Document, &doc))
	host := within(doc, "HostConfig")
	host["Annotations"] = map[string]any{"io.example/a": "b"}
	host["StorageOpt"] = map[string]any{"size": "10G"}
	host["FromTheFuture"] = map[string]any{"Deep": []any{"x"}}
	host["Mounts"].([]any)[0].(map[string]any)["VolumeOptions"] = map[string]any{"Subpath": "sub/folder"}
	within(doc, "NetworkSettings", "Networks", network)["GwPriority"] = 7
	var err error
	spec.Document, err = json.Marshal(doc)
	testkit.OK(t, err)

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
	testkit.OK(t, json.Unmarshal(<-bodies, &sent))
	for _, key := range []string{"Annotations", "StorageOpt", "FromTheFuture", "Mounts"} {
		if diff := cmp.Diff(host[key], sent.HostConfig[key]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	if got := sent.NetworkingConfig.EndpointsConfig[network]["GwPriority"]; got != float64(7) {
		t.Errorf("gateway priority %v", got)
	}
}

// An engine that connects a container before its start forgets the MAC address.
func TestRestoreKeepsMACAddressesOfAllNetworks(t *testing.T) {
	t.Parallel()
	enginetest.New(t).Needs("1.44")
	asked := matrixCase{
		prepare: []string{"network create @one", "network create @two", "network create @three"},
		flags:   "--network name=@one,mac-address=02:00:5e:10:00:01 --network name=@two,mac-address=02:00:5e:10:00:02,alias=shop --network @three",
		check:   sameMACs("one", "two"),
	}
	onBridge := matrixCase{flags: "--network name=bridge,mac-address=02:00:5e:10:00:07,driver-opt=com.example.option=1", check: sameMACs("bridge")}
	for name, c := range map[string]matrixCase{"networks": asked, "the default bridge": onBridge} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, difference := range c.restore(t).differences {
				t.Errorf("%+v", difference)
			}
		})
	}
}

func sameMACs(networks ...string) func(*testing.T, *restored) {
	return func(t *testing.T, r *restored) {
		t.Helper()
		before, after := both(r)
		for _, name := range networks {
			if name != "bridge" {
				name = r.scope.Name(name)
			}
			if was, is := before.NetworkSettings.Networks[name].MacAddress, after.NetworkSettings.Networks[name].MacAddress; was != is || was == "" {
				t.Errorf("%s: MAC address %q became %q", name, was, is)
			}
		}
	}
}

func TestCompareSeesALostMACAddress(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	s.Needs("1.44")
	for _, network := range []string{"one", "two"} {
		s.Docker("network", "create", s.Name(network))
	}
	id := s.Run(s.Name("api"), "--network", "name="+s.Name("one")+",mac-address=02:00:5e:10:00:01", "--network", s.Name("two"), s.Image("good", `ENTRYPOINT ["/app"]`))
	got, err := s.Engine().Inspect(t.Context(), id)
	testkit.OK(t, err)
	var want map[string]any
	testkit.OK(t, json.Unmarshal(got.Document, &want))
	for _, network := range []string{"one", "two"} {
		within(want, "NetworkSettings", "Networks", s.Name(network))["MacAddress"] = "02:00:5e:10:00:09"
	}
	doc, err := json.Marshal(want)
	testkit.OK(t, err)
	differences, err := s.Engine().Compare(doc, snapshot.Spec{ImageID: got.ImageID}, got.Document)
	testkit.OK(t, err)
	if len(differences) != 2 || differences[0].Attribute != "MAC address on network "+s.Name("one") || differences[0].Want != "02:00:5e:10:00:09" || differences[0].Expected != "" {
		t.Errorf("differences: %+v", differences)
	}
}

// TestUmaskComesBack stands for all that came after the version that the client speaks.
func TestUmaskComesBack(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	s.Needs("1.56")
	c := matrixCase{raw: map[string]any{"HostConfig": map[string]any{"Umask": 63}}, check: func(t *testing.T, r *restored) {
		t.Helper()
		if !strings.Contains(string(r.after), `"Umask":63`) {
			t.Errorf("the umask is lost: %s", r.after)
		}
	}}
	for _, difference := range c.restore(t).differences {
		t.Errorf("%+v", difference)
	}
}

// Drivers other than local give volumes names that would lead elsewhere in a path.
func TestVolumesOfAnyNameAreFoundInTheList(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	name := s.Name("api")
	id := s.Run(name, "--mount", "type=volume,source="+s.Name("vol")+",target=/data", s.Image("good", `ENTRYPOINT ["/app"]`))
	spec := keep(t, s, id, false)
	spec.Replaces = id
	for _, odd := range []string{"team/data", "nas:share/a b", "../containers/" + id, "a?b#c%2f", "données"} {
		doc := []byte(strings.ReplaceAll(string(spec.Document), s.Name("vol"), odd))
		for _, there := range []bool{true, false} {
			e := inPlaceOf(t, s, func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/volumes") || strings.HasSuffix(r.URL.Path, "/volumes/"+strings.Repeat("0", 64)) { // to see what is allowed
					return false
				}
				if !strings.HasSuffix(r.URL.Path, "/volumes") {
					t.Errorf("%s was asked for", r.URL.Path)
				}
				list := []any{map[string]any{"Name": s.Name("vol")}, map[string]any{"Name": odd}}
				if !there {
					list = list[:1]
				}
				testkit.OK(t, json.NewEncoder(w).Encode(map[string]any{"Volumes": list}))
				return true
			})
			finding, err := e.Check(t.Context(), name, snapshot.Spec{Document: doc, ImageID: spec.ImageID, ImageRef: spec.ImageRef, Replaces: id})
			testkit.OK(t, err)
			if (len(finding.Problems) == 0) != there {
				t.Errorf("volume %q, there: %v: %q", odd, there, finding.Problems)
			}
		}
	}
}

// within is an object within an object.
func within(doc map[string]any, path ...string) map[string]any {
	for _, key := range path {
		doc = doc[key].(map[string]any)
	}
	return doc
}
