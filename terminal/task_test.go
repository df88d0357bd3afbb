package terminal_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/terminal"
)

// service has the container as the task of a service, which has an ID of its own.
type service struct {
	terminal.Engine
	task atomic.Pointer[string] // the container's ID
	away atomic.Bool            // the engine of its node is none of the bot's
}

const revision = "f00f00f00f00f00f00f00f00f00f00f00f00f00f00f00f00f00f00f00f00f00f"

func (s *service) Resolve(ctx context.Context, key string) (terminal.Target, error) {
	t, err := s.Engine.Resolve(ctx, key)
	id := t.ID
	s.task.Store(&id)
	t.ID = revision
	return t, err
}

func (s *service) Logs(ctx context.Context, _ string, o terminal.LogOptions, emit func(terminal.LogLine) error) error {
	return s.Engine.Logs(ctx, *s.task.Load(), o, emit)
}

func (s *service) Place(context.Context, terminal.Target) (terminal.Place, error) {
	if s.away.Load() {
		return terminal.Place{}, &terminal.NoEngineError{Tasks: []string{"shop.1 on node-a"}}
	}
	return terminal.Place{ID: *s.task.Load(), Task: "shop.1 on node-a"}, nil
}

func serve(t *testing.T) (*night, *service) {
	s := &service{}
	return setup(t, func(c *terminal.Config) { s.Engine, c.Engine = c.Engine, s }), s
}

// TestAShellOfAServiceSaysInWhichTaskItIs: on the page and on the timeline, and its processes are ended there.
func TestAShellOfAServiceSaysInWhichTaskItIs(t *testing.T) {
	t.Parallel()
	n, s := serve(t)
	b := n.shell()
	within(t, time.Minute, "the page says it", func() bool { return b.message() == "This shell is in shop.1 on node-a." })
	told := n.timeline.last(incidents.KindTerminalShell)
	if !strings.HasSuffix(told.Summary, "started a shell in shop.1 on node-a") {
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
	if got := b.message(); got != "The shell exited with code 7." {
		t.Errorf("the person is told %q", got)
	}
	n.wantNothingLeft()
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
