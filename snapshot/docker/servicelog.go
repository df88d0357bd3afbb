package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/terminal"
)

// The log of a service of a Swarm, as a manager gathers it: the lines of all its tasks, in no order but that of each task.

// IncompleteLogError says that a service's log has ended without what some of its tasks have written.
type IncompleteLogError struct{ Why string } // the manager's words, with the IDs of nodes and tasks

func (e *IncompleteLogError) Error() string {
	return "the log of some tasks could not be had: " + e.Why
}

// Unwrap makes errors.Is(err, snapshot.ErrLogUnreadable) hold.
func (e *IncompleteLogError) Unwrap() error { return snapshot.ErrLogUnreadable }

// incompleteLog are the manager's words, as the last line of such a log.
const incompleteLog = "incomplete log stream"

// ReadServiceLog hands the lines of a service's log to take, as ReadLog does for a container's. Of what is there already, there are at
// most ask.Last lines of each task. It returns an *IncompleteLogError, and snapshot.ErrGone.
func (e *Engine) ReadServiceLog(ctx context.Context, id string, tty bool, ask snapshot.LogAsk, take func(snapshot.RawLine) error) error {
	ahead := e.ahead(ctx)
	options := readOptions(ask, ahead)
	options.Details = true // they tell the task
	return e.readServiceLog(ctx, id, options, tty, &logReader{ahead: ahead, take: take, tasks: map[string]*taskLog{}})
}

func (e *Engine) readServiceLog(ctx context.Context, id string, o container.LogsOptions, tty bool, r *logReader) error {
	body, err := e.cli.ServiceLogs(ctx, id, o)
	if err != nil {
		return fmt.Errorf("reading the log of service %s: %w", id, leaderless(known(err, snapshot.ErrGone)))
	}
	defer func() { _ = body.Close() }()
	err = r.read(body, tty)
	switch {
	case r.refused:
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && strings.Contains(err.Error(), incompleteLog):
		return fmt.Errorf("reading the log of service %s: %w", id, &IncompleteLogError{strings.TrimSpace(err.Error())})
	case err != nil:
		return fmt.Errorf("reading the log of service %s: %w", id, leaderless(known(err, snapshot.ErrGone)))
	}
	return nil
}

// taskLog is what is known of the lines of one task.
type taskLog struct {
	id   string
	open [2]bool // as in logReader
}

var taskDetail = []byte("com.docker.swarm.task.id=")

// cutTask takes the details off the front of a line, and finds the ID of the task in them.
func cutTask(text []byte) (id, rest []byte, found bool) {
	details, rest, _ := bytes.Cut(text, []byte(" "))
	if _, id, found = bytes.Cut(details, taskDetail); !found {
		return nil, text, false
	}
	id, _, _ = bytes.Cut(id, []byte(","))
	return id, rest, true
}

// task takes the details off the front of a line, and says which task it is of; nil: they don't say.
func (r *logReader) task(text []byte) (*taskLog, []byte) {
	id, rest, found := cutTask(text)
	if !found {
		return nil, text
	}
	of := r.tasks[string(id)]
	if of == nil {
		of = &taskLog{id: string(id)}
		r.tasks[of.id] = of
	}
	return of, rest
}

// ServiceLogs follows what all tasks of a service of a Swarm write, as this manager gathers it, secrets of env masked. Each line has the ID
// of its task. What the manager could not get at is told in a line of no task.
func (e *Engine) ServiceLogs(ctx context.Context, id string, env []string, tty bool, o terminal.LogOptions, emit func(terminal.LogLine) error) error {
	options := logsOptions(o)
	options.Details = true // they tell the task
	body, err := e.cli.ServiceLogs(ctx, id, options)
	if err != nil {
		return fmt.Errorf("reading the log of service %s: %w", id, terminalError(err, env))
	}
	defer func() { _ = body.Close() }()
	err = readTaskLines(body, tty, newLogMask(env, emit))
	switch {
	case ctx.Err() != nil, err == nil:
		return nil
	case strings.Contains(err.Error(), incompleteLog):
		return emit(terminal.LogLine{At: time.Now().UTC(), Stderr: true, Text: []byte((&IncompleteLogError{err.Error()}).Error())})
	}
	return fmt.Errorf("reading the log of service %s: %w", id, err)
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
