package docker_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/snapshot"
)

// TestImageIsFoundByAllItsNames, and the registry says what a tag stands for, also when the engine does not have it.
func TestImageIsFoundByAllItsNames(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	e, ref := s.Engine(), s.Registry()+s.Name("shop")+":1"
	s.Docker("tag", s.Image("one", `CMD ["/app"]`), ref)
	s.Docker("push", ref)
	id := s.Docker("image", "inspect", "-f", "{{.Id}}", ref)
	_, digest, _ := strings.Cut(s.Docker("image", "inspect", "-f", "{{index .RepoDigests 0}}", ref), "@")
	for _, name := range []string{ref, id, strings.TrimPrefix(id, "sha256:")[:12], strings.TrimSuffix(ref, ":1") + "@" + digest} {
		found, err := e.FindImage(t.Context(), name)
		if err != nil || found.ID != id || found.Content == "" || !slices.Contains(found.Digests, digest) {
			t.Errorf("%s is %+v (%v), want %s of %s", name, found, err, id, digest)
		}
	}
	s.Docker("rmi", "-f", id)
	if _, err := e.FindImage(t.Context(), ref); !errors.Is(err, snapshot.ErrGone) {
		t.Errorf("without it: %v", err)
	}
	if got := e.RegistryDigest(t.Context(), ref); got != digest {
		t.Errorf("the registry says %q of %s, want %s", got, ref, digest)
	}
	for _, name := range []string{strings.TrimSuffix(ref, "1") + "2", "../../containers/json", "", "-x", "a b"} {
		if got := e.RegistryDigest(t.Context(), name); got != "" {
			t.Errorf("the registry says %q of %q", got, name)
		}
		if _, err := e.FindImage(t.Context(), name); !errors.Is(err, snapshot.ErrGone) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
