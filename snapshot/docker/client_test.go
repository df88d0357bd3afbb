package docker_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
)

// dockerContexts is a folder of the docker program's settings, in which the real program has made a context.
func dockerContexts(t *testing.T, name, endpoint string) (folder string, program func(args ...string)) {
	t.Helper()
	folder = t.TempDir()
	program = func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "docker", args...)
		cmd.Env = append(os.Environ(), "DOCKER_CONFIG="+folder, "DOCKER_HOST=", "DOCKER_CONTEXT=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("docker %q: %v: %s", args, err, out)
		}
	}
	program("context", "create", name, "--docker", endpoint)
	return folder, program
}

// reach makes an engine in an environment, and wants it to be the scope's.
func reach(t *testing.T, s *enginetest.Scope, env map[string]string) *docker.Engine {
	t.Helper()
	e, err := docker.New(t.Context(), docker.Config{Only: s.Only(), Getenv: func(name string) string { return env[name] }})
	testkit.OK(t, err)
	t.Cleanup(func() { testkit.OK(t, e.Close()) })
	got, err := e.ID(t.Context())
	testkit.OK(t, err)
	want, err := s.Engine().ID(t.Context())
	testkit.OK(t, err)
	if got != want {
		t.Errorf("it is engine %s, want %s", got, want)
	}
	return e
}

func TestEngineIsFoundByContextAsDockerDoes(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	folder, program := dockerContexts(t, "shop", "host="+s.Engine().Client().DaemonHost())
	e := reach(t, s, map[string]string{"DOCKER_CONFIG": folder, "DOCKER_CONTEXT": "shop"})
	if got := e.From(); got != `context "shop" of DOCKER_CONTEXT` {
		t.Errorf("it is from %s", got)
	}
	program("context", "use", "shop")
	e = reach(t, s, map[string]string{"DOCKER_CONFIG": folder})
	if !strings.HasPrefix(e.From(), `context "shop" of `+folder) {
		t.Errorf("it is from %s", e.From())
	}
	e = reach(t, s, map[string]string{"DOCKER_CONFIG": folder, "DOCKER_CONTEXT": "gone", "DOCKER_HOST": s.Engine().Client().DaemonHost()})
	if e.From() != "DOCKER_HOST" {
		t.Errorf("DOCKER_HOST comes first, and it is from %s", e.From())
	}
}

func TestEngineThatCannotBeFoundIsAnErrorThatNamesTheSetting(t *testing.T) {
	t.Parallel()
	folder, program := dockerContexts(t, "broken", "host=unix:///none.sock")
	program("context", "create", "elsewhere", "--docker", "host=ssh://somebody@host")
	replaceIn(t, folder, "somebody@", "somebody:secret@") // which the program does not make
	testkit.OK(t, os.WriteFile(filepath.Join(folder, "config.json"), []byte("{"), 0o600))
	for want, env := range map[string]map[string]string{
		`DOCKER_CONTEXT: context "gone"`:      {"DOCKER_CONTEXT": "gone"},
		`DOCKER_CONTEXT: context "elsewhere"`: {"DOCKER_CONTEXT": "elsewhere"},
		"DOCKER_HOST: ":                       {"DOCKER_HOST": "ssh://somebody:secret@host"},
		"DOCKER_HOST: unable":                 {"DOCKER_HOST": "nonsense"},
		"config.json":                         {},
	} {
		env["DOCKER_CONFIG"] = folder
		e, err := docker.New(t.Context(), docker.Config{Getenv: func(name string) string { return env[name] }})
		if err == nil {
			t.Errorf("%v: it is %s", env, e.From())
		} else if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v: %v", env, err)
		}
	}
}

// replaceIn changes the contexts of a folder.
func replaceIn(t *testing.T, folder, old, text string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "contexts/meta/*/meta.json"))
	testkit.OK(t, err)
	for _, path := range files {
		doc, err := os.ReadFile(path)
		testkit.OK(t, err)
		testkit.OK(t, os.WriteFile(path, bytes.ReplaceAll(doc, []byte(old), []byte(text)), 0o600))
	}
}

func TestContextWithCertificatesIsSpokenToOverTLS(t *testing.T) {
	t.Parallel()
	s, _, id := setup(t)
	ca, files := certificates(t)
	server := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "docker" },
		Transport: s.Engine().Client().HTTPClient().Transport,
	})
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca, MinVersion: tls.VersionTLS12}
	cert, err := tls.LoadX509KeyPair(files["cert"], files["key"])
	testkit.OK(t, err)
	server.TLS.Certificates = []tls.Certificate{cert}
	server.StartTLS()
	t.Cleanup(server.Close)
	endpoint := fmt.Sprintf("host=tcp://%s,ca=%s,cert=%s,key=%s", server.Listener.Addr(), files["ca"], files["cert"], files["key"])
	folder, _ := dockerContexts(t, "tls", endpoint)
	e := reach(t, s, map[string]string{"DOCKER_CONFIG": folder, "DOCKER_CONTEXT": "tls"})
	testkit.OK(t, e.SetRestartPolicy(t.Context(), id, snapshot.RestartPolicy{Name: "always"})) // a call that the client has no method for
}

// certificates are one that has signed itself, for both sides.
func certificates(t *testing.T) (*x509.CertPool, map[string]string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	testkit.OK(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "engine"}, NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	testkit.OK(t, err)
	private, err := x509.MarshalECPrivateKey(key)
	testkit.OK(t, err)
	dir, pool := t.TempDir(), x509.NewCertPool()
	files := map[string]string{}
	for name, block := range map[string]*pem.Block{
		"ca": {Type: "CERTIFICATE", Bytes: der}, "cert": {Type: "CERTIFICATE", Bytes: der}, "key": {Type: "EC PRIVATE KEY", Bytes: private},
	} {
		files[name] = filepath.Join(dir, name+".pem")
		testkit.OK(t, os.WriteFile(files[name], pem.EncodeToMemory(block), 0o600))
	}
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return pool, files
}

// Not parallel: the program ssh is found by the process's PATH.
func TestEngineIsReachedBySSHAsDockerDoes(t *testing.T) {
	s := enginetest.New(t)
	socket, ok := strings.CutPrefix(s.Engine().Client().DaemonHost(), "unix://")
	if !ok {
		t.Skip("the engine has no socket here that ssh could lead to")
	}
	to := "ssh://" + enginetest.StartSSH(t).Address + socket
	id := s.Run(s.Name("api"), s.Image("good", `CMD ["/app"]`))
	folder, _ := dockerContexts(t, "far", "host="+to)
	for setting, env := range map[string]map[string]string{
		"DOCKER_HOST": {"DOCKER_HOST": to}, "context": {"DOCKER_CONFIG": folder, "DOCKER_CONTEXT": "far"},
	} {
		e := reach(t, s, env)
		testkit.OK(t, e.Denied(t.Context()))
		list, err := e.List(t.Context())
		if err != nil || len(list) != 1 || list[0].ID != id {
			t.Errorf("%s: the list is %+v, %v", setting, list, err)
		}
		testkit.OK(t, e.SetRestartPolicy(t.Context(), id, snapshot.RestartPolicy{Name: "always"}))
		testkit.OK(t, e.Stop(t.Context(), id, time.Second))
		testkit.OK(t, e.Start(t.Context(), id))
		if got := overStream(t, e, id); !strings.Contains(got, "unknown command") {
			t.Errorf("%s: a command in the container said %q", setting, got)
		}
	}
}

// overStream runs a command as a terminal does, over a connection that is taken out of HTTP.
func overStream(t *testing.T, e *docker.Engine, id string) string {
	t.Helper()
	made, err := e.Client().ContainerExecCreate(t.Context(), id, container.ExecOptions{Cmd: []string{"/app", "-h"}, AttachStdout: true, AttachStderr: true, Tty: true})
	testkit.OK(t, err)
	stream, err := e.Client().ContainerExecAttach(t.Context(), made.ID, container.ExecAttachOptions{Tty: true})
	testkit.OK(t, err)
	defer stream.Close()
	testkit.OK(t, stream.Conn.SetReadDeadline(time.Time{}))
	var out bytes.Buffer
	_, err = out.ReadFrom(stream.Reader)
	testkit.OK(t, err)
	return out.String()
}

func TestAnSSHServerThatRefusesIsAnEngineThatIsAway(t *testing.T) {
	to := enginetest.StartSSH(t).Address
	_, port, _ := strings.Cut(to, "@127.0.0.1:")
	e, err := docker.New(t.Context(), docker.Config{Host: "ssh://nobody-of-that-name@127.0.0.1:" + port})
	testkit.OK(t, err)
	defer e.Close()
	if err := e.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "Permission denied") || !strings.Contains(err.Error(), snapshot.ErrEngineAway.Error()) {
		t.Errorf("got %v", err)
	}
}
