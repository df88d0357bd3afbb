package docker

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"

	"github.com/snapback/snapback/snapshot"
)

// A duplicate is an empty volume that bears all of it as labels. An empty image could do that as well, but takes twenty
// times as long to make, and is what "docker image prune -a" and "docker system prune -a" remove while the snapshot's own
// image stays because a container runs from it. Those leave volumes alone. What does remove it is "docker volume prune"
// (from Docker 23 on, with --all).
const (
	duplicateLabel  = "snapback.duplicate" // what is sealed, in base64
	duplicateOf     = "snapback.duplicate.of"
	duplicateKey    = "snapback.duplicate.key"
	duplicateName   = "snapback.duplicate.snapshot"
	duplicateMoment = "snapback.duplicate.taken"
	duplicatePrefix = "snapback-snapshot."
)

// AddDuplicate keeps one. One of that name that is there already is the same. The label of Config.Only goes with it.
func (e *Engine) AddDuplicate(ctx context.Context, d snapshot.Duplicate) error {
	if err := checkDuplicate(d.Name); err != nil {
		return err
	}
	labels := map[string]string{
		duplicateLabel: base64.StdEncoding.EncodeToString(d.Sealed), duplicateKey: d.Key, duplicateOf: d.Container, duplicateName: d.Snapshot,
		duplicateMoment: d.CreatedAt.UTC().Format(time.RFC3339Nano),
	}
	if e.only != "" { // which may be a name alone
		name, value, _ := strings.Cut(e.only, "=")
		labels[name] = value
	}
	if _, err := e.cli.VolumeCreate(ctx, volume.CreateOptions{Name: d.Name, Labels: labels}); err != nil {
		return fmt.Errorf("keeping %s: %w", d.Name, known(err, nil))
	}
	return nil
}

// Duplicates lists those that are there, whosever they are. What bears the label and is none is left out.
func (e *Engine) Duplicates(ctx context.Context) ([]snapshot.Duplicate, error) {
	return e.duplicates(ctx, filters.NewArgs(filters.Arg("label", duplicateLabel)))
}

// OwnDuplicates lists those that bots with this one's scope have made.
func (e *Engine) OwnDuplicates(ctx context.Context) ([]snapshot.Duplicate, error) {
	which := filters.NewArgs(filters.Arg("label", duplicateLabel))
	if e.only != "" {
		which.Add("label", e.only)
	}
	return e.duplicates(ctx, which)
}

func (e *Engine) duplicates(ctx context.Context, which filters.Args) ([]snapshot.Duplicate, error) {
	all, err := e.cli.VolumeList(ctx, volume.ListOptions{Filters: which})
	if err != nil {
		return nil, fmt.Errorf("listing duplicates: %w", known(err, nil))
	}
	var out []snapshot.Duplicate
	for _, v := range all.Volumes {
		sealed, err := base64.StdEncoding.DecodeString(v.Labels[duplicateLabel])
		if err != nil || checkDuplicate(v.Name) != nil {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, v.Labels[duplicateMoment])
		if err != nil {
			continue
		}
		out = append(out, snapshot.Duplicate{
			Name: v.Name, Key: v.Labels[duplicateKey], Container: v.Labels[duplicateOf], Snapshot: v.Labels[duplicateName], CreatedAt: at.UTC(), Sealed: sealed,
		})
	}
	return out, nil
}

// RemoveDuplicate removes one. Missing is success. A volume that bears such a name and is no duplicate, or that somebody has
// mounted, stays.
func (e *Engine) RemoveDuplicate(ctx context.Context, name string) error {
	if err := checkDuplicate(name); err != nil {
		return err
	}
	v, err := e.cli.VolumeInspect(ctx, name)
	if notFound(err) {
		return nil
	}
	if err == nil && v.Labels[duplicateLabel] == "" {
		return nil
	}
	if err == nil {
		err = e.cli.VolumeRemove(ctx, name, false)
	}
	switch {
	case err == nil, notFound(err):
		return nil
	case cerrdefs.IsConflict(err):
		return fmt.Errorf("removing %s: %w: %w", name, snapshot.ErrInUse, known(err, nil))
	}
	return fmt.Errorf("removing %s: %w", name, known(err, nil))
}

func checkDuplicate(name string) error {
	if !strings.HasPrefix(name, duplicatePrefix) || checkName(name) != nil {
		return errGrammar("duplicate of ours", name)
	}
	return nil
}

// Describe reads a document as Inspect read the container then. Enabled is false for one that this bot may not touch.
func (e *Engine) Describe(doc json.RawMessage) (snapshot.Inspection, error) {
	d, err := parse(doc)
	if err != nil {
		return snapshot.Inspection{}, err
	}
	e.mu.Lock()
	id := e.name
	e.mu.Unlock()
	in := d.inspection(id, doc)
	in.Enabled = e.enabled(d)
	return in, nil
}
