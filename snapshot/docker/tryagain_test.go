package docker_test

import (
	"bytes"
	"cmp"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginefault"
	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
)

// refusals have an engine refuse as many calls as left says, of those that match what, such as "POST .*/start".
type refusals struct {
	status int // 0: 500
	what   atomic.Pointer[regexp.Regexp]
	left   atomic.Int64
}

func (f *refusals) answers(w http.ResponseWriter, r *http.Request) bool {
	what := f.what.Load()
	if what == nil || !what.MatchString(r.Method+" "+r.URL.Path) || f.left.Add(-1) < 0 {
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(cmp.Or(f.status, http.StatusInternalServerError))
	_, _ = w.Write([]byte(`{"message":"the engine is busy"}`)) // whoever hung up does not want it
	return true
}

func (f *refusals) fail(what string, times int64) {
	f.left.Store(times)
	f.what.Store(regexp.MustCompile(what))
}

// movesBy is a mover's configuration.
func movesBy(s *enginetest.Scope, image string) func(*docker.Config) {
	return func(c *docker.Config) { c.HelperProgram, c.HelperImage, c.Only = s.Program(), image, s.Only() }
}

// noHelpers waits until none is left: the engine removes them itself when they end.
func noHelpers(t *testing.T, s *enginetest.Scope) {
	t.Helper()
	var left string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if left = s.Docker("ps", "-aq", "--filter", "name="+s.Name("helper")); left == "" {
			return
		}
	}
	t.Errorf("helpers are left: %s", left)
}

func TestAFailureOfTheEngineCostsNoContents(t *testing.T) {
	t.Parallel()
	s, ready, id, m := mover(t)
	s.Docker("exec", id, "/app", "touch", "/data/file")
	testkit.OK(t, ready.ReadyToMove(t.Context()))
	for name, what := range map[string]string{
		"looking at the container": "^GET .*/containers/" + id + "/json$", "looking at the volume": "^GET .*/volumes/", "looking for the image": "^GET .*/images/",
		"making the image": "^POST .*/images/create$", "creating": "^POST .*/containers/create$", "attaching": "^POST .*/attach$", "waiting": "^POST .*/wait$",
		"starting": "^POST .*/start$", "removing": "^DELETE .*/containers/",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			image := s.Name("helper")
			if name == "making the image" {
				image += "-too"
			}
			var engine refusals
			e := before(t, s, engine.answers, movesBy(s, image))
			engine.fail(what, 2)
			var archive bytes.Buffer
			_, err := e.Pack(t.Context(), id, m, &archive)
			if err != nil || archive.Len() == 0 {
				t.Errorf("reading: %v, %d bytes", err, archive.Len())
			}
			if engine.left.Load() > 0 {
				t.Error("the engine was not asked for that")
			}
		})
	}
}

func TestAFailureOfTheEngineIsNoReasonToLeaveAVolumeUnfilled(t *testing.T) {
	t.Parallel()
	s, ready, id, m := mover(t)
	s.Docker("exec", id, "/app", "touch", "/data/file")
	var archive bytes.Buffer
	_, err := ready.Pack(t.Context(), id, m, &archive)
	testkit.OK(t, err)
	var engine refusals
	e := before(t, s, engine.answers, movesBy(s, s.Name("helper")))
	for _, what := range []string{"^POST .*/containers/create$", "^POST .*/attach$", "^POST .*/wait$", "^POST .*/start$", "^DELETE .*/containers/"} {
		s.Docker("exec", id, "/app", "touch", "/data/too-much")
		engine.fail(what, 1)
		if err := e.Unpack(t.Context(), id, m, bytes.NewReader(archive.Bytes())); err != nil || engine.left.Load() > 0 {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := s.Try("cp", id+":/data/too-much", "-"); err == nil {
			t.Errorf("%s: it was not emptied", what)
		}
		s.Docker("cp", id+":/data/file", "-")
	}
	noHelpers(t, s)
}

// TestALostReportIsAskedForAgain as long as nothing was moved: a busy engine hangs up before it has handed over a helper's last words.
func TestALostReportIsAskedForAgain(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s, ready, id, _ := mover(t, "--volume", folder+":/bind")
	testkit.OK(t, ready.ReadyToMove(t.Context()))
	m := snapshot.Mount{Path: "/bind", Type: "bind", Source: folder}
	var engine silent
	e := before(t, s, engine.answers, movesBy(s, s.Name("helper")))
	engine.left.Store(2)
	var archive bytes.Buffer
	if _, err := e.Pack(t.Context(), id, m, &archive); err != nil || archive.Len() == 0 || engine.left.Load() > 0 {
		t.Errorf("reading: %v, %d bytes", err, archive.Len())
	}
	engine.left.Store(3)
	if _, err := e.Pack(t.Context(), id, m, &archive); !errors.Is(err, snapshot.ErrLostReport) {
		t.Errorf("never heard of: %v", err)
	}
	noHelpers(t, s)
}

// silent has an engine hang up on as many who attach to a container as left says.
type silent struct{ left atomic.Int64 }

func (h *silent) answers(w http.ResponseWriter, r *http.Request) bool {
	if !strings.HasSuffix(r.URL.Path, "/attach") || h.left.Add(-1) < 0 {
		return false
	}
	conn, out, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return false
	}
	defer conn.Close()
	_, _ = out.WriteString("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	_ = out.Flush() // whoever has gone does not want it
	return true
}

// TestAnImageThatIsRemovedMeanwhileCostsNoList: the engine answers that it is not found, to whoever asks for all of them.
func TestAnImageThatIsRemovedMeanwhileCostsNoList(t *testing.T) {
	t.Parallel()
	s, ready, id, _ := mover(t)
	testkit.OK(t, ready.ReadyToMove(t.Context()))
	tag := "snapback/" + s.Name("api") + ":pre-deploy-2255"
	s.Docker("tag", s.Docker("inspect", "--format", "{{.Image}}", id), tag)
	engine := refusals{status: http.StatusNotFound}
	e := before(t, s, engine.answers, movesBy(s, s.Name("helper")))
	for name, list := range map[string]func() (bool, error){
		"tags":    func() (bool, error) { tags, err := e.Tags(t.Context()); return slices.Contains(tags, tag), err },
		"traces":  func() (bool, error) { traces, err := e.Traces(t.Context()); return len(traces.Images) > 0, err },
		"helpers": func() (bool, error) { _, images, err := e.Helpers(t.Context()); return len(images) > 0, err },
	} {
		engine.fail("^GET .*/images/json$", 2)
		if has, err := list(); !has || err != nil || engine.left.Load() > 0 {
			t.Errorf("%s: has it: %t, %v", name, has, err)
		}
		engine.fail("^GET .*/images/json$", 3)
		if _, err := list(); err == nil || errors.Is(err, snapshot.ErrGone) {
			t.Errorf("%s: an engine that never finds it is told as %v", name, err)
		}
	}
}

// TestAHelperThatHasDoneItsWorkNeedNotBeRemoved: it removes itself.
func TestAHelperThatHasDoneItsWorkNeedNotBeRemoved(t *testing.T) {
	t.Parallel()
	s, _, id, m := mover(t)
	var engine refusals
	engine.fail("^DELETE .*/containers/", 1000)
	e := before(t, s, engine.answers, movesBy(s, s.Name("helper")))
	var archive bytes.Buffer
	if _, err := e.Pack(t.Context(), id, m, &archive); err != nil {
		t.Errorf("reading: %v", err)
	}
	if engine.left.Load() == 1000 {
		t.Error("nobody tried to remove it")
	}
	noHelpers(t, s)
}

// TestAHelperOfWhichTheAnswerWasLostIsReplaced: the engine has made it, and never said so.
func TestAHelperOfWhichTheAnswerWasLostIsReplaced(t *testing.T) {
	t.Parallel()
	s, _, id, m := mover(t)
	proxy := enginefault.Start(t, "", s.Only())
	e, err := docker.New(t.Context(), docker.Config{Host: proxy.Host(), HelperProgram: s.Program(), HelperImage: s.Name("helper"), Only: s.Only()})
	testkit.OK(t, err)
	t.Cleanup(func() { _ = e.Close() })
	proxy.Arm(&enginefault.Fault{On: enginefault.Of(enginefault.Create), Drop: true})
	var archive bytes.Buffer
	if _, err := e.Pack(t.Context(), id, m, &archive); err != nil {
		t.Errorf("reading: %v", err)
	}
	noHelpers(t, s)
}
