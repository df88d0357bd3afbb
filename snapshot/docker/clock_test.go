package docker_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot/docker"
)

var ownTimes = regexp.MustCompile(`"(SystemTime|StartedAt)":"([^"]+)"`)

// TestUptimeIsByTheEnginesOwnClock has the real engine say times that are hours off.
func TestUptimeIsByTheEnginesOwnClock(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	image := s.Image("good", `CMD ["/app"]`)
	began := time.Now()
	id := s.Run(s.Name("api"), image)
	for _, ahead := range []time.Duration{0, 3 * time.Hour, -3 * time.Hour} {
		in, err := shifted(t, s, ahead).Inspect(t.Context(), id)
		testkit.OK(t, err)
		if most := time.Since(began) + 3*time.Second; in.Up <= 0 || in.Up > most {
			t.Errorf("with a clock that is %s ahead it has been up for %s, which is not at most %s", ahead, in.Up, most)
		}
	}
	s.Docker("stop", id)
	in, err := s.Engine().Inspect(t.Context(), id)
	testkit.OK(t, err)
	if in.Up != 0 {
		t.Errorf("stopped, it has been up for %s", in.Up)
	}
}

func shifted(t *testing.T, s *enginetest.Scope, ahead time.Duration) *docker.Engine {
	t.Helper()
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "docker" },
		Transport: s.Engine().Client().HTTPClient().Transport,
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			body = ownTimes.ReplaceAllFunc(body, func(pair []byte) []byte {
				m := ownTimes.FindSubmatch(pair)
				at, err := time.Parse(time.RFC3339Nano, string(m[2]))
				if err != nil {
					return pair
				}
				return fmt.Appendf(nil, "%q:%q", m[1], at.Add(ahead).Format(time.RFC3339Nano))
			})
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			r.Header.Del("Content-Length")
			return err
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	e, err := docker.New(t.Context(), docker.Config{Host: "tcp://" + strings.TrimPrefix(server.URL, "http://")})
	testkit.OK(t, err)
	t.Cleanup(func() { testkit.OK(t, e.Close()) })
	return e
}
