package docker

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/snapback/snapback/internal/mask"
	"github.com/snapback/snapback/snapshot"
)

// plainNames are what people call attributes.
var plainNames = map[string]string{
	"image":                       "image ID",
	"image name":                  "image",
	"Config.Cmd":                  "command",
	"Config.Entrypoint":           "entrypoint",
	"Config.User":                 "user",
	"Config.WorkingDir":           "working directory",
	"Config.Hostname":             "host name",
	"Config.Healthcheck":          "health check",
	"Config.StopSignal":           "stop signal",
	"Config.StopTimeout":          "stop timeout",
	"HostConfig.Memory":           "memory limit",
	"HostConfig.MemorySwap":       "memory and swap limit",
	"HostConfig.NanoCpus":         "CPU limit",
	"HostConfig.PidsLimit":        "process limit",
	"HostConfig.RestartPolicy":    "restart policy",
	"HostConfig.NetworkMode":      "network mode",
	"HostConfig.PidMode":          "process namespace",
	"HostConfig.IpcMode":          "IPC namespace",
	"HostConfig.ReadonlyRootfs":   "read-only root",
	"HostConfig.CapAdd":           "added capabilities",
	"HostConfig.CapDrop":          "dropped capabilities",
	"HostConfig.LogConfig":        "logging",
	"HostConfig.ExtraHosts":       "extra hosts",
	"HostConfig.AutoRemove":       "auto-remove",
	"HostConfig.Privileged":       "privileged",
	"HostConfig.ShmSize":          "shared memory",
	"HostConfig.PublishAllPorts":  "publish all ports",
	"HostConfig.SecurityOpt":      "security options",
	"HostConfig.Ulimits":          "ulimits",
	"HostConfig.Dns":              "DNS servers",
	"HostConfig.MemorySwappiness": "swappiness",

	"label org.opencontainers.image.version":  "version",
	"label org.opencontainers.image.revision": "revision",
	"label org.opencontainers.image.created":  "built",
}

// reportedElsewhere elsewhere: what repeats another attribute, and what only tools care for.
var reportedElsewhere = []string{
	"name", "env KAMAL_CONTAINER_NAME", "env COOLIFY_CONTAINER_NAME", "Path", "Args", "Config.ExposedPorts", "Config.Volumes", "Config.OnBuild", "Config.AttachStdin", "Config.AttachStdout",
	"Config.AttachStderr", "HostConfig.ContainerIDFile", "HostConfig.ConsoleSize", "HostConfig.VolumesFrom",
}

var reportedElsewhereKinds = []string{"bind ", "mount-mode ", "mount-option ", "network-id ", "network-mac ", "label com.docker.compose.", "label desktop.docker.io/"}

// first is the order in which changes are told: what most often breaks things comes first.
var first = []string{"image", "image digest", "image built", "image ID", "env", "command", "entrypoint", "mount", "network", "port", "version", "revision"}

// Changes lists what differs between two documents, secrets masked.
func (e *Engine) Changes(before, after json.RawMessage) ([]snapshot.Change, error) {
	names := called(before, after)
	was, b, err := nameless(before, names)
	if err != nil {
		return nil, err
	}
	is, a, err := nameless(after, names)
	if err != nil {
		return nil, err
	}
	if same := b.Snapback.Content; same != "" && same == a.Snapback.Content {
		a.Image, is["image"] = b.Image, was["image"] // built anew from the same
	}
	if b.Image != a.Image && b.Snapback.Built != "" && a.Snapback.Built != "" { // of an image that is gone, nobody can tell
		was.image(b.Snapback)
		is.image(a.Snapback)
	}
	secrets := mask.Secrets(slices.Concat(b.Config.Env, a.Config.Env))
	var out []snapshot.Change
	for _, name := range differing(was, is) {
		if !slices.Contains(reportedElsewhere, name) && !slices.ContainsFunc(reportedElsewhereKinds, func(k string) bool { return strings.HasPrefix(name, k) }) {
			out = append(out, change(name, was, is, secrets))
		}
	}
	renamed := slices.ContainsFunc(out, func(c snapshot.Change) bool { return c.Attribute == "image" })
	slices.SortStableFunc(out, func(x, y snapshot.Change) int { return cmp.Compare(rank(x, renamed), rank(y, renamed)) })
	return out, nil
}

// nameless is normalise without the names that a container answers to because it is called so: a successor is called otherwise.
func nameless(raw json.RawMessage, names []string) (attributes, document, error) {
	d, err := parse(raw)
	if err != nil {
		return nil, d, err
	}
	for network, n := range d.NetworkSettings.Networks {
		n.Aliases = slices.DeleteFunc(slices.Clone(n.Aliases), func(a string) bool { return slices.Contains(names, a) || shortIDHost.MatchString(a) })
		d.NetworkSettings.Networks[network] = n
	}
	return d.normalise(raw)
}

// called are the names of containers, also those that Compose gives them when it is done: while it works, it uses others.
func called(documents ...json.RawMessage) (names []string) {
	for _, raw := range documents {
		d, err := parse(raw)
		if err != nil {
			continue // whoever reads it next says so
		}
		project, service, number := d.Config.Labels[composeProject], d.Config.Labels[composeService], d.Config.Labels[composeNumber]
		names = append(names, d.Name, service)
		if project != "" {
			names = append(names, project+"-"+service+"-"+number, project+"_"+service+"_"+number)
		}
	}
	return names
}

// image adds what is told of an image beyond the document. It is nothing that a restored container could have otherwise.
func (a attributes) image(of additions) {
	digests := make([]string, 0, len(of.Digests))
	for _, d := range of.Digests {
		digests = append(digests, short(d))
	}
	a.text("image digest", strings.Join(digests, ", "))
	if built := instant(of.Built); !built.IsZero() {
		a.text("image built", built.Format("2006-01-02 15:04:05 UTC"))
	}
}

// rank: another image under the same name is news; under another name all else of it repeats the name, and comes last.
func rank(c snapshot.Change, renamed bool) int {
	if renamed && c.ImageDetail() {
		return len(first) + 1 + slices.Index(first, c.Attribute)
	}
	kind, _, _ := strings.Cut(c.Attribute, " ")
	for _, name := range []string{c.Attribute, kind} {
		if at := slices.Index(first, name); at >= 0 {
			return at
		}
	}
	return len(first)
}

// change tells of one attribute. Of a secret that was changed, nothing is said but that.
func change(name string, was, is attributes, secrets []string) snapshot.Change {
	kind, key, _ := strings.Cut(name, " ")
	before, had := was[name]
	after, has := is[name]
	c := snapshot.Change{Attribute: readable(name)}
	hidden := (kind == "env" || kind == "label") && (secret(kind, key, before) || secret(kind, key, after))
	switch {
	case hidden && had && has:
		c.Masked = true
	case hidden:
		c.Masked, c.Before, c.After = true, hide(had), hide(has)
	default:
		c.Before, c.After = side(name, before, had, secrets), side(name, after, has, secrets)
	}
	return c
}

func hide(there bool) string {
	if there {
		return mask.Hidden
	}
	return ""
}

// side is one side of a change: "" is kept for "was not there".
func side(name, value string, there bool, secrets []string) string {
	if !there {
		return ""
	}
	if value == "" {
		return `""`
	}
	return withoutSecrets(name, forPeople(name, value), secrets)
}

// withoutSecrets is what may be shown of a value that is not one itself.
func withoutSecrets(name, value string, secrets []string) string {
	if slices.Contains(commands, name) {
		return mask.Words(value, secrets)
	}
	return mask.Text(value, secrets)
}

// commands are attributes that people put secrets into as they are.
var commands = []string{"Path", "Args", "Config.Cmd", "Config.Entrypoint", "Config.Healthcheck", "HostConfig.LogConfig"}

// forPeople writes values in the form in which people write them themselves.
func forPeople(name, value string) string {
	kind, _, _ := strings.Cut(name, " ")
	switch {
	case name == "image", kind == "mounted-image":
		return short(value)
	case name == "Config.Cmd", name == "Config.Entrypoint":
		return words(value)
	case name == "HostConfig.RestartPolicy":
		return policyText(value)
	case name == "HostConfig.NanoCpus":
		return cpus(value)
	case strings.HasPrefix(name, "HostConfig.Memory"), name == "HostConfig.ShmSize":
		return bytesText(value)
	case kind == "mount":
		return mountText(value)
	case kind == "network":
		return networkText(value)
	}
	return value
}

func short(id string) string {
	hex := strings.TrimPrefix(id, "sha256:")
	return hex[:min(len(hex), 12)]
}

func words(list string) string {
	var args []string
	if json.Unmarshal([]byte(list), &args) != nil {
		return list
	}
	for i, arg := range args {
		if arg == "" || strings.ContainsAny(arg, " \t\n\"'") {
			args[i] = strconv.Quote(arg)
		}
	}
	return strings.Join(args, " ")
}

func policyText(value string) string {
	var p snapshot.RestartPolicy
	if json.Unmarshal([]byte(value), &p) != nil {
		return value
	}
	if p.MaxRetries > 0 {
		return fmt.Sprintf("%s, %d times at most", p.Name, p.MaxRetries)
	}
	return p.Name
}

func cpus(value string) string {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return value
	}
	if n == 0 {
		return "none"
	}
	return strconv.FormatFloat(float64(n)/1e9, 'f', -1, 64) + " CPUs"
}

func bytesText(value string) string {
	n, err := strconv.ParseInt(value, 10, 64)
	switch {
	case err != nil:
		return value
	case n == 0:
		return "none"
	case n < 0:
		return "unlimited"
	}
	for _, unit := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= unit.size {
			return strconv.FormatFloat(float64(n)/float64(unit.size), 'f', -1, 64) + " " + unit.name
		}
	}
	return value + " B"
}

func mountText(value string) string {
	var m mountPoint
	if json.Unmarshal([]byte(value), &m) != nil {
		return value
	}
	text := m.Type + " " + m.Source
	if m.Type == "volume" {
		text = "volume " + m.Name
		if fullID.MatchString(m.Name) {
			text = "anonymous volume " + m.Name[:12]
		}
	}
	if !m.RW {
		text += " (read-only)"
	}
	return strings.TrimSpace(text)
}

func networkText(value string) string {
	var n endpoint
	if json.Unmarshal([]byte(value), &n) != nil {
		return value
	}
	var parts []string
	if ips := n.fixedIPs(); len(ips) > 0 {
		parts = append(parts, strings.Join(ips, ", "))
	}
	if len(n.Aliases) > 0 {
		parts = append(parts, fmt.Sprintf("as %s", strings.Join(n.Aliases, ", ")))
	}
	if len(parts) == 0 {
		return "connected"
	}
	return strings.Join(parts, " ")
}
