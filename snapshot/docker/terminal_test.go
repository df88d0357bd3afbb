package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/terminal"
)

// shop is a container of a terminal test's own, and the engine as the terminal sees it.
type shop struct {
	t   testing.TB
	cli *client.Client
	id  string
	eng *docker.Terminal
}

func openShop(t testing.TB, script string, change func(*container.Config), host ...func(*container.HostConfig)) *shop {
	t.Helper()
	cli, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cli.Close() })
	s := &shop{t: t, cli: cli}
	name := "sbterm-" + strings.ToLower(rand.Text()[:10])
	s.importShell(name)
	cfg := &container.Config{
		Image: name, Cmd: []string{"/bin/sh", "-c", script}, Env: []string{"PATH=/bin"}, Labels: map[string]string{"snapback.enable": "true"},
	}
	if change != nil {
		change(cfg)
	}
	h := &container.HostConfig{}
	for _, f := range host {
		f(h)
	}
	s.start(name, cfg, h)
	s.eng = docker.NewTerminal(cli, func(context.Context, string) (string, error) { return s.id, nil })
	return s
}

func (s *shop) start(name string, cfg *container.Config, host *container.HostConfig) {
	s.t.Helper()
	ctx := context.Background()
	c, err := s.cli.ContainerCreate(ctx, cfg, host, nil, nil, name)
	if err != nil {
		s.t.Fatal(err)
	}
	s.id = c.ID
	s.t.Cleanup(func() { _ = s.cli.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true}) })
	if err := s.cli.ContainerStart(ctx, c.ID, container.StartOptions{}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) importShell(ref string) {
	s.t.Helper()
	bin, err := os.ReadFile("/bin/busybox")
	if err != nil {
		s.t.Fatalf("the tests need busybox-static: %v", err)
	}
	layer := &bytes.Buffer{}
	w := tar.NewWriter(layer)
	err = errors.Join(w.WriteHeader(&tar.Header{Name: "bin/busybox", Mode: 0o755, Size: int64(len(bin))}), writeAll(w, bin))
	for _, applet := range []string{"sh", "sleep", "cat", "head", "tr"} {
		err = errors.Join(err, w.WriteHeader(&tar.Header{Name: "bin/" + applet, Linkname: "busybox", Typeflag: tar.TypeSymlink}))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		s.t.Fatal(err)
	}
	ctx := context.Background()
	out, err := s.cli.ImageImport(ctx, image.ImportSource{Source: layer, SourceName: "-"}, ref, image.ImportOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out)
	_ = out.Close()
	s.t.Cleanup(func() { _, _ = s.cli.ImageRemove(ctx, ref, image.RemoveOptions{Force: true}) })
}

func writeAll(w io.Writer, p []byte) error { _, err := w.Write(p); return err }

var errEnough = errors.New("enough")

// firstLines follows the log until there are n lines.
func (s *shop) firstLines(n int, o terminal.LogOptions) []terminal.LogLine {
	s.t.Helper()
	return s.follow(o, func(lines []terminal.LogLine) bool { return len(lines) == n })
}

func (s *shop) follow(o terminal.LogOptions, enough func([]terminal.LogLine) bool) []terminal.LogLine {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	var lines []terminal.LogLine
	err := s.eng.Logs(ctx, s.id, o, func(l terminal.LogLine) error {
		if lines = append(lines, l); enough(lines) {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		s.t.Fatalf("got %d lines, which are not enough: %v", len(lines), err)
	}
	return lines
}

func TestTerminalTouchesNothingWithoutTheLabel(t *testing.T) {
	t.Parallel()
	for name, labels := range map[string]map[string]string{"none": nil, "false": {"snapback.enable": "false"}, "TRUE": {"snapback.enable": "TRUE"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			openShop(t, "echo secret; sleep 100", func(c *container.Config) { c.Labels = labels }).touchesNothing()
		})
	}
}

func TestTerminalTouchesNothingOfAnotherBots(t *testing.T) {
	t.Parallel()
	s := openShop(t, "echo secret; sleep 100", nil)
	engine, err := docker.New(t.Context(), docker.Config{Only: "stage=blue"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	s.eng = engine.Terminal(func(context.Context, string) (string, error) { return s.id, nil })
	s.touchesNothing()
}

func (s *shop) touchesNothing() {
	s.t.Helper()
	ctx := s.t.Context()
	_, resolving := s.eng.Resolve(ctx, "any")
	logging := s.eng.Logs(ctx, s.id, terminal.LogOptions{Tail: 10}, func(terminal.LogLine) error { return errEnough })
	_, executing := s.eng.Exec(ctx, s.id, terminal.ExecSpec{Cmd: []string{"sh"}})
	_, running := s.eng.Run(ctx, s.id, terminal.ExecSpec{Cmd: []string{"sh"}})
	for i, err := range []error{resolving, logging, executing, running} {
		if !errors.Is(err, terminal.ErrNotEnabled) {
			s.t.Errorf("act %d: %v", i, err)
		}
	}
}

func TestTerminalRunsNothingAsAnotherUserAmongTheHostsProcesses(t *testing.T) {
	t.Parallel()
	for mode, want := range map[container.PidMode]error{"host": terminal.ErrHostProcesses, "": nil} {
		s := openShop(t, "sleep 100", nil, func(h *container.HostConfig) { h.PidMode = mode })
		if _, err := s.eng.Run(t.Context(), s.id, terminal.ExecSpec{Cmd: []string{"sh"}, User: "0"}); !errors.Is(err, want) {
			t.Errorf("root, mode %q: %v", mode, err)
		}
		if _, err := s.eng.Run(t.Context(), s.id, terminal.ExecSpec{Cmd: []string{"sh"}}); err != nil {
			t.Errorf("its own user, mode %q: %v", mode, err)
		}
	}
}

// TestACommandRunsInAContainerThatABotBeforeHasFound: of several engines, on the one that has it. While one does not answer, nobody can say
// that there is none.
func TestACommandRunsInAContainerThatABotBeforeHasFound(t *testing.T) {
	t.Parallel()
	s := openShop(t, "sleep 100", nil)
	var away atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		switch {
		case away.Load():
			w.WriteHeader(http.StatusBadGateway)
		case strings.Contains(r.URL.Path, "/containers/"):
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(other.Close)
	engine := func(host string) *docker.Engine {
		e, err := docker.New(t.Context(), docker.Config{Host: host})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		return e
	}
	both := docker.NewTerminals([]*docker.Engine{engine("tcp://" + other.Listener.Addr().String()), engine("")}, func(context.Context, string) (string, error) { return s.id, nil })
	nobodys := strings.Repeat("0", 64)
	if out, err := both.Run(t.Context(), s.id, terminal.ExecSpec{Cmd: []string{"sh", "-c", "echo here"}}); err != nil || string(out) != "here\n" {
		t.Errorf("a command has written %q, %v", out, err)
	}
	if _, err := both.Run(t.Context(), nobodys, terminal.ExecSpec{Cmd: []string{"sh"}}); !errors.Is(err, terminal.ErrNoContainer) {
		t.Errorf("a container that none has: %v", err)
	}
	away.Store(true)
	if _, err := both.Run(t.Context(), nobodys, terminal.ExecSpec{Cmd: []string{"sh"}}); err == nil || errors.Is(err, terminal.ErrNoContainer) {
		t.Errorf("a container that one which is away may have: %v", err)
	}
}

func TestTerminalTakesFullIDsAlone(t *testing.T) {
	t.Parallel()
	s := openShop(t, "sleep 100", nil)
	for _, id := range []string{"", s.id[:12], "../" + s.id, s.id + "?x=1", strings.ToUpper(s.id)} {
		if _, err := s.eng.Run(t.Context(), id, terminal.ExecSpec{Cmd: []string{"sh"}}); err == nil {
			t.Errorf("%q was taken", id)
		}
	}
}

func TestTerminalLogsAreWholeLinesOfBothStreams(t *testing.T) {
	t.Parallel()
	s := openShop(t, `echo out; echo err >&2; head -c 40000 /dev/zero | tr '\0' x; echo; sleep 100`, nil)
	var got []string
	for _, l := range s.firstLines(3, terminal.LogOptions{Tail: 100}) {
		kind := "out "
		if l.Stderr {
			kind = "err "
		}
		if l.At.IsZero() {
			t.Errorf("line %q has no time", l.Text[:3])
		}
		got = append(got, kind+string(l.Text))
	}
	slices.Sort(got) // the order of two streams is nobody's promise
	if diff := cmp.Diff([]string{"err err", "out " + "out", "out " + strings.Repeat("x", 40000)}, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestTerminalLogsGoOnWhereTheyWere(t *testing.T) {
	t.Parallel()
	for _, tty := range []bool{false, true} {
		s := openShop(t, "for i in 1 2 3 4 5 6; do echo $i; sleep 0.05; done; sleep 100", func(c *container.Config) { c.Tty = tty })
		first := s.firstLines(3, terminal.LogOptions{Tail: 100})
		rest := s.firstLines(3, terminal.LogOptions{Since: first[2].At.Add(time.Nanosecond)})
		var got []string
		for _, l := range slices.Concat(first, rest) {
			got = append(got, string(l.Text))
		}
		if diff := cmp.Diff([]string{"1", "2", "3", "4", "5", "6"}, got); diff != "" {
			t.Errorf("tty %v (-want +got):\n%s", tty, diff)
		}
	}
}

func TestTerminalSaysThatAContainerDoesNotRun(t *testing.T) {
	t.Parallel()
	s := openShop(t, "sleep 100", nil)
	zero := 0
	if err := s.cli.ContainerStop(t.Context(), s.id, container.StopOptions{Timeout: &zero}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.eng.Exec(t.Context(), s.id, terminal.ExecSpec{Cmd: []string{"sh"}}); !errors.Is(err, terminal.ErrNotRunning) {
		t.Errorf("stopped: %v", err)
	}
	if err := s.cli.ContainerRemove(t.Context(), s.id, container.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.eng.Run(t.Context(), s.id, terminal.ExecSpec{Cmd: []string{"sh"}}); !errors.Is(err, terminal.ErrNoContainer) {
		t.Errorf("removed: %v", err)
	}
}

// The secret lies across the parts into which the engine cuts a long line, and across those into which it is cut here.
func TestTerminalLogsShowNoSecretOfTheEnvironment(t *testing.T) {
	t.Parallel()
	const script = `echo "connecting to $DATABASE_URL"; echo "with $API_KEY" >&2
for n in 16380 65530 131060; do head -c $n /dev/zero | tr '\0' x; echo "$API_KEY"; done
echo over; sleep 100`
	for _, tty := range []bool{false, true} {
		s := openShop(t, script, func(c *container.Config) {
			c.Tty = tty
			c.Env = append(c.Env, "DATABASE_URL=postgres://shop:hunter2@db/shop", "API_KEY=horse-battery-staple")
		})
		var shown strings.Builder
		has := func(lines []terminal.LogLine, begin string) bool {
			return slices.ContainsFunc(lines, func(l terminal.LogLine) bool { return strings.HasPrefix(string(l.Text), begin) })
		}
		all := s.follow(terminal.LogOptions{Tail: 100}, func(lines []terminal.LogLine) bool { // the two streams come in any order
			return has(lines, "over") && has(lines, "with ")
		})
		for _, l := range all {
			shown.Write(l.Text)
		}
		for _, secret := range []string{"hunter2", "horse", "battery", "staple"} {
			if strings.Contains(shown.String(), secret) {
				t.Errorf("tty %v: %q is shown", tty, secret)
			}
		}
		rest := strings.NewReplacer("x", "", "[masked]", "*").Replace(shown.String())
		if !strings.Contains(rest, "connecting to *") || !strings.Contains(rest, "with *") || strings.Count(rest, "*") != 5 {
			t.Errorf("tty %v: left of the lines is %q", tty, rest)
		}
		if got := strings.Count(shown.String(), "x"); got != 16380+65530+131060 {
			t.Errorf("tty %v: %d of the other bytes are shown", tty, got)
		}
	}
}
