package docker

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/docker/docker/api/types/container"

	"github.com/snapback/snapback/snapshot"
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

// task takes the details off the front of a line, and says which task it is of; nil: they don't say.
func (r *logReader) task(text []byte) (*taskLog, []byte) {
	details, rest, _ := bytes.Cut(text, []byte(" "))
	_, id, found := bytes.Cut(details, taskDetail)
	if !found {
		return nil, text
	}
	id, _, _ = bytes.Cut(id, []byte(","))
	of := r.tasks[string(id)]
	if of == nil {
		of = &taskLog{id: string(id)}
		r.tasks[of.id] = of
	}
	return of, rest
}
