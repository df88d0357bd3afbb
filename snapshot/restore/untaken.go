package restore

import (
	"context"
	"errors"
	"time"
)

// refuseUntaken refuses what was asked for longer than Stale ago, and no bot has taken: the one that it was for has died, or its engine has
// never answered it. While it is not over, no other restore of the container can be asked for. Any bot may do that, also one of another
// engine: nothing was done yet, and whoever takes it in the same moment raises its epoch.
func (r *Restorer) refuseUntaken() error {
	list, err := r.Journal.Untaken(r.ctx, r.Stale)
	for _, rest := range list {
		err = errors.Join(err, r.refuseOne(rest))
	}
	return err
}

func (r *Restorer) refuseOne(rest Restore) error {
	ctx, cancel := context.WithTimeout(r.ctx, 10*time.Second)
	defer cancel()
	rest = rest.left()
	rest.Error = "no bot has taken it in time: see whether the one that looks after " + rest.Container + " runs and reaches its engine, and ask again"
	rest.WhyNot = []string{rest.Error}
	rest, err := r.Journal.Advance(ctx, rest, Refused, rest.entry(Refused))
	if errors.Is(err, ErrFenced) {
		return nil // a bot has taken it after all, or another one has refused it
	}
	if err != nil {
		return err
	}
	r.Observe(rest)
	r.announce()
	return nil
}
