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

// NodeEngine is what a node's engine is asked. FindImage looks an image up by the digest by which a registry knows it, and returns
// snapshot.ErrGone when there is none.
type NodeEngine interface {
	FindImage(ctx context.Context, ref string) (snapshot.Image, error)
	HasVolume(ctx context.Context, name string) (bool, error)
}

// nodePatience is how long a node's engine may take to say whether it has something.
const nodePatience = 4 * time.Second

// OnNodes looks whether the nodes that may run the tasks of a document have what has to be there already: the image, or a registry that
// gives it, and volumes. Why says what none has; doubt says what is not known, as what follows "but not", which speaks against nothing; ""
// when there is none.
func (c *Cluster) OnNodes(ctx context.Context, raw json.RawMessage) (why []string, doubt string, err error) {
	d, s, err := parseDocument(raw)
	if err != nil {
		return nil, "", fmt.Errorf("reading a service's document: %w", err)
	}
	all, err := c.nodes(ctx)
	if err != nil {
		return nil, "", err
	}
	on := all.mayRun(s)
	noImage, image := c.imageThere(ctx, s, on)
	noVolume, volumes, err := c.volumesThere(ctx, d, s, on)
	doubts := slices.DeleteFunc([]string{image, volumes}, func(s string) bool { return s == "" })
	return append(noImage, noVolume...), strings.Join(doubts, ", and "), err
}

// volumesThere looks for the volumes of a spec: a node makes one that it has not, empty, without a word. One that the spec of now has as well
// is most likely where its tasks run: that nobody can ask there is not worth a word.
func (c *Cluster) volumesThere(ctx context.Context, d document, s spec, on []node) (why []string, doubt string, err error) {
	wanted := s.localVolumes()
	if len(wanted) == 0 || len(on) == 0 {
		return nil, "", nil
	}
	now, err := c.serviceOf(ctx, d, s.Name)
	if err != nil {
		return nil, "", err
	}
	kept := now.spec.localVolumes()
	found := make([]having, len(wanted))
	var asking sync.WaitGroup
	for i, name := range wanted {
		asking.Go(func() {
			found[i] = c.having(ctx, on, func(ctx context.Context, engine NodeEngine) error {
				there, err := engine.HasVolume(ctx, name)
				if err == nil && !there {
					err = snapshot.ErrGone
				}
				return err
			})
		})
	}
	asking.Wait()
	var unknown []string
	for i, name := range wanted {
		switch h := found[i]; {
		case len(h.have) > 0, len(h.unasked) > 0 && slices.Contains(kept, name):
		case len(h.unasked) > 0:
			unknown = append(unknown, fmt.Sprintf("whether volume %s is there still (%s)", name, h.words()))
		default:
			const gone = "volume %s is gone from %s, and would come back empty: create it there (docker volume create %[1]s), or restore another snapshot"
			why = append(why, fmt.Sprintf(gone, name, strings.Join(h.lack, ", ")))
		}
	}
	return why, strings.Join(unknown, ", and "), nil
}

// localVolumes are those that a node makes itself, and empty. What a driver or its options say where a volume's contents are, is made anew
// with them; one without a name is always new; and what a template makes of a name is known of a task alone.
func (s spec) localVolumes() (names []string) {
	if s.TaskTemplate.ContainerSpec == nil {
		return nil
	}
	for _, m := range s.TaskTemplate.ContainerSpec.Mounts {
		if m.Type == "volume" && m.Source != "" && !strings.Contains(m.Source, "{{") && !m.elsewhere() && !slices.Contains(names, m.Source) {
			names = append(names, m.Source)
		}
	}
	return names
}

func (m mounted) elsewhere() bool {
	if m.VolumeOptions == nil || m.VolumeOptions.DriverConfig == nil {
		return false
	}
	driver := m.VolumeOptions.DriverConfig
	return driver.Name != "" && driver.Name != "local" || len(driver.Options) > 0
}

// having is which nodes have something, by what they call themselves.
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

// having asks the engines of nodes, side by side. What is not there is snapshot.ErrGone.
func (c *Cluster) having(ctx context.Context, list []node, ask func(context.Context, NodeEngine) error) (h having) {
	engines := map[string]NodeEngine{}
	if c.Engines != nil {
		engines = c.Engines(ctx)
	}
	errs := make([]error, len(list))
	var asking sync.WaitGroup
	for i, n := range list {
		errs[i] = errNotAsked
		if engine := engines[n.ID]; engine != nil {
			asking.Go(func() {
				ctx, cancel := context.WithTimeout(ctx, nodePatience)
				defer cancel()
				errs[i] = ask(ctx, engine)
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
