package snapshot

import (
	"context"
	"slices"
	"time"

	"github.com/snapback/snapback/incidents"
)

// Concern finds the container that an incident is about. Both fields are required.
type Concern struct {
	Containers interface {
		// List lists all that bots look after.
		List(ctx context.Context) ([]Container, error)
	}
	Deploys interface {
		// DeployBefore is the newest deploy of the given containers until at; false when there was none.
		DeployBefore(ctx context.Context, keys []string, at time.Time) (Deploy, bool, error)
	}
}

// Subject is the container that was restored in the incident, if one was (its key, or what an earlier release has written, its name), and
// else the one of the incident's service that was deployed last before the alert. deployed is when; the zero time when that is not known. An empty key says that it is not known.
func (c Concern) Subject(ctx context.Context, in incidents.Incident, restored string) (key, name string, deployed time.Time, err error) {
	all, err := c.Containers.List(ctx)
	if err != nil {
		return "", "", deployed, err
	}
	concerned := slices.DeleteFunc(all, func(one Container) bool {
		if restored != "" {
			return one.Key != restored && one.Name != restored
		}
		return !one.Settings.Names(in.ServiceID)
	})
	if len(concerned) == 0 {
		return "", "", deployed, nil
	}
	subject := concerned[0]
	var keys []string
	for _, one := range concerned {
		keys = append(keys, one.Key)
	}
	d, found, err := c.Deploys.DeployBefore(ctx, keys, in.OpenedAt)
	if err != nil || !found {
		return subject.Key, subject.Name, deployed, err
	}
	return d.Key, concerned[slices.Index(keys, d.Key)].Name, d.At, nil
}

// Deployed is when a container was last deployed before a moment; the zero time when that is not known.
func (c Concern) Deployed(ctx context.Context, key string, before time.Time) (time.Time, error) {
	d, found, err := c.Deploys.DeployBefore(ctx, []string{key}, before)
	if err != nil || !found {
		return time.Time{}, err
	}
	return d.At, nil
}
