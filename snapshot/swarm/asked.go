package swarm

import (
	"context"
	"errors"
	"fmt"

	"github.com/snapback/snapback/snapshot"
)

// What engines are asked for one by one, as far as a Swarm has an answer. See engines.Asked and snapshot.ConditionEngine.

// Observations lists the enabled services.
func (c *Cluster) Observations(ctx context.Context) ([]snapshot.Observation, error) {
	return c.Observe(ctx, nil)
}

// Mislabelled tells of services that are not enabled though their labels speak of the bot.
func (c *Cluster) Mislabelled(ctx context.Context) (out []string, err error) {
	all, err := c.services(ctx)
	for _, v := range all {
		if _, within := v.spec.enabled(c.Only); !within {
			continue
		}
		if why := snapshot.Mislabelled(v.spec.ours(c.Only)); why != "" {
			out = append(out, v.spec.Name+": "+why)
		}
	}
	return out, err
}

// DiskUsed returns snapshot.ErrDiskUnseen: nothing of a service is kept on a disk.
func (c *Cluster) DiskUsed(context.Context) (snapshot.DiskUse, error) {
	return snapshot.DiskUse{}, fmt.Errorf("%w: a Swarm has none", snapshot.ErrDiskUnseen)
}

// Ready says what of the calls without which nothing can be told or shown is not answered.
func (c *Cluster) Ready(ctx context.Context) error {
	if _, err := c.ID(ctx); err != nil {
		return err
	}
	_, err := c.services(ctx)
	return err
}

// FindImage returns snapshot.ErrGone: a Swarm has no images, its nodes do.
func (c *Cluster) FindImage(_ context.Context, ref string) (snapshot.Image, error) {
	return snapshot.Image{}, fmt.Errorf("%w: %s", snapshot.ErrGone, ref)
}

// RegistryDigest is what a registry says of a tag, asked through the manager: what a deploy of the tag would pin now.
func (c *Cluster) RegistryDigest(ctx context.Context, ref string) string {
	return c.Manager.RegistryDigest(ctx, ref)
}

// Remove implements restore.LeftoverEngine: what a restore has replaced is kept as a snapshot, and that is the watch's to remove.
func (c *Cluster) Remove(context.Context, string) error { return nil }

// Condition implements snapshot.ConditionEngine, by a service's revision: how its tasks are. What each has written and uses is on its
// node.
func (c *Cluster) Condition(ctx context.Context, id string, _ int, _ bool) (snapshot.Condition, error) {
	in, err := c.Inspect(ctx, id)
	switch {
	case errors.Is(err, snapshot.ErrUnknownContainer):
		return snapshot.Condition{}, fmt.Errorf("%w: %w", snapshot.ErrGone, err)
	case err != nil:
		return snapshot.Condition{}, err
	case !in.Enabled:
		return snapshot.Condition{}, fmt.Errorf("%w: %s", snapshot.ErrNotEnabled, in.Name)
	}
	out := snapshot.Condition{State: in.State, Health: in.Health, ExitCode: in.ExitCode, EndedAt: in.FinishedAt, CreatedAt: in.CreatedAt, Tasks: in.Tasks}
	out.Missing = []string{"log: docker service logs " + in.Name + " has its tasks'"}
	return out, nil
}
