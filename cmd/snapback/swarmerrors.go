package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents/flat/logtail"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/swarm"
)

// serviceErrors is a Swarm whose services' errors are counted. It is logtail.Engine.
type serviceErrors struct{ *swarmParts }

// follow has the errors in the logs of the Swarm's services counted, once it is started.
func (p *swarmParts) follow(c logtail.Config) {
	c.Engine = serviceErrors{p}
	p.logs = logtail.New(c)
}

// ReadLog hands over what all tasks of a service have written, by a revision of it. The service has been running since the task has that has
// for longest.
func (e serviceErrors) ReadLog(ctx context.Context, id string, ask snapshot.LogAsk, take func(snapshot.RawLine) error) (started time.Time, err error) {
	of, err := e.Logged(ctx, id)
	if err != nil {
		return started, err
	}
	tasks, err := e.PlacedTasks(ctx, of.Service)
	if err != nil {
		return started, err
	}
	for _, t := range tasks {
		if t.Runs && t.Meant && (started.IsZero() || t.Since.Before(started)) {
			started = t.Since
		}
	}
	err = e.manager.ReadServiceLog(ctx, of.Service, of.TTY, ask, take)
	if incomplete := (*docker.IncompleteLogError)(nil); errors.As(err, &incomplete) && !misses(incomplete.Why, tasks) {
		err = nil
	}
	return started, err
}

// misses says that a log misses what a task may have written that is to run: one that is on a node of which the manager complains. What ran before
// on a node that is away now is left out, and so is what has no node yet.
func misses(complaint string, tasks []swarm.Placed) bool {
	return slices.ContainsFunc(tasks, func(t swarm.Placed) bool { return t.Meant && t.Node != "" && strings.Contains(complaint, t.Node) })
}
