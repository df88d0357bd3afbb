package docker_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/enginetest"
)

const composeFile = `
version: "2.4"
services:
  db:
    image: %[1]s
    command: serve
    networks: [back]
    volumes: [data:/data]
  api:
    image: %[1]s
    command: serve
    environment: {DB_POOL: "%[2]s"}
    labels: {snapback.enable: "true"}
    depends_on: [db]
    ports: ["28451:80"]
    volumes: [data:/data, /scratch]
    networks:
      back: {aliases: [shop]}
      front: {}
  sidecar:
    image: %[1]s
    command: serve -addr :81
    network_mode: service:api
networks: {back: {}, front: {}}
volumes: {data: {}}
`

// TestComposeKnowsARestoredContainerAsItsOwn takes a project through a deploy and a restore of one service.
func TestComposeKnowsARestoredContainerAsItsOwn(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("docker-compose"); err != nil {
		t.Skip("docker-compose is not installed")
	}
	s := enginetest.New(t)
	image, dir := s.Image("good", `ENTRYPOINT ["/app"]`), t.TempDir()
	compose(t, s, dir, image, "20", "up", "-d")
	name := s.Name("p_api_1")
	r := &restored{scope: s, name: name, before: s.Raw(name)}
	in, err := s.Engine().Inspect(t.Context(), name)
	must(t, err)
	r.spec = keep(t, s, in.ID, false)
	compose(t, s, dir, image, "2", "up", "-d", "api")
	c := matrixCase{expected: byName, differs: append([]string{`Config\.Image`}, byNameRaw...)}
	c.putBack(t, r)
	r.after = s.Raw(name)
	c.judge(t, r)
	sameVolumes(t, r)
	now, err := s.Engine().Inspect(t.Context(), name)
	must(t, err)
	if now.Key != in.Key {
		t.Errorf("its identity was %s, and is %s", in.Key, now.Key)
	}
	s.Docker("rm", "--force", name+".before-0347")
	if ids := compose(t, s, dir, image, "20", "ps", "-q", "api"); strings.TrimSpace(ids) != now.ID {
		t.Errorf("compose ps sees %q, not %s", ids, now.ID)
	}
	if logs := compose(t, s, dir, image, "20", "logs", "--no-color", "api"); !strings.Contains(logs, "DB_POOL=20") {
		t.Errorf("compose logs: %s", logs)
	}
	compose(t, s, dir, image, "2", "up", "-d", "--no-recreate", "api")
	if id := s.Docker("inspect", "--format", "{{.Id}}", name); id != now.ID {
		t.Error("up --no-recreate made another container")
	}
}

func compose(t *testing.T, s *enginetest.Scope, dir, image, pool string, args ...string) string {
	t.Helper()
	file := filepath.Join(dir, "docker-compose.yml")
	must(t, os.WriteFile(file, fmt.Appendf(nil, composeFile, image, pool), 0o600))
	cmd := exec.Command("docker-compose", append([]string{"--file", file, "--project-name", s.Name("p"), "--no-ansi"}, args...)...)
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("docker-compose %v: %v\n%s", args, err, problems.String())
	}
	return string(out)
}
