package docker_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
)

func TestFollowTellsWhatHappenedWhileNobodyLooked(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	image, name, begun := s.Image("shop", `CMD ["/app", "serve", "-addr="]`), s.Name("api"), time.Now().Add(-time.Second)
	id := s.Run(name, image)
	s.Docker("rename", name, name+"-2")
	s.Docker("run", "--detach", "--name", name, image)
	s.Docker("rm", "-f", name+"-2")
	want := []string{"create", "start", "rename", "die", "destroy"}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Minute, errors.New("too late"))
	defer cancel()
	enough := errors.New("enough")
	ctx, stop := context.WithCancelCause(ctx)
	var got []string
	var last time.Time
	err := s.Engine().Follow(ctx, begun, func(e snapshot.Event) {
		if e.Name == name && e.ContainerID != id {
			t.Errorf("told of a container that is not enabled: %+v", e)
		}
		if e.ContainerID != id {
			return // another test's
		}
		if e.At.Before(last) || time.Since(e.At) > 5*time.Minute {
			t.Errorf("moment %s after %s", e.At, last)
		}
		last, got = e.At, append(got, e.Action)
		if len(got) == len(want) {
			stop(enough)
		}
	})
	if !errors.Is(err, enough) {
		t.Errorf("it returned %v, want the cause of its end", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestFollowingAnEngineThatHasJustComeBack is for the race detector: another call settles on a version with the engine meanwhile. The
// first to follow and the first to ask have nothing to do with each other, so nothing but time orders them here.
func TestFollowingAnEngineThatHasJustComeBack(t *testing.T) {
	t.Parallel()
	var back atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !back.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Api-Version", "1.41")
		if !strings.HasSuffix(r.URL.Path, "/_ping") {
			_, _ = io.WriteString(w, "{}")
		}
	}))
	t.Cleanup(server.Close)
	follows := map[string]func(*docker.Engine) error{
		"containers": func(e *docker.Engine) error { return e.Follow(t.Context(), time.Time{}, func(snapshot.Event) {}) },
		"services": func(e *docker.Engine) error {
			return e.FollowServices(t.Context(), time.Time{}, func(snapshot.Event) {})
		},
		"an exit": func(e *docker.Engine) error {
			var of snapshot.Inspection
			of.State = "running"
			_, _, err := e.LastExit(t.Context(), of)
			return err
		},
	}
	for what, follow := range follows {
		t.Run(what, func(t *testing.T) {
			back.Store(false)
			e, err := docker.New(t.Context(), docker.Config{Host: "tcp://" + server.Listener.Addr().String()})
			testkit.OK(t, err)
			t.Cleanup(func() { testkit.OK(t, e.Close()) })
			back.Store(true)
			told := make(chan error, 1)
			go func() {
				_, err := e.Introduction(t.Context())
				told <- err
			}()
			time.Sleep(100 * time.Millisecond) // a channel would order them
			if err := follow(e); err != nil && !errors.Is(err, io.EOF) {
				t.Errorf("following what ends at once: %v", err)
			}
			testkit.OK(t, <-told)
		})
	}
}

func TestGlanceShowsWhatListShows(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	image := s.Image("shop", `CMD ["/app", "serve", "-addr="]`)
	id := s.Run(s.Name("api"), "--label", "snapback.schedule=@every 6h", "--label", "com.docker.compose.project=p", "--label", "com.docker.compose.service="+s.Name("web"), image)
	s.Run(s.Name("api.before-0347"), image)
	s.Docker("create", "--name", s.Name("other"), image)
	glance, err := s.Engine().Observations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	glance = slices.DeleteFunc(glance, func(g snapshot.Observation) bool {
		return g.Name != s.Name("api") && g.Name != s.Name("api.before-0347") && g.Name != s.Name("other")
	})
	in, err := s.Engine().Inspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	want := []snapshot.Observation{{
		Key: in.Key, ID: id, Name: in.Name, State: "running", CreatedAt: in.CreatedAt.Truncate(time.Second), Schedule: "@every 6h",
	}}
	if diff := cmp.Diff(want, glance); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFollowSaysThatTheEngineIsAway(t *testing.T) {
	t.Parallel()
	e, err := docker.New(t.Context(), docker.Config{Host: "unix://" + t.TempDir() + "/none.sock"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	err = e.Follow(t.Context(), time.Time{}, func(snapshot.Event) {})
	if !errors.Is(err, snapshot.ErrEngineAway) {
		t.Errorf("got %v, want ErrEngineAway", err)
	}
}

// The document of a container that the engine has restarted says 0, whatever its program ended with.
func TestLastExitIsToldOfAContainerThatWasRestarted(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	id := s.Run(s.Name("api"), "--restart", "always", s.Image("ends", `CMD ["/app", "exit", "3", "3s"]`))
	e, ctx := s.Engine(), t.Context()
	in, err := e.Inspect(ctx, id)
	for begun := time.Now(); in.Restarts == 0 || in.State != "running"; in, err = e.Inspect(ctx, id) {
		if testkit.OK(t, err); time.Since(begun) > 2*time.Minute {
			t.Fatalf("it is %s, and was restarted %d times", in.State, in.Restarts)
		}
	}
	if code, told, err := e.LastExit(ctx, in); code != 3 || !told || err != nil || in.ExitCode != 0 {
		t.Errorf("%d, %v, %v; the document says %d", code, told, err, in.ExitCode)
	}
	fresh, err := e.Inspect(ctx, s.Run(s.Name("fresh"), s.Image("runs", `CMD ["/app"]`)))
	testkit.OK(t, err)
	if code, told, err := e.LastExit(ctx, fresh); told || err != nil {
		t.Errorf("of one that has never ended: %d, %v, %v", code, told, err)
	}
}

func TestOneOffsOfComposeStandForNothing(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	web, off := s.Name("web-1"), s.Name("web-run-1")
	for name, oneOff := range map[string]string{web: "False", off: "True"} {
		s.Run(name, "--label", "com.docker.compose.project="+s.Name("p"), "--label", "com.docker.compose.service=web", "--label", "com.docker.compose.oneoff="+oneOff,
			"--label", "snapback.identity="+s.Name("web"), s.Image("shop", `CMD ["/app"]`))
	}
	var shown []string
	all, err := s.Engine().List(t.Context())
	for _, c := range all {
		shown = append(shown, c.Name)
	}
	seen, err2 := s.Engine().Observations(t.Context())
	for _, o := range seen {
		shown = append(shown, o.Name)
	}
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(shown, web) || slices.Contains(shown, off) {
		t.Errorf("shown are %v; want %s, and not %s", shown, web, off)
	}
}
