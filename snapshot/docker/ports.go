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
				out[port] = observed([]portBinding{{}}, seen)
			}
		}
	}
	return out
}

// observed fills in the ports that bindings leave open.
func observed(bindings, seen []portBinding) []portBinding {
	var out []portBinding
	left := slices.Clone(seen)
	for _, b := range bindings {
		drawn := b.drawn(left)
		out = append(out, drawn...)
		left = slices.DeleteFunc(left, func(s portBinding) bool {
			return slices.ContainsFunc(drawn, func(d portBinding) bool { return d.HostPort == s.HostPort && (d.HostIP == "" || d.HostIP == s.HostIP) })
		})
	}
	return out
}

// drawn is the binding with the port that the engine chose for it, out of those that were seen. One that names no address
// shows as one for IPv4 and one for IPv6. An engine such as 20.10 draws for each by itself, and when the two ports are
// not the same, it takes two bindings to say so.
func (b portBinding) drawn(seen []portBinding) []portBinding {
	if fixedPort(b.HostPort) {
		return []portBinding{b}
	}
	fits := slices.DeleteFunc(slices.Clone(seen), func(s portBinding) bool {
		return !sameAddress(b.HostIP, s.HostIP) || !drawnFrom(b.HostPort, s.HostPort)
	})
	if len(fits) == 0 {
		return []portBinding{b}
	}
	first := fits[0]
	same := func(s portBinding) bool {
		return version6(s.HostIP) != version6(first.HostIP) && s.HostPort == first.HostPort
	}
	other := slices.IndexFunc(fits, func(s portBinding) bool { return version6(s.HostIP) != version6(first.HostIP) })
	if b.HostIP != "" || other < 0 || slices.ContainsFunc(fits, same) {
		return []portBinding{{HostIP: b.HostIP, HostPort: first.HostPort}}
	}
	return []portBinding{first, fits[other]}
}

func version6(ip string) bool { return strings.Contains(ip, ":") }

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
	return p.protocol == q.protocol && p.port == q.port && overlap(p.ip, q.ip)
}

// overlap: without an address, a port is taken for IPv4 and IPv6; 0.0.0.0 and :: are all addresses of one of the two.
func overlap(a, b string) bool {
	if a == "" || b == "" || a == b {
		return true
	}
	return version6(a) == version6(b) && (everywhere(a) || everywhere(b))
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
