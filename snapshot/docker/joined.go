package docker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

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
		c := fromRow(engineID, row)
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

// A container that hangs can keep the engine from answering what it is asked about it, for ever. That must not keep others from
// being restored. So each is waited for with a part of the time that there is, and whose namespaces a silent one shares stays
// unknown. Within silentFor, those who have little time, as an alert has, don't ask about it again.
const (
	mostPatience = 5 * time.Second
	silentFor    = time.Minute
)

func patience(ctx context.Context) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		return min(time.Until(end)/4, mostPatience)
	}
	return mostPatience
}

// learn fills e.modes for containers not seen before, and forgets those that are gone. With hundreds of containers this
// is what would take Check's time, so it is done once in a container's life.
func (e *Engine) learn(ctx context.Context, rows []container.Summary) error {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	wait := patience(ctx)
	for _, row := range e.unseen(rows, wait < mostPatience) {
		group.Go(func() error {
			asking, cancel := context.WithTimeout(gctx, wait)
			defer cancel()
			d, _, err := e.look(asking, row.ID)
			switch silent := asking.Err() != nil && gctx.Err() == nil; {
			case errors.Is(err, snapshot.ErrGone):
				return nil
			case err != nil && !silent:
				return err
			}
			e.mu.Lock()
			defer e.mu.Unlock()
			if err != nil {
				e.silent[row.ID] = time.Now()
				return nil
			}
			e.modes[row.ID] = namespaces{pid: d.HostConfig.PidMode, ipc: d.HostConfig.IpcMode}
			return nil
		})
	}
	return group.Wait()
}

func (e *Engine) unseen(rows []container.Summary, hurried bool) []container.Summary {
	e.mu.Lock()
	defer e.mu.Unlock()
	there := map[string]bool{}
	var out []container.Summary
	for _, row := range rows {
		there[row.ID] = true
		if _, seen := e.modes[row.ID]; !seen && row.Labels["snapback.enable"] == "true" && !(hurried && time.Since(e.silent[row.ID]) < silentFor) {
			out = append(out, row)
		}
	}
	maps.DeleteFunc(e.modes, func(id string, _ namespaces) bool { return !there[id] })
	maps.DeleteFunc(e.silent, func(id string, _ time.Time) bool { return !there[id] })
	return out
}

// fromRow is a container as the engine's list shows it, without its state: see states.
func fromRow(engineID string, row container.Summary) snapshot.Container {
	name, settings := nameOf(row), snapshot.ParseSettings(row.Labels)
	return snapshot.Container{
		Key: Key(engineID, name, row.Labels), ID: row.ID, Name: name, Engine: engineID, Service: service(settings, row.Labels, name),
		Image: row.Image, ImageID: row.ImageID, Settings: settings,
	}
}
