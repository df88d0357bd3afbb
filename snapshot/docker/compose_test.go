package docker_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
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
    ports: ["%[3]d:80"]
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
	enginetest.EachCompose(t, composeKnowsARestoredContainer)
}

func composeKnowsARestoredContainer(t *testing.T, with enginetest.Compose) {
	t.Parallel()
	s := enginetest.New(t)
	image := s.Image("good", `ENTRYPOINT ["/app"]`)
	file := func(pool string) string { return fmt.Sprintf(composeFile, image, pool, 28450+with.Version) }
	p := s.Project(with, file("20"))
	p.Compose("up", "-d")
	name := p.Container("api", 1)
	r := &restored{scope: s, name: name, before: s.Raw(name)}
	in, err := s.Engine().Inspect(t.Context(), name)
	testkit.OK(t, err)
	r.spec = keep(t, s, in.ID, false)
	p.Write(file("2"))
	p.Compose("up", "-d", "api")
	expected := byName
	if with.Version > 1 {
		expected = []string{"mount-option"} // it gives modes itself
	}
	c := matrixCase{expected: expected, differs: append([]string{`Config\.Image`}, byNameRaw...)}
	c.putBack(t, r)
	r.after = s.Raw(name)
	c.judge(t, r)
	sameVolumes(t, r)
	now, err := s.Engine().Inspect(t.Context(), name)
	testkit.OK(t, err)
	if now.Key != in.Key {
		t.Errorf("its identity was %s, and is %s", in.Key, now.Key)
	}
	s.Docker("rm", "--force", name+".before-0347")
	p.Write(file("20"))
	if ids := p.Compose("ps", "-q", "api"); strings.TrimSpace(ids) != now.ID {
		t.Errorf("compose ps sees %q, not %s", ids, now.ID)
	}
	if logs := p.Compose("logs", "--no-color", "api"); !strings.Contains(logs, "DB_POOL=20") {
		t.Errorf("compose logs: %s", logs)
	}
	p.Write(file("2"))
	p.Compose("up", "-d", "--no-recreate", "api")
	if id := s.Docker("inspect", "--format", "{{.Id}}", name); id != now.ID {
		t.Error("up --no-recreate made another container")
	}
}
