package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/terminal"
)

// terminals is what terminals are opened on: containers of engines, and the logs of services.
type terminals struct {
	terminal.Engine // of the engines
	swarms          []*swarmParts

	mu   sync.Mutex             // guards seen
	seen map[string]*swarmParts // by a service's revision: where Resolve has found it
}

// Resolve implements terminal.Engine.
func (t *terminals) Resolve(ctx context.Context, key string) (terminal.Target, error) {
	for _, p := range t.swarms {
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
	return p.manager.ServiceLogs(ctx, of.Service, of.Env, of.TTY, o, emit)
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
