// Package enginetest is for tests that need a real container engine: images made on the spot (nothing is pulled), names
// that no other test has, and the removal of everything when the test ends. The engine is the one that DOCKER_HOST names.
package enginetest

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"

	"github.com/snapback/snapback/snapshot/docker"
)

// Scope is what one test has on the engine.
type Scope struct {
	t      testing.TB
	token  string
	host   string // of the engine; "": the one that DOCKER_HOST names
	engine *docker.Engine

	volumes []string // anonymous ones of the containers that Docker made: they outlive a container that a test removes
	images  []string // IDs of what was imported: an image has no name any more, once another one took it
}

// Engine connects to the engine, and fails the test when it does not answer.
func Engine(t testing.TB) *docker.Engine {
	t.Helper()
	return connect(t, docker.Config{})
}

func connect(t testing.TB, cfg docker.Config) *docker.Engine {
	t.Helper()
	engine, err := docker.New(t.Context(), cfg)
	if err != nil {
		t.Fatalf("connecting to the engine: %v", err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Errorf("closing the engine's client: %v", err)
		}
	})
	if err := engine.Ping(t.Context()); err != nil {
		t.Fatalf("the tests need a Docker engine: %v", err)
	}
	return engine
}

// New makes a Scope, which is cleaned up when the test ends.
func New(t testing.TB) *Scope {
	t.Helper()
	return On(t, "")
}

// On is New on another engine than the one that DOCKER_HOST names, such as a Daemon's, which goes with its test: nothing is
// cleaned up there.
func On(t testing.TB, host string) *Scope {
	t.Helper()
	var random [4]byte
	if _, err := rand.Read(random[:]); err != nil {
		t.Fatalf("drawing a name: %v", err)
	}
	s := &Scope{t: t, token: "sbt" + hex.EncodeToString(random[:]), host: host, engine: connect(t, docker.Config{Host: host})}
	if host == "" {
		t.Cleanup(s.clean)
	}
	return s
}

// Host is what DOCKER_HOST has to be to reach the scope's engine; "": as it is.
func (s *Scope) Host() string { return s.host }

// Engine is the engine that the scope is on.
func (s *Scope) Engine() *docker.Engine { return s.engine }

// Remember has the Engine know who was seen in which place, from now on.
func (s *Scope) Remember(record docker.Record) {
	s.engine = connect(s.t, docker.Config{Host: s.host, Record: record})
}

// Name is name made unique for this test. Containers, networks, volumes and images are to bear such names only, since
// the names are what they are removed by.
func (s *Scope) Name(name string) string { return s.token + "-" + name }

// Docker runs the docker command, fails the test when it fails, and returns what it printed without the last newline.
func (s *Scope) Docker(args ...string) string {
	s.t.Helper()
	out, err := s.Try(args...)
	if err != nil {
		s.t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	if args[0] == "run" || args[0] == "create" {
		s.remember(out)
	}
	return out
}

// Try runs the docker command, which may fail.
func (s *Scope) Try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", args...)
	if s.host != "" {
		cmd.Env = append(os.Environ(), client.EnvOverrideHost+"="+s.host)
	}
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return problems.String(), fmt.Errorf("docker %s: %w", args[0], err)
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// Only is the label that all containers of Run bear in this scope: a bot that looks at no others leaves other tests alone.
func (s *Scope) Only() string { return "snapback.test=" + s.token }

// Run starts a container that is enabled, and returns its ID. Args are docker run's after the name.
func (s *Scope) Run(name string, args ...string) string {
	s.t.Helper()
	return s.Docker(append([]string{"run", "--detach", "--name", name, "--label", "snapback.enable=true", "--label", s.Only()}, args...)...)
}

// remember notes a new container's anonymous volumes, since nothing about them tells later whose they were. One that has
// ended and removed itself has taken them along.
func (s *Scope) remember(id string) {
	made, err := s.engine.Client().ContainerInspect(s.t.Context(), id)
	if err != nil {
		return
	}
	for _, m := range made.Mounts {
		if m.Type == "volume" && len(m.Name) == 64 {
			s.volumes = append(s.volumes, m.Name)
		}
	}
}

// Raw is the inspect document of a container as the engine gives it, at its newest version of the API, which the client
// need not know.
func (s *Scope) Raw(idOrName string) json.RawMessage {
	s.t.Helper()
	answer, err := s.engine.Client().HTTPClient().Get("http://" + client.DummyHost + "/containers/" + idOrName + "/json")
	if err != nil {
		s.t.Fatalf("inspecting %s: %v", idOrName, err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("inspecting %s: %s: %s: %v", idOrName, answer.Status, raw, err)
	}
	return raw
}

// Newest is the engine's newest version of the API.
func (s *Scope) Newest() string {
	s.t.Helper()
	ping, err := s.engine.Client().Ping(s.t.Context())
	if err != nil {
		s.t.Fatalf("pinging the engine: %v", err)
	}
	return ping.APIVersion
}

// Needs skips the test on an engine that is older than this version of the API.
func (s *Scope) Needs(version string) {
	s.t.Helper()
	if newest := s.Newest(); versions.LessThan(newest, version) {
		s.t.Skipf("needs API %s; this engine has %s", version, newest)
	}
}

// Image imports an image with /app in it under a name of this scope. Changes are Dockerfile instructions. Two images are
// never the same, even with the same changes.
func (s *Scope) Image(name string, changes ...string) string {
	s.t.Helper()
	binary, err := app()
	if err != nil {
		s.t.Fatal(err)
	}
	layer, err := archive(binary, s.token+name)
	if err != nil {
		s.t.Fatal(err)
	}
	ref := s.Name(name)
	progress, err := s.engine.Client().ImageImport(s.t.Context(), image.ImportSource{Source: layer, SourceName: "-"}, ref, image.ImportOptions{Changes: changes})
	if err != nil {
		s.t.Fatalf("importing an image: %v", err)
	}
	defer progress.Close()
	for dec := json.NewDecoder(progress); ; {
		var line struct{ Status, Error string }
		if err := dec.Decode(&line); errors.Is(err, io.EOF) {
			return ref
		} else if err != nil || line.Error != "" {
			s.t.Fatalf("importing an image: %v: %s", err, line.Error)
		}
		if strings.HasPrefix(line.Status, "sha256:") {
			s.images = append(s.images, line.Status)
		}
	}
}

// Program is the path of /app on this machine.
func (s *Scope) Program() string {
	s.t.Helper()
	binary, err := app()
	if err != nil {
		s.t.Fatal(err)
	}
	path := filepath.Join(s.t.TempDir(), "app")
	if err := os.WriteFile(path, binary, 0o755); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// SlowProgram is Program, but as a volume helper it is on a disk that takes delay to write down what it was given.
func (s *Scope) SlowProgram(delay time.Duration) string {
	s.t.Helper()
	binary, err := build("-X main.syncDelay=" + delay.String())
	if err != nil {
		s.t.Fatal(err)
	}
	path := filepath.Join(s.t.TempDir(), "app")
	if err := os.WriteFile(path, binary, 0o755); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// app builds the program once in a test process.
var app = sync.OnceValues(func() ([]byte, error) { return build("") })

func build(ldflags string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "snapback-app-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	to := filepath.Join(dir, "app")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w "+ldflags, "-o", to, "github.com/snapback/snapback/internal/enginetest/app")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the test program: %w: %s", err, out)
	}
	return os.ReadFile(to)
}

// archive is an image's only layer: the program, a few folders, and a file that makes it unlike any other.
func archive(binary []byte, unique string) (io.Reader, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, folder := range []string{"tmp/", "seeded/"} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: folder, Mode: 0o777}); err != nil {
			return nil, err
		}
	}
	for _, f := range []struct {
		name, body string
		mode       int64
	}{{"app", string(binary), 0o755}, {"unique", unique, 0o644}, {"seeded/file", "from the image\n", 0o644}} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.body))}); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(w, f.body); err != nil {
			return nil, err
		}
	}
	return &buf, w.Close()
}
