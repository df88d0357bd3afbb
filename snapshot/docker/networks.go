package docker

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

// The engine takes any text that is not blank for a network's name, such as team/front, and leaves those of volumes to
// their driver. The client puts what it is given into a path as it is. So networks, and volumes whose name would not stay
// itself there, are looked for in the engine's list, and only their IDs reach a path.

// networkID is what engines (64 digits) and swarms (25 letters and digits) give to networks.
var networkID = regexp.MustCompile(`^[0-9a-z]{12,64}$`)

// networks is the engine's list of them.
type networks []network.Summary

func (e *Engine) networks(ctx context.Context) (networks, error) {
	all, err := e.cli.NetworkList(ctx, network.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing networks: %w", known(err, nil))
	}
	return slices.DeleteFunc(all, func(n network.Summary) bool { return !networkID.MatchString(n.ID) }), nil
}

// find returns a network by its ID, or by its name when it was made anew; one without a name when there is none.
func (all networks) find(name, id string) network.Summary {
	for _, same := range []func(network.Summary) bool{
		func(n network.Summary) bool { return id != "" && n.ID == id },
		func(n network.Summary) bool { return n.Name == name },
	} {
		if i := slices.IndexFunc(all, same); i >= 0 {
			return all[i]
		}
	}
	return network.Summary{}
}

// HasVolume says whether there is a volume of that name.
func (e *Engine) HasVolume(ctx context.Context, name string) (bool, error) {
	v, err := e.volume(ctx, name)
	return v.Name != "", err
}

// volume returns a volume without a name when there is none.
func (e *Engine) volume(ctx context.Context, name string) (volume.Volume, error) {
	if !objectName.MatchString(name) {
		return e.listedVolume(ctx, name)
	}
	v, err := e.cli.VolumeInspect(ctx, name)
	if notFound(err) {
		return volume.Volume{}, nil
	}
	if err != nil {
		return volume.Volume{}, fmt.Errorf("looking up volume %s: %w", name, known(err, nil))
	}
	return v, nil
}

func (e *Engine) listedVolume(ctx context.Context, name string) (volume.Volume, error) {
	all, err := e.cli.VolumeList(ctx, volume.ListOptions{})
	if err != nil {
		return volume.Volume{}, fmt.Errorf("listing volumes: %w", known(err, nil))
	}
	for _, v := range all.Volumes {
		if v != nil && v.Name == name {
			return *v, nil
		}
	}
	return volume.Volume{}, nil
}
