package docker

import (
	"context"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
)

const (
	freezes     = 5                      // how often it is tried
	freezeAgain = 200 * time.Millisecond // after
)

// frozen does what has the engine freeze a container, and once more while it can't: on a busy machine its runtime gives up after a fifth of a
// second in which the container's processes have not all come to a standstill, and lets them go on ("unable to freeze", with status 500).
func frozen(ctx context.Context, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		if err == nil || n == freezes || !cerrdefs.IsInternal(err) || !strings.Contains(err.Error(), "unable to freeze") {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(freezeAgain):
		}
	}
}
