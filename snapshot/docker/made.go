package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"github.com/snapback/snapback/snapshot"
)

// Tags are all that have the form of ours, snapback/<container>:<snapshot>, whosever they are.
func (e *Engine) Tags(ctx context.Context) (refs []string, err error) {
	images, err := Images(ctx, e.cli, filters.NewArgs(filters.Arg("reference", "snapback/*")))
	if err != nil {
		return nil, err
	}
	for _, one := range images {
		for _, ref := range one.RepoTags {
			if checkRef(ref) == nil {
				refs = append(refs, ref)
			}
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs), nil
}

// TagOf is the tag that a tag on a mounted image goes with; any other is returned as it is.
func TagOf(ref string) string {
	if mountRef.MatchString(ref) {
		return ref[:strings.LastIndex(ref, ".M")]
	}
	return ref
}

// Helpers are the names of helpers' containers and of their images, both by their label and their name.
func (e *Engine) Helpers(ctx context.Context) (containers, images []string, err error) {
	rows, err := e.helperRows(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rows {
		containers = append(containers, nameOf(row))
	}
	found, err := Images(ctx, e.cli, filters.NewArgs(filters.Arg("label", helperLabel)))
	if err != nil {
		return nil, nil, err
	}
	for _, one := range found {
		for _, ref := range one.RepoTags {
			if strings.HasPrefix(ref, e.helperRepo+":") {
				images = append(images, ref)
			}
		}
	}
	slices.Sort(containers)
	slices.Sort(images)
	return containers, slices.Compact(images), nil
}

func (e *Engine) helperRows(ctx context.Context) ([]container.Summary, error) {
	rows, err := e.rows(ctx, filters.NewArgs(filters.Arg("label", helperLabel)))
	return slices.DeleteFunc(rows, func(row container.Summary) bool { return !strings.HasPrefix(row.Image, e.helperRepo+":") }), err
}

// helperIdle is for how many times as long as a helper may show no sign of getting on one stays that does not run.
const helperIdle = 5

// RemoveIdleHelpers removes the helpers that a bot has made and not started, since it was killed in between, and those that have
// ended and not gone: they hold a volume that nobody could remove. One that is about to be started is younger. It is a chore, whatever the engine.
func (e *Engine) RemoveIdleHelpers(ctx context.Context, _ string) error {
	rows, err := e.helperRows(ctx)
	if err != nil {
		return err
	}
	now := time.Now().Add(e.ahead(ctx))
	var errs error
	for _, row := range rows {
		if row.State == container.StateRunning || now.Sub(time.Unix(row.Created, 0)) < helperIdle*e.stall {
			continue
		}
		err := e.RemoveHelper(ctx, nameOf(row))
		if err == nil {
			e.log.InfoContext(ctx, "a helper that was left is removed", "container", nameOf(row))
		} else if !errors.Is(err, snapshot.ErrInUse) { // it runs by now, or its removal is under way
			errs = errors.Join(errs, err)
		}
	}
	return errs
}

// RemoveHelper removes a helper's container, by its name, that does not run. Missing is success.
func (e *Engine) RemoveHelper(ctx context.Context, name string) error {
	d, _, err := e.look(ctx, name)
	if errors.Is(err, snapshot.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	if d.Config.Labels[helperLabel] == "" || d.Name != name {
		return fmt.Errorf("removing %s: it is no helper", name)
	}
	return e.removed(name, e.cli.ContainerRemove(ctx, d.ID, container.RemoveOptions{}))
}

// RemoveHelperImage removes one that no container uses. Missing is success.
func (e *Engine) RemoveHelperImage(ctx context.Context, ref string) error {
	if !strings.HasPrefix(ref, e.helperRepo+":") || !askable(ref) {
		return errGrammar("helper's image", ref)
	}
	_, err := e.cli.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
	return e.removed(ref, err)
}

// removed reads the answer: ErrInUse when somebody uses it.
func (e *Engine) removed(what string, err error) error {
	switch {
	case err == nil, notFound(err):
		return nil
	case cerrdefs.IsConflict(err):
		return fmt.Errorf("removing %s: %w: %w", what, snapshot.ErrInUse, known(err, nil))
	}
	return fmt.Errorf("removing %s: %w", what, known(err, nil))
}

// OfRestores are the names of containers that restores have made or set aside, of those that this bot may touch.
func (e *Engine) OfRestores(ctx context.Context) (names []string, err error) {
	rows, err := e.rows(ctx, e.ours())
	for _, row := range rows {
		if name := nameOf(row); snapshot.OurName(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, err
}
