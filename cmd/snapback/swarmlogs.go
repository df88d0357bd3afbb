package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/terminal"
)

// terminals is what terminals are opened on: containers of engines, and services, with shells in their tasks.
type terminals struct {
	terminal.Engine // of the engines
	engines         []*docker.Engine
	swarms          func() []*swarmParts // that were found so far

	mu    sync.Mutex             // guards what follows
	seen  map[string]*swarmParts // by a service's revision: where Resolve has found it
	tasks map[string]inTask      // by a container's ID: of those that were found to be tasks'
}

func newTerminals(list []*docker.Engine, resolve func(ctx context.Context, key string) (string, error), swarms func() []*swarmParts) *terminals {
	return &terminals{Engine: docker.NewTerminals(list, resolve), engines: list, swarms: swarms, seen: map[string]*swarmParts{}, tasks: map[string]inTask{}}
}

// Resolve implements terminal.Engine.
func (t *terminals) Resolve(ctx context.Context, key string) (terminal.Target, error) {
	for _, p := range t.swarms() {
		if name, err := p.ID(ctx); err == nil && strings.HasPrefix(key, name+"/") {
			return t.service(ctx, p, key)
		}
	}
	return t.Engine.Resolve(ctx, key)
}

func (t *terminals) service(ctx context.Context, p *swarmParts, key string) (terminal.Target, error) {
	all, err := p.List(ctx)
	if err != nil {
		return terminal.Target{}, err
	}
	i := slices.IndexFunc(all, func(c snapshot.Container) bool { return c.Key == key })
	if i < 0 {
		return terminal.Target{}, fmt.Errorf("%w: the service was removed", terminal.ErrNoContainer)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen[all[i].ID] = p
	return terminal.Target{
		ID: all[i].ID, Service: true, Name: all[i].Name, Image: all[i].Image, State: all[i].State,
		Command: strings.Join(all[i].Settings.TerminalCommand, " "), NoShell: all[i].Settings.TerminalAllow.Rule == access.Nobody,
	}, nil
}

// of is the Swarm of a service that Resolve has found; nil: it is a container.
func (t *terminals) of(id string) *swarmParts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen[id]
}

// Logs implements terminal.Engine: of a service, those of all its tasks.
func (t *terminals) Logs(ctx context.Context, id string, o terminal.LogOptions, emit func(terminal.LogLine) error) error {
	p := t.of(id)
	if p == nil {
		return t.Engine.Logs(ctx, id, o, emit)
	}
	of, err := p.Logged(ctx, id)
	if err != nil {
		return ofService(err)
	}
	emit = p.named(ctx, of.Service, emit)
	if o.Once {
		return p.manager.ServiceLogs(ctx, of.Service, of.Env, of.TTY, o, emit)
	}
	var deploys sync.WaitGroup
	defer deploys.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	deploys.Go(func() { p.whenDeployed(ctx, of.Service, id, cancel) })
	return p.manager.ServiceLogs(ctx, of.Service, of.Env, of.TTY, o, emit)
}

// ofService adds the sentinels of the terminal package.
func ofService(err error) error {
	switch {
	case errors.Is(err, snapshot.ErrGone):
		return fmt.Errorf("%w: %w", terminal.ErrNoContainer, err)
	case errors.Is(err, snapshot.ErrNotEnabled):
		return fmt.Errorf("%w: %w", terminal.ErrNotEnabled, err)
	}
	return err
}

// named puts in front of each line which task it is of, as people call that. One that the manager does not know any more has the beginning of
// its ID.
func (p *swarmParts) named(ctx context.Context, service string, emit func(terminal.LogLine) error) func(terminal.LogLine) error {
	names := map[string]string{}
	return func(l terminal.LogLine) error {
		if l.Task == "" {
			return emit(l)
		}
		if names[l.Task] == "" {
			tasks, err := p.PlacedTasks(ctx, service)
			if err != nil && ctx.Err() != nil {
				return err
			}
			for _, t := range tasks {
				names[t.ID] = t.Name
			}
			names[l.Task] = cmp.Or(names[l.Task], fmt.Sprintf("%.12s", l.Task))
		}
		l.Text = slices.Concat([]byte(names[l.Task]+" | "), l.Text)
		return emit(l)
	}
}

// eventsBefore is how far back events are asked for, so that none is missed of while the following begins, and clocks may differ.
const eventsBefore = time.Minute

// whenDeployed ends the following of a service's log once the service is something else: what its tasks write then may hold secrets of
// which the mask knows nothing. Where events are not to be had, whoever follows sees it at the next look.
func (p *swarmParts) whenDeployed(ctx context.Context, service, id string, end func()) {
	_ = p.manager.FollowServices(ctx, time.Now().Add(-eventsBefore), func(e snapshot.Event) {
		if e.ContainerID != service {
			return
		}
		if _, err := p.Logged(ctx, id); err != nil {
			end()
		}
	})
}
