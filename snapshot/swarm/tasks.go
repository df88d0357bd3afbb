package swarm

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/snapback/snapback/internal/mask"
	"github.com/snapback/snapback/snapshot"
)

// task is one run of a service's container on a node, as far as this package reads it.
type task struct {
	ID           string
	ServiceID    string
	NodeID       string
	Slot         int
	CreatedAt    time.Time
	Spec         json.RawMessage
	DesiredState string

	NetworksAttachments []networked

	Status struct {
		Timestamp       time.Time
		State           string
		Err             string
		ContainerStatus struct {
			ContainerID string
			ExitCode    int
		}
	}
}

// tasksOf are the tasks of services, by service, those of the past as far as the manager remembers them.
func (c *Cluster) tasksOf(ctx context.Context, serviceID string) (map[string][]task, error) {
	var query url.Values
	if serviceID != "" {
		query = filter("service", serviceID)
	}
	var all []task
	if err := c.Manager.Get(ctx, "/tasks", query, &all); err != nil {
		return nil, fmt.Errorf("listing tasks: %w", err)
	}
	out := map[string][]task{}
	for _, t := range all {
		out[t.ServiceID] = append(out[t.ServiceID], t)
	}
	return out, nil
}

func filter(key, value string) url.Values {
	encoded, _ := json.Marshal(map[string]map[string]bool{key: {value: true}}) // strings: always encodable
	return url.Values{"filters": {string(encoded)}}
}

// nodes are what the manager says of the machines, by ID.
type nodes map[string]node

type node struct {
	ID   string
	Spec struct {
		Availability string // active, pause, drain
		Role         string // manager, worker
		Labels       map[string]string
	}
	Description struct {
		Hostname string
		Platform struct{ OS string }
		Engine   struct{ Labels map[string]string }
	}
	Status struct{ State string } // ready, down, disconnected, unknown
}

func (c *Cluster) nodes(ctx context.Context) (nodes, error) {
	var all []node
	if err := c.Manager.Get(ctx, "/nodes", nil, &all); err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	out := nodes{}
	for _, n := range all {
		out[n.ID] = n
	}
	return out, nil
}

// lingers says of a task of another spec that it is nobody's to wait for. What ran on a node that is away seems to run for a day, and
// on one that is paused, a global service's task stays as it is.
func (of nodes) lingers(t task, global bool) bool {
	n, known := of[t.NodeID]
	return known && (t.DesiredState != "running" && n.Status.State != "ready" || global && n.Spec.Availability == "pause")
}

// waitedFor says of a task that a Swarm's update waits for it in vain: it was about to start on a node that has gone. Another one is
// started elsewhere, and the update does not go on.
func (of nodes) waitedFor(t task) bool {
	if n, known := of[t.NodeID]; !known || n.Status.State == "ready" || t.DesiredState != "shutdown" {
		return false
	}
	return slices.Contains([]string{"assigned", "accepted", "preparing", "ready", "starting"}, t.Status.State)
}

// tally counts the tasks of a service against its spec. A task of another template is of another deploy.
func (v view) tally(tasks []task, on nodes) (snapshot.Tasks, error) {
	template, err := templateOf(v.Spec)
	if err != nil {
		return snapshot.Tasks{}, err
	}
	republished, err := v.republished(template)
	if err != nil {
		return snapshot.Tasks{}, err
	}
	n := snapshot.Tasks{Update: v.UpdateStatus.State, Said: v.UpdateStatus.Message, Patience: v.spec.patience()}
	wanted, replicated := v.spec.replicas()
	if n.Want = int(wanted); !replicated {
		n.Want = wantedGlobally(tasks, on)
	}
	for _, t := range tasks {
		is, err := canonical(t.Spec)
		if err != nil {
			return n, err
		}
		current := is == template && !t.CreatedAt.Before(republished)
		meant, runs := t.DesiredState == "running" || t.DesiredState == "ready", t.Status.State == "running"
		switch {
		case current && meant:
			n.Meant = append(n.Meant, t.ID)
		case current:
			n.Ended = append(n.Ended, t.ID)
		default:
			n.Others = append(n.Others, t.ID)
		}
		ofUpdate := current && n.Update == "updating" && !t.CreatedAt.Before(v.UpdateStatus.StartedAt) // one of before is waited for by nobody
		n.Stuck = n.Stuck || ofUpdate && on.waitedFor(t)
		switch {
		case !current && (runs || meant && t.Status.State != "failed") && !on.lingers(t, !replicated):
			n.Old++
		case !current:
		case runs && meant:
			n.Running++
			n.Since = later(n.Since, t.Status.Timestamp)
		case t.Status.State == "failed", t.Status.State == "rejected":
			n.Failures = append(n.Failures, t.ID)
			if t.Status.Timestamp.After(v.came()) {
				n.Failed++
			}
			if t.Status.Timestamp.After(n.FailedAt) {
				n.Failure, n.FailedAt, n.ExitCode = v.said(t), t.Status.Timestamp, t.Status.ContainerStatus.ExitCode
			}
		case meant && t.Status.Err != "": // one that has begun to start has none
			n.Held, n.Stays = v.said(t), n.Stays || t.Status.State == "preparing"
		}
	}
	return n, nil
}

// said is why a task has failed, or does not start.
func (v view) said(t task) string {
	return mask.Text(t.Status.Err, mask.Secrets(v.spec.TaskTemplate.ContainerSpec.Env))
}

// republished is when other ports were published and nothing else of a task was changed: the Swarm replaces its tasks for that, and a
// task does not tell of ports. It is zero when that was not so.
func (v view) republished(template string) (at time.Time, err error) {
	if len(v.PreviousSpec) == 0 {
		return at, nil
	}
	was, err := templateOf(v.PreviousSpec)
	if err != nil || was != template {
		return at, err
	}
	before, err := portsOf(v.PreviousSpec)
	if err != nil {
		return at, err
	}
	now, err := portsOf(v.Spec)
	if err != nil || now == before {
		return at, err
	}
	if !v.UpdateStatus.StartedAt.IsZero() {
		return v.UpdateStatus.StartedAt, nil
	}
	return v.UpdatedAt, nil
}

// wantedGlobally is on how many nodes a task is to run: on those that have one that is to, and on those that are there and whose last
// one has failed.
func wantedGlobally(tasks []task, on nodes) int {
	last, meant := map[string]task{}, map[string]bool{}
	for _, t := range tasks {
		meant[t.NodeID] = meant[t.NodeID] || t.DesiredState == "running" || t.DesiredState == "ready"
		if t.CreatedAt.After(last[t.NodeID].CreatedAt) {
			last[t.NodeID] = t
		}
	}
	n := 0
	for id, t := range last {
		failed := t.Status.State == "failed" || t.Status.State == "rejected"
		if meant[id] && !on.lingers(t, true) || failed && on[id].Status.State == "ready" {
			n++
		}
	}
	return n
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// templateOf is what a spec's tasks are made from.
func templateOf(spec json.RawMessage) (string, error) {
	var of struct{ TaskTemplate json.RawMessage }
	if err := json.Unmarshal(spec, &of); err != nil {
		return "", fmt.Errorf("reading a service's spec: %w", err)
	}
	return canonical(of.TaskTemplate)
}

// portsOf is how a spec has its service reached, in the one form in which the same is the same.
func portsOf(spec json.RawMessage) (string, error) {
	var of struct{ EndpointSpec json.RawMessage }
	if err := json.Unmarshal(spec, &of); err != nil {
		return "", fmt.Errorf("reading a service's spec: %w", err)
	}
	if len(of.EndpointSpec) == 0 {
		return "", nil
	}
	return canonical(of.EndpointSpec)
}

// canonical is a template in the one form in which the same is the same. A task's does not tell of the runtime.
func canonical(template json.RawMessage) (string, error) {
	value, err := decode(template)
	if err != nil {
		return "", err
	}
	remove(value, "Runtime")
	remove(value, "Placement")            // a task that stands where it may stays as it is
	out, err := json.Marshal(said(value)) // with sorted keys
	return string(out), err
}
