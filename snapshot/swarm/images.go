package swarm

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// imageThere looks whether nodes can have a spec's image: whether they have it, as far as their engines can be asked, and, where one has
// not, whether its registry gives it. An image without a digest is whatever its tag means, and is not looked for.
func (c *Cluster) imageThere(ctx context.Context, s spec, on []node) (why []string, doubt string) {
	name, digest := s.image()
	if digest == "" {
		return nil, ""
	}
	ref := untagged(name) + "@" + digest
	found := c.having(ctx, on, func(ctx context.Context, engine NodeEngine) error {
		_, err := engine.FindImage(ctx, ref)
		return err
	})
	if len(found.lack)+len(found.unasked) == 0 {
		return nil, ""
	}
	has, err := c.Manager.RegistryHas(ctx, ref)
	if err == nil && has {
		return nil, ""
	}
	registry := "its registry does not say"
	if err == nil {
		registry = "its registry has it no more"
	}
	if err == nil && len(found.have)+len(found.unasked) == 0 {
		const gone = "no node can have its image %s: %s, and %s. Push it there again, or restore another snapshot"
		return []string{fmt.Sprintf(gone, name, found.words(), registry)}, ""
	}
	return nil, fmt.Sprintf("whether every node can have its image (%s, and %s)", found.words(), registry)
}

// untagged is an image's name without its tag, which a digest makes meaningless.
func untagged(name string) string {
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		return name[:colon]
	}
	return name
}

// mayRun are the nodes that are there and on which a spec's tasks may be started, in the order of their names. A constraint that is not
// understood keeps none from it.
func (of nodes) mayRun(s spec) (list []node) {
	for _, n := range of {
		if n.Status.State == "ready" && n.Spec.Availability == "active" && !slices.ContainsFunc(s.TaskTemplate.Placement.Constraints, n.refuses) {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b node) int {
		return strings.Compare(a.Description.Hostname+" "+a.ID, b.Description.Hostname+" "+b.ID)
	})
	return list
}

// refuses says that a constraint, such as node.role==worker, keeps tasks off the node. Case does not matter, as with the manager.
func (n node) refuses(constraint string) bool {
	key, want, not := strings.Cut(constraint, "!=")
	if !not {
		var is bool
		if key, want, is = strings.Cut(constraint, "=="); !is {
			return false
		}
	}
	value, known := n.attribute(strings.TrimSpace(key))
	return known && strings.EqualFold(value, strings.TrimSpace(want)) == not
}

// attribute is what a constraint's key stands for; false where that is not known here.
func (n node) attribute(key string) (value string, known bool) {
	switch strings.ToLower(key) {
	case "node.id":
		return n.ID, true
	case "node.hostname":
		return n.Description.Hostname, true
	case "node.role":
		return n.Spec.Role, true
	case "node.platform.os":
		return n.Description.Platform.OS, true
	}
	if label, of := cutFold(key, "node.labels."); of {
		return n.Spec.Labels[label], true
	}
	if label, of := cutFold(key, "engine.labels."); of {
		return n.Description.Engine.Labels[label], true
	}
	return "", false
}

func cutFold(s, prefix string) (rest string, found bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}
