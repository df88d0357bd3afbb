package docker_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/snapback/snapback/snapshot/docker"
)

// podman answers as Podman 5.4 does.
func podman(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Content-Type", "application/json")
		answer := any("OK")
		switch {
		case strings.HasSuffix(r.URL.Path, "/version"):
			answer = map[string]any{
				"Version": "5.4.2", "ApiVersion": "1.41", "MinAPIVersion": "1.24",
				"Components": []map[string]any{{"Name": "Podman Engine", "Version": "5.4.2"}, {"Name": "Conmon", "Version": "2.1.12"}},
			}
		case strings.HasSuffix(r.URL.Path, "/info"):
			answer = map[string]any{"ID": "5f0f1f0a-3f0c-4d43-a9f2-5f4b7c9e1f10", "Name": "host"}
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return "tcp://" + server.Listener.Addr().String()
}

func TestPodmanIsRefusedInWords(t *testing.T) {
	t.Parallel()
	engine, err := docker.New(t.Context(), docker.Config{Host: podman(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	for what, err := range map[string]error{"asked": engine.Supported(t.Context()), "used": engine.Introduce(t.Context())} {
		if !errors.Is(err, docker.ErrUnsupported) || !strings.Contains(err.Error(), "this is Podman 5.4.2") {
			t.Errorf("when it is %s: %v", what, err)
		}
	}
	if _, err := engine.List(t.Context()); !errors.Is(err, docker.ErrUnsupported) {
		t.Errorf("listing: %v", err)
	}
}

func TestDockerIsSupported(t *testing.T) {
	t.Parallel()
	engine, err := docker.New(t.Context(), docker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	if err := engine.Supported(t.Context()); err != nil {
		t.Error(err)
	}
}
