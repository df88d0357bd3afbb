package docker_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
)

// condition looks a container up until it is so.
func condition(t *testing.T, s *enginetest.Scope, id string, is func(snapshot.Condition) bool) snapshot.Condition {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		c, err := s.Engine().Condition(ctx, id, 100, true)
		if err != nil {
			t.Fatalf("last was %+v: %v", c, err)
		}
		if is(c) {
			return c
		}
	}
}

func ended(c snapshot.Condition) bool { return c.State == "exited" }

func texts(lines []snapshot.LogLine) []string {
	var out []string
	for _, l := range lines {
		out = append(out, l.Text)
	}
	return out
}

func TestConditionTellsThatMemoryRanOut(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	c := killedForMemory(t, s)
	if c.ExitCode != 137 || !c.OutOfMemory || c.EndedAt.IsZero() {
		t.Errorf("%+v", c)
	}
	if got := texts(c.Lines); !slices.Equal(got, []string{"eating"}) {
		t.Errorf("its log is %q", got)
	}
	if c.Memory.Measured || c.CPU.Measured {
		t.Errorf("what does not run uses something: %+v", c)
	}
}

// killedForMemory is the condition of a container that was killed for its memory. The engine hears that on another way than the
// end, so it may say so a moment later; and it can miss it (seen once on Docker 29), which is no fault of who asks it.
func killedForMemory(t *testing.T, s *enginetest.Scope) (c snapshot.Condition) {
	t.Helper()
	image := s.Image("eats", `CMD ["/app", "eat"]`)
	for i := range 3 {
		id := s.Run(s.Name(fmt.Sprintf("api%d", i)), "--memory", "24m", "--memory-swap", "24m", image)
		since := time.Now()
		c = condition(t, s, id, func(c snapshot.Condition) bool {
			return ended(c) && (c.OutOfMemory || time.Since(since) > 20*time.Second)
		})
		if c.OutOfMemory {
			return c
		}
	}
	return c
}

func TestConditionTellsOfACrashLoopAndMasksItsLog(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	id := s.Run(s.Name("api"), "--restart", "always", "--env", "DB_PASSWORD=hunter22hunter", s.Image("crashes", `CMD ["/app", "fail", "3", "no connection with hunter22hunter"]`))
	c := condition(t, s, id, func(c snapshot.Condition) bool { return c.ByEngine >= 2 && c.State == "restarting" })
	if c.ExitCode != 3 || c.OutOfMemory {
		t.Errorf("%+v", c)
	}
	said := slices.DeleteFunc(c.Lines, func(l snapshot.LogLine) bool { return !l.Stderr })
	if len(said) < 2 || !strings.HasPrefix(said[0].Text, "no connection with ") || strings.Contains(said[0].Text, "hunter22") || said[0].At.IsZero() {
		t.Errorf("its log is %+v", said)
	}
}

func TestConditionTellsWhatTheHealthCheckSaid(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	for name, c := range map[string]struct{ check, want string }{
		"it fails": {`HEALTHCHECK --interval=200ms --retries=2 CMD ["/app", "fail", "1", "connection refused"]`, "connection refused"},
		// It ends by itself: the engine can't remove a container while a check in it hangs, and answers no question about it.
		"it hangs": {`HEALTHCHECK --interval=1s --timeout=300ms --retries=2 CMD ["/app", "hang", "3s"]`, "exceeded timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			image := s.Image(strings.ReplaceAll(name, " ", "-"), `CMD ["/app", "serve", "-addr="]`, c.check)
			id := s.Run(s.Name(strings.ReplaceAll(name, " ", "-")), image)
			got := condition(t, s, id, func(c snapshot.Condition) bool { return c.Health == "unhealthy" })
			if !strings.Contains(got.HealthOutput, c.want) || got.HealthFails < 2 {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestConditionMeasuresLoadAgainstItsLimits(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	id := s.Run(s.Name("api"), "--cpus", "0.1", "--memory", "64m", s.Image("spins", `CMD ["/app", "spin"]`))
	c := condition(t, s, id, func(c snapshot.Condition) bool { return c.CPU.Scarce() })
	if c.CPU.Limit != 0.1 || c.CPU.Used > 0.5 || c.Memory.Limit != 64<<20 || !c.Memory.Measured || c.Memory.Used > 64<<20 {
		t.Errorf("%+v", c)
	}
	free := condition(t, s, s.Run(s.Name("free"), s.Image("free", `CMD ["/app", "hang"]`)), func(c snapshot.Condition) bool { return c.CPU.Measured })
	if free.CPU.Limit != 0 || free.CPU.Host < 1 || free.Memory.Limit != 0 || free.Memory.Host < 64<<20 || free.Memory.Scarce() || !free.Quiet {
		t.Errorf("without limits: %+v", free)
	}
}

func TestConditionSaysWhyALogCannotBeRead(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	id := s.Run(s.Name("api"), "--log-driver", "none", s.Image("good", `CMD ["/app", "serve", "-addr="]`))
	c := condition(t, s, id, func(c snapshot.Condition) bool { return c.State == "running" })
	if len(c.Missing) != 1 || !strings.HasPrefix(c.Missing[0], "log: ") || c.Quiet {
		t.Errorf("%+v", c)
	}
}

// An alert waits for no second look at the load.
func TestConditionForAnAlertLooksOnce(t *testing.T) {
	t.Parallel()
	s, _, id := setup(t)
	c, err := s.Engine().Condition(t.Context(), id, 10, false)
	if err != nil || !c.Memory.Measured || c.CPU.Measured || len(c.Lines) == 0 && !c.Quiet {
		t.Errorf("%+v: %v", c, err)
	}
}

func TestConditionLeavesAloneWhatIsNotEnabled(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	id := s.Docker("run", "--detach", "--name", s.Name("api"), s.Image("good", `CMD ["/app", "serve", "-addr="]`))
	if c, err := s.Engine().Condition(t.Context(), id, 10, true); err == nil {
		t.Errorf("%+v", c)
	}
}

// An engine that hangs over one question has answered the others.
func TestConditionTellsWhatItGotInTime(t *testing.T) {
	t.Parallel()
	s, _, id := setup(t, "--restart", "no")
	slow := slowOver(t, s, "/stats", "/logs")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := slow.Condition(ctx, id, 10, true)
	if err != nil || c.State != "running" || !slices.Equal(c.Untimely, []string{"load", "log"}) || len(c.Missing) > 0 {
		t.Errorf("%+v: %v", c, err)
	}
}

// slowOver is the scope's engine, which never answers what has one of these in its path.
func slowOver(t *testing.T, s *enginetest.Scope, parts ...string) *docker.Engine {
	t.Helper()
	return before(t, s, func(_ http.ResponseWriter, r *http.Request) bool {
		if !slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(r.URL.Path, p) }) {
			return false
		}
		<-r.Context().Done()
		return true
	})
}

// before is the scope's engine, behind what answers some calls in its stead.
func before(t *testing.T, s *enginetest.Scope, answers func(http.ResponseWriter, *http.Request) bool, options ...func(*docker.Config)) *docker.Engine {
	t.Helper()
	at, err := url.Parse(s.Engine().Client().DaemonHost())
	if err != nil {
		t.Fatal(err)
	}
	real := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "engine"})
	real.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, at.Scheme, at.Host+at.Path)
	}}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answers(w, r) {
			real.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(proxy.Close)
	cfg := docker.Config{Host: "tcp://" + proxy.Listener.Addr().String()}
	for _, option := range options {
		option(&cfg)
	}
	engine, err := docker.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	return engine
}
