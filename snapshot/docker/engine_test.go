package docker_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/enginetest"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
)

func TestKeyOutlivesADeploy(t *testing.T) {
	t.Parallel()
	compose := map[string]string{
		"com.docker.compose.project": "shop", "com.docker.compose.service": "api", "com.docker.compose.container-number": "2",
	}
	if a, b := docker.Key("E", "shop_api_2", compose), docker.Key("E", "f00_shop_api_2", compose); a != b || a != "E/compose/shop/api/2" {
		t.Errorf("keys %q and %q", a, b)
	}
	if got := docker.Key("E", "api", nil); got != "E/name/api" {
		t.Errorf("key %q", got)
	}
	compose["com.docker.compose.oneoff"] = "True"
	if got := docker.Key("E", "shop_api_run_1", compose); got != "E/name/shop_api_run_1" {
		t.Errorf("key of a one-off %q", got)
	}
}

func TestRefIsLegalAndUnique(t *testing.T) {
	t.Parallel()
	if got := docker.Ref("shop_api-1", "pre-deploy-2255"); got != "snapback/shop_api-1:pre-deploy-2255" {
		t.Errorf("Ref = %q", got)
	}
	seen := map[string]bool{}
	for _, name := range []string{"API", "Api", "a..b", "a___b", "a-", "A_", strings.Repeat("x", 250)} {
		got := docker.Ref(name, "n")
		if seen[got] || got != strings.ToLower(got) || strings.Contains(got, "..") {
			t.Errorf("Ref(%q) = %q", name, got)
		}
		seen[got] = true
	}
}

func TestListHasEnabledContainersOnly(t *testing.T) {
	t.Parallel()
	s, name, _ := setup(t, "--label", "snapback.service=shop", "--env", "A=1")
	image := s.Name("good")
	s.Docker("run", "--detach", "--name", s.Name("other"), image)
	s.Docker("run", "--detach", "--name", s.Name("off"), "--label", "snapback.enable=false", image)
	s.Run(s.Name("stopped"), image)
	s.Docker("stop", s.Name("stopped"))
	s.Run(name+".before-0347", image)
	s.Run(name+".snapback-12", image)
	all, err := s.Engine().List(t.Context())
	testkit.OK(t, err)
	var got []string
	for _, c := range all {
		if strings.HasPrefix(c.Name, s.Name("")) {
			got = append(got, c.Name+" "+c.State+" "+c.Image+" "+c.Service)
		}
	}
	slices.Sort(got)
	want := []string{name + " running " + image + " shop", s.Name("stopped") + " exited " + image + " " + s.Name("stopped")}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLabelsThatKeepAContainerFromBeingEnabledAreFound(t *testing.T) {
	t.Parallel()
	s, name, _ := setup(t, "--label", "snapback.kep=3")
	image := s.Name("good")
	label := func(container string, labels ...string) {
		args := []string{"create", "--name", s.Name(container), "--label", s.Only()}
		for _, l := range labels {
			args = append(args, "--label", l)
		}
		s.Docker(append(args, image)...)
	}
	label("yes", "snapback.enable=yes")
	label("enabled", "snapback.enabled=true")
	label("kept", "snapback.keep=3")
	label("off", "snapback.enable=false", "snapback.keep=3")
	label("plain")
	e, err := docker.New(t.Context(), docker.Config{Only: s.Only()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	got, err := e.Mislabelled(t.Context())
	slices.Sort(got)
	want := []string{
		s.Name("enabled") + `: label snapback.enabled="true" is unknown; did you mean snapback.enable? Until then it is not touched`,
		s.Name("kept") + ": it has the label snapback.keep and no snapback.enable=true, so it is not touched",
		s.Name("yes") + `: label snapback.enable="yes": want true or false. Until then it is not touched`,
	}
	slices.Sort(want)
	if !slices.Equal(got, want) || err != nil {
		t.Errorf("got %q, %v\nwant %q", got, err, want)
	}
	list, err := e.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Name != name || len(list[0].Settings.Wrong) != 1 {
		t.Errorf("the label that narrows them down is taken for an unknown one, or the misspelt one is not: %+v, %v", list, err)
	}
}

func TestInspectFindsByIDShortIDAndExactName(t *testing.T) {
	t.Parallel()
	s, name, id := setup(t)
	for _, ref := range []string{id, id[:12], name, "/" + name} {
		if in, err := s.Engine().Inspect(t.Context(), ref); err != nil || in.ID != id || in.Name != name || !in.Enabled || in.Document == nil {
			t.Errorf("Inspect(%q) = %s, %v", ref, in.Name, err)
		}
	}
	for _, ref := range []string{id[:8], name + "x", "", "..", "a/b", "a?b=c", "a\nb", strings.Repeat("a", 300)} {
		if _, err := s.Engine().Inspect(t.Context(), ref); !errors.Is(err, snapshot.ErrUnknownContainer) {
			t.Errorf("Inspect(%q): %v", ref, err)
		}
	}
}

func TestNothingIsReadOrDoneWithoutTheLabel(t *testing.T) {
	t.Parallel()
	s, name, _ := setup(t)
	id := s.Docker("run", "--detach", "--name", s.Name("private"), "--env", "PRIVATE=1", s.Name("good"))
	e, ctx := s.Engine(), t.Context()
	in, err := e.Inspect(ctx, id)
	if err != nil || in.Enabled || in.Document != nil {
		t.Errorf("Inspect: enabled %v, document %s, %v", in.Enabled, in.Document, err)
	}
	_, written := e.Written(ctx, id)
	_, _, commit := e.Commit(ctx, id, docker.Ref(name, "x"), true)
	_, tail := e.Tail(ctx, id, 1)
	for act, err := range map[string]error{
		"Written": written, "Commit": commit, "Tail": tail, "Stop": e.Stop(ctx, id, 0), "Start": e.Start(ctx, id), "Rename": e.Rename(ctx, id, name+"x"),
		"Remove": e.Remove(ctx, id), "SetRestartPolicy": e.SetRestartPolicy(ctx, id, snapshot.RestartPolicy{Name: "always"}),
	} {
		if !errors.Is(err, snapshot.ErrNotEnabled) {
			t.Errorf("%s: %v", act, err)
		}
	}
	if state := s.Docker("inspect", "--format", "{{.State.Status}} {{.Name}}", id); state != "running /"+s.Name("private") {
		t.Errorf("it is %s now", state)
	}
}

func TestEngineErrorsQuoteNoSecret(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	id := s.Docker("create", "--name", s.Name("api"), "--label", "snapback.enable=true", "--env", "A_TOKEN=horse-battery",
		"--entrypoint", "/app --password=hunter2 horse-battery", s.Image("good"))
	err := s.Engine().Start(t.Context(), id)
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "/app --password=[masked] [masked]") {
		t.Errorf("starting it: %v", err)
	}
}

func TestEveryActCanBeDoneTwice(t *testing.T) {
	t.Parallel()
	s, name, id := setup(t, "--restart", "always")
	e, ctx := s.Engine(), t.Context()
	acts := []func() error{
		func() error { return e.SetRestartPolicy(ctx, id, snapshot.RestartPolicy{Name: "no"}) },
		func() error { return e.Stop(ctx, id, time.Second) },
		func() error { return e.Rename(ctx, id, name+".before-0347") },
		func() error { return e.Start(ctx, id) },
		func() error { return e.Remove(ctx, id) },
	}
	for _, act := range acts {
		testkit.OK(t, act())
		testkit.OK(t, act())
	}
	for act, err := range map[string]error{
		"Stop": e.Stop(ctx, id, 0), "Start": e.Start(ctx, id), "Rename": e.Rename(ctx, id, name), "SetRestartPolicy": e.SetRestartPolicy(ctx, id, snapshot.RestartPolicy{}),
	} {
		if !errors.Is(err, snapshot.ErrGone) {
			t.Errorf("%s of a container that is gone: %v", act, err)
		}
	}
}

func TestCreateCompletesWhatACrashLeft(t *testing.T) {
	t.Parallel()
	s := enginetest.New(t)
	s.Docker("network", "create", s.Name("one"))
	s.Docker("network", "create", s.Name("two"))
	name := s.Name("api")
	id := s.Run(name, "--network", s.Name("one"), s.Image("good", `ENTRYPOINT ["/app"]`))
	s.Docker("network", "connect", "--alias", "second", s.Name("two"), name)
	spec := keep(t, s, id, false)
	temp := name + ".snapback-1"
	first, err := s.Engine().Create(t.Context(), temp, spec)
	testkit.OK(t, err)
	s.Docker("network", "disconnect", s.Name("two"), temp)
	second, err := s.Engine().Create(t.Context(), temp, spec)
	testkit.OK(t, err)
	in, err := s.Engine().Inspect(t.Context(), second)
	testkit.OK(t, err)
	differences, err := s.Engine().Compare(spec.Document, spec, in.Document)
	testkit.OK(t, err)
	if first != second || len(differences) != 1 || differences[0].Attribute != "name" {
		t.Errorf("IDs %s and %s, differences %v", first, second, differences)
	}
}

func TestCreateLeavesAnotherContainersNameAlone(t *testing.T) {
	t.Parallel()
	s, name, id := setup(t)
	spec := keep(t, s, id, false)
	s.Run(s.Name("taken"), s.Image("another", `ENTRYPOINT ["/app"]`))
	if _, err := s.Engine().Create(t.Context(), s.Name("taken"), spec); !errors.Is(err, snapshot.ErrInUse) {
		t.Errorf("Create under a taken name: %v", err)
	}
	if err := s.Engine().Rename(t.Context(), id, s.Name("taken")); !errors.Is(err, snapshot.ErrInUse) {
		t.Errorf("Rename of %s to a taken name: %v", name, err)
	}
}

func TestPlainCopyDoesNotGoAwayByItself(t *testing.T) {
	t.Parallel()
	s, name, id := setup(t, "--rm", "--volume", "/data")
	e, ctx := s.Engine(), t.Context()
	spec := keep(t, s, id, false)
	spec.Plain, spec.Replaces = true, id
	copied, err := e.Create(ctx, name+".before-0347", spec)
	testkit.OK(t, err)
	testkit.OK(t, e.Stop(ctx, id, time.Second))
	testkit.OK(t, e.Start(ctx, copied))
	testkit.OK(t, e.Stop(ctx, copied, time.Second))
	in, err := e.Inspect(ctx, copied)
	if err != nil || in.AutoRemove || in.RestartPolicy.Name != "no" || in.State != "exited" || in.FinishedAt.IsZero() {
		t.Errorf("the copy: %+v, %v", in.Container, err)
	}
	differences, err := e.Compare(spec.Document, spec, in.Document)
	testkit.OK(t, err)
	for _, d := range differences {
		if d.Expected == "" && d.Attribute != "name" {
			t.Errorf("unexpected difference: %+v", d)
		}
	}
}

func TestStopResumesAPausedContainer(t *testing.T) {
	t.Parallel()
	s, name, id := setup(t)
	s.Docker("pause", name)
	testkit.OK(t, s.Engine().Stop(t.Context(), id, 5*time.Second))
	if code := s.Docker("inspect", "--format", "{{.State.ExitCode}}", id); code != "0" {
		t.Errorf("it did not hear the signal: exit code %s", code)
	}
}

func TestCommitLeavesThePauseAsItWas(t *testing.T) {
	t.Parallel()
	s, name, id := setup(t)
	for _, command := range []string{"pause", "unpause", "stop"} {
		s.Docker(command, name)
		before := s.Docker("inspect", "--format", "{{.State.Status}}", id)
		image, size, err := s.Engine().Commit(t.Context(), id, docker.Ref(name, "after-"+command), true)
		testkit.OK(t, err)
		if after := s.Docker("inspect", "--format", "{{.State.Status}}", id); after != before || size != 0 {
			t.Errorf("after %s: was %s, is %s; %d bytes", command, before, after, size)
		}
		if has, err := s.Engine().HasImage(t.Context(), image); err != nil || !has {
			t.Errorf("HasImage = %v, %v", has, err)
		}
	}
}

func TestUntagTakesTheImageOnlyWhenNothingNeedsIt(t *testing.T) {
	t.Parallel()
	s, name, id := setup(t)
	e, ctx, ref := s.Engine(), t.Context(), docker.Ref(s.Name("api"), "x")
	image, _, err := e.Commit(ctx, id, ref, false)
	testkit.OK(t, err)
	user := s.Run(s.Name("user"), ref, "serve")
	if err := e.Untag(ctx, ref); !errors.Is(err, snapshot.ErrInUse) {
		t.Errorf("while %s is used: %v", ref, err)
	}
	testkit.OK(t, e.Remove(ctx, user))
	testkit.OK(t, e.Untag(ctx, ref))
	testkit.OK(t, e.Untag(ctx, ref))
	if has, err := e.HasImage(ctx, image); err != nil || has {
		t.Errorf("HasImage = %v, %v", has, err)
	}
	if err := e.Tag(ctx, image, ref); !errors.Is(err, snapshot.ErrGone) {
		t.Errorf("tagging what is gone (%s): %v", name, err)
	}
}

func TestTailMasksSecretsOfTheEnvironment(t *testing.T) {
	t.Parallel()
	s, _, id := setup(t, "--env", "DB_PASSWORD=hunter2hunter2", "--env", "DB_POOL=20")
	var tail string
	for deadline := time.Now().Add(time.Minute); tail == "" && time.Now().Before(deadline); {
		var err error
		tail, err = s.Engine().Tail(t.Context(), id, 10)
		testkit.OK(t, err)
	}
	if !strings.Contains(tail, "DB_POOL=20") || strings.Contains(tail, "hunter2") {
		t.Errorf("tail: %q", tail)
	}
}

func TestAnEngineThatIsAwayIsToldApart(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("a", 64)
	for what, host := range map[string]string{
		"no socket":     "unix://" + filepath.Join(t.TempDir(), "none.sock"),
		"shutting down": answering(t, http.StatusInternalServerError, `{"message":"the daemon is shutting down"}`),
		"unavailable":   answering(t, http.StatusServiceUnavailable, `{"message":"starting"}`),
		"broken off":    hangingUp(t),
	} {
		e, err := docker.New(t.Context(), docker.Config{Host: host})
		testkit.OK(t, err)
		_, list := e.List(t.Context())
		_, inspect := e.Inspect(t.Context(), id)
		_, create := e.HasImage(t.Context(), "sha256:"+id)
		for _, err := range []error{list, inspect, create, e.Start(t.Context(), id), e.Remove(t.Context(), id)} {
			if !errors.Is(err, snapshot.ErrEngineAway) {
				t.Errorf("%s: %v", what, err)
			}
		}
		testkit.OK(t, e.Close())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := enginetest.Engine(t).Ping(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, snapshot.ErrEngineAway) {
		t.Errorf("our own cancelling: %v", err)
	}
}

// answering is an engine that gives one answer to everything.
func answering(t *testing.T, status int, body string) string {
	t.Helper()
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, err := w.Write([]byte(body))
		if err != nil {
			t.Error(err)
		}
	}))
}

func hangingUp(t *testing.T) string {
	t.Helper()
	return serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	testkit.OK(t, err)
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		testkit.OK(t, server.Close())
		<-done
	})
	return "tcp://" + listener.Addr().String()
}
