package swarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// Images is what a node's engine is asked. FindImage looks an image up by the digest by which a registry knows it, and returns
// snapshot.ErrGone when there is none.
type Images interface {
	FindImage(ctx context.Context, ref string) (snapshot.Image, error)
}

// imagePatience is how long a node's engine may take to say whether it has an image.
const imagePatience = 4 * time.Second

// ImageThere looks whether the nodes that may run the tasks of a document can have their image: whether they have it, as far as their engines
// can be asked, and, where one has not, whether its registry gives it. Why says that none can; doubt says that it is not known of all, which
// speaks against nothing; "" when there is none. An image without a digest is whatever its tag means, and is not looked for.
func (c *Cluster) ImageThere(ctx context.Context, raw json.RawMessage) (why []string, doubt string, err error) {
	_, s, err := parseDocument(raw)
	if err != nil {
		return nil, "", fmt.Errorf("reading a service's document: %w", err)
	}
	name, digest := s.image()
	if digest == "" {
		return nil, "", nil
	}
	on, err := c.nodes(ctx)
	if err != nil {
		return nil, "", err
	}
	found := c.imageOn(ctx, on.mayRun(s), untagged(name)+"@"+digest)
	if len(found.lack)+len(found.unasked) == 0 {
		return nil, "", nil
	}
	has, err := c.Manager.RegistryHas(ctx, untagged(name)+"@"+digest)
	if err == nil && has {
		return nil, "", nil
	}
	registry := "its registry does not say"
	if err == nil {
		registry = "its registry has it no more"
	}
	if err == nil && len(found.have)+len(found.unasked) == 0 {
		const gone = "no node can have its image %s: %s, and %s. Push it there again, or restore another snapshot"
		return []string{fmt.Sprintf(gone, name, found.words(), registry)}, "", nil
	}
	return nil, fmt.Sprintf("whether every node can have its image (%s, and %s)", found.words(), registry), nil
}

// untagged is an image's name without its tag, which a digest makes meaningless.
func untagged(name string) string {
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		return name[:colon]
	}
	return name
}

// having is which nodes have an image, by what they call themselves.
type having struct{ have, lack, unasked []string }

func (h having) words() string {
	var out []string
	if len(h.lack) > 0 {
		out = append(out, "not on "+strings.Join(h.lack, ", "))
	}
	if len(h.unasked) > 0 {
		out = append(out, "nobody can ask the engine of "+strings.Join(h.unasked, ", "))
	}
	return strings.Join(out, "; ")
}

// imageOn asks the engines of nodes for an image, side by side.
func (c *Cluster) imageOn(ctx context.Context, list []node, ref string) (h having) {
	engines := map[string]Images{}
	if c.Engines != nil {
		engines = c.Engines(ctx)
	}
	errs := make([]error, len(list))
	var asking sync.WaitGroup
	for i, n := range list {
		errs[i] = errNotAsked
		if engine := engines[n.ID]; engine != nil {
			asking.Go(func() {
				ctx, cancel := context.WithTimeout(ctx, imagePatience)
				defer cancel()
				_, errs[i] = engine.FindImage(ctx, ref)
			})
		}
	}
	asking.Wait()
	for i, n := range list {
		name := nameOr(n.Description.Hostname, n.ID)
		switch {
		case errs[i] == nil:
			h.have = append(h.have, name)
		case errors.Is(errs[i], snapshot.ErrGone):
			h.lack = append(h.lack, name)
		default:
			h.unasked = append(h.unasked, name)
		}
	}
	return h
}

// errNotAsked is of a node whose engine is not among the bot's.
var errNotAsked = errors.New("the engine of the node is not among the bot's")

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
