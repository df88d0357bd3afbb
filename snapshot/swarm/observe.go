package swarm

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// How often tasks are looked at, since no event tells of them: while some are not as they should be, else, and while no service is
// enabled. An event of a service has them looked at as well.
const (
	unsettled = time.Second
	settled   = 10 * time.Second
	idle      = 5 * time.Minute

	unsettledFor = 10 * time.Minute // since anything has changed
)

// Follow hands what happens to services to see, from since on, one event after another. That all tasks of a service run, or no more,
// is told as a container's health.
func (c *Cluster) Follow(ctx context.Context, since time.Time, see func(snapshot.Event)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var one sync.Mutex
	tell := func(e snapshot.Event) {
		one.Lock()
		defer one.Unlock()
		see(e)
	}
	changed := make(chan struct{}, 1) // one slot: a look at tasks is wanted
	var tasks sync.WaitGroup
	defer tasks.Wait()
	tasks.Go(func() { c.followTasks(ctx, changed, tell) })
	err := c.Manager.FollowServices(ctx, since, func(e snapshot.Event) {
		tell(e)
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	cancel(err)
	return err
}

// followTasks tells of each service whose tasks have come up, or have not stayed up.
func (c *Cluster) followTasks(ctx context.Context, changed <-chan struct{}, tell func(snapshot.Event)) {
	health, wait, since := map[string]string{}, time.Duration(0), time.Now()
	for {
		select {
		case <-time.After(wait):
		case <-changed:
		case <-ctx.Done():
			return
		}
		all, err := c.look(ctx, "")
		wait = settled
		if err != nil {
			continue // whoever looks says so
		}
		now := map[string]string{}
		for _, l := range all {
			of := l.container
			if enabled, _ := l.spec.enabled(c.Only); !enabled {
				continue
			}
			if !l.tasks.Well() && time.Since(since) < unsettledFor {
				wait = unsettled
			}
			if now[of.ID] = of.State + " " + of.Health; now[of.ID] != health[of.ID] {
				since = time.Now()
				tell(snapshot.Event{ContainerID: of.ID, Name: of.Name, Action: "health_status", At: time.Now().UTC()})
			}
		}
		if health = now; len(now) == 0 {
			wait = idle
		}
	}
}

// Observe lists what List does, and what other bots are for. A service is alone in its place, so the record tells nothing.
func (c *Cluster) Observe(ctx context.Context, _ []snapshot.Seat) ([]snapshot.Observation, error) {
	all, err := c.look(ctx, "")
	if err != nil {
		return nil, err
	}
	var out []snapshot.Observation
	for _, l := range all {
		enabled, within := l.spec.enabled(c.Only)
		if !enabled {
			continue
		}
		of, set := l.container, l.container.Settings
		out = append(out, snapshot.Observation{
			Key: of.Key, ID: of.ID, Name: of.Name, State: of.State, CreatedAt: of.CreatedAt, Schedule: set.Schedule,
			Pattern: set.ErrorsPattern, Query: set.ErrorsQuery, Requests: set.ErrorsRequests, Others: !within || of.Carries != "",
		})
	}
	return out, nil
}

// A snapshot of a service is its spec. Its image is a registry's to keep, so nothing is kept on an engine.

// HasImage implements watch.Images.
func (c *Cluster) HasImage(context.Context, string) (bool, error) { return true, nil }

// Written implements capture.Images.
func (c *Cluster) Written(context.Context, string) (bool, error) { return false, nil }

// Tag implements capture.Images.
func (c *Cluster) Tag(context.Context, string, string) error { return nil }

// TagMounted implements capture.Images.
func (c *Cluster) TagMounted(context.Context, json.RawMessage, string) error { return nil }

// Untag implements capture.Images and watch.Images.
func (c *Cluster) Untag(context.Context, string) error { return nil }

// Commit implements capture.Images. It is never called, since nothing is ever Written.
func (c *Cluster) Commit(context.Context, string, string, bool) (string, int64, error) {
	return "", 0, errNoFiles
}

// FormerKey implements watch.Engine: no release has called services otherwise.
func (c *Cluster) FormerKey(raw json.RawMessage) (string, snapshot.Container, error) {
	_, s, err := parseDocument(raw)
	if err != nil {
		return "", snapshot.Container{}, err
	}
	c.mu.Lock()
	engine := c.name
	c.mu.Unlock()
	of := snapshot.Container{Key: keyOf(engine, s.Name), Name: s.Name, Engine: engine}
	return of.Key, of, nil
}
