// Package swarm is a Docker Swarm as the snapshot package sees it: an engine whose containers are services. A service's spec is its
// document, and every spec that it has had is a container of its own, with an ID of its own: see revision.go. So whatever looks
// after containers looks after services as well.
//
// It speaks to the manager in the API's own JSON, so that no attribute of a spec is lost that this program does not know.
package swarm

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// Manager is a manager of a Swarm. Every error that comes from one that can't be reached wraps snapshot.ErrEngineAway; what is not
// there is snapshot.ErrGone. Paths are those of Docker's API, without its version.
type Manager interface {
	Ping(ctx context.Context) error
	Get(ctx context.Context, path string, query url.Values, out any) error
	Post(ctx context.Context, path string, query url.Values, body, out any) error
	// FollowServices hands over what happens to services from since on, and returns when ctx is over or the engine has gone.
	FollowServices(ctx context.Context, since time.Time, see func(snapshot.Event)) error
	// RegistryDigest asks the registry of a tag for the digest that it stands for now; "" when nobody says.
	RegistryDigest(ctx context.Context, ref string) string
	// RegistryHas asks the registry of an image with a digest whether it has that. An error says that nobody knows: also where the registry
	// wants a login that the bot has not.
	RegistryHas(ctx context.Context, ref string) (bool, error)
}

// Namer gives engines the names under which what is theirs is written down. watch.Registry does.
type Namer interface {
	Name(ctx context.Context, in snapshot.Introduction, traces func(context.Context) (snapshot.Traces, error)) (string, error)
}

// ErrNoManager says that the engine is no manager of a Swarm.
var ErrNoManager = errors.New("the engine is no manager of a Swarm")

// ErrNoLeader says that the engine is a manager of a Swarm whose managers have agreed on no leader.
var ErrNoLeader = errors.New("the Swarm has no leader")

// errNoFiles: what tasks write is theirs, on whatever node they run.
var errNoFiles = errors.New("the files of a service's tasks are not kept")

// Config is what a Cluster needs. Manager is required.
type Config struct {
	Manager Manager
	Only    string // a label, as key or key=value, that an enabled service must bear as well; "": none
	Namer   Namer  // nil: the Swarm's name is its cluster's ID

	// Carries says why nothing is to be done to what runs in containers: the bot depends on it; "" when it does not. Nil: it depends on no service.
	Carries func(context.Context, snapshot.Carrier) string

	// Engines are those of the nodes that can be asked, by the nodes' IDs. Nil: none can.
	Engines func(context.Context) map[string]NodeEngine
}

// Cluster is one Swarm. It can be used from several goroutines at once.
type Cluster struct {
	Config

	mu       sync.Mutex
	name     string            // guarded by mu; "" until it was found out
	node     string            // guarded by mu; the manager's ID as a node
	networks map[string]string // guarded by mu; names by ID
	seen     map[string][]seen // guarded by mu; by the service's ID, the latest last
}

// New makes a Cluster. It asks nothing yet.
func New(c Config) *Cluster {
	return &Cluster{Config: c, networks: map[string]string{}, seen: map[string][]seen{}}
}

// Ping asks for a sign of life of the Swarm. Where there is none, or where the engine that answers is no manager of it any more, another
// bot's manager may do what this one can't: both are snapshot.ErrEngineAway.
func (c *Cluster) Ping(ctx context.Context) error {
	if err := c.Manager.Ping(ctx); err != nil {
		return err
	}
	_, _, err := introduction(ctx, c.Manager)
	if errors.Is(err, ErrNoManager) {
		return fmt.Errorf("%w: %w", snapshot.ErrEngineAway, err)
	}
	return err
}

// Answers asks for a sign of life of the Swarm itself. A manager that answers, of a Swarm that has no leader, or that is no manager any
// more, is an error. A manager that is away is none: people are told that of the engine.
func (c *Cluster) Answers(ctx context.Context) error {
	if c.Manager.Ping(ctx) != nil {
		return nil
	}
	_, _, err := introduction(ctx, c.Manager)
	return err
}

// Managed is the ID of the Swarm that the engine is a manager of, by which services can be seen and changed; "": it is none.
func Managed(ctx context.Context, m Manager) (cluster string, err error) {
	in, _, err := introduction(ctx, m)
	if errors.Is(err, ErrNoManager) {
		return "", nil
	}
	return in.ID, err
}

// introduction is how a manager introduces its Swarm, and its ID as a node of that.
func introduction(ctx context.Context, m Manager) (in snapshot.Introduction, node string, err error) {
	var info struct {
		Swarm struct {
			NodeID           string
			ControlAvailable bool
			Cluster          struct{ ID string }
		}
	}
	if err := m.Get(ctx, "/info", nil, &info); err != nil {
		return in, "", fmt.Errorf("asking the engine for its Swarm: %w", err)
	}
	if !info.Swarm.ControlAvailable {
		return in, "", ErrNoManager
	}
	if info.Swarm.Cluster.ID == "" {
		return in, "", fmt.Errorf("%w: %w", snapshot.ErrEngineAway, ErrNoLeader)
	}
	return snapshot.Introduction{ID: info.Swarm.Cluster.ID, Host: "Swarm"}, info.Swarm.NodeID, nil // the same by whichever manager it is seen
}

// ID is the Swarm's name: what the keys of all its services begin with. It is found out once, and again by Introduce.
func (c *Cluster) ID(ctx context.Context) (string, error) {
	c.mu.Lock()
	name := c.name
	c.mu.Unlock()
	if name != "" {
		return name, nil
	}
	if err := c.Introduce(ctx); err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.name, nil
}

// Introduce finds out which Swarm it is. While nobody can be asked, the name stays what it was. Where somebody answers who can't be told
// apart from another Swarm, it has none, and is asked anew.
func (c *Cluster) Introduce(ctx context.Context) error {
	in, node, err := introduction(ctx, c.Manager)
	if err != nil {
		return err
	}
	name := in.ID
	if c.Namer != nil {
		if name, err = c.Namer.Name(ctx, in, noTraces); err != nil {
			c.doubt(err)
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.name, c.node = name, node
	return nil
}

// doubt takes the name away when the Namer says that it can't tell who answers. That its database is away says nothing of the Swarm.
func (c *Cluster) doubt(err error) {
	if !errors.Is(err, snapshot.ErrEngineAway) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.name = ""
}

// noTraces: a Swarm keeps its ID through every upgrade and every change of managers.
func noTraces(context.Context) (snapshot.Traces, error) { return snapshot.Traces{}, nil }
