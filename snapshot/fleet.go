package snapshot

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/snapback/snapback/access"
)

// LastSeen remembers containers.
type LastSeen interface {
	// KnownContainers lists those of an engine as they were last seen; "": of all engines.
	KnownContainers(ctx context.Context, engine string) ([]Container, error)
}

// Fleet is the enabled containers: as the engine shows them now, and those that are gone as they were last seen, because
// their snapshots can still be restored. Those that other bots look after, on this engine or another one, are as those have
// last seen them.
type Fleet struct {
	Engine   Containers
	LastSeen LastSeen
	Forget   time.Duration // how long one that is gone is shown; 0: for ever
}

// Containers lists those that this bot looks after. It returns ErrEngineAway.
func (f Fleet) Containers(ctx context.Context) ([]Container, error) {
	all, err := f.all(ctx)
	return slices.DeleteFunc(all, func(c Container) bool { return c.Elsewhere }), err
}

func (f Fleet) all(ctx context.Context) ([]Container, error) {
	all, err := f.Engine.List(ctx)
	if err != nil {
		return nil, err
	}
	engine, err := f.Engine.ID(ctx)
	if err != nil {
		return nil, err
	}
	known, err := f.LastSeen.KnownContainers(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, c := range known {
		switch {
		case slices.ContainsFunc(all, func(r Container) bool { return r.Key == c.Key }):
			continue
		case c.Elsewhere:
		case c.Engine == engine:
			if c.State = "gone"; c.GoneAt.IsZero() { // the watch has not noted it yet
				c.GoneAt = time.Now()
			}
		default: // of an engine that no bot reaches
			continue
		}
		all = append(all, c)
	}
	return f.goneLast(all), nil
}

// goneLast puts those last that are gone, and leaves out those that have been for long. Their snapshots stay for as long as the
// others' do.
func (f Fleet) goneLast(all []Container) []Container {
	all = slices.DeleteFunc(all, func(c Container) bool {
		return f.Forget > 0 && c.Gone() && !c.GoneAt.IsZero() && time.Since(c.GoneAt) > f.Forget
	})
	slices.SortStableFunc(all, CompareGone)
	return all
}

// CompareGone orders those that are there before those that are gone.
func CompareGone(a, b Container) int { return ahead(a.Gone(), b.Gone()) }

// Gone says that the container was seen, and is not there any more.
func (c Container) Gone() bool { return c.State == "gone" }

// Present leaves out those that are gone, if there are others.
func Present(list []Container) []Container { return GoneSince(list, time.Now()) }

// GoneSince leaves out those that were gone before a moment, or for whom another one of the list seems to have come that people call
// the same, if there are others.
func GoneSince(list []Container, at time.Time) []Container {
	followed := func(gone Container) bool {
		return slices.ContainsFunc(list, func(c Container) bool {
			return !c.Gone() && c.Service == gone.Service && c.CreatedAt.After(gone.GoneAt.Add(-earlyEnd))
		})
	}
	out := slices.DeleteFunc(slices.Clone(list), func(c Container) bool { return c.Gone() && (c.GoneAt.Before(at) || followed(c)) })
	if !slices.ContainsFunc(out, func(c Container) bool { return !c.Gone() }) {
		return list
	}
	return out
}

// enginePatience is how long an alert waits for the engine's word.
const enginePatience = 1500 * time.Millisecond

// List lists all that bots look after, and what was last seen when the engine does not answer in time, or denies it: an alert
// has to be posted all the same.
func (f Fleet) List(ctx context.Context) ([]Container, error) {
	asking, cancel := context.WithTimeout(ctx, enginePatience)
	defer cancel()
	list, err := f.all(asking)
	if errors.Is(err, ErrEngineAway) || errors.Is(err, ErrEngineDenied) || err != nil && asking.Err() != nil && ctx.Err() == nil {
		list, err = f.LastSeen.KnownContainers(ctx, "")
		return f.goneLast(list), err
	}
	return list, err
}

// Claimed implements access.Containers.
func (f Fleet) Claimed(ctx context.Context, service string) (bool, error) {
	list, err := f.List(ctx)
	return slices.ContainsFunc(list, func(c Container) bool { return c.Settings.Names(service) }), err
}

// LabelsOf implements access.Containers. It tells a container that is being replaced from one that has lost its label.
func (f Fleet) LabelsOf(ctx context.Context, key, name string) (access.Labels, bool, error) {
	c, ok, err := f.running(ctx, key)
	if ok || err != nil {
		return c.Settings.Labels, ok, err
	}
	now, err := f.Engine.Inspect(ctx, name)
	switch {
	case errors.Is(err, ErrUnknownContainer):
		return access.Labels{}, false, nil
	case err == nil && !now.Enabled:
		err = access.ErrNotEnabled
	}
	return access.Labels{}, false, err
}

// Resolve is the engine's ID of the container that stands under an identity now. It returns ErrUnknownContainer.
func (f Fleet) Resolve(ctx context.Context, key string) (string, error) {
	c, ok, err := f.running(ctx, key)
	if err == nil && !ok {
		err = ErrUnknownContainer
	}
	return c.ID, err
}

func (f Fleet) running(ctx context.Context, key string) (c Container, ok bool, err error) {
	list, err := f.Engine.List(ctx)
	if err != nil {
		return Container{}, false, err
	}
	i := slices.IndexFunc(list, func(c Container) bool { return c.Key == key })
	if i < 0 {
		return Container{}, false, nil
	}
	return list[i], true, nil
}
