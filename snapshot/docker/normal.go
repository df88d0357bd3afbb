package docker

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
)

// attributes is an inspect document in a form in which two can be compared: attribute by attribute, with what the
// engine generates left out, lists without an order sorted, and IDs replaced by what they stand for. Values are JSON
// or plain text. What is empty is not in it: to the engine, null, "" and [] all mean "not given".
type attributes map[string]string

// generated are members of the document that can't be the same in two containers. Whatever is not named here or taken
// apart below is compared as it is, so that an attribute that a newer engine has is not overlooked.
var generated = []string{
	"Id", "Created", "State", "ResolvConfPath", "HostnamePath", "HostsPath", "LogPath", "RestartCount", "ExecIDs", "GraphDriver",
	"SizeRw", "SizeRootFs", "ProcessLabel", "MountLabel", "ImageManifestDescriptor", "Snapback",
}

func normalise(raw json.RawMessage) (attributes, document, error) {
	d, err := parse(raw)
	if err != nil {
		return nil, d, err
	}
	return d.normalise(raw)
}

func (d document) normalise(raw json.RawMessage) (attributes, document, error) {
	doc, err := toObject(raw)
	if err != nil {
		return nil, d, err
	}
	out := attributes{}
	out.rest("", doc, append([]string{"Config", "HostConfig", "Mounts", "NetworkSettings", "Name", "Image"}, generated...))
	out.text("name", d.Name)
	out.text("image", d.Image)
	out.config(doc.member("Config"), d)
	out.host(doc.member("HostConfig"), d)
	out.mounts(doc)
	for at, id := range d.Snapback.MountedImages {
		out.text("mounted-image "+at, id)
	}
	out.networks(doc, d)
	return out, d, nil
}

func (a attributes) text(name, value string) {
	if value != "" {
		a[name] = value
	}
}

func (a attributes) json(name string, raw json.RawMessage) {
	if !hollow(raw) {
		a[name] = canonical(raw)
	}
}

// canonical sorts the keys of objects and leaves numbers as they are.
func canonical(raw json.RawMessage) string {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return string(raw)
	}
	if s, ok := v.(string); ok {
		return s
	}
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return string(raw)
	}
	return strings.TrimSpace(out.String())
}

// rest takes over all members but those that are handled elsewhere.
func (a attributes) rest(prefix string, o object, but []string) {
	for key, raw := range o {
		if !slices.Contains(but, key) {
			a.json(prefix+key, raw)
		}
	}
}

func (a attributes) config(c object, d document) {
	a.rest("Config.", c, []string{"Env", "Labels", "Hostname", "Image", "MacAddress"})
	a.text("Config.MacAddress", cmp.Or(d.Config.MacAddress, d.Snapback.MacAddress))
	a.text("image name", d.Config.Image)
	if d.Config.Hostname != d.shortID() && !d.hostnameShared() {
		a.text("Config.Hostname", d.Config.Hostname)
	}
	for _, pair := range d.Config.Env {
		name, value, _ := strings.Cut(pair, "=")
		a["env "+name] = value
	}
	for name, value := range d.Config.Labels {
		a["label "+name] = value
	}
}

// hostnameShared says that the host name is another's: that of the host, or of the container whose network it shares.
func (d document) hostnameShared() bool {
	_, shared := joins(d.HostConfig.NetworkMode)
	return shared || d.HostConfig.UTSMode == "host"
}

func (a attributes) host(hc object, d document) {
	a.rest("HostConfig.", hc, []string{"NetworkMode", "PidMode", "IpcMode", "Links", "PortBindings", "Mounts", "Binds", "Tmpfs"})
	a.text("HostConfig.NetworkMode", logical(d.HostConfig.NetworkMode, d.Snapback.NetworkContainer))
	a.text("HostConfig.PidMode", logical(d.HostConfig.PidMode, d.Snapback.PidContainer))
	a.text("HostConfig.IpcMode", logical(d.HostConfig.IpcMode, d.Snapback.IpcContainer))
	for _, link := range d.HostConfig.Links {
		a["link "+plainLink(link)] = "yes"
	}
	for port, bindings := range d.HostConfig.PortBindings {
		a["port "+port] = bindingsText(bindings)
	}
	for _, bind := range d.HostConfig.Binds {
		_, target := splitBind(bind)
		a["bind "+target] = bind
	}
	for _, spec := range hc.list("Mounts") {
		a.json("mount-option "+path.Clean(spec.text("Target")), spec.raw())
	}
	for at, options := range d.HostConfig.Tmpfs {
		a["tmpfs "+path.Clean(at)] = "in memory " + options
	}
}

func logical(mode, name string) string {
	if _, ok := joins(mode); ok && name != "" {
		return "container:" + name
	}
	if mode == "bridge" {
		return "default" // two words for one thing
	}
	return mode
}

// bindingsText is host addresses and ports; random is one that the engine draws.
func bindingsText(bindings []portBinding) string {
	if len(bindings) == 0 {
		return "not published"
	}
	var out []string
	for _, b := range bindings {
		port := b.HostPort
		if port == "" || port == "0" {
			port = "random"
		}
		if b.HostIP != "" {
			port = b.HostIP + ":" + port
		}
		out = append(out, port)
	}
	return strings.Join(out, ", ")
}

// mounts: Mode is what options a bind had; it differs between a volume mounted by name and an anonymous one.
func (a attributes) mounts(doc object) {
	for _, m := range doc.list("Mounts") {
		at := path.Clean(m.text("Destination"))
		if m.text("Type") == "image" { // where the engine has unpacked it, and its name, which "mount-option" has as well
			delete(m, "Source")
			delete(m, "Name")
		}
		a.text("mount-mode "+at, m.text("Mode"))
		delete(m, "Mode")
		a.json("mount "+at, m.raw())
	}
}

func (a attributes) networks(doc object, d document) {
	same := facts{networks: map[string]string{}}
	for name, n := range d.NetworkSettings.Networks {
		settings := endpointSettings(doc, d, name, same) // but for the MAC address: see Compare
		if aliases := withoutID(n.Aliases, d.shortID()); settings["Aliases"] != nil {
			slices.Sort(aliases)
			settings.set("Aliases", append([]string{}, slices.Compact(aliases)...))
		}
		maps.DeleteFunc(settings, func(_ string, raw json.RawMessage) bool { return hollow(raw) })
		a["network "+name] = canonical(settings.raw())
		if d.State.Status == "running" { // before that, a container has none
			a.text("network-id "+name, n.NetworkID)
			a.text("network-mac "+name, n.MacAddress)
		}
	}
}
