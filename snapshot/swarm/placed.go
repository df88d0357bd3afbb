package swarm

import (
	"cmp"
	"context"
	"encoding/json"
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
			ID: t.ID, Name: v.taskName(t, host), Node: t.NodeID, Host: host, Container: t.Status.ContainerStatus.ContainerID,
			Meant: t.DesiredState == "running" || t.DesiredState == "ready", Runs: t.Status.State == "running", State: t.Status.State, Since: t.Status.Timestamp,
		}
		out = append(out, p)
	}
	return out, nil
}

// taskName is what people call a task: by its slot, or, of a global service, by the host of its node.
func (v view) taskName(t task, host string) string {
	if t.Slot == 0 {
		return v.spec.Name + "." + cmp.Or(host, t.NodeID)
	}
	return fmt.Sprintf("%s.%d", v.spec.Name, t.Slot)
}

// stood are the tasks of the spec that run, by their numbers, and their nodes.
func (v view) stood(tasks []task, on nodes, n snapshot.Tasks) (out []snapshot.PlacedTask) {
	for _, t := range tasks {
		if t.Status.State == "running" && slices.Contains(n.Meant, t.ID) {
			host := on[t.NodeID].Description.Hostname
			out = append(out, snapshot.PlacedTask{Name: v.taskName(t, host), Node: cmp.Or(host, t.NodeID)})
		}
	}
	slices.SortFunc(out, func(a, b snapshot.PlacedTask) int { // shop.10 comes after shop.9
		return cmp.Or(cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// PlacementOf is what a document tells of where the tasks of its service stood, and may stand. Documents of earlier releases tell only of the
// latter. It is nil where neither is known.
func (c *Cluster) PlacementOf(raw json.RawMessage) (*snapshot.Placement, error) {
	d, s, err := parseDocument(raw)
	if err != nil {
		return nil, fmt.Errorf("reading a service's document: %w", err)
	}
	of := s.TaskTemplate.Placement
	p := &snapshot.Placement{Constraints: append([]string{}, of.Constraints...), Spread: []string{}, MaxOnNode: of.MaxReplicas, Tasks: append([]snapshot.PlacedTask{}, d.Tasks...)}
	for _, one := range of.Preferences {
		p.Spread = append(p.Spread, one.Spread.SpreadDescriptor)
	}
	if len(p.Constraints)+len(p.Spread)+len(p.Tasks) == 0 && p.MaxOnNode == 0 {
		return nil, nil
	}
	return p, nil
}
