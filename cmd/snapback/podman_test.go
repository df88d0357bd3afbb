package main

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
)

func TestServeAndDoctorRefusePodman(t *testing.T) {
	n := newNight(t)
	podman := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/version") {
			answer(t, w, http.StatusOK, map[string]any{"ApiVersion": "1.41", "Components": []map[string]string{{"Name": "Podman Engine", "Version": "5.4.2"}}})
			return
		}
		answer(t, w, http.StatusOK, map[string]string{"ID": "5f0f1f0a", "Name": "host"})
	}))
	t.Cleanup(podman.Close)
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	n.env["DOCKER_HOST"] = "tcp://" + podman.Listener.Addr().String()
	n.env["SNAPBACK_SECRET_KEYS"] = "a:" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	for command, code := range map[string]int{"serve": 2, "doctor": 1} {
		cmd := exec.CommandContext(t.Context(), binary, command)
		for name, value := range n.env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		out, _ := cmd.CombinedOutput() // its exit code is looked at
		if got := cmd.ProcessState.ExitCode(); got != code || !strings.Contains(string(out), "this is Podman 5.4.2") {
			t.Errorf("%s ends with %d:\n%s", command, got, out)
		}
	}
}
