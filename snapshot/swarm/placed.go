package swarm

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// Placed is a task of a service, and where it stands.
type Placed struct {
	ID        string
	Name      string // shop.2; of a global service, shop. and its node's host
	Node      string // its ID; "": it has none yet
	Host      string // as the node calls itself; "": the manager knows no such node any more
	Container string // its ID on the node; "": there was none yet
	Meant     bool   // is to run
	Runs      bool
	State     string    // in the manager's word: running, starting, failed, …
	Since     time.Time // since when it has been in its state, by its node's clock
}

// Allowed returns snapshot.ErrNotEnabled for a service that the bot may not touch, and ErrGone when there is no such one any more.
func (c *Cluster) Allowed(ctx context.Context, serviceID string) error {
	v, err := c.service(ctx, serviceID)
	if err != nil {
		return fmt.Errorf("looking for a service: %w", err)
	}
	if enabled, within := v.spec.enabled(c.Only); !enabled || !within {
		return fmt.Errorf("%w: %s", snapshot.ErrNotEnabled, v.spec.Name)
	}
	return nil
}

// NodeOf is the ID that an engine has as a node of a Swarm; "": it is none.
func NodeOf(ctx context.Context, engine Manager) (string, error) {
	var info struct{ Swarm struct{ NodeID string } }
	if err := engine.Get(ctx, "/info", nil, &info); err != nil {
		return "", fmt.Errorf("asking the engine which node of a Swarm it is: %w", err)
	}
	return info.Swarm.NodeID, nil
}

// TaskIn is the service whose task runs, or has run, in a container; "": none's.
func (c *Cluster) TaskIn(ctx context.Context, container string) (serviceID, node string, err error) {
	all, err := c.tasksOf(ctx, "")
	if err != nil {
		return "", "", err
	}
	for service, tasks := range all {
		for _, t := range tasks {
			if t.Status.ContainerStatus.ContainerID == container {
				return service, t.NodeID, nil
			}
		}
	}
	return "", "", nil
}

// PlacedTasks are the tasks of a service, the newest first, those of the past as far as the manager remembers them.
func (c *Cluster) PlacedTasks(ctx context.Context, serviceID string) ([]Placed, error) {
	v, err := c.service(ctx, serviceID)
	if err != nil {
		return nil, fmt.Errorf("looking for a service: %w", err)
	}
	tasks, err := c.tasksOf(ctx, serviceID)
	if err != nil {
		return nil, err
	}
	on, err := c.nodes(ctx)
	if err != nil {
		return nil, err
	}
	list := tasks[serviceID]
	slices.SortFunc(list, func(a, b task) int { return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.Slot, b.Slot)) })
	var out []Placed
	for _, t := range list {
		host := on[t.NodeID].Description.Hostname
		p := Placed{
			ID: t.ID, Name: fmt.Sprintf("%s.%d", v.spec.Name, t.Slot), Node: t.NodeID, Host: host, Container: t.Status.ContainerStatus.ContainerID,
			Meant: t.DesiredState == "running" || t.DesiredState == "ready", Runs: t.Status.State == "running", State: t.Status.State, Since: t.Status.Timestamp,
		}
		if t.Slot == 0 {
			p.Name = v.spec.Name + "." + cmp.Or(host, t.NodeID)
		}
		out = append(out, p)
	}
	return out, nil
}
