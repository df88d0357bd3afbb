package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/terminal"
)

// Terminal is what the terminal package needs of the engine. It is terminal.Engine.
type Terminal struct {
	cli     *client.Client
	resolve func(ctx context.Context, key string) (id string, err error)
	only    string // as in Config
	service string // of a Swarm: its tasks' containers are those that are enabled, whatever their labels say; "": none is
}

var _ terminal.Engine = (*Terminal)(nil)

// NewTerminal uses a client that stays the caller's. Resolve turns a container's identity into the full ID of the
// container that now stands for it; it returns snapshot.ErrUnknownContainer when there is none.
func NewTerminal(cli *client.Client, resolve func(ctx context.Context, key string) (string, error)) *Terminal {
	return &Terminal{cli: cli, resolve: resolve}
}

// Terminal is the same engine, with the same containers, as the terminal package sees it.
func (e *Engine) Terminal(resolve func(ctx context.Context, key string) (string, error)) *Terminal {
	return &Terminal{cli: e.cli, resolve: resolve, only: e.only}
}

// TaskTerminal is the engine as far as it has the containers of tasks of a service, whose own labels enable them. A container whose label says
// that nobody may have a shell has none all the same.
func (e *Engine) TaskTerminal(service string) *Terminal {
	return &Terminal{cli: e.cli, service: service}
}

const (
	// noDetach is a sequence that nobody types. Unset, it would be Ctrl-P Ctrl-Q, and a shell would not see Ctrl-P.
	noDetach = "ctrl-^,ctrl-^,ctrl-^,ctrl-^,ctrl-^,ctrl-^,ctrl-^,ctrl-^"
	maxRun   = 1 << 20 // of what Run's commands may write
)

// Resolve finds the container that stands under an identity, and refuses one without the label.
func (t *Terminal) Resolve(ctx context.Context, key string) (terminal.Target, error) {
	id, err := t.resolve(ctx, key)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		return terminal.Target{}, fmt.Errorf("%w: %w", terminal.ErrNoContainer, err)
	}
	if err != nil {
		return terminal.Target{}, err
	}
	c, err := t.enabled(ctx, id)
	if err != nil {
		return terminal.Target{}, err
	}
	return terminal.Target{
		ID: c.ID, Name: strings.TrimPrefix(c.Name, "/"), Image: c.Config.Image, State: string(c.State.Status), Started: c.State.StartedAt,
		Command: c.Config.Labels["snapback.terminal.command"],
		NoShell: noShell(c),
	}, nil
}

// enabled inspects a container by its ID, which is what every act below begins with.
func (t *Terminal) enabled(ctx context.Context, id string) (container.InspectResponse, error) {
	if err := checkID(id); err != nil {
		return container.InspectResponse{}, err
	}
	c, err := t.cli.ContainerInspect(ctx, id)
	if err != nil {
		return c, fmt.Errorf("inspecting %.12s: %w", id, terminalError(err, nil))
	}
	if c.Config == nil || c.State == nil || !t.enables(c.Config.Labels) {
		return c, terminal.ErrNotEnabled
	}
	return c, nil
}

func (t *Terminal) enables(labels map[string]string) bool {
	if t.service != "" {
		return labels["com.docker.swarm.service.id"] == t.service
	}
	return enabledBy(labels, t.only)
}

func noShell(c container.InspectResponse) bool {
	return c.Config.Labels["snapback.terminal.allow"] == "none"
}

// Place implements terminal.Engine: a shell of a container is started in it. It returns terminal.ErrNotAllowed for a task's container that is
// to have none.
func (t *Terminal) Place(ctx context.Context, of terminal.Target) (terminal.Place, error) {
	return terminal.Place{ID: of.ID}, t.inTask(ctx, of.ID)
}

// inTask returns terminal.ErrNotAllowed where a shell would be in a task whose container is to have none.
func (t *Terminal) inTask(ctx context.Context, id string) error {
	if t.service == "" {
		return nil // its label has been looked at by Resolve
	}
	c, err := t.enabled(ctx, id)
	if err == nil && noShell(c) {
		err = terminal.ErrNotAllowed
	}
	return err
}

// terminalError adds the sentinels that the terminal package tells apart, and hides the secrets of an environment.
func terminalError(err error, env []string) error {
	err = quiet(err, env)
	switch {
	case cerrdefs.IsNotFound(err):
		return fmt.Errorf("%w: %w", terminal.ErrNoContainer, err)
	case cerrdefs.IsConflict(err) && strings.Contains(err.Error(), "is not running"):
		return fmt.Errorf("%w: %w", terminal.ErrNotRunning, err)
	case strings.Contains(err.Error(), "executable file not found"), strings.Contains(err.Error(), "no such file or directory"):
		return fmt.Errorf("%w: %w", terminal.ErrNoShell, err)
	}
	return err
}

// Logs follows the container's log, secrets of its environment masked. It never attaches: a reader that stalls would freeze
// the container.
func (t *Terminal) Logs(ctx context.Context, id string, o terminal.LogOptions, emit func(terminal.LogLine) error) error {
	c, err := t.enabled(ctx, id)
	if err != nil {
		return err
	}
	body, err := t.cli.ContainerLogs(ctx, id, logsOptions(o))
	if err != nil {
		return fmt.Errorf("reading the log of %.12s: %w", id, terminalError(err, c.Config.Env))
	}
	defer func() { _ = body.Close() }()
	if err = readLines(body, c.Config.Tty, newLogMask(c.Config.Env, notBefore(o.Since, emit))); ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the log of %.12s: %w", id, err)
	}
	return nil
}

// notBefore leaves out what is older: a log driver such as journald knows no billionths of a second, and has the line once more from right
// after which on it is asked.
func notBefore(since time.Time, emit func(terminal.LogLine) error) func(terminal.LogLine) error {
	return func(l terminal.LogLine) error {
		if !l.At.IsZero() && l.At.Before(since) {
			return nil
		}
		return emit(l)
	}
}

func logsOptions(o terminal.LogOptions) container.LogsOptions {
	out := container.LogsOptions{ShowStdout: true, ShowStderr: true, Follow: !o.Once, Timestamps: true, Tail: "all"}
	if o.Since.IsZero() {
		out.Tail = fmt.Sprint(o.Tail)
	} else {
		out.Since = fmt.Sprintf("%d.%09d", o.Since.Unix(), o.Since.Nanosecond())
	}
	return out
}

// Exec starts a command with a TTY. It is neither privileged nor another user's than the container's own, unless s says so.
func (t *Terminal) Exec(ctx context.Context, id string, s terminal.ExecSpec) (terminal.Exec, error) {
	if err := t.inTask(ctx, id); err != nil {
		return nil, err
	}
	execID, stream, err := t.start(ctx, id, container.ExecOptions{
		User: s.User, Tty: true, AttachStdin: true, AttachStdout: true, AttachStderr: true,
		DetachKeys: noDetach, Env: s.Env, Cmd: s.Cmd,
	})
	if err != nil {
		return nil, err
	}
	return &tty{cli: t.cli, id: execID, stream: stream}, nil
}

// start checks the label by ID and runs.
func (t *Terminal) start(ctx context.Context, id string, o container.ExecOptions) (string, types.HijackedResponse, error) {
	var none types.HijackedResponse
	c, err := t.enabled(ctx, id)
	if err != nil {
		return "", none, err
	}
	if !c.State.Running {
		return "", none, terminal.ErrNotRunning
	}
	if o.User != "" && (c.HostConfig == nil || c.HostConfig.PidMode.IsHost()) {
		return "", none, terminal.ErrHostProcesses
	}
	ex, err := t.cli.ContainerExecCreate(ctx, id, o)
	if err != nil {
		return "", none, fmt.Errorf("preparing a command in %.12s: %w", id, terminalError(err, c.Config.Env))
	}
	if err := checkID(ex.ID); err != nil {
		return "", none, err
	}
	stream, err := t.cli.ContainerExecAttach(ctx, ex.ID, container.ExecAttachOptions{Tty: o.Tty})
	if err != nil {
		return "", none, fmt.Errorf("starting a command in %.12s: %w", id, terminalError(err, c.Config.Env))
	}
	return ex.ID, stream, nil
}

// Run runs a command without a TTY to its end.
func (t *Terminal) Run(ctx context.Context, id string, s terminal.ExecSpec) ([]byte, error) {
	_, stream, err := t.start(ctx, id, container.ExecOptions{
		User: s.User, AttachStdout: true, AttachStderr: true, Env: s.Env, Cmd: s.Cmd,
	})
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, stream.Close)()
	defer stream.Close()
	out := &bytes.Buffer{}
	if _, err := stdcopy.StdCopy(out, io.Discard, io.LimitReader(stream.Reader, maxRun)); err != nil {
		return nil, fmt.Errorf("running a command in %.12s: %w", id, err)
	}
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("running a command in %.12s: %w", id, err)
	}
	return out.Bytes(), nil
}

// tty is a running command.
type tty struct {
	cli    *client.Client
	id     string
	stream types.HijackedResponse
}

func (x *tty) Read(p []byte) (int, error)  { return x.stream.Reader.Read(p) }
func (x *tty) Write(p []byte) (int, error) { return x.stream.Conn.Write(p) }

func (x *tty) Close() error { return x.stream.Conn.Close() }

// Resize has to come after the start: before, the engine waits ten seconds and refuses.
func (x *tty) Resize(ctx context.Context, cols, rows int) error {
	err := x.cli.ContainerExecResize(ctx, x.id, container.ResizeOptions{Width: uint(cols), Height: uint(rows)})
	if err != nil {
		return fmt.Errorf("resizing a terminal: %w", err)
	}
	return nil
}

func (x *tty) ExitCode(ctx context.Context) (code int, ok bool, err error) {
	in, err := x.cli.ContainerExecInspect(ctx, x.id)
	if err != nil {
		return 0, false, fmt.Errorf("inspecting a command: %w", err)
	}
	return in.ExitCode, !in.Running, nil
}
