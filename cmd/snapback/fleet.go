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
// because their snapshots can still be restored.
type fleet struct {
	engine snapshot.Containers
	db     *store.DB
}

// Containers lists them. It returns snapshot.ErrEngineAway.
func (f fleet) Containers(ctx context.Context) ([]snapshot.Container, error) {
	running, err := f.engine.List(ctx)
	if err != nil {
		return nil, err
	}
	engine, err := f.engine.ID(ctx)
	if err != nil {
		return nil, err
	}
	known, err := f.db.KnownContainers(ctx, engine)
	if err != nil {
		return nil, err
	}
	for _, c := range known {
		if !slices.ContainsFunc(running, func(r snapshot.Container) bool { return r.Key == c.Key }) {
			c.State = "gone"
			running = append(running, c)
		}
	}
	return running, nil
}

// enginePatience is how long an alert waits for the engine's word.
const enginePatience = 1500 * time.Millisecond

// List is Containers, and what was last seen when the engine does not answer in time, or denies it: an alert has to be posted all the same.
func (f fleet) List(ctx context.Context) ([]snapshot.Container, error) {
	asking, cancel := context.WithTimeout(ctx, enginePatience)
	defer cancel()
	list, err := f.Containers(asking)
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
