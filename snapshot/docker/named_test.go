package docker_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/docker/docker/client"

	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot/docker"
)

// named makes an engine that was named, beside which others may be.
func named(t *testing.T, host string) *docker.Engine {
	t.Helper()
	e, err := docker.New(t.Context(), docker.Config{Host: host})
	if err != nil {
		t.Fatalf("%s: %v", host, err)
	}
	t.Cleanup(func() { testkit.OK(t, e.Close()) })
	return e
}

// Not parallel: the client reads the process's environment.
func TestEngineThatIsNamedIsReachedWhateverDockerHostSays(t *testing.T) {
	t.Setenv("DOCKER_HOST", "nonsense")
	for host, want := range map[string]string{"tcp://127.0.0.1:1": "tcp://127.0.0.1:1", "default": client.DefaultDockerHost} {
		if got := named(t, host).Client().DaemonHost(); got != want {
			t.Errorf("%s leads to %s", host, got)
		}
	}
}

// Not parallel: the client reads the process's environment.
func TestCertificatesOfAnEngineThatIsNamedAreAlwaysVerified(t *testing.T) {
	var asked atomic.Int32
	stranger := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(stranger.Close)
	_, files := certificates(t)
	t.Setenv("DOCKER_CERT_PATH", filepath.Dir(files["ca"]))
	t.Setenv("DOCKER_TLS_VERIFY", "")
	e := named(t, "tcp://"+strings.TrimPrefix(stranger.URL, "https://"))
	if err := e.Ping(t.Context()); err == nil || asked.Load() > 0 {
		t.Errorf("a stranger's engine was spoken to %d times, and the error is %v", asked.Load(), err)
	}
}
