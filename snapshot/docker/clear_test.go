package docker_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot/docker"
)

func TestConnectionsInTheClearAreToldFromOthers(t *testing.T) {
	t.Parallel()
	_, files := certificates(t)
	certs := filepath.Dir(files["ca"])
	folder, program := dockerContexts(t, "clear", "host=tcp://192.0.2.1:2375")
	program("context", "create", "tls", "--docker", "host=tcp://192.0.2.1:2376,ca="+files["ca"]+",cert="+files["cert"]+",key="+files["key"])
	for name, test := range map[string]struct {
		host, certs string
		env         map[string]string
		want        bool
	}{
		"named":                         {"tcp://192.0.2.1:2375", "", nil, true},
		"named, with certificates":      {"tcp://192.0.2.1:2376", certs, nil, false},
		"named, with the environment's": {"tcp://192.0.2.1:2376", "", map[string]string{"DOCKER_CERT_PATH": certs}, false},
		"named, on this machine":        {"tcp://127.0.0.1:2375", "", nil, false},
		"a socket":                      {"unix:///none.sock", "", nil, false},
		"a context":                     {"clear", "", nil, true},
		"a context with certificates":   {"tls", "", nil, false},
		"DOCKER_HOST":                   {"", "", map[string]string{"DOCKER_HOST": "tcp://192.0.2.1:2375"}, true},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // nothing has to answer
		e, err := docker.New(ctx, docker.Config{Host: test.host, Certs: test.certs, Getenv: func(name string) string {
			if name == "DOCKER_CONFIG" {
				return folder
			}
			return test.env[name]
		}})
		testkit.OK(t, err)
		if got := e.InTheClear(); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
		testkit.OK(t, e.Close())
	}
}
