package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types"
)

// ErrUnsupported says that what answers is no Docker engine.
var ErrUnsupported = errors.New("it is not supported")

// Supported returns an error that wraps ErrUnsupported when another engine than Docker's answers as if it were one. Docker's
// API is not enough to go by: Podman takes every call that a snapshot needs, and then gives images IDs of another form, so
// that all snapshots would be taken and none could be restored.
func (e *Engine) Supported(ctx context.Context) error {
	v, err := e.cli.ServerVersion(ctx)
	if err != nil {
		return fmt.Errorf("asking for the engine's version: %w", known(err, nil))
	}
	i := slices.IndexFunc(v.Components, func(c types.ComponentVersion) bool { return strings.Contains(strings.ToLower(c.Name), "podman") })
	if i < 0 {
		return nil
	}
	return fmt.Errorf("%w: this is Podman %s, whose snapshots could be taken and not be restored, since its API names images in another way than Docker's. Point DOCKER_HOST at a Docker engine, 20.10 or later",
		ErrUnsupported, v.Components[i].Version)
}
