package snapshot

import (
	"context"
	"time"
)

// Spikes says of a container whether it makes more errors than it is used to. Both fields are required.
type Spikes struct {
	Errors interface {
		// Spiking says whether errors were at a spike's rate at a moment, beside those from before a deploy (the zero time: none is
		// known). It is false of a container whose errors nobody counts.
		Spiking(ctx context.Context, key string, deployed, at time.Time) (bool, error)
	}
	Deploys interface {
		// DeployBefore is the newest deploy of the given containers until at; false when there was none.
		DeployBefore(ctx context.Context, keys []string, at time.Time) (Deploy, bool, error)
	}
}

// At says whether a container's errors were at a spike's rate at a moment.
func (s Spikes) At(ctx context.Context, key string, at time.Time) (bool, error) {
	last, _, err := s.Deploys.DeployBefore(ctx, []string{key}, at)
	if err != nil {
		return false, err
	}
	return s.Errors.Spiking(ctx, key, last.At, at)
}
