package enginetest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/client"
)

// Compose is a version of Docker Compose that this machine has.
type Compose struct {
	Version int // 1 or 2 (Compose's own number may be higher, as of the same program)
	command []string
}

// EachCompose runs a test with each version that there is, in parallel with other tests, and skips it without any.
func EachCompose(t *testing.T, test func(*testing.T, Compose)) {
	t.Helper()
	t.Parallel()
	found := composes(t)
	if len(found) == 0 {
		t.Skip("Docker Compose is not installed: scripts/setup compose")
	}
	for _, c := range found {
		t.Run(fmt.Sprint("v", c.Version), func(t *testing.T) { test(t, c) })
	}
}

// composes finds the plugin, and the program of its own, which in later Debian releases is the plugin again.
func composes(t *testing.T) (found []Compose) {
	known := map[int]bool{}
	for _, command := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		out, err := exec.CommandContext(t.Context(), command[0], append(command[1:], "version", "--short")...).Output()
		if err != nil {
			continue
		}
		major, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(string(out)), "v"), ".")
		number, err := strconv.Atoi(major)
		if number = min(number, 2); err != nil || known[number] {
			continue
		}
		known[number] = true
		found = append(found, Compose{number, command})
	}
	return found
}

// Project is a Compose project in a folder of its own. It goes with the test.
type Project struct {
	Name  string
	scope *Scope
	with  Compose
	dir   string
}

// Project makes one, with docker-compose.yml in it.
func (s *Scope) Project(with Compose, yaml string) *Project {
	s.t.Helper()
	p := &Project{Name: s.Name("proj"), scope: s, with: with, dir: s.t.TempDir()}
	p.Write(yaml)
	s.t.Cleanup(func() { _, _ = p.run("down", "--timeout", "1", "--volumes") })
	return p
}

// Write changes docker-compose.yml.
func (p *Project) Write(yaml string) {
	p.scope.t.Helper()
	if err := os.WriteFile(p.file(), []byte(yaml), 0o600); err != nil {
		p.scope.t.Fatal(err)
	}
}

func (p *Project) file() string { return filepath.Join(p.dir, "docker-compose.yml") }

// Compose runs Compose on it, and returns what it printed; what it said beside that is in the failure.
func (p *Project) Compose(args ...string) string {
	p.scope.t.Helper()
	out, err := p.run(args...)
	if err != nil {
		p.scope.t.Fatalf("compose %v: %v", args, err)
	}
	for _, id := range strings.Fields(p.scope.Docker("ps", "--all", "--quiet", "--filter", "label=com.docker.compose.project="+p.Name)) {
		p.scope.remember(id)
	}
	return out
}

func (p *Project) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	all := append(p.with.command[1:len(p.with.command):len(p.with.command)], "--file", p.file(), "--project-name", p.Name, "--ansi", "never")
	cmd := exec.CommandContext(ctx, p.with.command[0], append(all, args...)...)
	if p.scope.host != "" {
		cmd.Env = append(os.Environ(), client.EnvOverrideHost+"="+p.scope.host)
	}
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s%s", err, out, problems.String())
	}
	return string(out), nil
}

// Container is what Compose calls a service's container of that number.
func (p *Project) Container(service string, number int) string {
	separator := "-"
	if p.with.Version == 1 {
		separator = "_"
	}
	return strings.Join([]string{p.Name, service, strconv.Itoa(number)}, separator)
}

// Numbers are those of a service's containers.
func (p *Project) Numbers(service string) (numbers []int) {
	p.scope.t.Helper()
	out := p.scope.Docker("ps", "--filter", "label=com.docker.compose.project="+p.Name, "--filter", "label=com.docker.compose.service="+service,
		"--format", `{{.Label "com.docker.compose.container-number"}}`)
	for _, text := range strings.Fields(out) {
		number, err := strconv.Atoi(text)
		if err != nil {
			p.scope.t.Fatal(err)
		}
		numbers = append(numbers, number)
	}
	return numbers
}
