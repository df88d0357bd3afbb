package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/snapback/snapback/internal/demo/balancer"
	"github.com/snapback/snapback/internal/demo/engine"
	"github.com/snapback/snapback/internal/ownengine"
	"github.com/snapback/snapback/internal/registryfake"
)

// place is where the shop runs: as a container of an engine, or as a service of a Swarm. Nothing else of the night differs.
type place interface {
	Ref(version string) string
	Import(ctx context.Context, version string, p engine.Program) error
	FreeName(ctx context.Context, name string) (string, error)
	Leftovers(ctx context.Context) ([]string, error)
	Deploy(ctx context.Context, d engine.Deployment) error
	Look(ctx context.Context, name string) (engine.Status, error)
	Cleanup(ctx context.Context) error
	Close() error
}

// openPlace finds where the shop runs, and its address there.
func (n *night) openPlace(ctx context.Context) error {
	open := n.openContainers
	if n.opts.Swarm {
		open = n.openSwarm
	}
	at, err := open(ctx)
	if err != nil {
		return err
	}
	if left, err := n.place.Leftovers(ctx); err == nil && len(left) > 0 {
		n.say(info, "Another demo runs, or has left something: %s", strings.Join(left, ", "))
	}
	name, err := n.place.FreeName(ctx, "shop")
	if err != nil {
		return err
	}
	n.shop = engine.Deployment{Name: name, Port: at, Labels: map[string]string{
		"snapback.enable": "true", "snapback.service": "shop", "snapback.pagerduty.service": serviceID,
		"snapback.slack.channel": channelID, "snapback.runbook": n.pageURL + "/static/runbook.html",
		"snapback.errors.pattern": "level=error",
	}}
	return nil
}

// settle has the shop be there until the end.
func (n *night) settle(p place) {
	n.place = p
	n.undo("removing the shop", func(ctx context.Context) error { defer func() { _ = p.Close() }(); return p.Cleanup(ctx) })
}

func (n *night) openContainers(ctx context.Context) (netip.AddrPort, error) {
	e, err := engine.New(ctx, "", n.run)
	if err != nil {
		return netip.AddrPort{}, err
	}
	n.badPool = "2"
	n.settle(e)
	return engine.FreePort()
}

// openSwarm takes the Swarm that the machine's engine manages already, or makes one of an engine of its own: nobody's engine becomes a
// Swarm by this.
func (n *night) openSwarm(ctx context.Context) (netip.AddrPort, error) {
	n.badPool = "1" // there are several
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listening for the shop: %w", err)
	}
	s, lan, err := n.findSwarm(ctx)
	if err != nil {
		return netip.AddrPort{}, errors.Join(err, l.Close())
	}
	n.settle(s)
	b := balancer.New(balancer.Config{Addresses: s.Addresses, Dial: lan.Dial})
	n.background("closing the shop's address", func(ctx context.Context) { b.Run(ctx, l) })
	return l.Addr().(*net.TCPAddr).AddrPort(), nil
}

// lan is the network that an engine is in.
type lan interface {
	Dial(ctx context.Context, network, address string) (net.Conn, error)
	Listen(network, address string) (net.Listener, error)
}

// machine is this machine's.
type machine struct{}

func (machine) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func (machine) Listen(network, address string) (net.Listener, error) {
	return net.Listen(network, address)
}

func (n *night) findSwarm(ctx context.Context) (*engine.Swarm, lan, error) {
	e, err := engine.New(ctx, "", n.run)
	if err != nil {
		return nil, nil, err
	}
	manages, err := e.Manages(ctx)
	if err == nil && manages {
		n.say(info, "The shop is a service of the Swarm that this machine's engine manages")
		s, err := n.equip(ctx, e, machine{})
		return s, machine{}, err
	}
	if err = errors.Join(err, e.Close()); err != nil {
		return nil, nil, err
	}
	own, err := n.ownEngine(ctx)
	if err != nil {
		return nil, nil, err
	}
	if e, err = engine.New(ctx, own.Host(), n.run); err != nil {
		return nil, nil, err
	}
	if err = e.Init(ctx, ownengine.Address); err != nil {
		return nil, nil, errors.Join(err, e.Close())
	}
	n.say(info, "The shop is a service of a Swarm of one node, on an engine of its own: DOCKER_HOST=%s", n.host)
	s, err := n.equip(ctx, e, own)
	return s, own, err
}

// equip gives a manager's Swarm a registry. It closes e when that fails.
func (n *night) equip(ctx context.Context, e *engine.Engine, near lan) (*engine.Swarm, error) {
	l, err := near.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listening for the registry: %w", err), e.Close())
	}
	n.serve("closing the registry", l, registryfake.New())
	s, err := e.Swarm(ctx, l.Addr().String())
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return s, nil
}

// ownEngine starts one that ends with the night. Snapback is told of it in the place of the machine's.
func (n *night) ownEngine(ctx context.Context) (*ownengine.Engine, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("the engine manages no Swarm, and starting one that does takes root: sudo bin/snapback-demo --swarm")
	}
	dir, err := os.MkdirTemp("", "sbd") // a long name would be none for a socket
	if err != nil {
		return nil, fmt.Errorf("making a folder for an engine: %w", err)
	}
	n.undo("removing the engine's folder", func(context.Context) error { return os.RemoveAll(dir) })
	own, err := ownengine.Start(ctx, ownengine.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	n.undo("ending the engine", func(context.Context) error { own.Close(); return nil })
	n.host = own.Host()
	return own, nil
}
