package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/terminal"
)

// terminals is what terminals are opened on: containers of engines, and the logs of services.
type terminals struct {
	terminal.Engine                      // of the engines
	swarms          func() []*swarmParts // that were found so far

	mu   sync.Mutex             // guards seen
	seen map[string]*swarmParts // by a service's revision: where Resolve has found it
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
	return terminal.Target{ID: all[i].ID, Name: all[i].Name, Image: all[i].Image, State: all[i].State, NoShell: true}, nil
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
	switch {
	case errors.Is(err, snapshot.ErrGone):
		return fmt.Errorf("%w: %w", terminal.ErrNoContainer, err)
	case errors.Is(err, snapshot.ErrNotEnabled):
		return fmt.Errorf("%w: %w", terminal.ErrNotEnabled, err)
	case err != nil:
		return err
	}
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

// Exec implements terminal.Engine.
func (t *terminals) Exec(ctx context.Context, id string, s terminal.ExecSpec) (terminal.Exec, error) {
	if t.of(id) != nil {
		return nil, terminal.ErrService
	}
	return t.Engine.Exec(ctx, id, s)
}

// Run implements terminal.Engine.
func (t *terminals) Run(ctx context.Context, id string, s terminal.ExecSpec) ([]byte, error) {
	if t.of(id) != nil {
		return nil, terminal.ErrService
	}
	return t.Engine.Run(ctx, id, s)
}
