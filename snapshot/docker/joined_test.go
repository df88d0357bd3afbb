package docker_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
)

// silentAbout is the way to an engine that never answers when it is asked about a container.
func silentAbout(t *testing.T, id string) string {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "docker"})
	proxy.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", "/var/run/docker.sock")
	}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/containers/"+id+"/json") {
			<-r.Context().Done()
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return "tcp://" + strings.TrimPrefix(srv.URL, "http://")
}

// TestContainerThatHangsKeepsNoOtherFromBeingRestored also within the two seconds that an alert has.
func TestContainerThatHangsKeepsNoOtherFromBeingRestored(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	image := s.Image("shop", `CMD ["/app"]`)
	api := s.Run(s.Name("api"), image)
	e, err := docker.New(t.Context(), docker.Config{Host: silentAbout(t, s.Run(s.Name("hangs"), image)), Only: s.Only()})
	testkit.OK(t, err)
	t.Cleanup(func() { _ = e.Close() })
	in, err := e.Inspect(t.Context(), api)
	testkit.OK(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	for range 3 {
		finding, err := e.Check(ctx, in.Name, snapshot.Spec{Document: in.Document, ImageID: in.ImageID, Replaces: in.ID})
		if err != nil || len(finding.Problems) > 0 {
			t.Fatalf("%+v, %v", finding, err)
		}
	}
}
