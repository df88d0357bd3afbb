package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/terminal"
)

// Terminals is several engines as the terminal package sees them. It is terminal.Engine.
type Terminals struct {
	engines []*Engine
	resolve func(ctx context.Context, key string) (id string, err error)

	mu   sync.Mutex         // guards seen
	seen map[string]*Engine // by a container's ID: where Resolve has found it
}

var _ terminal.Engine = (*Terminals)(nil)

// NewTerminals joins engines. Resolve is as in Engine.Terminal.
func NewTerminals(engines []*Engine, resolve func(ctx context.Context, key string) (string, error)) *Terminals {
	return &Terminals{engines: engines, resolve: resolve, seen: map[string]*Engine{}}
}

// Resolve finds the container that stands under an identity, on the engine of that.
func (t *Terminals) Resolve(ctx context.Context, key string) (terminal.Target, error) {
	e, err := snapshot.KeyOwner(ctx, t.engines, key)
	if errors.Is(err, snapshot.ErrUnknownContainer) {
		err = fmt.Errorf("%w: %w", terminal.ErrNoContainer, err)
	}
	if err != nil {
		return terminal.Target{}, err
	}
	target, err := e.Terminal(t.resolve).Resolve(ctx, key)
	if err == nil {
		err = t.remember(target.ID, e)
	}
	return target, err
}

// remember refuses an ID that two engines have, as those of a machine and its copy: nobody is to end up in the other one's shell.
func (t *Terminals) remember(id string, e *Engine) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if other := t.seen[id]; other != nil && other != e {
		return fmt.Errorf("%w: two engines have a container %.12s: one is a copy of the other", terminal.ErrNoContainer, id)
	}
	t.seen[id] = e
	return nil
}

func (t *Terminals) at(id string) (*Terminal, error) {
	if len(t.engines) == 1 {
		return t.engines[0].Terminal(t.resolve), nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.seen[id]; e != nil {
		return e.Terminal(t.resolve), nil
	}
	return nil, fmt.Errorf("%w: %.12s", terminal.ErrNoContainer, id)
}

// Logs implements terminal.Engine, of a container that Resolve has found.
func (t *Terminals) Logs(ctx context.Context, id string, o terminal.LogOptions, emit func(terminal.LogLine) error) error {
	one, err := t.at(id)
	if err != nil {
		return err
	}
	return one.Logs(ctx, id, o, emit)
}

// Place implements terminal.Engine.
func (t *Terminals) Place(_ context.Context, of terminal.Target) (terminal.Place, error) {
	return terminal.Place{ID: of.ID}, nil
}

// Exec implements terminal.Engine, in a container that Resolve has found.
func (t *Terminals) Exec(ctx context.Context, id string, s terminal.ExecSpec) (terminal.Exec, error) {
	one, err := t.at(id)
	if err != nil {
		return nil, err
	}
	return one.Exec(ctx, id, s)
}

// Run implements terminal.Engine. It also looks for a container that Resolve has not found: a bot before this one may have started a shell in it.
func (t *Terminals) Run(ctx context.Context, id string, s terminal.ExecSpec) ([]byte, error) {
	one, err := t.at(id)
	if errors.Is(err, terminal.ErrNoContainer) {
		one, err = t.find(ctx, id)
	}
	if err != nil {
		return nil, err
	}
	return one.Run(ctx, id, s)
}

// findPatience is how long an engine may take to say whether it has a container.
const findPatience = 3 * time.Second

// find asks all engines for a container. It returns terminal.ErrNotEnabled for one without the label, terminal.ErrNoContainer when none has it,
// and another error when none that answers has.
func (t *Terminals) find(ctx context.Context, id string) (*Terminal, error) {
	var on *Terminal
	var disabled, away error
	for _, e := range t.engines {
		one := e.Terminal(t.resolve)
		err := one.has(ctx, id)
		switch {
		case err == nil:
			on, err = one, t.remember(id, e)
			if err != nil {
				return nil, err
			}
		case errors.Is(err, terminal.ErrNotEnabled):
			disabled = err
		case !errors.Is(err, terminal.ErrNoContainer):
			away = err
		}
	}
	if on != nil {
		return on, nil
	}
	return nil, cmp.Or(disabled, away, fmt.Errorf("%w: %.12s", terminal.ErrNoContainer, id))
}

func (t *Terminal) has(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, findPatience)
	defer cancel()
	_, err := t.enabled(ctx, id)
	return err
}
