// Package engine does in the container engine what the world around the bot does: it builds the shop's images, deploys
// the shop the way deploy tools do, and at the end takes away all that the demo has made.
//
// Everything is labelled with the run. The bot's copies of the shop's container carry the label on, so that what it
// keeps (shop.before-0347, its snapshots' images) is found as well.
package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"
)

// Label marks what a run of the demo has made; its value is the run.
const Label = "snapback.demo"

const (
	port   = "8080"
	inside = port + "/tcp"
	grace  = 3         // seconds that the shop is given to close; it needs less
	memory = 256 << 20 // bytes for one of it
)

// Engine is a container engine, for one run of the demo.
type Engine struct {
	cli        *client.Client
	run        string
	repository string
}

// New checks that the engine at host answers; "" is the one that DOCKER_HOST names.
func New(ctx context.Context, host, run string) (*Engine, error) {
	opts := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if host != "" {
		opts = []client.Opt{client.WithHost(host), client.WithAPIVersionNegotiation()}
	}
	cli, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, fmt.Errorf("setting up the engine's client: %w", err)
	}
	if _, err := cli.Ping(ctx); err != nil {
		_ = cli.Close()
		return nil, fmt.Errorf("asking the container engine at %s: %w", cli.DaemonHost(), err)
	}
	return &Engine{cli, run, "snapback-demo/shop"}, nil
}

// Close ends the connections to the engine.
func (e *Engine) Close() error { return e.cli.Close() }

// Ref is the image of a version of the shop.
func (e *Engine) Ref(version string) string { return e.repository + ":" + version }

// Deployment is one deploy of the shop. All fields are required.
type Deployment struct {
	Name    string
	Version string
	Env     map[string]string
	Labels  map[string]string
	Port    netip.AddrPort // where the shop is reached; see FreePort
}

// Deploy replaces the container of that name, or makes the first one, as `docker rm -f` and `docker run -d` do.
func (e *Engine) Deploy(ctx context.Context, d Deployment) error {
	if err := e.removeOurs(ctx, d.Name); err != nil {
		return err
	}
	made, err := e.cli.ContainerCreate(ctx, e.config(d), hostConfig(d.Port), nil, nil, d.Name)
	if err != nil {
		return fmt.Errorf("creating %s: %w", d.Name, err)
	}
	if err := e.cli.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		return fmt.Errorf("starting %s: %w", d.Name, err)
	}
	return nil
}

func (e *Engine) config(d Deployment) *container.Config {
	labels := maps.Clone(d.Labels)
	labels[Label] = e.run
	env := make([]string, 0, len(d.Env))
	for name, v := range d.Env {
		env = append(env, name+"="+v)
	}
	seconds := grace
	return &container.Config{Image: e.Ref(d.Version), Env: env, Labels: labels, StopTimeout: &seconds}
}

func hostConfig(at netip.AddrPort) *container.HostConfig {
	return &container.HostConfig{
		PortBindings:  nat.PortMap{inside: {{HostIP: at.Addr().String(), HostPort: strconv.Itoa(int(at.Port()))}}},
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyUnlessStopped},
		Resources:     container.Resources{Memory: memory},
	}
}

// removeOurs removes the container of a name, if it is this run's.
func (e *Engine) removeOurs(ctx context.Context, name string) error {
	all, err := e.containers(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		for _, n := range c.Names {
			if n == "/"+name {
				return e.remove(ctx, c.ID)
			}
		}
	}
	return nil
}

func (e *Engine) remove(ctx context.Context, id string) error {
	err := e.cli.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("removing container %.12s: %w", id, err)
	}
	return nil
}

// containers are this run's, the stopped ones as well.
func (e *Engine) containers(ctx context.Context) ([]container.Summary, error) {
	all, err := e.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: e.ours()})
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	return all, nil
}

func (e *Engine) ours() filters.Args { return filters.NewArgs(filters.Arg("label", Label+"="+e.run)) }

// Cleanup removes what this run has made: containers first, then the images that they used, and
// volumes. It goes on after an error.
func (e *Engine) Cleanup(ctx context.Context) error {
	all, err := e.containers(ctx)
	errs := []error{err}
	for _, c := range all {
		errs = append(errs, e.remove(ctx, c.ID))
	}
	images, err := e.cli.ImageList(ctx, image.ListOptions{Filters: e.ours()})
	errs = append(errs, err)
	for _, i := range images {
		_, err := e.cli.ImageRemove(ctx, i.ID, image.RemoveOptions{Force: true, PruneChildren: true})
		if err != nil && !errdefs.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("removing image %.19s: %w", i.ID, err))
		}
	}
	volumes, err := e.cli.VolumeList(ctx, volume.ListOptions{Filters: e.ours()}) // the duplicates of the bot's snapshots
	errs = append(errs, err)
	for _, v := range volumes.Volumes {
		if err := e.cli.VolumeRemove(ctx, v.Name, false); err != nil && !errdefs.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("removing volume %s: %w", v.Name, err))
		}
	}
	return errors.Join(errs...)
}

// FreeName is name, or name with the run where somebody has a container of that name already.
func (e *Engine) FreeName(ctx context.Context, name string) (string, error) {
	_, err := e.cli.ContainerInspect(ctx, name)
	switch {
	case errdefs.IsNotFound(err):
		return name, nil
	case err != nil:
		return "", fmt.Errorf("looking for a container named %s: %w", name, err)
	}
	return name + "-" + e.run, nil
}

// Leftovers are the names of containers that other runs have left, or still use.
func (e *Engine) Leftovers(ctx context.Context) ([]string, error) {
	all, err := e.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", Label))})
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	var out []string
	for _, c := range all {
		if c.Labels[Label] != e.run && len(c.Names) > 0 {
			out = append(out, c.Names[0][1:])
		}
	}
	return out, nil
}

// FreePort is a loopback port that nobody listens on. Each deploy of the shop uses the same one, as a shop's address
// does not change with its version. It is below those that the system hands out by itself, or somebody else's connection might get it
// before the engine has.
func FreePort() (netip.AddrPort, error) {
	var last error
	for range 100 {
		port := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(10_000+rand.IntN(20_000)))
		l, err := net.Listen("tcp4", port.String())
		if err == nil {
			return port, l.Close()
		}
		last = err
	}
	return netip.AddrPort{}, fmt.Errorf("looking for a free port: %w", last)
}
