package docker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"github.com/snapback/snapback/snapshot"
)

// Every act looks the container up first: for the label, which may be gone since the container was chosen, and for
// what is done already.

// SetRestartPolicy changes when the engine restarts the container by itself, and nothing else of it.
func (e *Engine) SetRestartPolicy(ctx context.Context, id string, policy snapshot.RestartPolicy) error {
	d, err := e.allowed(ctx, id)
	if err != nil {
		return err
	}
	if policy.Name == "" {
		policy.Name = "no" // to the engine, an empty name means "as it is"
	}
	if d.HostConfig.RestartPolicy == policy {
		return nil
	}
	if err := e.update(ctx, id, map[string]any{"RestartPolicy": policy}); err != nil {
		return fmt.Errorf("setting the restart policy of %s: %w", d.Name, e.refused(ctx, d, err))
	}
	return nil
}

// update tries again when the container died just then: the engine holds it for running, and what runs it does not. One
// that is crash-looping dies all the time.
func (e *Engine) update(ctx context.Context, id string, body any) error {
	for try := 1; ; try++ {
		err := e.post(ctx, "/containers/"+id+"/update", nil, body, nil)
		if err == nil || try == 20 || !strings.Contains(err.Error(), "cannot update a stopped container") {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// Stop asks the container to end, and kills it after timeout (whole seconds, rounded up). A paused one is resumed first:
// it could not hear the signal.
func (e *Engine) Stop(ctx context.Context, id string, timeout time.Duration) error {
	d, err := e.expendable(ctx, id)
	if err != nil {
		return err
	}
	if err := e.resume(ctx, d); err != nil {
		return err
	}
	seconds := int(math.Ceil(timeout.Seconds()))
	if err := e.cli.ContainerStop(ctx, id, container.StopOptions{Timeout: &seconds}); err != nil {
		return fmt.Errorf("stopping %s: %w", d.Name, e.refused(ctx, d, err))
	}
	return nil
}

// refused is why the engine has not done an act. One on a container that somebody is having removed returns when that is
// done: whoever acts has to do with a container that is gone, and its name is free then.
func (e *Engine) refused(ctx context.Context, d document, err error) error {
	if !leaving.MatchString(err.Error()) {
		return d.known(err, snapshot.ErrGone)
	}
	if err := e.awaitRemoval(ctx, d); err != nil {
		return err
	}
	return fmt.Errorf("%w: it was being removed", snapshot.ErrGone)
}

// leaving is what the engine says of such a container.
var leaving = regexp.MustCompile(`marked for removal|removal of container \S+ is already in progress|is being removed`)

// resume has a paused container run on. Where the engine's runtime can't do it at once, it is tried until ctx ends, or resumeWithin.
func (e *Engine) resume(ctx context.Context, d document) error {
	if !d.State.Paused {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, resumeWithin)
	defer cancel()
	for {
		err := e.cli.ContainerUnpause(within, d.ID)
		if err == nil {
			return nil
		}
		failed := fmt.Errorf("resuming %s: %w", d.Name, d.known(err, snapshot.ErrGone))
		if !errors.Is(err, cerrdefs.ErrConflict) && !cerrdefs.IsInternal(err) {
			return failed
		}
		if now, _, err := e.look(within, d.ID); err != nil || !now.State.Paused { // somebody else resumed it
			return err
		}
		select {
		case <-within.Done():
			return failed
		case <-time.After(freezeAgain):
		}
	}
}

// Resume has a paused container run on. It does nothing to one that is not paused: somebody may have stopped it.
func (e *Engine) Resume(ctx context.Context, id string) error {
	d, err := e.allowed(ctx, id)
	if err != nil {
		return err
	}
	return e.resume(ctx, d)
}

// Start starts the container, or resumes it when it is paused.
func (e *Engine) Start(ctx context.Context, id string) error {
	d, err := e.allowed(ctx, id)
	if err != nil {
		return err
	}
	if d.State.Paused {
		return e.resume(ctx, d)
	}
	if err := e.cli.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		return fmt.Errorf("starting %s: %w", d.Name, e.refused(ctx, d, err))
	}
	return nil
}

// Rename gives the container a name. It returns ErrInUse when another has it.
func (e *Engine) Rename(ctx context.Context, id, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	d, err := e.allowed(ctx, id)
	if err != nil || d.Name == name {
		return err
	}
	err = e.cli.ContainerRename(ctx, id, name)
	if cerrdefs.IsConflict(err) && !leaving.MatchString(err.Error()) {
		return fmt.Errorf("renaming %s to %s: %w: %w", d.Name, name, snapshot.ErrInUse, d.known(err, nil))
	}
	if err != nil {
		return fmt.Errorf("renaming %s to %s: %w", d.Name, name, e.refused(ctx, d, err))
	}
	return nil
}

// Remove removes the container, running or not, and leaves its volumes. It returns when the name is free.
func (e *Engine) Remove(ctx context.Context, id string) error {
	d, err := e.expendable(ctx, id)
	if errors.Is(err, snapshot.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	err = e.cli.ContainerRemove(ctx, id, container.RemoveOptions{Force: true})
	if cerrdefs.IsConflict(err) { // somebody else's removal is under way
		return e.awaitRemoval(ctx, d)
	}
	if err != nil && !notFound(err) {
		return fmt.Errorf("removing %s: %w", d.Name, d.known(err, nil))
	}
	return nil
}

func (e *Engine) awaitRemoval(ctx context.Context, d document) error {
	done, errs := e.cli.ContainerWait(ctx, d.ID, container.WaitConditionRemoved)
	select {
	case <-done:
		return nil
	case err := <-errs:
		if notFound(err) {
			return nil
		}
		return fmt.Errorf("waiting until %s is removed: %w", d.Name, d.known(err, nil))
	}
}
