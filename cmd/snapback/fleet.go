package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/store"
	"github.com/snapback/snapback/terminal"
)

// fleet is the enabled containers: as the engine shows them now, and those that are gone as they were last seen,
// because their snapshots can still be restored. Those that other bots look after, on this engine or another one, are as
// those have last seen them.
type fleet struct {
	engine snapshot.Containers
	db     *store.DB
}

// Containers lists those that this bot looks after. It returns snapshot.ErrEngineAway.
func (f fleet) Containers(ctx context.Context) ([]snapshot.Container, error) {
	all, err := f.all(ctx)
	return slices.DeleteFunc(all, func(c snapshot.Container) bool { return c.Elsewhere }), err
}

func (f fleet) all(ctx context.Context) ([]snapshot.Container, error) {
	all, err := f.engine.List(ctx)
	if err != nil {
		return nil, err
	}
	engine, err := f.engine.ID(ctx)
	if err != nil {
		return nil, err
	}
	known, err := f.db.KnownContainers(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, c := range known {
		switch {
		case slices.ContainsFunc(all, func(r snapshot.Container) bool { return r.Key == c.Key }):
			continue
		case c.Elsewhere:
		case c.Engine == engine:
			c.State = "gone"
		default: // of an engine that no bot reaches
			continue
		}
		all = append(all, c)
	}
	return all, nil
}

// enginePatience is how long an alert waits for the engine's word.
const enginePatience = 1500 * time.Millisecond

// List lists all that bots look after, and what was last seen when the engine does not answer in time, or denies it: an alert has to be posted all the same.
func (f fleet) List(ctx context.Context) ([]snapshot.Container, error) {
	asking, cancel := context.WithTimeout(ctx, enginePatience)
	defer cancel()
	list, err := f.all(asking)
	if errors.Is(err, snapshot.ErrEngineAway) || errors.Is(err, snapshot.ErrEngineDenied) || err != nil && asking.Err() != nil && ctx.Err() == nil {
		return f.db.KnownContainers(ctx, "")
	}
	return list, err
}

// ContainersFor lists those whose label names the PagerDuty service.
func (f fleet) ContainersFor(ctx context.Context, service string) ([]snapshot.Container, error) {
	list, err := f.List(ctx)
	return slices.DeleteFunc(list, func(c snapshot.Container) bool {
		return !slices.Contains(c.Settings.PagerDutyServices, service)
	}), err
}

// resolve is the engine's ID of the container that stands for key now.
func (f fleet) resolve(ctx context.Context, key string) (string, error) {
	list, err := f.engine.List(ctx)
	if err != nil {
		return "", err
	}
	for _, c := range list {
		if c.Key == key {
			return c.ID, nil
		}
	}
	return "", terminal.ErrNoContainer
}
