package docker

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/snapback/snapback/snapshot"
)

// A bot that stops its own container has stopped itself halfway: nobody goes on, and every start of the container begins with
// the stop again. The same goes for the container through which it reaches the engine, such as a proxy of its socket. No
// engine tells a process which container it runs in, so it goes by what it sees around itself.

// Why nothing is done to a container that carries the bot.
const (
	runsHere    = "this bot runs in it, or in its network, and would end itself halfway"
	reachesHere = "this bot reaches the engine through it, and would cut itself off halfway"
)

// surroundings are what the process can see of the container that it may run in. They stay the same for as long as it lives.
type surroundings struct {
	ids      []string  // of containers in whose control groups it is, or whose network files it has
	hostname string    // which is the beginning of an ID, unless somebody has named the host
	data     mountedAt // the bot's data folder
	socket   mountedAt // the engine's
}

// mountedAt is where a path is mounted, and from which path of the mounted file system.
type mountedAt struct{ at, root string }

var (
	anyFullID    = regexp.MustCompile(`[0-9a-f]{64}`)
	containerDir = regexp.MustCompile(`/containers/([0-9a-f]{64})/`)
	volumeDir    = regexp.MustCompile(`/volumes/([^/]+)/_data(?:/|$)`)
	shortIDHost  = regexp.MustCompile(`^[0-9a-f]{12}$`)
)

// lookAround reads them. Socket is the engine's, "" when it is elsewhere.
func lookAround(dataDir, socket string) surroundings {
	cgroups, _ := os.ReadFile("/proc/self/cgroup") // what can't be read tells nothing
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	s := surroundings{ids: around(cgroups, mounts), data: mountOf(mounts, dataDir), socket: mountOf(mounts, socket)}
	if name, err := os.Hostname(); err == nil && shortIDHost.MatchString(name) {
		s.hostname = name
	}
	return s
}

// around lists the IDs in the control groups, and those of whose files the engine has mounted three into every container.
func around(cgroups, mounts []byte) []string {
	var out []string
	for _, id := range anyFullID.FindAll(cgroups, -1) {
		out = append(out, string(id))
	}
	for _, file := range []string{"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"} {
		if m := mountOf(mounts, file); m.at == file {
			if id := containerDir.FindStringSubmatch(m.root); id != nil {
				out = append(out, id[1])
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// mountOf is the mount that has a path, out of a table such as /proc/self/mountinfo.
func mountOf(table []byte, of string) mountedAt {
	var found mountedAt
	if of == "" {
		return found
	}
	for line := range bytes.Lines(table) {
		fields := strings.Fields(string(line))
		if len(fields) > 4 && under(of, fields[4]) && len(fields[4]) >= len(found.at) {
			found = mountedAt{fields[4], fields[3]}
		}
	}
	return found
}

// volume is the name of the volume that is mounted there; "" when none is.
func (m mountedAt) volume() string {
	if name := volumeDir.FindStringSubmatch(m.root); name != nil && m.at != "/" {
		return name[1]
	}
	return ""
}

// candidate is what is known of a container that may carry the bot.
type candidate struct {
	id        string
	runs      bool // else it can be no more than what the bot will run in
	mounts    []mountPoint
	addresses []string
	ports     []hostPort
}

func (d document) candidate() candidate {
	c := candidate{id: d.ID, runs: snapshot.Alive(d.State.Status), mounts: d.Mounts, ports: hostPorts(d.NetworkSettings.Ports)}
	for _, n := range d.NetworkSettings.Networks {
		c.addresses = append(c.addresses, n.IPAddress, n.GlobalIPv6Address)
	}
	return c
}

func rowCandidate(row container.Summary) candidate {
	c := candidate{id: row.ID, runs: snapshot.Alive(row.State)}
	for _, m := range row.Mounts {
		c.mounts = append(c.mounts, mountPoint{Type: string(m.Type), Name: m.Name, Source: m.Source, Destination: m.Destination, RW: m.RW})
	}
	for _, p := range row.Ports {
		if p.PublicPort != 0 {
			c.ports = append(c.ports, hostPort{p.Type, p.IP, int(p.PublicPort)})
		}
	}
	if row.NetworkSettings != nil {
		for _, n := range row.NetworkSettings.Networks {
			c.addresses = append(c.addresses, n.IPAddress, n.GlobalIPv6Address)
		}
	}
	return c
}

// carries says in words why nothing may be done to a container, since the bot depends on it; "" when it does not.
func (e *Engine) carries(ctx context.Context, c candidate) string {
	s := e.around()
	switch {
	case slices.Contains(s.ids, c.id), s.hostname != "" && strings.HasPrefix(c.id, s.hostname), c.runs && c.has(s.data):
		return runsHere
	case !c.runs:
		return ""
	case c.shares(s.socket), c.answers(e.wayToEngine(ctx)):
		return reachesHere
	}
	return ""
}

// Carries is carries of what runs in containers, here or on other nodes of a Swarm.
func (e *Engine) Carries(ctx context.Context, c snapshot.Carrier) string {
	own, _ := net.InterfaceAddrs() // none: it is on no network that is others' alone
	of := candidate{runs: true, addresses: reachable(c.Addresses, own)}
	for at, name := range c.Volumes {
		of.mounts = append(of.mounts, mountPoint{Type: "volume", Name: name, Destination: at})
	}
	for _, port := range c.Ports {
		of.ports = append(of.ports, hostPort{protocol: "tcp", port: port})
	}
	for _, of.id = range append([]string{""}, c.Containers...) {
		if why := e.carries(ctx, of); why != "" {
			return why
		}
	}
	return ""
}

// reachable are the addresses that who has its own ones can mean. One with a prefix is of a network that a host elsewhere may have in use for
// something else.
func reachable(addresses []string, own []net.Addr) (out []string) {
	for _, a := range addresses {
		prefix, err := netip.ParsePrefix(a)
		switch {
		case err != nil:
			out = append(out, a)
		case slices.ContainsFunc(own, func(o net.Addr) bool {
			on, err := netip.ParsePrefix(o.String())
			return err == nil && prefix.Contains(on.Addr())
		}):
			out = append(out, prefix.Addr().String())
		}
	}
	return out
}

// has says that the container has a volume mounted where the bot has it.
func (c candidate) has(m mountedAt) bool {
	volume := m.volume()
	return volume != "" && slices.ContainsFunc(c.mounts, func(p mountPoint) bool {
		return p.Type == "volume" && p.Name == volume && path.Clean(p.Destination) == m.at
	})
}

// shares says that the container has the volume as well in which the engine's socket is: it may be the one that has put it there.
func (c candidate) shares(m mountedAt) bool {
	volume := m.volume()
	return volume != "" && slices.ContainsFunc(c.mounts, func(p mountPoint) bool { return p.Type == "volume" && p.Name == volume })
}

// way is where a bot that goes over the network reaches the engine.
type way struct {
	addresses []netip.Addr
	port      int
}

// answers says that the container has one of the addresses, or the host's port there.
func (c candidate) answers(w way) bool {
	for _, to := range w.addresses {
		for _, own := range c.addresses {
			if addr, err := netip.ParseAddr(own); err == nil && addr == to {
				return true
			}
		}
		for _, p := range c.ports {
			if p.protocol == "tcp" && p.port == w.port && (everywhere(p.ip) || p.ip == to.String()) {
				return true
			}
		}
	}
	return false
}

// reach is what an Engine remembers of itself.
type reach struct {
	once   sync.Once
	around surroundings

	mu    sync.Mutex // guards what follows
	way   way
	asked time.Time
}

func (e *Engine) around() surroundings {
	e.reach.once.Do(func() {
		socket, _ := strings.CutPrefix(e.cli.DaemonHost(), "unix://")
		if !filepath.IsAbs(socket) {
			socket = ""
		}
		if real, err := filepath.EvalSymlinks(socket); err == nil {
			socket = real
		}
		e.reach.around = lookAround(filepath.Clean(e.dataDir), socket)
	})
	return e.reach.around
}

const wayFor = 30 * time.Second // a proxy that is made anew has another address

// wayToEngine is nowhere for an engine behind a socket or ssh. A name that can't be looked up now is what it was.
func (e *Engine) wayToEngine(ctx context.Context) way {
	u, err := url.Parse(e.cli.DaemonHost())
	if err != nil || u.Hostname() == "" || u.Scheme != "tcp" {
		return way{}
	}
	e.reach.mu.Lock()
	defer e.reach.mu.Unlock()
	if time.Since(e.reach.asked) < wayFor {
		return e.reach.way
	}
	e.reach.asked = time.Now()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return e.reach.way
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	e.reach.way = way{found, number(u.Port())}
	return e.reach.way
}
