package swarm

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/snapback/snapback/internal/mask"
	"github.com/snapback/snapback/snapshot"
)

// Changes lists what differs between two documents, secrets masked. What scaling and restarting change is no difference.
func (c *Cluster) Changes(before, after json.RawMessage) ([]snapshot.Change, error) {
	was, secretsBefore, err := attributesOf(before)
	if err != nil {
		return nil, err
	}
	is, secretsAfter, err := attributesOf(after)
	if err != nil {
		return nil, err
	}
	secrets := slices.Concat(secretsBefore, secretsAfter)
	names := slices.Sorted(maps.Keys(was))
	for name := range is {
		if _, both := was[name]; !both {
			names = append(names, name)
		}
	}
	var out []snapshot.Change
	for _, name := range names {
		if before, after := was[name], is[name]; before != after {
			out = append(out, change(name, before, after, secrets))
		}
	}
	slices.SortFunc(out, func(x, y snapshot.Change) int {
		return cmp.Or(cmp.Compare(rank(x), rank(y)), strings.Compare(x.Attribute, y.Attribute))
	})
	return out, nil
}

// first are the attributes that people look for.
var first = []string{"image", "image digest", "env", "command", "args", "config", "secret", "mount", "network", "port"}

func rank(c snapshot.Change) int {
	kind, _, _ := strings.Cut(c.Attribute, " ")
	for _, name := range []string{c.Attribute, kind} {
		if at := slices.Index(first, name); at >= 0 {
			return at
		}
	}
	return len(first)
}

// change tells of one attribute. Of a secret that was changed, nothing is said but that.
func change(name, before, after string, secrets []string) snapshot.Change {
	c := snapshot.Change{Attribute: name}
	key := name[strings.LastIndexAny(name, " .")+1:]
	if mask.Secret(key, before) || mask.Secret(key, after) {
		c.Masked = true
		if before == "" || after == "" {
			c.Before, c.After = hide(before), hide(after)
		}
		return c
	}
	show := mask.Text
	if name == "command" || name == "args" || strings.Contains(name, "Healthcheck") {
		show = mask.Words
	}
	c.Before, c.After = show(before, secrets), show(after, secrets)
	return c
}

func hide(value string) string {
	if value == "" {
		return ""
	}
	return mask.Hidden
}

// attributesOf takes a document apart into what people know by name. What nobody has a name for keeps the spec's own, so that
// nothing that differs goes unseen. The secrets are those of its environment.
func attributesOf(raw json.RawMessage) (attributes, []string, error) {
	d, _, err := parseDocument(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("reading a service's document: %w", err)
	}
	value, err := decode(d.Spec)
	if err != nil {
		return nil, nil, err
	}
	all, a := object(value), attributes{}
	template := object(all["TaskTemplate"])
	container := object(template["ContainerSpec"])
	delete(template, "ForceUpdate")
	delete(template, "Runtime")
	delete(object(object(all["Mode"])["Replicated"]), "Replicas")

	a.image(text(take(container, "Image")))
	a.words("command", take(container, "Command"))
	a.words("args", take(container, "Args"))
	env := a.env(take(container, "Env"))
	a.labels(take(all, "Labels"), "label ")
	a.labels(take(container, "Labels"), "container label ")
	a.files("config", take(container, "Configs"))
	a.files("secret", take(container, "Secrets"))
	a.mounts(take(container, "Mounts"))
	for _, from := range []map[string]any{template, all} {
		a.networks(take(from, "Networks"), d.Networks)
	}
	a.ports(take(object(all["EndpointSpec"]), "Ports"))
	delete(all, "Name")
	a.rest("", all)
	return a, mask.Secrets(env), nil
}

// attributes are a spec's, by the names that people know them by.
type attributes map[string]string

func (a attributes) put(name, value string) {
	if value != "" {
		a[name] = value
	}
}

func (a attributes) image(image string) {
	name, digest, _ := strings.Cut(image, "@")
	a.put("image", name)
	a.put("image digest", short(digest))
}

func short(id string) string {
	hex := strings.TrimPrefix(id, "sha256:")
	return hex[:min(len(hex), 12)]
}

func (a attributes) words(name string, list any) {
	var words []string
	for _, one := range array(list) {
		word := text(one)
		if word == "" || strings.ContainsAny(word, " \t\n\"'") {
			word = strconv.Quote(word)
		}
		words = append(words, word)
	}
	a.put(name, strings.Join(words, " "))
}

func (a attributes) env(list any) (env []string) {
	for _, one := range array(list) {
		name, value, _ := strings.Cut(text(one), "=")
		a["env "+name] = cmp.Or(value, `""`)
		env = append(env, text(one))
	}
	return env
}

// labels leaves out what "docker stack deploy" only repeats of the image.
func (a attributes) labels(of any, prefix string) {
	for key, value := range object(of) {
		if key != "com.docker.stack.image" {
			a[prefix+key] = cmp.Or(text(value), `""`)
		}
	}
}

// files are configs and secrets. They never change, but one may be removed, and another one created under its name.
func (a attributes) files(kind string, list any) {
	id := map[string]string{"config": "ConfigID", "secret": "SecretID"}[kind]
	for _, one := range array(list) {
		file := object(one)
		name := text(take(file, map[string]string{"config": "ConfigName", "secret": "SecretName"}[kind]))
		at := kind + " " + cmp.Or(text(take(object(file["File"]), "Name")), name)
		a.put(at, fmt.Sprintf("%s (%s)", name, short(text(take(file, id)))))
		a.rest(at+" ", file)
	}
}

func (a attributes) mounts(list any) {
	for _, one := range array(list) {
		m := object(one)
		target := text(take(m, "Target"))
		value := strings.TrimSpace(text(take(m, "Type")) + " " + text(take(m, "Source")))
		if readOnly, _ := take(m, "ReadOnly").(bool); readOnly {
			value += " (read-only)"
		}
		a.put("mount "+target, value)
		a.rest("mount "+target+" ", m)
	}
}

func (a attributes) networks(list any, names map[string]string) {
	for _, one := range array(list) {
		n := object(one)
		id := text(take(n, "Target"))
		name := "network " + cmp.Or(names[id], short(id))
		a[name] = "connected"
		a.rest(name+" ", n)
	}
}

func (a attributes) ports(list any) {
	for _, one := range array(list) {
		p := object(one)
		name := fmt.Sprintf("port %s/%s", text(p["TargetPort"]), cmp.Or(text(p["Protocol"]), "tcp"))
		published := strings.TrimSpace(fmt.Sprintf("%s %s", text(p["PublishedPort"]), text(p["PublishMode"])))
		a[name] = strings.TrimPrefix(a[name]+", "+published, ", ") // one may be published several times
	}
}

// rest takes what is left as it is.
func (a attributes) rest(prefix string, value any) {
	switch v := said(value).(type) {
	case map[string]any:
		for key, one := range v {
			a.rest(strings.TrimPrefix(prefix+"."+key, "."), one)
		}
	case []any:
		encoded, _ := json.Marshal(v) // was decoded from JSON
		a.put(prefix, string(encoded))
	case nil:
	default:
		a.put(prefix, text(v))
	}
}

func object(value any) map[string]any {
	out, _ := value.(map[string]any)
	return out
}

func array(value any) []any {
	out, _ := value.([]any)
	return out
}

func take(from map[string]any, key string) any {
	value := from[key]
	delete(from, key)
	return value
}

func text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}
