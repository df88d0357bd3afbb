package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/snapback/snapback/terminal"
)

// ServiceLogs hands over what all tasks of a service of a Swarm write, secrets of env masked. Each line has the ID of its task. What the
// manager could not get at is told in a line of no task. What there is comes in no order but that of each task; terminal.ErrEnough ends it
// for the task of that line.
func (e *Engine) ServiceLogs(ctx context.Context, id string, env []string, tty bool, o terminal.LogOptions, emit func(terminal.LogLine) error) error {
	options := logsOptions(o)
	options.Details = true // they tell the task
	var err error
	if o.Once {
		err = e.pastOfTasks(ctx, id, env, tty, options, emit)
	} else {
		err = e.followTasks(ctx, id, env, tty, options, emit)
	}
	incomplete := (*IncompleteLogError)(nil)
	switch {
	case ctx.Err() != nil, err == nil:
		return nil
	case errors.As(err, &incomplete):
		return emit(terminal.LogLine{At: time.Now().UTC(), Stderr: true, Text: []byte(incomplete.Error())})
	}
	return fmt.Errorf("reading the log of service %s: %w", id, err)
}

func (e *Engine) followTasks(ctx context.Context, id string, env []string, tty bool, o container.LogsOptions, emit func(terminal.LogLine) error) error {
	body, err := e.cli.ServiceLogs(ctx, id, o)
	if err != nil {
		return terminalError(err, env)
	}
	defer func() { _ = body.Close() }()
	if err = readTaskLines(body, tty, newLogMask(env, emit)); err != nil && strings.Contains(err.Error(), incompleteLog) {
		return &IncompleteLogError{err.Error()}
	}
	return err
}

func (e *Engine) pastOfTasks(ctx context.Context, id string, env []string, tty bool, o container.LogsOptions, emit func(terminal.LogLine) error) error {
	var mu sync.Mutex
	err := e.eachTask(ctx, id, o, func(from io.Reader) (refused bool, err error) {
		err = readTaskLines(from, tty, newLogMask(env, func(l terminal.LogLine) error {
			mu.Lock()
			defer mu.Unlock()
			err := emit(l)
			refused = err != nil
			return err
		}))
		if errors.Is(err, terminal.ErrEnough) {
			return false, nil
		}
		return refused, err
	})
	if err != nil {
		return quiet(err, env)
	}
	return nil
}

// readTaskLines is readLines of a log whose lines have details.
func readTaskLines(from io.Reader, tty bool, v *logMask) error {
	if tty {
		all := &lines{masked: v, plain: true, details: true}
		return errors.Join(all.readPlain(from), all.end())
	}
	out, errs := &taskLines{masked: v, of: map[string]*lines{}}, &taskLines{masked: v, of: map[string]*lines{}, stderr: true}
	if _, err := stdcopy.StdCopy(out, errs, from); err != nil {
		return err
	}
	return errors.Join(out.end(), errs.end())
}

// taskLines makes lines of the parts of one stream of several tasks, whose parts come in between each other.
type taskLines struct {
	masked *logMask
	stderr bool
	of     map[string]*lines // by the task's ID
}

// Write takes a frame, as that of lines does.
func (l *taskLines) Write(p []byte) (int, error) {
	at, text := stamped(p)
	id, text, _ := cutTask(text)
	one := l.of[string(id)]
	if one == nil {
		one = &lines{masked: l.masked, line: terminal.LogLine{Stderr: l.stderr, Task: string(id)}}
		l.of[string(id)] = one
	}
	return len(p), one.add(at, text)
}

func (l *taskLines) end() (err error) {
	for _, one := range l.of {
		err = errors.Join(err, one.end())
	}
	return err
}
