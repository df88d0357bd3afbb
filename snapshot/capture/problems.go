package capture

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/snapback/snapback/snapshot"
)

// Problems are the reasons against putting contents back that can be seen without reading them. Except is the
// container that is to be replaced.
func (v *Volumes) Problems(ctx context.Context, s snapshot.VolumeSet, except string) ([]string, error) {
	err := v.Vault.Present(s)
	if errors.Is(err, snapshot.ErrNoArchive) || errors.Is(err, snapshot.ErrBadArchive) {
		return []string{"its volumes can't be restored: " + err.Error() + ". Restore it without them"}, nil
	}
	if err != nil {
		return nil, err
	}
	users, err := v.Engine.Users(ctx, s.Mounts(), except)
	if err != nil || len(users) == 0 {
		return nil, err
	}
	return []string{fmt.Sprintf("its volumes can't be restored while %s has them as well: stop that first, or restore it without them", strings.Join(users, ", "))}, nil
}
