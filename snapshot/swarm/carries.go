package swarm

import (
	"context"
	"strings"

	"github.com/snapback/snapback/snapshot"
)

// endpoint is how a service is reached.
type endpoint struct {
	Ports []struct {
		Protocol      string // tcp, udp, sctp
		PublishMode   string // ingress: on every node; host: where a task runs
		PublishedPort int
	}
	VirtualIPs []struct{ NetworkID, Addr string } // with the length of its network's prefix
}

// networked is where a task is on a network.
type networked struct {
	Network struct {
		ID          string
		Spec        struct{ Ingress bool } // the routing mesh: nobody but that reaches a task by its address there
		DriverState struct{ Name string }  // overlay, macvlan
	}
	Addresses []string // as in endpoint
}

// mounted is what a spec has mounted into each task.
type mounted struct {
	Type, Source, Target string
	VolumeOptions        *struct {
		DriverConfig *struct {
			Name    string
			Options map[string]string
		}
	}
}

// carrier is what is known of a service and its tasks. Here is the node of the engine that is the manager.
func (v view) carrier(tasks []task, here string) snapshot.Carrier {
	c := snapshot.Carrier{Volumes: map[string]string{}}
	onHere, vips := false, map[string]bool{}
	for _, t := range tasks {
		if id := t.Status.ContainerStatus.ContainerID; id != "" {
			c.Containers = append(c.Containers, id)
		}
		if t.Status.State != "running" && t.Status.State != "starting" {
			continue
		}
		onHere = onHere || t.NodeID == here
		for _, n := range t.NetworksAttachments {
			vips[n.Network.ID] = !n.Network.Spec.Ingress
			c.Addresses = append(c.Addresses, n.reached()...)
		}
	}
	for _, ip := range v.Endpoint.VirtualIPs {
		if vips[ip.NetworkID] {
			c.Addresses = append(c.Addresses, ip.Addr)
		}
	}
	for _, p := range v.Endpoint.Ports {
		if p.Protocol == "tcp" && (onHere || p.PublishMode != "host") {
			c.Ports = append(c.Ports, p.PublishedPort)
		}
	}
	for _, m := range v.spec.TaskTemplate.ContainerSpec.Mounts {
		if onHere && m.Type == "volume" {
			c.Volumes[m.Target] = m.Source
		}
	}
	return c
}

// reached are the addresses by which the task is reached there: with the prefix of the network where that has it for itself.
func (n networked) reached() []string {
	switch {
	case n.Network.Spec.Ingress:
		return nil
	case n.Network.DriverState.Name == "overlay":
		return n.Addresses
	}
	var out []string
	for _, a := range n.Addresses {
		address, _, _ := strings.Cut(a, "/")
		out = append(out, address)
	}
	return out
}

// carries says why nothing is done to a service: the bot depends on it; "" when it does not.
func (c *Cluster) carries(ctx context.Context, v view, tasks []task) string {
	if c.Carries == nil {
		return ""
	}
	c.mu.Lock()
	here := c.node
	c.mu.Unlock()
	return c.Carries(ctx, v.carrier(tasks, here))
}
