package terminal_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/terminal"
)

// processes lists what runs in the test's container besides its own command.
func (n *night) processes() []string {
	n.t.Helper()
	top, err := n.cli.ContainerTop(context.Background(), n.name, []string{"-eo", "pid,ppid,args"})
	if err != nil {
		return nil
	}
	var out []string
	for _, p := range top.Processes {
		if args := p[len(p)-1]; !strings.Contains(args, "hello from the") && !strings.HasPrefix(args, "sleep 0.2") && !strings.Contains(args, "<defunct>") {
			out = append(out, args)
		}
	}
	return out
}

func (n *night) wantNothingLeft() {
	n.t.Helper()
	var left []string
	within(n.t, 60*time.Second, "the shell's processes are gone", func() bool { left = n.processes(); return len(left) == 0 })
	n.wantNoShell()
}

// wantNoShell waits until the store knows that nothing is left of any shell.
func (n *night) wantNoShell() {
	n.t.Helper()
	within(n.t, 60*time.Second, "the store knows that they are gone", func() bool {
		var here int
		err := n.store.pool.QueryRow(context.Background(), `SELECT count(*) FROM terminal_shells WHERE gone_at IS NULL`).Scan(&here)
		return err == nil && here == 0
	})
}

// busy leaves behind what a shell can leave: a job of its own process group, one without a hang-up, and one that has
// left the kernel's session.
const busy = "sleep 1111 & setsid sleep 3333 & (trap '' HUP TERM; sleep 4444) & echo st''arted\n"

func (n *night) busyShell(b *browser) {
	n.t.Helper()
	b.startShell()
	b.typeIn(busy)
	defer func() {
		if n.t.Failed() {
			n.t.Logf("output %q, processes %q", b.shown(), n.processes())
		}
	}()
	within(n.t, time.Minute, "the jobs run", func() bool { return b.saw("started") && len(n.processes()) >= 4 })
}

func TestEveryWayOutEndsEveryProcess(t *testing.T) {
	t.Parallel()
	ways := map[string]func(n *night, b *browser, tap func()){
		"the person taps End":      func(_ *night, _ *browser, tap func()) { tap() },
		"the person types exit":    func(_ *night, b *browser, _ func()) { b.typeIn("exit 7\n") },
		"the incident is resolved": func(n *night, _ *browser, _ func()) { _ = n.svc.EndForIncident(context.Background(), n.incident) },
		"the permission is gone":   func(n *night, _ *browser, _ func()) { n.gate.refuse(terminal.ErrNotAllowed) },
		"the label is gone":        func(n *night, _ *browser, _ func()) { n.gate.refuse(terminal.ErrNotEnabled) },
		"nobody types for a while": func(n *night, _ *browser, _ func()) { n.clock.advance(16 * time.Minute) },
		"the recording can't be kept": func(n *night, b *browser, _ func()) {
			err := errors.New("away")
			n.store.failing.Store(&err)
			b.typeIn("echo x\n")
		},
		"the browser stays away": func(n *night, b *browser, _ func()) { _ = b.conn.CloseNow(); n.after(3 * time.Minute) },
		"the bot stops":          func(n *night, _ *browser, _ func()) { _ = n.svc.Stop(context.Background()) },
	}
	for name, leave := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t, soonEnded)
			id, have := n.session(access.ModeShell)
			b := n.connect(id, have)
			n.busyShell(b)
			leave(n, b, func() { n.do("POST", "/t/end", "{}", have) })
			n.wantNothingLeft()
		})
	}
}

// after waits until the server has noticed that the browser is gone, and moves the clock.
func (n *night) after(d time.Duration) {
	within(n.t, time.Minute, "the session has no viewer", func() bool { n.clock.advance(d); return len(n.processes()) < 4 })
}

// Somebody who may write to a folder of the image's PATH plants a sh there, which notes that it was asked to end processes.
func TestNoPlantedShellEndsProcesses(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.replace(`b=/bin/busybox; $b mkdir /mine; printf '#!/bin/sh\ncase $2 in */proc/*/limits*) : >/mine/ran;; esac\nexec /bin/sh "$@"\n' >/mine/sh
$b chmod 755 /mine/sh; echo hello from the second; exec $b sleep 1000`,
		func(c *container.Config, _ *container.HostConfig) { c.Env = []string{"PATH=/mine:/bin"} })
	id, have := n.session(access.ModeShell)
	b := n.connect(id, have)
	within(t, time.Minute, "the container is up", func() bool { return b.saw("hello from the second") })
	b.startShell()
	b.typeIn("exit\n")
	within(t, time.Minute, "the shell has ended", func() bool { return b.shellIs("ended") })
	if _, err := n.cli.ContainerStatPath(t.Context(), n.name, "/mine/ran"); !cerrdefs.IsNotFound(err) {
		t.Errorf("the planted shell was run: %v", err)
	}
}

func TestAShellFromAnotherFolderIsEndedToo(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.replace(`b=/bin/busybox; $b mkdir /busybox; $b ln -s $b /busybox/sh; $b rm /bin/sh; echo hello from the second; exec $b sleep 1000`,
		func(c *container.Config, _ *container.HostConfig) { c.Env = []string{"PATH=/bin:/busybox"} })
	id, have := n.session(access.ModeShell)
	b := n.connect(id, have)
	within(t, time.Minute, "the container is up", func() bool { return b.saw("hello from the second") })
	b.startShell()
	b.typeIn("sleep 3333 & exit\n")
	n.wantNoShell()
}

func TestSweepEndsTheShellOfABotThatCrashed(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id, have := n.session(access.ModeShell)
	n.busyShell(n.connect(id, have))
	n.otherBotSweeps()
	n.wantNothingLeft()
}

func TestExitCodeIsReported(t *testing.T) {
	t.Parallel()
	n := setup(t)
	b := n.shell()
	b.typeIn("exit 7\n")
	within(t, time.Minute, "the shell has ended", func() bool { return b.shellIs("ended") })
	if got := b.message(); got != "The shell exited with code 7." {
		t.Errorf("got %q", got)
	}
}

func TestControlPReachesTheShell(t *testing.T) {
	t.Parallel()
	n := setup(t)
	b := n.shell()
	b.typeIn("stty raw -echo; echo set''up; head -c 2 | cat -v; stty sane\n")
	within(t, time.Minute, "the line is raw", func() bool { return b.saw("setup") })
	b.typeIn("\x10\x11")
	within(t, time.Minute, "Ctrl-P and Ctrl-Q arrive", func() bool { return b.saw("^P^Q") })
}

func TestWindowSizeReachesTheShell(t *testing.T) {
	t.Parallel()
	n := setup(t)
	b := n.shell()
	b.say(`{"type":"resize","cols":57,"rows":33}`)
	within(t, time.Minute, "the new size is there", func() bool { b.typeIn("stty size\n"); return b.saw("33 57") })
	b.typeIn("exit 7\n")
	within(t, time.Minute, "the recording ends with the exit status", func() bool { return strings.HasSuffix(n.recording(), `,"x","7"]`+"\n") })
	if cast := n.recording(); wantAsciicast(t, cast) == "" || !strings.Contains(cast, `,"r","57x33"]`) {
		t.Errorf("the new size is not recorded:\n%s", cast)
	}
}

func TestNoShellIsStartedThatCantBeAudited(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*night){
		"timeline away":  func(n *night) { n.timeline.fail(errors.New("away")) },
		"recording away": func(n *night) { err := errors.New("away"); n.store.failing.Store(&err) },
		"not allowed":    func(n *night) { n.gate.refuse(errors.New("can't tell")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			id, have := n.session(access.ModeShell)
			b := n.connect(id, have)
			within(t, time.Minute, "logs are shown", func() bool { return b.saw("hello") })
			fail(n)
			b.say(`{"type":"shell","cols":80,"rows":24}`)
			within(t, time.Minute, "the shell is refused", func() bool { return b.shellIs("ended") })
			if n.engine.execs.Load() != 0 {
				t.Error("the engine was asked to run something")
			}
		})
	}
}

func TestLogsModeHasNoShell(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id, have := n.session(access.ModeLogs)
	b := n.connect(id, have)
	b.say(`{"type":"shell","cols":80,"rows":24}`)
	b.typeIn("echo x\n")
	within(t, time.Minute, "logs are shown", func() bool { return b.saw("hello") })
	if n.engine.execs.Load() != 0 || !b.shellIs("none") {
		t.Error("a shell was started")
	}
}

func TestStoppedContainerSaysSoInsteadOfAShell(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id, have := n.session(access.ModeShell)
	b := n.connect(id, have)
	zero := 0
	if err := n.cli.ContainerStop(t.Context(), n.name, container.StopOptions{Timeout: &zero}); err != nil {
		t.Fatal(err)
	}
	b.say(`{"type":"shell","cols":80,"rows":24}`)
	within(t, time.Minute, "it says why not", func() bool { return strings.Contains(b.message(), "not running") })
}

// busyEngine is one of a machine that is so busy that nobody looks while a container is down.
type busyEngine struct{ terminal.Engine }

func (e busyEngine) Resolve(ctx context.Context, key string) (terminal.Target, error) {
	for {
		if t, err := e.Engine.Resolve(ctx, key); err != nil || t.Running() {
			return t, err
		}
	}
}

func TestARestartOfTheContainerIsToldAsThat(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *terminal.Config) { c.Engine = busyEngine{c.Engine} })
	b := n.shell()
	zero := 0
	testkit.OK(t, n.cli.ContainerRestart(t.Context(), n.name, container.StopOptions{Timeout: &zero}))
	within(t, time.Minute, "it has ended", func() bool { return b.shellIs("ended") })
	if got := b.message(); got != "The container was stopped, which ended this shell." {
		t.Errorf("the person is told %q", got)
	}
}

func TestContainerWithoutAShellSaysSo(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.replace(`/bin/busybox rm /bin/sh; echo bare; exec /bin/busybox sleep 1000`)
	id, have := n.session(access.ModeShell)
	b := n.connect(id, have)
	within(t, time.Minute, "the container is up", func() bool { return b.saw("bare") })
	b.say(`{"type":"shell","cols":80,"rows":24}`)
	within(t, time.Minute, "it says why not", func() bool { return b.shellIs("ended") })
	if got := b.message(); got != "This container has no shell that could be started. Its logs are still there." {
		t.Errorf("got %q", got)
	}
}

func TestTheCommandOfTheLabelIsTheShell(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"toolbox --login":          "There is no toolbox in this container, which its label snapback.terminal.command names.",
		"/opt/no/sh":               "There is no /opt/no/sh in this container, which its label snapback.terminal.command names.",
		"sh -c 'echo fro''m a sh'": "from a sh",
		"GREETING='fro''m it' sh -c 'echo $GREETING'": "from it",
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			n := setup(t)
			n.replace("exec sleep 1000", func(c *container.Config, _ *container.HostConfig) { c.Labels["snapback.terminal.command"] = command })
			b := n.connect(n.session(access.ModeShell))
			b.say(`{"type":"shell","cols":80,"rows":24}`)
			within(t, time.Minute, "it has ended", func() bool { return b.shellIs("ended") })
			within(t, time.Minute, "it says "+want, func() bool { return b.saw(want) })
		})
	}
}

func TestReconnectedBrowserFindsTheSameShell(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id, have := n.session(access.ModeShell)
	b := n.connect(id, have)
	b.startShell()
	b.typeIn("x=remem''bered\n")
	within(t, time.Minute, "the variable is set", func() bool { return b.saw("x=remem''bered") })
	_ = b.conn.CloseNow()
	again := n.connect(id, have)
	within(t, time.Minute, "the scrollback is back", func() bool { return again.saw("ready") })
	again.typeIn("echo $x\n")
	within(t, time.Minute, "the shell is the same", func() bool { return again.saw("remembered\r\n") })
}

func TestSlowViewerHoldsUpNobody(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id, have := n.session(access.ModeShell)
	// One that says hello and then reads nothing at all.
	slow := n.dial(have)
	defer func() { _ = slow.CloseNow() }()
	if err := slow.Write(t.Context(), websocket.MessageText, fmt.Appendf(nil, `{"type":"hello","session":%q}`, id)); err != nil {
		t.Fatal(err)
	}
	b := n.connect(id, have)
	b.startShell()
	began := time.Now()
	b.typeIn("yes 0123456789012345678901234567890123456789 | head -c 12000000; echo al''l of it\n")
	within(t, 5*time.Minute, "12 MB are recorded", func() bool { return n.recorded() > 12_000_000 })
	t.Logf("12 MB recorded in %v", time.Since(began))
	within(t, time.Minute, "the end is recorded", func() bool { return n.recordedEnd("all of it") })
	b = n.connect(id, have) // the fast one may have been dropped as well
	within(t, time.Minute, "another viewer sees the end", func() bool { return b.saw("all of it") })
}

// shell is a browser in whose session a shell runs.
func (n *night) shell() *browser {
	n.t.Helper()
	b := n.connect(n.session(access.ModeShell))
	b.startShell()
	return b
}

// otherBotSweeps has another bot on the same database sweep, to which this one's shells have not been seen for two minutes.
// Their marks and the kernel's session are all that it knows.
func (n *night) otherBotSweeps() {
	n.t.Helper()
	other, err := terminal.New(terminal.Config{
		PublicURL: n.url, Ring: ring(n.t), Store: n.store, Engine: n.engine, Gate: n.gate, Timeline: n.timeline,
		Now: func() time.Time { return time.Now().Add(2 * time.Minute) },
	})
	testkit.OK(n.t, err)
	testkit.OK(n.t, other.Sweep(n.t.Context()))
}

// TestTheTimelineTellsThatNoShellCameAbout has a container in which no sh is found.
func TestTheTimelineTellsThatNoShellCameAbout(t *testing.T) {
	t.Parallel()
	n := setup(t)
	n.replace("", func(c *container.Config, _ *container.HostConfig) {
		c.Cmd, c.Env = []string{"/bin/busybox", "sleep", "3600"}, []string{"PATH=/nowhere"}
	})
	b := n.connect(n.session(access.ModeShell))
	b.say(`{"type":"shell","cols":80,"rows":24}`)
	within(t, time.Minute, "it has ended", func() bool { return b.shellIs("ended") })
	if got := n.timeline.last(incidents.KindTerminalShell).Summary; got != "Ada Example starts a shell in api" {
		t.Errorf("the timeline has %q", got)
	}
	if got := n.timeline.last(incidents.KindTerminalNoShell).Summary; !strings.HasPrefix(got, "No shell came about for Ada Example in api: This container has no shell") {
		t.Errorf("then it has %q", got)
	}
}

// TestTheTimelineTellsThatASessionEndedBeforeItsShell takes the permission away while a shell is started, which says no more than that it was
// stopped.
func TestTheTimelineTellsThatASessionEndedBeforeItsShell(t *testing.T) {
	t.Parallel()
	outcomes := make(chan string, 1)
	n := setup(t, func(c *terminal.Config) {
		c.Observe = func(event, outcome string) {
			if event == "shell" {
				outcomes <- outcome
			}
		}
	})
	b := n.connect(n.session(access.ModeShell))
	over := make(chan struct{})
	goOn := sync.OnceFunc(func() { close(over) })
	defer goOn()
	during := func(e incidents.Entry) {
		if e.Kind == incidents.KindTerminalShell {
			n.gate.refuse(terminal.ErrNotAllowed)
			<-over
		}
	}
	n.timeline.during.Store(&during)
	b.say(`{"type":"shell","cols":80,"rows":24}`)
	within(t, time.Minute, "the page hears that the session is over", func() bool { _, is := b.closed(); return is })
	goOn()
	within(t, time.Minute, "both ends are told", func() bool { return n.timeline.last(incidents.KindTerminalEnded).Summary != "" })
	if got := n.timeline.last(incidents.KindTerminalNoShell).Summary; got != "No shell came about for Ada Example in api: You may no longer use this terminal." {
		t.Errorf("the timeline has %q", got)
	}
	if kinds := n.timeline.kinds(); slices.Index(kinds, incidents.KindTerminalNoShell) > slices.Index(kinds, incidents.KindTerminalEnded) {
		t.Errorf("in this order: %v", kinds)
	}
	if got := <-outcomes; got != "ended" {
		t.Errorf("it is counted as %s", got)
	}
}

// TestProcessesDoNotWaitForATimelineThatHangs has a shell not come about whose first process runs already.
func TestProcessesDoNotWaitForATimelineThatHangs(t *testing.T) {
	t.Parallel()
	n := setup(t)
	away := errors.New("away")
	n.store.unnoted.Store(&away)
	hangs, over := make(chan struct{}), make(chan struct{})
	goOn := sync.OnceFunc(func() { close(over) })
	defer goOn()
	during := func(e incidents.Entry) {
		if e.Kind == incidents.KindTerminalNoShell {
			close(hangs)
			<-over
		}
	}
	n.timeline.during.Store(&during)
	b := n.connect(n.session(access.ModeShell))
	b.say(`{"type":"shell","cols":80,"rows":24}`)
	<-hangs
	if n.engine.execs.Load() != 1 {
		t.Fatalf("%d processes were started", n.engine.execs.Load())
	}
	within(t, time.Minute, "the processes are gone meanwhile", func() bool { return len(n.processes()) == 0 })
	goOn()
	n.wantNoShell()
}
