package docker

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/snapback/snapback/snapshot"
)

// facts are what a document's references mean on the engine now. They are looked up once, right before a create, so
// that the rules below are plain functions.
type facts struct {
	image      string            // what to name the image by, so that it is exactly the one
	volumes    map[string]bool   // anonymous and inherited volumes that are still there
	networks   map[string]string // by the document's name of a network: its name now, "" when it is gone
	networkIDs map[string]string // by name: of all that the engine has
	mounted    map[string]string // by the name of a mounted image: the ID of the image that it means now
	joined     map[string]string // by namespace mode: the mode to ask for now
	donors     bool              // whatever came with VolumesFrom still does
	perNet     bool              // MAC addresses belong to networks (API 1.44 and later)
}

// createBody turns an inspect document into a create request. Everything is carried over but what the engine generated. What
// inspect shows in another form than create takes has a rule below, one function each.
func createBody(spec snapshot.Spec, d document, f facts) (object, error) {
	doc, err := toObject(spec.Document)
	if err != nil {
		return nil, err
	}
	body, hc := doc.member("Config"), doc.member("HostConfig")
	body.set("Image", f.image)
	entrypoint(body)
	hostname(body, d)
	exposed(body, d)
	namespaceModes(hc, d, f)
	links(hc, d)
	volumesFrom(hc, f)
	pin(hc, d.fixed(f))
	imageMounts(hc, d, f)
	if spec.Plain {
		hc.set("AutoRemove", false)
		hc.set("RestartPolicy", snapshot.RestartPolicy{Name: "no"})
	}
	if ports := d.ports(); len(ports) > 0 {
		hc.set("PortBindings", ports)
	}
	if f.perNet {
		delete(body, "MacAddress") // it goes with its network
	}
	body["HostConfig"] = hc.raw()
	if networks := endpoints(doc, d, f); len(networks) > 0 {
		body.set("NetworkingConfig", map[string]any{"EndpointsConfig": networks})
	}
	return body, nil
}

// entrypoint: null stands for "reset" here, but for "the image's" in a create request. What resets is [""].
func entrypoint(body object) {
	if string(body["Entrypoint"]) == "null" || body["Entrypoint"] == nil {
		body["Entrypoint"] = json.RawMessage(`[""]`)
	}
}

// hostname: the engine's default is the short ID, which the replacement must not take over; with another container's
// network or the host's UTS namespace naming one is an error.
func hostname(body object, d document) {
	_, shared := joins(d.HostConfig.NetworkMode)
	if d.Config.Hostname == d.shortID() || shared || d.HostConfig.UTSMode == "host" {
		delete(body, "Hostname")
	}
}

// exposed: with another container's network, exposing ports is an error, though the image's own may. Those come back
// with the image.
func exposed(body object, d document) {
	if _, shared := joins(d.HostConfig.NetworkMode); shared {
		delete(body, "ExposedPorts")
	}
}

// namespaceModes: a container that it shares a namespace with may have been replaced, and has another ID now.
func namespaceModes(hc object, d document, f facts) {
	for key, mode := range map[string]string{
		"NetworkMode": d.HostConfig.NetworkMode, "PidMode": d.HostConfig.PidMode, "IpcMode": d.HostConfig.IpcMode,
	} {
		if now := f.joined[mode]; now != "" {
			hc.set(key, now)
		}
	}
	if now := f.networks[d.HostConfig.NetworkMode]; now != "" {
		hc.set("NetworkMode", now)
	}
}

// links: shown as /child:/parent/alias, asked for as child:alias.
func links(hc object, d document) {
	var out []string
	for _, link := range d.HostConfig.Links {
		out = append(out, plainLink(link))
	}
	if len(out) > 0 {
		hc.set("Links", out)
	}
}

func plainLink(link string) string {
	child, alias, _ := strings.Cut(link, ":")
	return strings.TrimPrefix(child, "/") + ":" + alias[strings.LastIndex(alias, "/")+1:]
}

func volumesFrom(hc object, f facts) {
	if !f.donors {
		delete(hc, "VolumesFrom")
	}
}

// primary is the network of the document that NetworkMode names; "" when it names none that could be configured.
func (d document) primary() string {
	mode := d.HostConfig.NetworkMode
	if mode == "default" || mode == "" {
		mode = "bridge"
	}
	if _, ok := d.NetworkSettings.Networks[mode]; ok {
		return mode
	}
	for name, n := range d.NetworkSettings.Networks {
		if n.NetworkID != "" && strings.HasPrefix(n.NetworkID, mode) && len(mode) >= 12 {
			return name
		}
	}
	return ""
}

// plain says that a network takes no settings of its own.
func plain(network string) bool { return slices.Contains([]string{"bridge", "host", "none"}, network) }

// endpoints: below API 1.44 a create takes one network, which is the primary, and the others are connected before the start.
// From then on it takes all, and has to: for a container that does not run, connecting forgets the MAC address.
func endpoints(doc object, d document, f facts) map[string]object {
	out := map[string]object{}
	for name := range d.NetworkSettings.Networks {
		first := name == d.primary()
		if !first && !f.perNet || f.networks[name] == "" || name == "host" || name == "none" {
			continue
		}
		settings := endpointSettings(doc, d, name, f)
		if !first || !plain(name) || settings.says() { // the default bridge needs no mention
			out[f.networks[name]] = settings
		}
	}
	return out
}

// configured are the members of an endpoint that somebody asked for. The others are what the engine made of it.
var configured = []string{"IPAMConfig", "Links", "Aliases", "DriverOpts", "GwPriority"}

func endpointSettings(doc object, d document, network string, f facts) object {
	all := doc.member("NetworkSettings").member("Networks").member(network)
	out := object{}
	for _, key := range configured {
		if all[key] != nil && string(all[key]) != "null" {
			out[key] = all[key]
		}
	}
	n := d.NetworkSettings.Networks[network]
	if out["Aliases"] != nil {
		out.set("Aliases", withoutID(n.Aliases, d.shortID()))
	}
	if mac := d.askedMAC(network); mac != "" && f.perNet {
		out.set("MacAddress", mac)
	}
	return out
}

// withoutID: below API 1.45 the engine adds the short ID to the aliases that were asked for.
func withoutID(aliases []string, shortID string) []string {
	return slices.DeleteFunc(slices.Clone(aliases), func(a string) bool { return a == shortID })
}

// askedMAC is the MAC address that a network is to give the container again. Of the first network, the engine tells which was asked
// for. Of the others it tells the one in use; that is kept as well, but for one that goes with the address, which may be
// another's by now.
func (d document) askedMAC(network string) string {
	n := d.NetworkSettings.Networks[network]
	switch {
	case network == d.primary():
		return cmp.Or(d.Config.MacAddress, d.Snapback.MacAddress)
	case n.MacAddress == derivedMAC(n.IPAddress):
		return ""
	}
	return n.MacAddress
}

// derivedMAC is the address that engines before 28 give an endpoint with this IPv4 address.
func derivedMAC(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil || !addr.Is4() {
		return ""
	}
	b := addr.As4()
	return fmt.Sprintf("02:42:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3])
}
