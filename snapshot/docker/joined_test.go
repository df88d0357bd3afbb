package docker_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
)

// hangs is an engine on which one of two containers may hang, and the other one's and that one's ID.
func hangs(t *testing.T) (e *docker.Engine, p *enginefault.Proxy, api, hung string) {
	t.Helper()
	e, _, p, api, hung = hangsAgain(t)
	return e, p, api, hung
}

// hangsAgain also returns what knows nothing yet of the same engine.
func hangsAgain(t *testing.T) (e *docker.Engine, anew func() *docker.Engine, p *enginefault.Proxy, api, hung string) {
	t.Helper()
	s := enginetest.New(t)
	image := s.Image("shop", `CMD ["/app"]`)
	api, hung = s.Run(s.Name("api"), image), s.Run(s.Name("hangs"), image)
	p = enginefault.Start(t, "", s.Only())
	anew = func() *docker.Engine {
		e, err := docker.New(t.Context(), docker.Config{Host: p.Host(), Only: s.Only()})
		testkit.OK(t, err)
		t.Cleanup(func() { _ = e.Close() })
		return e
	}
	return anew(), anew, p, api, hung
}

// listWithin lists both, and says whether the engine has answered about the one that may hang, and how long it took. An engine that is
// so busy that it has not even listed them in that time is asked again.
func listWithin(t *testing.T, e *docker.Engine, hung string, limit time.Duration) (answered bool, took time.Duration) {
	t.Helper()
	var (
		list []snapshot.Container
		err  error
	)
	testkit.Eventually(t, "the engine lists its containers within "+limit.String(), func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		begun := time.Now()
		list, err = e.List(ctx)
		took = time.Since(begun)
		return ctx.Err() == nil
	})
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	i := slices.IndexFunc(list, func(c snapshot.Container) bool { return c.ID == hung })
	if c := list[i]; c.State != "running" || c.Key == "" || c.Own != c.Key || !c.Settings.Enabled || c.CreatedAt.IsZero() || c.ImageID == "" {
		t.Errorf("%+v", c)
	}
	return !list[i].StartedAt.IsZero(), took
}

func TestListShowsAContainerThatHangs(t *testing.T) {
	t.Parallel()
	e, p, _, hung := hangs(t)
	p.Silence(hung)
	for _, limit := range []time.Duration{1500 * time.Millisecond, time.Minute} { // the second one finds it silent
		if answered, _ := listWithin(t, e, hung, limit); answered {
			t.Errorf("within %s the engine has answered", limit)
		}
	}
	asked := true // whoever asks waits for a quarter of their time; a busy engine may take as long by itself, but not each time
	for range 5 {
		answered, took := listWithin(t, e, hung, 16*time.Second)
		if asked = asked && took >= 4*time.Second; answered || !asked {
			break
		}
	}
	if asked {
		t.Error("one that was silent is asked about by those who have little time")
	}
	p.Delay(hung, 0)
	for _, limit := range []time.Duration{time.Minute, 1500 * time.Millisecond} {
		answered := false
		for until := time.Now().Add(2 * time.Minute); !answered && time.Now().Before(until); { // after a minute nothing counts as silent
			answered, _ = listWithin(t, e, hung, limit)
		}
		if !answered {
			t.Errorf("within %s, it is still taken for silent", limit)
		}
	}
}

func TestBusyEngineIsNotTakenForSilent(t *testing.T) {
	t.Parallel()
	_, anew, p, _, hung := hangsAgain(t)
	p.Delay(hung, time.Second)
	for _, limit := range []time.Duration{16 * time.Second, time.Minute} {
		answered := false
		for try := 0; try < 5 && !answered; try++ { // the engine may be so busy that it is silent by itself, but not each time
			e := anew()
			listWithin(t, e, hung, 1500*time.Millisecond)
			answered, _ = listWithin(t, e, hung, limit)
		}
		if !answered {
			t.Errorf("within %s, it is taken for silent", limit)
		}
	}
}

// TestContainerThatHangsKeepsNoOtherFromBeingRestored within eight seconds, unless the engine is so busy that it needs them for the rest.
func TestContainerThatHangsKeepsNoOtherFromBeingRestored(t *testing.T) {
	t.Parallel()
	e, p, api, hung := hangs(t)
	p.Silence(hung)
	in, err := e.Inspect(t.Context(), api)
	testkit.OK(t, err)
	for range 3 {
		var finding snapshot.Finding
		testkit.Eventually(t, "the engine checks a restore", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
			defer cancel()
			finding, err = e.Check(ctx, in.Name, snapshot.Spec{Document: in.Document, ImageID: in.ImageID, Replaces: in.ID})
			return ctx.Err() == nil
		})
		if err != nil || len(finding.Problems) > 0 {
			t.Fatalf("%+v, %v", finding, err)
		}
	}
}
