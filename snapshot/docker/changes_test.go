package docker_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
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
	testkit.OK(t, err)
	s.Docker("rm", "--force", name)
	s.Run(name, "--env", "DB_POOL=2", "--env", "API_KEY=second", "--env", "DB_PASSWORD=third", "--memory", "128m", "--network", s.Name("back"),
		"--volume", s.Name("data")+":/data:ro", "--restart", "always", s.Image("shop2", `ENTRYPOINT ["/app"]`, "LABEL org.opencontainers.image.version=1.42"), "serve", "-addr", ":81")
	after, err := e.Inspect(t.Context(), name)
	testkit.OK(t, err)
	changes, err := e.Changes(before.Document, after.Document)
	testkit.OK(t, err)
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
	}
	want = append(want, imageDetails(s, before.ImageID, after.ImageID)...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// imageDetails are the lines about two images beyond their names. With containerd's store, also one that no registry knows
// has a digest.
func imageDetails(s *enginetest.Scope, was, is string) (lines []string) {
	if from, to := digestOf(s, was), digestOf(s, is); from != "" {
		lines = append(lines, "image digest: "+from+" → "+to)
	}
	lines = append(lines, built(s, was, is)...)
	return append(lines, "image ID: "+was[7:19]+" → "+is[7:19])
}

// digestOf is the beginning of an image's digest, or nothing.
func digestOf(s *enginetest.Scope, image string) string {
	_, digest, known := strings.Cut(s.Docker("image", "inspect", "--format", "{{range .RepoDigests}}{{.}} {{end}}", image), "@sha256:")
	if !known {
		return ""
	}
	return digest[:12]
}

// built is the line about when two images were; none when that was within the same second.
func built(s *enginetest.Scope, images ...string) []string {
	times := strings.Fields(s.Docker(append([]string{"image", "inspect", "--format", "{{.Created}}"}, images...)...))
	for i, t := range times {
		times[i] = strings.Replace(t[:len("2006-01-02T15:04:05")], "T", " ", 1) + " UTC"
	}
	if times[0] == times[1] {
		return nil
	}
	return []string{"image built: " + times[0] + " → " + times[1]}
}

func TestAnotherImageUnderTheSameNameComesFirstByTheRegistrysDigest(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	name, e, ref := s.Name("api"), s.Engine(), s.Registry()+s.Name("shop")+":1"
	var seen []snapshot.Inspection
	var digests []string
	for _, image := range []string{"one", "two"} {
		s.Docker("tag", s.Image(image, `ENTRYPOINT ["/app"]`), ref)
		s.Docker("push", ref)
		s.Run(name, "--env", "IMAGE="+image, ref)
		in, err := e.Inspect(t.Context(), name)
		testkit.OK(t, err)
		seen, digests = append(seen, in), append(digests, digestOf(s, ref))
		s.Docker("rm", "--force", name)
	}
	changes, err := e.Changes(seen[0].Document, seen[1].Document)
	testkit.OK(t, err)
	var got []string
	for _, c := range changes {
		got = append(got, c.String())
	}
	digest := "image digest: " + digests[0] + " → " + digests[1]
	want := append(imageDetails(s, seen[0].ImageID, seen[1].ImageID), "env IMAGE: one → two")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if line := snapshot.OneLine(changes, 3); line != digest+", env IMAGE: one → two" {
		t.Errorf("in one line: %q, want the image once", line)
	}
}

// As a build without a cache makes it: another ID and another time, the same layers and settings.
func TestImageBuiltAnewFromTheSameIsNoChange(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	name, e, ref := s.Name("api"), s.Engine(), s.Name("shop")+":1"
	source := s.Run(s.Name("source"), s.Image("good", `ENTRYPOINT ["/app"]`))
	inspect := func(change string) snapshot.Inspection {
		s.Docker("commit", "--change", change, source, ref)
		s.Run(name, ref)
		defer s.Docker("rm", "--force", name)
		in, err := e.Inspect(t.Context(), name)
		testkit.OK(t, err)
		return in
	}
	one, again, other := inspect("ENV A=1"), inspect("ENV A=1"), inspect("ENV A=2")
	if one.ImageID == again.ImageID {
		t.Fatal("it is the same image")
	}
	if changes, err := e.Changes(one.Document, again.Document); err != nil || len(changes) > 0 {
		t.Errorf("changes %v, %v", changes, err)
	}
	if changes, err := e.Changes(one.Document, other.Document); err != nil || !slices.ContainsFunc(changes, snapshot.Change.ImageDetail) {
		t.Errorf("of another one: changes %v, %v, want the image among them", changes, err)
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
	testkit.OK(t, err)
	s.Docker("rm", "--force", name)
	pushed := s.Registry() + s.Name("good") // which is no other image
	s.Docker("tag", image, pushed)
	s.Docker("push", pushed)
	s.Run(name, flags...)
	after, err := s.Engine().Inspect(t.Context(), name)
	testkit.OK(t, err)
	if changes, err := s.Engine().Changes(before.Document, after.Document); err != nil || len(changes) > 0 {
		t.Errorf("changes %v, %v", changes, err)
	}
}

func TestSecretsOfACommandAreInNoChange(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	name, e, image := s.Name("api"), s.Engine(), s.Image("shop", `ENTRYPOINT ["/app"]`)
	s.Run(name, image)
	before, err := e.Inspect(t.Context(), name)
	testkit.OK(t, err)
	s.Docker("rm", "--force", name)
	const drawn = "wJalrXUtnFEMIK7MDENGbPxRfiCY1a2B"
	s.Run(name, "--env", "A_TOKEN=horse battery", "--health-cmd", `PGPASSWORD="hunter2 hunter3" pg_isready`, "--log-opt", "tag="+drawn,
		image, "serve", "--password=hunter2 hunter3", drawn, "horse battery")
	after, err := e.Inspect(t.Context(), name)
	testkit.OK(t, err)
	told := map[string]string{}
	changes, err := e.Changes(before.Document, after.Document)
	testkit.OK(t, err)
	for _, c := range changes {
		told[c.Attribute] = c.After
	}
	differences, err := e.Compare(before.Document, snapshot.Spec{}, after.Document)
	testkit.OK(t, err)
	for _, d := range differences {
		told["restored "+d.Attribute] = d.Got
	}
	for attribute, text := range told {
		for _, secret := range []string{"hunter2", "hunter3", drawn, "battery"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s: %s", attribute, text)
			}
		}
	}
	if want := `serve "--password=[masked]" [masked] "[masked]"`; told["command"] != want {
		t.Errorf("the command is %s, want %s", told["command"], want)
	}
}
