package docker

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/snapback/snapback/snapshot"
)

// What its tool finds a container by belongs to its place, and not to what it is made from. A replacement bears what the one has
// that it replaces, whatever its snapshot says: else Compose would take its number for free, and Kamal its name.

// placeLabels are those by which Compose finds a container.
var placeLabels = []string{composeProject, composeService, composeNumber}

// place is what a container's tool finds it by. Kamal's proxy goes by the short ID, which the engine resolves on networks that
// users have made: the replacement answers to it there as well, and to those that the replaced one answered to for the same reason.
func (d document) place(key string) snapshot.Place {
	p := snapshot.Place{Name: d.Name, Labels: map[string]string{}, Aliases: map[string][]string{}}
	for _, name := range placeLabels {
		if v, has := d.Config.Labels[name]; has {
			p.Labels[name] = v
		}
	}
	if !strings.Contains(key, "/kamal/") {
		return p
	}
	for network, n := range d.NetworkSettings.Networks {
		if !plain(network) {
			ids := slices.DeleteFunc(slices.Clone(n.Aliases), func(a string) bool { return !shortIDHost.MatchString(a) })
			ids = append(ids, d.shortID())
			slices.Sort(ids)
			p.Aliases[network] = slices.Compact(ids)
		}
	}
	return p
}

// placed is the document as it is to be in a place.
func placed(raw json.RawMessage, p snapshot.Place) (json.RawMessage, error) {
	if p.Name == "" {
		return raw, nil
	}
	d, err := parse(raw)
	if err != nil {
		return nil, err
	}
	doc, err := toObject(raw)
	if err != nil {
		return nil, err
	}
	called := map[string]string{d.Name: p.Name}
	labels := maps.Clone(d.Config.Labels)
	for name, value := range p.Labels {
		if was, has := labels[name]; has {
			labels[name] = value
			if name == composeService {
				called[was] = value
			}
		}
	}
	config := doc.member("Config")
	config.set("Labels", labels)
	doc["Config"] = config.raw()
	doc.set("Name", "/"+p.Name)
	doc["NetworkSettings"] = placedNetworks(doc.member("NetworkSettings"), d, called, p.Aliases)
	return doc.raw(), nil
}

func placedNetworks(settings object, d document, called map[string]string, more map[string][]string) json.RawMessage {
	networks := settings.member("Networks")
	for name, n := range d.NetworkSettings.Networks {
		if len(n.Aliases) == 0 && len(more[name]) == 0 {
			continue
		}
		aliases := make([]string, 0, len(n.Aliases)+len(more[name]))
		for _, a := range append(slices.Clone(n.Aliases), more[name]...) {
			if now, has := called[a]; has {
				a = now
			}
			if !slices.Contains(aliases, a) {
				aliases = append(aliases, a)
			}
		}
		endpoint := networks.member(name)
		endpoint.set("Aliases", aliases)
		networks[name] = endpoint.raw()
	}
	settings["Networks"] = networks.raw()
	return settings.raw()
}
