package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/snapback/snapback/snapshot/docker"
)

func TestDoctorTellsOfTheEnginesDisk(t *testing.T) {
	t.Parallel()
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(t, w, http.StatusOK, map[string]string{"DockerRootDir": "/"})
	}))
	t.Cleanup(remote.Close)
	for name, test := range map[string]struct {
		where docker.Config
		limit float64
		want  string
		ill   bool
	}{
		"room":            {docker.Config{}, 1.01, "ok  ", false},
		"full":            {docker.Config{}, 0.0001, "FAIL", true},
		"on another host": {docker.Config{Host: "tcp://" + remote.Listener.Addr().String()}, 0.9, "warn", false},
	} {
		var out bytes.Buffer
		err := examine(t.Context(), &out, []check{{"engine's disk", func(ctx context.Context) (string, error) { return checkDisk(ctx, test.where, test.limit) }}})
		if (err != nil) != test.ill || !strings.HasPrefix(out.String(), test.want+"  engine's disk") {
			t.Errorf("%s: %v, %s", name, err, out.String())
		}
	}
}
