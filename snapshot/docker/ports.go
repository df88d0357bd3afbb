package docker

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// ports are the bindings as create has to be told them so that the container answers where it did: a host port that
// the engine had drawn is drawn anew unless it is named.
func (d document) ports() map[string][]portBinding {
	out := map[string][]portBinding{}
	for port, bindings := range d.HostConfig.PortBindings {
		out[port] = observed(bindings, d.NetworkSettings.Ports[port])
	}
	if d.HostConfig.PublishAllPorts {
		for port, seen := range d.NetworkSettings.Ports {
			if len(out[port]) == 0 && len(seen) > 0 {
				out[port] = []portBinding{{HostPort: seen[0].HostPort}}
			}
		}
	}
	return out
}

// observed fills in the ports that bindings leave open. One that names no address shows as one for IPv4 and one for
// IPv6; the first is taken.
func observed(bindings, seen []portBinding) []portBinding {
	out := slices.Clone(bindings)
	left := slices.Clone(seen)
	for i, b := range out {
		if fixedPort(b.HostPort) {
			continue
		}
		at := slices.IndexFunc(left, func(s portBinding) bool { return sameAddress(b.HostIP, s.HostIP) && drawnFrom(b.HostPort, s.HostPort) })
		if at < 0 {
			continue
		}
		out[i].HostPort = left[at].HostPort
		left = slices.DeleteFunc(left, func(s portBinding) bool { return s.HostPort == out[i].HostPort })
	}
	return out
}

// fixedPort says that a host port is one number, and not for the engine to choose.
func fixedPort(p string) bool { return p != "" && p != "0" && !strings.Contains(p, "-") }

func sameAddress(asked, got string) bool { return asked == got || everywhere(asked) && everywhere(got) }

func everywhere(ip string) bool {
	addr, err := netip.ParseAddr(ip)
	return ip == "" || err == nil && addr.IsUnspecified()
}

// drawnFrom says whether got can have been chosen for asked, which is open or a range such as 8000-8010.
func drawnFrom(asked, got string) bool {
	from, to, isRange := strings.Cut(asked, "-")
	return !isRange || number(from) <= number(got) && number(got) <= number(to)
}

func number(s string) int {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// hostPort is one port of the host that a container takes.
type hostPort struct {
	protocol string
	ip       string
	port     int
}

func (p hostPort) clashes(q hostPort) bool {
	return p.protocol == q.protocol && p.port == q.port && (p.ip == q.ip || everywhere(p.ip) || everywhere(q.ip))
}

// hostPorts lists the host's ports that the bindings name.
func hostPorts(bindings map[string][]portBinding) []hostPort {
	var out []hostPort
	for _, port := range slices.Sorted(maps.Keys(bindings)) {
		_, protocol, _ := strings.Cut(port, "/")
		for _, b := range bindings[port] {
			if fixedPort(b.HostPort) {
				out = append(out, hostPort{protocol, b.HostIP, number(b.HostPort)})
			}
		}
	}
	return out
}
