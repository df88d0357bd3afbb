package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"

	"github.com/snapback/snapback/snapshot"
)

// An engine under load answers with status 500 what it does a moment later. What nothing is lost by is tried this often.
const (
	tries    = 3
	tryAgain = 500 * time.Millisecond // after a failure
)

// again does something up to three times, while the engine fails at it and might do it a moment later.
func again(ctx context.Context, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		if err == nil || n == tries || !mayPass(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(tryAgain):
		}
	}
}

// mayPass says that an error tells of the engine at that moment, and not of what it was asked for.
func mayPass(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, snapshot.ErrNoFolder) {
		return false
	}
	attaching := strings.Contains(err.Error(), "unable to upgrade to tcp, received 5") // the client tells a status no other way there
	lost := errors.Is(err, errMeanwhile) || errors.Is(err, snapshot.ErrLostReport)
	return lost || errors.Is(err, snapshot.ErrEngineAway) || cerrdefs.IsInternal(err) || isAway(err) || attaching
}

// errMeanwhile says of a list that something on it was removed while the engine made it.
var errMeanwhile = errors.New("an image was removed meanwhile")

// Images lists those with the filters. Where they are in containerd's store, the engine (28, 29) reads their names first and then what each one
// is, and answers "not found" when one of them has been removed in between: then it is asked again.
func Images(ctx context.Context, cli *client.Client, which filters.Args) (all []image.Summary, err error) {
	err = again(ctx, func() error {
		all, err = cli.ImageList(ctx, image.ListOptions{Filters: which})
		if notFound(err) {
			err = fmt.Errorf("%w: %w", errMeanwhile, err)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing images: %w", known(err, nil))
	}
	return all, nil
}
