package docker

import (
	"path"
	"slices"
	"strings"
)

// A volume without a name of its own is anonymous: the document's Mounts have it, what create reads has not. Replayed
// as it is, the container would get a new and empty one, so it is mounted by the name that the engine gave it.

// anonymous lists the mounts of volumes that nobody named.
func (d document) anonymous() []mountPoint {
	return slices.DeleteFunc(d.unstated(), func(m mountPoint) bool {
		return m.Type != "volume" || !d.declares(m.Destination) && len(d.HostConfig.VolumesFrom) > 0
	})
}

// inherited lists the mounts that came with VolumesFrom.
func (d document) inherited() []mountPoint {
	if len(d.HostConfig.VolumesFrom) == 0 {
		return nil
	}
	return slices.DeleteFunc(d.unstated(), func(m mountPoint) bool { return d.declares(m.Destination) })
}

// unstated lists the volumes and binds whose source create would not be told.
func (d document) unstated() []mountPoint {
	var out []mountPoint
	for _, m := range d.Mounts {
		if (m.Type == "volume" || m.Type == "bind") && !d.states(m.Destination) {
			out = append(out, m)
		}
	}
	return out
}

// states says whether Binds or HostConfig.Mounts name what is mounted at a path.
func (d document) states(at string) bool {
	for _, b := range d.HostConfig.Binds {
		if source, target := splitBind(b); source != "" && target == path.Clean(at) {
			return true
		}
	}
	for _, m := range d.HostConfig.Mounts {
		if m.Source != "" && path.Clean(m.Target) == path.Clean(at) {
			return true
		}
	}
	return false
}

// declares says whether the container asks for an anonymous volume at a path.
func (d document) declares(at string) bool {
	for declared := range d.Config.Volumes {
		if path.Clean(declared) == path.Clean(at) {
			return true
		}
	}
	return slices.ContainsFunc(d.HostConfig.Mounts, func(m mountSpec) bool {
		return m.Source == "" && m.Type == "volume" && path.Clean(m.Target) == path.Clean(at)
	})
}

// splitBind takes source:target[:options] apart. A lone path is a target, and its volume anonymous.
func splitBind(bind string) (source, target string) {
	parts := strings.Split(bind, ":")
	if len(parts) == 1 {
		return "", path.Clean(parts[0])
	}
	return parts[0], path.Clean(parts[1])
}

// named lists the volumes that somebody named, also those of a container that it has its volumes from.
func (d document) named() []string {
	var out []string
	for _, m := range d.Mounts {
		if m.Type == "volume" && !fullID.MatchString(m.Name) {
			out = append(out, m.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// fixed lists what has to be mounted by name: anonymous volumes that are still there, and what came from a container
// that does not give it any more. One without a name is to be a new volume.
func (d document) fixed(f facts) []mountPoint {
	var out []mountPoint
	for _, m := range d.anonymous() {
		if f.volumes[m.Name] {
			out = append(out, m)
		}
	}
	if !f.donors {
		for _, m := range d.inherited() {
			if m.Type == "volume" && !f.volumes[m.Name] && fullID.MatchString(m.Name) {
				m.Name = "" // gone: there is to be a new one at least
			}
			out = append(out, m)
		}
	}
	return out
}

// pin rewrites hc so that mounts are mounted by name.
func pin(hc object, mounts []mountPoint) {
	specs := hc.list("Mounts")
	for _, m := range mounts {
		specs = pinOne(specs, m)
	}
	if len(specs) > 0 {
		hc.set("Mounts", specs)
	}
}

func pinOne(specs []object, m mountPoint) []object {
	source := m.Name
	if m.Type == "bind" {
		source = m.Source
	}
	for _, s := range specs {
		if s.empty("Source") && s.text("Type") == "volume" && path.Clean(s.text("Target")) == path.Clean(m.Destination) {
			s.set("Source", source)
			return specs
		}
	}
	spec := object{}
	spec.set("Type", m.Type)
	if source != "" {
		spec.set("Source", source)
	}
	spec.set("Target", m.Destination)
	if !m.RW {
		spec.set("ReadOnly", true)
	}
	return append(specs, spec)
}
