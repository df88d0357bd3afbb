package swarm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/snapback/snapback/snapshot"
)

// keptBy is the label on configs and secrets that no service uses any more and a kept spec refers to: it names the services whose specs
// these are. No call of Docker's API keeps an unused config or secret from being removed, so all that the label can do is to tell whoever
// is about to remove it. Nothing else of them can be changed.
const keptBy = "snapback.kept-by"

// KeptSpecs are the snapshots of services.
type KeptSpecs interface {
	// Kept are those of a Swarm's services, by key, without their documents.
	Kept(ctx context.Context, engine string) (map[string][]snapshot.Snapshot, error)
	// SnapshotByID returns ErrUnknownSnapshot.
	SnapshotByID(ctx context.Context, id int64) (snapshot.Snapshot, error)
}

// Labels puts the label on, and takes it off again once no kept spec needs what it is on. It is for one goroutine.
type Labels struct {
	Cluster *Cluster
	Store   KeptSpecs
	Logger  *slog.Logger

	files map[int64][]file // by snapshot: what its spec refers to
}

// Update looks at the services of the Swarm, and labels what their kept specs need. What somebody else writes to at that moment is left
// until the next time. An engine, or a proxy before it, that denies it is no error.
func (l *Labels) Update(ctx context.Context, engine string) error {
	views, err := l.Cluster.services(ctx)
	if err != nil {
		return err
	}
	standing, ours := map[string]bool{}, map[string]bool{} // ours are also those that are not enabled any more
	for _, v := range views {
		standing[v.spec.Name] = true
		_, ours[v.spec.Name] = v.spec.enabled(l.Cluster.Only)
	}
	needed, err := l.needed(ctx, engine, views)
	if err != nil {
		return err
	}
	labelled, err := l.labelled(ctx)
	if err != nil {
		return ignoreDenied(err)
	}
	for path := range needed {
		if _, known := labelled[path]; known {
			continue
		}
		o, err := l.object(ctx, path)
		switch {
		case err == nil:
			labelled[path] = o
		case !errors.Is(err, snapshot.ErrGone):
			return ignoreDenied(err)
		}
	}
	for path, o := range labelled {
		others := slices.DeleteFunc(o.keptBy(), func(name string) bool { return ours[name] || !standing[name] })
		if err := l.label(ctx, path, o, append(others, needed[path]...)); err != nil {
			return ignoreDenied(err)
		}
	}
	return nil
}

func ignoreDenied(err error) error {
	if errors.Is(err, snapshot.ErrEngineDenied) {
		return nil
	}
	return err
}

// needed are the configs and secrets that kept specs of this bot's enabled services refer to and no service uses, by path, with those
// services' names.
func (l *Labels) needed(ctx context.Context, engine string, views []view) (map[string][]string, error) {
	kept, err := l.Store.Kept(ctx, engine)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, v := range views {
		for _, f := range v.spec.files() {
			used[f.path] = true
		}
	}
	now, out := map[int64][]file{}, map[string][]string{}
	for _, v := range views {
		if enabled, within := v.spec.enabled(l.Cluster.Only); !enabled || !within {
			continue
		}
		for _, s := range kept[keyOf(engine, v.spec.Name)] {
			list, err := l.filesOf(ctx, s.ID)
			if err != nil {
				return nil, err
			}
			now[s.ID] = list
			for _, f := range list {
				if !used[f.path] {
					out[f.path] = append(out[f.path], v.spec.Name)
				}
			}
		}
	}
	l.files = now
	return out, nil
}

// filesOf is what a kept spec refers to: nothing, where it is gone, or sealed with a key that is not there.
func (l *Labels) filesOf(ctx context.Context, id int64) ([]file, error) {
	if list, known := l.files[id]; known {
		return list, nil
	}
	s, err := l.Store.SnapshotByID(ctx, id)
	if errors.Is(err, snapshot.ErrUnknownSnapshot) || err == nil && len(s.Document) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	_, of, err := parseDocument(s.Document)
	if err != nil || of.TaskTemplate.ContainerSpec == nil {
		return nil, err
	}
	return of.files(), nil
}

// labelledObject is a config or a secret, without its content.
type labelledObject struct {
	ID      string
	Version struct{ Index uint64 }
	Spec    struct {
		Name   string
		Labels map[string]string
	}
}

func (o labelledObject) keptBy() (names []string) {
	if value := o.Spec.Labels[keptBy]; value != "" {
		names = strings.Split(value, ",")
	}
	return names
}

func (l *Labels) object(ctx context.Context, path string) (o labelledObject, err error) {
	err = l.Cluster.Manager.Get(ctx, path, nil, &o)
	return o, err
}

// labelled are those that have the label, by path.
func (l *Labels) labelled(ctx context.Context) (map[string]labelledObject, error) {
	out := map[string]labelledObject{}
	for _, kind := range []string{"/configs", "/secrets"} {
		var list []labelledObject
		if err := l.Cluster.Manager.Get(ctx, kind, filter("label", keptBy), &list); err != nil {
			return nil, fmt.Errorf("listing what kept specs need: %w", err)
		}
		for _, o := range list {
			out[kind+"/"+url.PathEscape(o.ID)] = o
		}
	}
	return out, nil
}

// label has it name these services, or takes it off.
func (l *Labels) label(ctx context.Context, path string, o labelledObject, names []string) error {
	slices.Sort(names)
	value := strings.Join(slices.Compact(names), ",")
	if value == o.Spec.Labels[keptBy] {
		return nil
	}
	labels := maps.Clone(o.Spec.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	if labels[keptBy] = value; value == "" {
		delete(labels, keptBy)
	}
	body := map[string]any{"Name": o.Spec.Name, "Labels": labels}
	err := l.Cluster.Manager.Post(ctx, path+"/update", url.Values{"version": {strconv.FormatUint(o.Version.Index, 10)}}, body, nil)
	switch {
	case outOfSequence(err), errors.Is(err, snapshot.ErrGone):
		return nil
	case err != nil:
		return fmt.Errorf("labelling %s: %w", o.Spec.Name, err)
	}
	l.Logger.Info("label set", "label", keptBy, "on", o.Spec.Name, "value", value)
	return nil
}
