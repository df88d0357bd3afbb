package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/swarm"
)

const (
	replicas     = 3
	deployLimit  = time.Minute
	removalLimit = 30 * time.Second
	nobody       = "e30="                        // who pushes: {}
	inSwarm      = "com.docker.swarm.service.id" // the label by which an engine says whose task a container is
)

// Swarm does what Engine does, with the shop as a service of the Swarm that an engine manages. All tasks run on that engine, which
// has the images. The service publishes no port, as a Swarm would on every address of the machine: see Addresses.
type Swarm struct {
	*Engine
	node string
}

// Init makes the engine the only node of a Swarm.
func (e *Engine) Init(ctx context.Context, address string) error {
	_, err := e.cli.SwarmInit(ctx, swarm.InitRequest{ListenAddr: "0.0.0.0:2377", AdvertiseAddr: address})
	if err != nil {
		return fmt.Errorf("making a Swarm: %w", err)
	}
	return nil
}

// Manages says whether the engine is a manager of a Swarm.
func (e *Engine) Manages(ctx context.Context) (bool, error) {
	info, err := e.cli.Info(ctx)
	if err != nil {
		return false, fmt.Errorf("asking the engine whether it manages a Swarm: %w", err)
	}
	return info.Swarm.ControlAvailable, nil
}

// Swarm is the Swarm that the engine manages. Its images come from the registry at an address of the engine's own loopback: without a
// registry, a service's image would have no digest, and nobody could say for sure which one it is.
func (e *Engine) Swarm(ctx context.Context, registry string) (*Swarm, error) {
	info, err := e.cli.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking the engine which node it is: %w", err)
	}
	return &Swarm{&Engine{e.cli, e.run, registry + "/shop"}, info.Swarm.NodeID}, nil
}

// Import makes the image of one version of the shop, and pushes it to the registry.
func (s *Swarm) Import(ctx context.Context, version string, p Program) error {
	if err := s.Engine.Import(ctx, version, p); err != nil {
		return err
	}
	said, err := s.cli.ImagePush(ctx, s.Ref(version), image.PushOptions{RegistryAuth: nobody})
	if err == nil {
		err = verdict(said)
	}
	if err != nil {
		return fmt.Errorf("pushing %s: %w", s.Ref(version), err)
	}
	return nil
}

// Deploy updates the service of that name, or makes it, and returns when all tasks are of it.
func (s *Swarm) Deploy(ctx context.Context, d Deployment) error {
	ctx, cancel := context.WithTimeoutCause(ctx, deployLimit, fmt.Errorf("its tasks do not run after %s", deployLimit))
	defer cancel()
	now, err := s.service(ctx, d.Name)
	switch {
	case errdefs.IsNotFound(err):
		_, err = s.cli.ServiceCreate(ctx, s.spec(d), swarm.ServiceCreateOptions{QueryRegistry: true})
	case err == nil:
		_, err = s.cli.ServiceUpdate(ctx, now.ID, now.Version, s.spec(d), swarm.ServiceUpdateOptions{QueryRegistry: true})
	}
	if err != nil {
		return fmt.Errorf("deploying %s: %w", d.Name, err)
	}
	return every(ctx, 100*time.Millisecond, func() (bool, error) {
		status, err := s.Look(ctx, d.Name)
		return status.State == "running", err
	})
}

func (s *Swarm) service(ctx context.Context, name string) (swarm.Service, error) {
	found, _, err := s.cli.ServiceInspectWithRaw(ctx, name, swarm.ServiceInspectOptions{})
	return found, err
}

func (s *Swarm) spec(d Deployment) swarm.ServiceSpec {
	c := s.config(d)
	labels := maps.Clone(d.Labels)
	labels[Label] = s.run
	tasks, stop := uint64(replicas), grace*time.Second
	return swarm.ServiceSpec{
		Annotations: swarm.Annotations{Name: d.Name, Labels: labels},
		TaskTemplate: swarm.TaskSpec{
			ContainerSpec: &swarm.ContainerSpec{Image: c.Image, Env: c.Env, StopGracePeriod: &stop},
			Resources:     &swarm.ResourceRequirements{Limits: &swarm.Limit{MemoryBytes: memory}},
			Placement:     &swarm.Placement{Constraints: []string{"node.id==" + s.node}},
		},
		Mode:         swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &tasks}},
		UpdateConfig: &swarm.UpdateConfig{Parallelism: 1, Order: swarm.UpdateOrderStartFirst, Monitor: time.Second, FailureAction: swarm.UpdateFailureActionPause},
	}
}

// Look reads the status of the shop. It is running when all its tasks are of its spec, and updating otherwise.
func (s *Swarm) Look(ctx context.Context, name string) (Status, error) {
	status := Status{Name: name, State: "absent", Kept: []string{}}
	now, err := s.service(ctx, name)
	if errdefs.IsNotFound(err) {
		return status, nil
	}
	if err != nil {
		return status, fmt.Errorf("looking at %s: %w", name, err)
	}
	of := now.Spec.TaskTemplate.ContainerSpec
	status.ID, status.Started, status.Pool = now.ID[:12], now.UpdatedAt, value(of.Env, "DB_POOL")
	status.Image, _, _ = strings.Cut(of.Image, "@")
	_, status.Version, _ = strings.Cut(status.Image, s.Ref(""))
	tasks, err := s.cli.TaskList(ctx, swarm.TaskListOptions{Filters: filters.NewArgs(filters.Arg("service", now.ID))})
	if err != nil {
		return status, fmt.Errorf("looking at the tasks of %s: %w", name, err)
	}
	run, old := 0, 0
	for _, t := range tasks {
		switch is := t.Spec.ContainerSpec; {
		case t.Status.State != swarm.TaskStateRunning:
		case is.Image == of.Image && value(is.Env, "DB_POOL") == status.Pool:
			run++
		default:
			old++
		}
	}
	status.Tasks, status.State = fmt.Sprintf("%d of %d", run, replicas), "updating"
	if run == replicas && old == 0 {
		status.State = "running"
	}
	return status, nil
}

// FreeName is name, or name with the run where somebody has a service of that name already.
func (s *Swarm) FreeName(ctx context.Context, name string) (string, error) {
	_, err := s.service(ctx, name)
	switch {
	case errdefs.IsNotFound(err):
		return name, nil
	case err != nil:
		return "", fmt.Errorf("looking for a service named %s: %w", name, err)
	}
	return name + "-" + s.run, nil
}

// Addresses are where the shop's tasks listen, in the engine's own network.
func (s *Swarm) Addresses(ctx context.Context) ([]string, error) {
	all, err := s.cli.ContainerList(ctx, container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", Label+"="+s.run), filters.Arg("label", inSwarm))})
	if err != nil {
		return nil, fmt.Errorf("listing the shop's tasks: %w", err)
	}
	var out []string
	for _, c := range all {
		for _, n := range c.NetworkSettings.Networks {
			if n.IPAddress != "" {
				out = append(out, n.IPAddress+":"+port)
			}
		}
	}
	return out, nil
}

// Cleanup removes the run's services, waits until their tasks' containers are gone, and then removes what Engine's does.
func (s *Swarm) Cleanup(ctx context.Context) error {
	all, err := s.cli.ServiceList(ctx, swarm.ServiceListOptions{Filters: s.ours()})
	errs := []error{err}
	for _, one := range all {
		if err := s.cli.ServiceRemove(ctx, one.ID); err != nil && !errdefs.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("removing service %s: %w", one.Spec.Name, err))
		}
	}
	limit, cancel := context.WithTimeout(ctx, removalLimit)
	defer cancel()
	_ = every(limit, 100*time.Millisecond, func() (bool, error) { // what stays is removed by Engine's
		left, err := s.containers(limit)
		return len(left) == 0, err
	})
	return errors.Join(append(errs, s.Engine.Cleanup(ctx))...)
}

// every asks until it is so, an error comes, or ctx ends.
func every(ctx context.Context, pause time.Duration, so func() (bool, error)) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		if done, err := so(); done || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
