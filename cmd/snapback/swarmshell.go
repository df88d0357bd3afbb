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
			place, err := engine.TaskTerminal(of.Service).Place(ctx, terminal.Target{ID: task.Container})
			place.Task = called
			return place, err
		}
		elsewhere.Tasks = append(elsewhere.Tasks, called)
	}
	return terminal.Place{}, elsewhere
}

// nodePatience is how long an engine may take to say which node it is.
const nodePatience = 2 * time.Second

// byNode are the bot's engines that are nodes of a Swarm, and answer now, by their IDs as such.
func (t *terminals) byNode(ctx context.Context) map[string]*docker.Engine {
	return nodesAmong(ctx, t.engines)
}

// nodesAmong are those engines that are nodes of a Swarm, and answer now, by their IDs as such.
func nodesAmong(ctx context.Context, engines []*docker.Engine) map[string]*docker.Engine {
	nodes := make([]string, len(engines))
	var asked sync.WaitGroup
	for i, engine := range engines {
		asked.Go(func() {
			_ = within(ctx, nodePatience, func(ctx context.Context) (err error) { // one that is away is none of which anything is to be had
				nodes[i], err = swarm.NodeOf(ctx, engine)
				return err
			})
		})
	}
	asked.Wait()
	on := map[string]*docker.Engine{}
	for i, node := range nodes {
		if node != "" {
			on[node] = engines[i]
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
	in, ok := t.task(id)
	if !ok {
		return t.Engine.Exec(ctx, id, s)
	}
	if err := in.p.Allowed(ctx, in.service); err != nil {
		return nil, ofService(err)
	}
	return in.engine.TaskTerminal(in.service).Exec(ctx, id, s)
}

// Run implements terminal.Engine. It ends shells, so it goes on in a task also when its service is not enabled any more, or the manager does
// not answer. A container that no engine knows as its own may be a task's, in which a bot has started a shell before this one has come up.
func (t *terminals) Run(ctx context.Context, id string, s terminal.ExecSpec) ([]byte, error) {
	in, ok := t.task(id)
	if !ok {
		out, err := t.Engine.Run(ctx, id, s)
		if !errors.Is(err, terminal.ErrNotEnabled) && !errors.Is(err, terminal.ErrNoContainer) {
			return out, err
		}
		if in, err = t.search(ctx, id, err); err != nil {
			return nil, err
		}
	}
	return in.engine.TaskTerminal(in.service).Run(ctx, id, s)
}

// task is what is known of a container that was found to be a task's.
func (t *terminals) task(container string) (in inTask, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	in, ok = t.tasks[container]
	return in, ok
}

// search looks for a container among the tasks of all Swarms. Where it is none's, the error stays what it was.
func (t *terminals) search(ctx context.Context, container string, otherwise error) (inTask, error) {
	for _, p := range t.swarms() {
		service, node, err := p.TaskIn(ctx, container)
		if err != nil {
			return inTask{}, err
		}
		if service == "" {
			continue
		}
		engine := t.byNode(ctx)[node]
		if engine == nil {
			return inTask{}, fmt.Errorf("%w: the engine of its node", snapshot.ErrEngineAway)
		}
		in := inTask{p, service, engine}
		t.found(container, in)
		return in, nil
	}
	return inTask{}, otherwise
}
