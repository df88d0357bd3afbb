package terminal_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/docker/docker/api/types/container"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/terminal"
)

// service has the container as the task of a service, which has an ID of its own.
type service struct {
	terminal.Engine
	task     atomic.Pointer[string] // the container's ID
	revision atomic.Int64           // of the service
	away     atomic.Bool            // the engine of its node is none of the bot's
	mute     atomic.Bool            // the engine loses what a command writes, as Docker does when it comes later than two seconds after its end
}

const revision = "f00f00f00f00f00f00f00f00f00f00f00f00f00f00f00f00f00f00f00f00"

func (s *service) Resolve(ctx context.Context, key string) (terminal.Target, error) {
	t, err := s.Engine.Resolve(ctx, key)
	id := t.ID
	s.task.Store(&id)
	t.ID, t.Service = fmt.Sprintf("%s%04d", revision, s.revision.Load()), true
	return t, err
}

// Logs have every other line of another task.
func (s *service) Logs(ctx context.Context, _ string, o terminal.LogOptions, emit func(terminal.LogLine) error) error {
	return s.Engine.Logs(ctx, *s.task.Load(), o, func(l terminal.LogLine) error {
		task := "shop.1 | "
		if n := len(l.Text); n > 0 && l.Text[n-1]%2 == 0 {
			task = "shop.2 | "
		}
		l.Text = append([]byte(task), l.Text...)
		return emit(l)
	})
}

func (s *service) Tasks(context.Context, terminal.Target) ([]terminal.Task, error) {
	return []terminal.Task{{Name: "shop.1", On: "node-a", State: "running"}, {Name: "shop.2", On: "node-b", State: "starting"}}, nil
}

func (s *service) Place(context.Context, terminal.Target) (terminal.Place, error) {
	if s.away.Load() {
		return terminal.Place{}, &terminal.NoEngineError{Tasks: []string{"shop.1 on node-a"}}
	}
	return terminal.Place{ID: *s.task.Load(), Task: "shop.1 on node-a"}, nil
}

func (s *service) Run(ctx context.Context, id string, e terminal.ExecSpec) ([]byte, error) {
	out, err := s.Engine.Run(ctx, id, e)
	if s.mute.Load() && !bytes.HasSuffix(out, []byte("end\n")) { // a list of processes without its end is asked for again
		out = nil
	}
	return out, err
}

func serve(t *testing.T) (*night, *service) {
	s := &service{}
	return setup(t, func(c *terminal.Config) { s.Engine, c.Engine, c.Tasks = c.Engine, s, s }), s
}

// TestAShellOfAServiceSaysInWhichTaskItIs: on the page and on the timeline, and its processes are ended there.
func TestAShellOfAServiceSaysInWhichTaskItIs(t *testing.T) {
	t.Parallel()
	n, s := serve(t)
	b := n.shell()
	within(t, time.Minute, "the page knows it", func() bool { return b.inTask() == "shop.1 on node-a" })
	told := n.timeline.last(incidents.KindTerminalShell)
	if !strings.HasSuffix(told.Summary, "starts a shell in shop.1 on node-a") {
		t.Errorf("the timeline says %q", told.Summary)
	}
	var in string
	if err := n.store.pool.QueryRow(t.Context(), `SELECT container_id FROM terminal_shells`).Scan(&in); err != nil || in != *s.task.Load() {
		t.Errorf("the shell was written down in %q, %v", in, err)
	}
	b.typeIn(busy)
	within(t, time.Minute, "its jobs run", func() bool { return b.saw("started") && len(n.processes()) >= 4 })
	b.typeIn("exit 7\n")
	within(t, time.Minute, "the shell has ended", func() bool { return b.shellIs("ended") })
	if got := b.message(); got != "The shell exited with code 7." || b.inTask() != "" {
		t.Errorf("the person is told %q, of %q", got, b.inTask())
	}
	n.wantNothingLeft()
}

// TestALostAnswerOfATaskIsNoStop: the task runs, however little of it comes.
func TestALostAnswerOfATaskIsNoStop(t *testing.T) {
	t.Parallel()
	n, s := serve(t)
	b := n.shell()
	s.mute.Store(true)
	b.typeIn("exit 7\n")
	within(t, time.Minute, "the shell has ended", func() bool { return b.shellIs("ended") })
	if got := b.message(); got != "The shell exited with code 7." {
		t.Errorf("the person is told %q", got)
	}
}

// TestAServiceWithoutAnEngineSaysWhereItsTasksAre: nothing is written down of a shell.
func TestAServiceWithoutAnEngineSaysWhereItsTasksAre(t *testing.T) {
	t.Parallel()
	n, s := serve(t)
	s.away.Store(true)
	id, have := n.session(access.ModeShell)
	b := n.connect(id, have)
	b.say(`{"type":"shell","cols":80,"rows":24}`)
	within(t, time.Minute, "it says where", func() bool { return strings.Contains(b.message(), "docker exec: shop.1 on node-a") })
	if n.engine.execs.Load() != 0 || len(n.timeline.of(incidents.KindTerminalShell)) != 0 {
		t.Error("a shell was started")
	}
}

// TestAChangeOfAServiceThatKeepsItsTasksEndsNoShell as one of its labels alone is. What then ends the shell is told as it is.
func TestAChangeOfAServiceThatKeepsItsTasksEndsNoShell(t *testing.T) {
	t.Parallel()
	n, s := serve(t)
	b := n.shell()
	s.revision.Add(1)
	within(t, time.Minute, "the log goes on with a word", func() bool { return b.saw("Service changed: following what it is now, ") })
	b.typeIn("echo still he''re\n")
	within(t, time.Minute, "the shell goes on", func() bool { return b.saw("still here") })
	b.typeIn("exit 7\n")
	within(t, time.Minute, "the shell has ended", func() bool { return b.shellIs("ended") })
	if got := b.message(); got != "The shell exited with code 7." {
		t.Errorf("the person is told %q", got)
	}
	s.revision.Add(1)
	b.say(`{"type":"shell","cols":80,"rows":24}`)
	within(t, time.Minute, "another one is to be had", func() bool { return b.shellIs("running") })
	zero := 0
	testkit.OK(t, n.cli.ContainerStop(t.Context(), n.name, container.StopOptions{Timeout: &zero}))
	within(t, time.Minute, "its container's end is told as that", func() bool {
		return b.shellIs("ended") && b.message() == "The container was stopped, which ended this shell."
	})
}

// TestThePageShowsTheLinesOfOneTask by itself, and from before as well.
func TestThePageShowsTheLinesOfOneTask(t *testing.T) {
	t.Parallel()
	n, _ := serve(t)
	n.replace(`i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo "number $i"; done; sleep 1000`)
	id, have := n.session(access.ModeShell)
	later := url.QueryEscape(time.Now().Add(time.Hour).Format(time.RFC3339))
	within(t, time.Minute, "the lines of one task alone are there", func() bool {
		a, b := n.ask("GET", "/t/logs?session="+id+"&task=shop.2&match=number&before="+later, "", have)
		if a.status != http.StatusOK || strings.Contains(string(b), "shop.1") {
			t.Fatalf("of one task alone the log answers %d: %s", a.status, b)
		}
		return strings.Count(string(b), "shop.2 | number") == 15
	})
	if a := n.do("GET", "/t/logs?session="+id+"&before="+later+"&task="+strings.Repeat("x", 401), "", have); a.status != http.StatusBadRequest {
		t.Errorf("a name that is none is answered with %d", a.status)
	}
	p := newPhone(t)
	n.open(p, access.ModeShell)
	p.openGate()
	p.yes("the tasks are there", `document.querySelector('#task').length === 3`)
	if got := p.text("#task"); got != "All 2 tasks\nshop.1 on node-a, running\nshop.2 on node-b, starting" {
		t.Errorf("there is to choose: %q", got)
	}
	p.wait("the lines of both are there", "#lines", "shop.1 | number 29")
	p.picture("27-tasks")
	p.do(chromedp.Evaluate[chromedp.Void](`(b => { b.value = 'shop.2'; b.dispatchEvent(new Event('change')); })(document.querySelector('#task')); 0`))
	p.yes("those of one are", `!document.querySelector('#lines').innerText.includes('shop.1 |') && document.querySelector('#lines').innerText.includes('shop.2 | number 30')`)
	p.wait("and counted", "#hits", "15")
	p.picture("28-one-task")
	p.tap("#tab-shell")
	p.tap("#start")
	p.wait("the shell says where it is", "#place", "shop.1 on node-a")
	p.wait("a prompt is there", ".xterm-rows", "#")
	p.picture("29-shell-in-a-task")
	p.size(844, 390)
	p.picture("30-shell-in-a-task-landscape")
	p.yes("in landscape too", `document.querySelector('#place').getBoundingClientRect().height > 10`)
	p.wantQuiet()
}
