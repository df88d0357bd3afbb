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
