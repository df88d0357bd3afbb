package docker_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
)

// A bot that restored its engine's proxy would be cut off halfway.
func TestWhatTheBotReachesTheEngineThroughIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	image := s.Image("good", `ENTRYPOINT ["/app"]`)
	proxy := s.Run(s.Name("proxy"), "--volume", "/var/run/docker.sock:/engine.sock", image, "relay", "/engine.sock", ":2375")
	shop := s.Run(s.Name("shop"), image)
	address := s.Docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", proxy)
	e, err := docker.New(t.Context(), docker.Config{Host: "tcp://" + address + ":2375", Only: s.Only()})
	testkit.OK(t, err)
	t.Cleanup(func() { _ = e.Close() })
	for end := time.Now().Add(time.Minute); e.Ping(t.Context()) != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Skip("containers can't be reached from here")
		}
	}
	in, err := e.Inspect(t.Context(), proxy)
	if err != nil || in.Carries == "" {
		t.Errorf("the proxy: %q, %v", in.Carries, err)
	}
	if in, err := e.Inspect(t.Context(), shop); err != nil || in.Carries != "" {
		t.Errorf("another one: %q, %v", in.Carries, err)
	}
	if in, err := s.Engine().Inspect(t.Context(), proxy); err != nil || in.Carries != "" {
		t.Errorf("the proxy of others: %q, %v", in.Carries, err)
	}
	seen, err := e.Observations(t.Context())
	testkit.OK(t, err)
	for _, c := range seen {
		if c.ID == proxy && !c.Others || c.ID == shop && c.Others {
			t.Errorf("the watch sees %+v", c)
		}
	}
	list, err := e.List(t.Context())
	testkit.OK(t, err)
	if !slices.ContainsFunc(list, func(c snapshot.Container) bool { return c.ID == proxy && c.Carries != "" }) {
		t.Errorf("the list does not say it: %+v", list)
	}
	_, _, commit := e.Commit(t.Context(), proxy, docker.Ref(s.Name("proxy"), "x"), true)
	_, pause := e.Pause(t.Context(), proxy)
	for act, err := range map[string]error{
		"stopping": e.Stop(t.Context(), proxy, 0), "removing": e.Remove(t.Context(), proxy), "committing": commit, "pausing": pause,
	} {
		if !errors.Is(err, snapshot.ErrCarriesBot) {
			t.Errorf("%s it: %v", act, err)
		}
	}
	testkit.OK(t, e.Stop(t.Context(), shop, 0))
}
