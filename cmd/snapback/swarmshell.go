package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/swarm"
	"github.com/snapback/snapback/terminal"
)

// A shell of a service runs in the container of one of its tasks, by the engine of the task's node, where the bot has that engine.

// inTask is a container that is a task's.
type inTask struct {
	p       *swarmParts
	service string // its ID
	engine  *docker.Engine
}

// Place implements terminal.Engine: of a service, it is the newest task that runs on a node whose engine the bot has.
func (t *terminals) Place(ctx context.Context, target terminal.Target) (terminal.Place, error) {
	p := t.of(target.ID)
	if p == nil {
		return t.Engine.Place(ctx, target)
	}
	of, err := p.Logged(ctx, target.ID)
	if err != nil {
		return terminal.Place{}, ofService(err)
	}
	tasks, err := p.PlacedTasks(ctx, of.Service)
	if err != nil {
		return terminal.Place{}, err
	}
	on := t.byNode(ctx)
	elsewhere := &terminal.NoEngineError{}
	for _, task := range tasks {
		if !task.Runs || !task.Meant || task.Container == "" {
			continue
		}
		called := fmt.Sprintf("%s on %s", task.Name, task.Host)
		if engine := on[task.Node]; engine != nil {
			t.found(task.Container, inTask{p, of.Service, engine})
			return terminal.Place{ID: task.Container, Task: called}, nil
		}
		elsewhere.Tasks = append(elsewhere.Tasks, called)
	}
	return terminal.Place{}, elsewhere
}

// nodePatience is how long an engine may take to say which node it is.
const nodePatience = 2 * time.Second

// byNode are the bot's engines that are nodes of a Swarm, and answer now, by their IDs as such.
func (t *terminals) byNode(ctx context.Context) map[string]*docker.Engine {
	nodes := make([]string, len(t.engines))
	var asked sync.WaitGroup
	for i, engine := range t.engines {
		asked.Go(func() {
			_ = within(ctx, nodePatience, func(ctx context.Context) (err error) { // one that is away is no node whose shells are to be had
				nodes[i], err = swarm.NodeOf(ctx, engine)
				return err
			})
		})
	}
	asked.Wait()
	on := map[string]*docker.Engine{}
	for i, node := range nodes {
		if node != "" {
			on[node] = t.engines[i]
		}
	}
	return on
}

func (t *terminals) found(container string, in inTask) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tasks[container] = in
}

// Exec implements terminal.Engine.
func (t *terminals) Exec(ctx context.Context, id string, s terminal.ExecSpec) (terminal.Exec, error) {
	in, ok, err := t.task(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return t.Engine.Exec(ctx, id, s)
	}
	return in.engine.TaskTerminal(in.service).Exec(ctx, id, s)
}

// Run implements terminal.Engine. A container that no engine knows as its own may be a task's, in which a bot has started a shell before
// this one has come up.
func (t *terminals) Run(ctx context.Context, id string, s terminal.ExecSpec) ([]byte, error) {
	in, ok, err := t.task(ctx, id)
	if err != nil {
		return nil, err
	}
	if !ok {
		out, err := t.Engine.Run(ctx, id, s)
		if !errors.Is(err, terminal.ErrNotEnabled) && !errors.Is(err, terminal.ErrNoContainer) {
			return out, err
		}
		if in, ok, err = t.search(ctx, id, err); !ok {
			return nil, err
		}
	}
	return in.engine.TaskTerminal(in.service).Run(ctx, id, s)
}

// task is what is known of a container that was found to be a task's, of a service that is still enabled.
func (t *terminals) task(ctx context.Context, container string) (in inTask, ok bool, err error) {
	t.mu.Lock()
	in, ok = t.tasks[container]
	t.mu.Unlock()
	if ok {
		err = ofService(in.p.Allowed(ctx, in.service))
	}
	return in, ok, err
}

// search looks for a container among the tasks of all Swarms. Where it is none's, the error stays what it was.
func (t *terminals) search(ctx context.Context, container string, otherwise error) (in inTask, ok bool, err error) {
	for _, p := range t.swarms() {
		service, node, err := p.TaskIn(ctx, container)
		if err != nil {
			return in, false, err
		}
		if service == "" {
			continue
		}
		engine := t.byNode(ctx)[node]
		if engine == nil {
			return in, false, fmt.Errorf("%w: the engine of its node", snapshot.ErrEngineAway)
		}
		t.found(container, inTask{p, service, engine})
		return t.task(ctx, container)
	}
	return in, false, otherwise
}
