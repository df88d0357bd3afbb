package docker

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/snapback/snapback/snapshot"
)

// facts are what a document's references mean on the engine now. They are looked up once, right before a create, so
// that the rules below are plain functions.
type facts struct {
	image    string            // what to name the image by, so that it is exactly the one
	volumes  map[string]bool   // anonymous and inherited volumes that are still there
	networks map[string]string // by the document's name of a network: its name now, "" when it is gone
	joined   map[string]string // by namespace mode: the mode to ask for now
	donors   bool              // whatever came with VolumesFrom still does
	perNet   bool              // MAC addresses belong to networks (API 1.44 and later)
}

// createBody turns an inspect document into a create request. Everything is carried over but what the engine generated,
// and the rules from protocols.md ("Inspect is not a create request") stand below, one function each.
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
	if spec.Plain {
		hc.set("AutoRemove", false)
		hc.set("RestartPolicy", snapshot.RestartPolicy{Name: "no"})
	}
	if ports := d.ports(); len(ports) > 0 {
		hc.set("PortBindings", ports)
	}
	endpoints := primaryEndpoint(doc, d, f)
	macAddress(body, endpoints, d, f)
	body["HostConfig"] = hc.raw()
	if len(endpoints) > 0 {
		body.set("NetworkingConfig", map[string]any{"EndpointsConfig": endpoints})
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

// primaryEndpoint: below API 1.44 a create takes one network, so only the primary goes along, whatever the version. The
// others are connected before the start.
func primaryEndpoint(doc object, d document, f facts) map[string]object {
	name := d.primary()
	if name == "" || plain(name) || f.networks[name] == "" {
		return map[string]object{}
	}
	return map[string]object{f.networks[name]: endpointSettings(doc, d, name, f)}
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
	if f.perNet && network != d.primary() && !generatedMAC(n) {
		out.set("MacAddress", n.MacAddress)
	}
	return out
}

// withoutID: below API 1.45 the engine adds the short ID to the aliases that were asked for.
func withoutID(aliases []string, shortID string) []string {
	return slices.DeleteFunc(slices.Clone(aliases), func(a string) bool { return a == shortID })
}

// macAddress: an address that was asked for stands in the Config below API 1.52. From 1.44 on, a create wants it with
// the network.
func macAddress(body object, endpoints map[string]object, d document, f facts) {
	if !f.perNet {
		return
	}
	delete(body, "MacAddress")
	name := d.primary()
	if d.Config.MacAddress == "" || name == "" || name == "host" || name == "none" {
		return
	}
	key := f.networks[name]
	if key == "" || plain(name) {
		key = d.HostConfig.NetworkMode
	}
	if endpoints[key] == nil {
		endpoints[key] = object{}
	}
	endpoints[key].set("MacAddress", d.Config.MacAddress)
}

// generatedMAC says whether an address is what engines before 28 derive from the IPv4 address, or none.
func generatedMAC(n endpoint) bool {
	return n.MacAddress == "" || n.MacAddress == derivedMAC(n.IPAddress)
}
