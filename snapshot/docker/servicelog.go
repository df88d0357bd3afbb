package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/swarm"
	"golang.org/x/sync/errgroup"

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
	if !ask.Follow {
		var mu sync.Mutex
		return e.eachTask(ctx, id, options, func(from io.Reader) (refused bool, err error) {
			r := &logReader{ahead: ahead, tasks: map[string]*taskLog{}, take: func(l snapshot.RawLine) error {
				mu.Lock()
				defer mu.Unlock()
				return take(l)
			}}
			err = r.read(from, tty)
			return r.refused, err
		})
	}
	r := &logReader{ahead: ahead, take: take, tasks: map[string]*taskLog{}}
	body, err := e.cli.ServiceLogs(ctx, id, options)
	return readManagersLog(ctx, "service "+id, body, err, func(from io.Reader) (bool, error) {
		err := r.read(from, tty)
		return r.refused, err
	})
}

// tasksAtOnce is of how many tasks the log is read at a time.
const tasksAtOnce = 4

// eachTask reads the log of each task by itself: that of the service stops in the middle and never ends where several tasks on one node
// have much to hand over (seen with Docker 20.10). Read is called for several at once. An *IncompleteLogError comes after all that could be
// had was read.
func (e *Engine) eachTask(ctx context.Context, id string, o container.LogsOptions, read taskReader) error {
	tasks, err := e.cli.TaskList(ctx, swarm.TaskListOptions{Filters: filters.NewArgs(filters.Arg("service", id))})
	if err != nil {
		return fmt.Errorf("listing the tasks of service %s: %w", id, leaderless(known(err, nil)))
	}
	var mu sync.Mutex // guards missing
	var missing []string
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(tasksAtOnce)
	for _, t := range tasks {
		if t.Status.ContainerStatus == nil || t.Status.ContainerStatus.ContainerID == "" {
			continue // it has not run
		}
		readers.Go(func() error {
			body, err := e.cli.TaskLogs(ctx, t.ID, o)
			err = readManagersLog(ctx, "task "+t.ID, body, err, read)
			incomplete := (*IncompleteLogError)(nil)
			switch {
			case errors.As(err, &incomplete):
				mu.Lock()
				defer mu.Unlock()
				missing = append(missing, incomplete.Why)
				return nil
			case errors.Is(err, snapshot.ErrGone): // the manager has forgotten it since
				return nil
			}
			return err
		})
	}
	if err := readers.Wait(); err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("reading the log of service %s: %w", id, &IncompleteLogError{strings.Join(missing, "; ")})
	}
	return nil
}

// taskReader reads a log to its end. Refused says that the error is that of whoever takes the lines.
type taskReader func(from io.Reader) (refused bool, err error)

// readManagersLog reads what the manager has opened, or not.
func readManagersLog(ctx context.Context, of string, body io.ReadCloser, err error, read taskReader) error {
	refused := false
	if err == nil {
		defer func() { _ = body.Close() }()
		refused, err = read(body)
	}
	switch {
	case refused:
		return err
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && strings.Contains(err.Error(), incompleteLog):
		return fmt.Errorf("reading the log of %s: %w", of, &IncompleteLogError{strings.TrimSpace(err.Error())})
	case err != nil:
		return fmt.Errorf("reading the log of %s: %w", of, leaderless(known(err, snapshot.ErrGone)))
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
