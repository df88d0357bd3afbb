package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
)

// Status is the container, or the service, of a name as it is now.
type Status struct {
	Name    string    `json:"name"`
	ID      string    `json:"id"`
	Image   string    `json:"image"`
	Version string    `json:"version"` // SHOP_VERSION
	Pool    string    `json:"pool"`    // DB_POOL
	State   string    `json:"state"`   // running, exited, …; absent when there is none
	Started time.Time `json:"started"`
	Tasks   string    `json:"tasks,omitempty"` // of a service, how many run: 2 of 3
	Kept    []string  `json:"kept"`            // what the bot keeps of it: containers from before, stopped
}

// Look reads the status of the shop. A container that isn't there is no error: while it is replaced there is none.
func (e *Engine) Look(ctx context.Context, name string) (Status, error) {
	s := Status{Name: name, State: "absent", Kept: []string{}}
	c, err := e.cli.ContainerInspect(ctx, name)
	switch {
	case err == nil:
		s.read(c)
	case !errdefs.IsNotFound(err):
		return s, fmt.Errorf("looking at %s: %w", name, err)
	}
	all, err := e.containers(ctx)
	if err != nil {
		return s, err
	}
	for _, other := range all {
		if kept := strings.TrimPrefix(other.Names[0], "/"); kept != name {
			s.Kept = append(s.Kept, kept)
		}
	}
	slices.Sort(s.Kept)
	return s, nil
}

func (s *Status) read(c container.InspectResponse) {
	s.ID, s.State = c.ID[:12], c.State.Status
	s.Started, _ = time.Parse(time.RFC3339Nano, c.State.StartedAt) // zero while it has not started
	s.Version, s.Pool = value(c.Config.Env, "SHOP_VERSION"), value(c.Config.Env, "DB_POOL")
	// After a restore the container names its image by the snapshot's tag: what people know is the version in it.
	s.Image = c.Config.Image
}

func value(env []string, name string) string {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}
