package docker_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
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
	for asked, want := range map[string]bool{digest: true, "sha256:" + strings.Repeat("0", 64): false} {
		if has, err := e.RegistryHas(t.Context(), strings.TrimSuffix(ref, ":1")+"@"+asked); err != nil || has != want {
			t.Errorf("the registry has %s: %t (%v), want %t", asked, has, err, want)
		}
	}
	if has, err := e.RegistryHas(t.Context(), "127.0.0.1:1/shop@"+digest); err == nil || has {
		t.Errorf("a registry that is away has it: %t, %v", has, err)
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

// behindLogin is a registry that answers those alone who show a user and a password.
func behindLogin(t *testing.T, registry string) (host string) {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: strings.TrimSuffix(registry, "/")})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "bot" || password != "let:me:in" {
			w.Header().Set("WWW-Authenticate", `Basic realm="shop"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return strings.TrimPrefix(front.URL, "http://")
}

func TestRegistryThatWantsALoginIsShownTheOneOfDockerLogin(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	registry := s.Registry()
	ref := registry + s.Name("shop") + ":1"
	s.Docker("tag", s.Image("one", `CMD ["/app"]`), ref)
	s.Docker("push", ref)
	_, digest, _ := strings.Cut(s.Docker("image", "inspect", "-f", "{{index .RepoDigests 0}}", ref), "@")
	host := behindLogin(t, registry)
	folder := t.TempDir()
	e, err := docker.New(t.Context(), docker.Config{Host: s.Host(), Only: s.Only(), Getenv: func(name string) string {
		if name == "DOCKER_CONFIG" {
			return folder
		}
		return os.Getenv(name)
	}})
	testkit.OK(t, err)
	t.Cleanup(func() { _ = e.Close() })
	for _, test := range []struct{ at, login, want string }{
		{host, "", ""}, {host, "bot:wrong", ""}, {"elsewhere.example.com", "bot:let:me:in", ""}, {host, "bot:let:me:in", digest},
	} {
		settings := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, test.at, base64.StdEncoding.EncodeToString([]byte(test.login)))
		testkit.OK(t, os.WriteFile(filepath.Join(folder, "config.json"), []byte(settings), 0o600))
		if got := e.RegistryDigest(t.Context(), host+"/"+s.Name("shop")+":1"); got != test.want {
			t.Errorf("shown %q for %s, it says %q, want %q", test.login, test.at, got, test.want)
		}
		has, err := e.RegistryHas(t.Context(), host+"/"+s.Name("shop")+"@"+digest)
		if known := test.want != ""; has != known || (err == nil) != known {
			t.Errorf("shown %q for %s, it has the image: %t, %v", test.login, test.at, has, err)
		}
	}
}
