package docker_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot/docker"
)

// TestAContainerThatCannotBeFrozenAtOnceIsFrozenAfterAWhile as on a busy machine. What can't be done at all is told.
func TestAContainerThatCannotBeFrozenAtOnceIsFrozenAfterAWhile(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	id := s.Run(s.Name("busy"), "--label", "snapback.enable=true", s.Image("v1", `CMD ["/app"]`))
	var refused atomic.Int64 // how many times more
	e := before(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/pause") && !strings.HasSuffix(r.URL.Path, "/commit") || refused.Add(-1) < 0 {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprint(w, `{"message":"Cannot pause container x: OCI runtime pause failed: unable to freeze: unknown"}`)
		return true
	})
	refused.Store(3)
	_, _, err := e.Commit(t.Context(), id, docker.Ref(s.Name("busy"), "v1"), true)
	testkit.OK(t, err)
	refused.Store(3)
	paused, err := e.Pause(t.Context(), id)
	if testkit.OK(t, err); !paused {
		t.Error("it was not paused")
	}
	testkit.OK(t, e.Start(t.Context(), id))
	refused.Store(100)
	if _, err := e.Pause(t.Context(), id); err == nil || !strings.Contains(err.Error(), "unable to freeze") {
		t.Errorf("what can't be frozen at all: %v", err)
	}
}

// TestAContainerThatACommitLeftFrozenRunsOn although the engine's runtime can't resume it at once.
func TestAContainerThatACommitLeftFrozenRunsOn(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	name := s.Name("frozen")
	id := s.Run(name, "--label", "snapback.enable=true", s.Image("v1", `CMD ["/app"]`))
	var refused atomic.Int64
	refused.Store(3)
	e := before(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasSuffix(r.URL.Path, "/commit"):
			s.Docker("pause", id)
			http.Error(w, `{"message":"the machine was busy"}`, http.StatusInternalServerError)
		case strings.HasSuffix(r.URL.Path, "/unpause") && refused.Add(-1) >= 0:
			http.Error(w, `{"message":"Cannot unpause container x: OCI runtime resume failed: unable to thaw: unknown"}`, http.StatusInternalServerError)
		default:
			return false
		}
		return true
	})
	if _, _, err := e.Commit(t.Context(), id, docker.Ref(name, "v1"), true); err == nil {
		t.Error("it was committed")
	}
	if state := s.Docker("inspect", "--format", "{{.State.Status}}", id); strings.TrimSpace(state) != "running" {
		t.Errorf("it is %s", state)
	}
}
