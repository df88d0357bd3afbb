package docker

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/docker/docker/api/types/container"
	"golang.org/x/sync/errgroup"

	"github.com/snapback/snapback/snapshot"
)

// namespaces are the modes of a container that the engine's list does not show.
type namespaces struct{ pid, ipc string }

// joined lists the containers that share a namespace with the one of this ID. Who shares its network is in the engine's
// list. Who shares its process or IPC namespace is not, and only enabled containers are looked into for that.
func (e *Engine) joined(ctx context.Context, rows []container.Summary, id string) ([]snapshot.Container, error) {
	if id == "" {
		return nil, nil
	}
	engineID, err := e.ID(ctx)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(slices.Clone(rows), func(r container.Summary) bool { return r.ID == id || snapshot.OurName(nameOf(r)) })
	if err := e.learn(ctx, rows); err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(r container.Summary) bool { return !e.shares(r, "container:"+id) })
	states, err := e.states(ctx, idsOf(rows))
	if err != nil {
		return nil, err
	}
	var out []snapshot.Container
	for _, row := range rows {
		c := e.fromRow(engineID, row)
		c.Key, c.Carries = e.keyOf(c.ID, c.Key), e.carries(ctx, rowCandidate(row))
		if c.State = states[row.ID]; c.State != "" { // else it has gone meanwhile
			out = append(out, c)
		}
	}
	return out, nil
}

func (e *Engine) shares(row container.Summary, mode string) bool {
	e.mu.Lock()
	known := e.modes[row.ID]
	e.mu.Unlock()
	return row.HostConfig.NetworkMode == mode || known.pid == mode || known.ipc == mode
}

// learn fills e.modes for containers not seen before, and forgets those that are gone. With hundreds of containers this
// is what would take Check's time, so it is done once in a container's life. Whose namespaces a silent one shares stays unknown.
func (e *Engine) learn(ctx context.Context, rows []container.Summary) error {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, row := range e.unseen(rows) {
		group.Go(func() error {
			d, err := e.lookPatiently(gctx, row.ID)
			if errors.Is(err, snapshot.ErrGone) || errors.Is(err, errSilent) {
				return nil
			}
			if err != nil {
				return err
			}
			e.mu.Lock()
			defer e.mu.Unlock()
			e.modes[row.ID] = namespaces{pid: d.HostConfig.PidMode, ipc: d.HostConfig.IpcMode}
			return nil
		})
	}
	return group.Wait()
}

func (e *Engine) unseen(rows []container.Summary) []container.Summary {
	e.mu.Lock()
	defer e.mu.Unlock()
	there := map[string]bool{}
	var out []container.Summary
	for _, row := range rows {
		there[row.ID] = true
		if _, seen := e.modes[row.ID]; !seen && row.Labels["snapback.enable"] == "true" {
			out = append(out, row)
		}
	}
	maps.DeleteFunc(e.modes, func(id string, _ namespaces) bool { return !there[id] })
	return out
}

// fromRow is a container as the engine's list shows it, without its state: see states.
func (e *Engine) fromRow(engineID string, row container.Summary) snapshot.Container {
	name, settings := nameOf(row), snapshot.ParseSettings(document{Config: config{Labels: row.Labels}, only: e.only}.labels())
	return snapshot.Container{
		Key: Key(engineID, name, row.Labels), ID: row.ID, Name: name, Engine: engineID, Service: service(settings, row.Labels, name),
		Image: row.Image, ImageID: row.ImageID, Settings: settings,
	}
}
