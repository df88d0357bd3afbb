package docker_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/snapshot"
)

func TestChangesTellWhatADeployDid(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	s.Docker("network", "create", s.Name("back"))
	name, e := s.Name("api"), s.Engine()
	old := s.Image("shop", `ENTRYPOINT ["/app"]`, "LABEL org.opencontainers.image.version=1.41")
	s.Run(name, "--env", "DB_POOL=20", "--env", "API_KEY=first", "--env", "GONE=1", "--memory", "64m", "--publish", "28441:80", old)
	before, err := e.Inspect(t.Context(), name)
	must(t, err)
	s.Docker("rm", "--force", name)
	s.Run(name, "--env", "DB_POOL=2", "--env", "API_KEY=second", "--env", "DB_PASSWORD=third", "--memory", "128m", "--network", s.Name("back"),
		"--volume", s.Name("data")+":/data:ro", "--restart", "always", s.Image("shop2", `ENTRYPOINT ["/app"]`, "LABEL org.opencontainers.image.version=1.42"), "serve", "-addr", ":81")
	after, err := e.Inspect(t.Context(), name)
	must(t, err)
	changes, err := e.Changes(before.Document, after.Document)
	must(t, err)
	var got []string
	for _, c := range changes {
		got = append(got, c.String())
	}
	want := []string{
		"image: " + s.Name("shop") + " → " + s.Name("shop2"),
		"env API_KEY: changed",
		"env DB_PASSWORD: added [masked]",
		"env DB_POOL: 20 → 2",
		"env GONE: removed 1",
		"command: added serve -addr :81",
		"mount /data: added volume " + s.Name("data") + " (read-only)",
		"network mode: default → " + s.Name("back"),
		"network bridge: removed connected",
		"network " + s.Name("back") + ": added connected",
		"port 80/tcp: removed 28441",
		"version: 1.41 → 1.42",
		"memory limit: 64 MiB → 128 MiB",
		"memory and swap limit: 128 MiB → 256 MiB",
		"restart policy: no → always",
		"image ID: " + before.ImageID[7:19] + " → " + after.ImageID[7:19],
		"image built: " + built(s, "shop") + " → " + built(s, "shop2"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// built is when an image was, as people are told.
func built(s *enginetest.Scope, image string) string {
	at, err := time.Parse(time.RFC3339Nano, s.Docker("image", "inspect", "--format", "{{.Created}}", s.Name(image)))
	if err != nil {
		panic(err)
	}
	return at.UTC().Format("2006-01-02 15:04:05 UTC")
}

func TestAnotherImageUnderTheSameNameComesFirst(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	name, e := s.Name("api"), s.Engine()
	s.Run(name, s.Image("shop", `ENTRYPOINT ["/app"]`))
	before, err := e.Inspect(t.Context(), name)
	must(t, err)
	s.Docker("rm", "--force", name)
	s.Run(name, "--env", "A=1", s.Image("shop", `ENTRYPOINT ["/app"]`, "LABEL build=2"))
	after, err := e.Inspect(t.Context(), name)
	must(t, err)
	changes, err := e.Changes(before.Document, after.Document)
	must(t, err)
	want := "image ID: " + before.ImageID[7:19] + " → " + after.ImageID[7:19]
	if before.ImageID == after.ImageID || len(changes) < 3 || changes[0].String() != want {
		t.Errorf("changes %v, want first %q", changes, want)
	}
}

func TestDigestsOfRegistriesAreCompared(t *testing.T) {
	t.Parallel()
	_, name, _ := setup(t)
	e := enginetest.Engine(t)
	in, err := e.Inspect(t.Context(), name)
	must(t, err)
	with := func(digest string) []byte {
		return bytes.Replace(in.Document, []byte(`"Built":`), []byte(`"Digests":["sha256:`+digest+`"],"Built":`), 1)
	}
	changes, err := e.Changes(with("aa"), with("bb"))
	must(t, err)
	if len(changes) != 1 || changes[0].String() != "image digest: sha256:aa → sha256:bb" {
		t.Errorf("changes %v", changes)
	}
	differences, err := e.Compare(with("aa"), snapshot.Spec{}, with("bb"))
	if err != nil || len(differences) > 0 {
		t.Errorf("a restored container would differ by %v, %v", differences, err)
	}
}

func TestARestartOfTheSameIsNoChange(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	s.Docker("network", "create", s.Name("back"))
	name, image := s.Name("api"), s.Image("good", `ENTRYPOINT ["/app"]`)
	flags := []string{"--network", s.Name("back"), "--network-alias", "shop", "--env", "A=1", image}
	s.Run(name, flags...)
	before, err := s.Engine().Inspect(t.Context(), name)
	must(t, err)
	s.Docker("rm", "--force", name)
	s.Run(name, flags...)
	after, err := s.Engine().Inspect(t.Context(), name)
	must(t, err)
	if changes, err := s.Engine().Changes(before.Document, after.Document); err != nil || len(changes) > 0 {
		t.Errorf("changes %v, %v", changes, err)
	}
}
