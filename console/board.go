package console

import (
	"context"
	"sync"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// sight is everything that there is, for everybody. Each person gets a part of it.
type sight struct {
	at         time.Time
	incidents  []incidents.Incident
	containers []shown
	trouble    string
}

// shown is a container with what is shown of it.
type shown struct {
	is   snapshot.Container
	view containerView
}

// board looks everything up once for all who look at the same time.
type board struct {
	mu   sync.Mutex // held while it is looked up: who comes meanwhile waits for the same
	last sight
}

// look returns what was looked up within half the time in which what is shown is renewed, or looks it up.
func (b *board) look(ctx context.Context, c *Console) (sight, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := c.now(); !b.last.at.IsZero() && now.Sub(b.last.at) < c.Every/2 {
		return b.last, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookPatience)
	defer cancel()
	seen, err := c.lookUp(ctx)
	if err == nil {
		b.last = seen
	}
	return seen, err
}

const lookPatience = 10 * time.Second

func (c *Console) lookUp(ctx context.Context) (sight, error) {
	seen := sight{at: c.now()}
	list, err := c.Containers.List(ctx)
	if err != nil {
		return seen, err
	}
	if seen.incidents, err = c.Data.OpenIncidents(ctx, nil); err != nil {
		return seen, err
	}
	var keys []string
	for _, one := range list {
		keys = append(keys, one.Key)
	}
	deploys, err := c.Data.LastDeploys(ctx, keys)
	if err != nil {
		return seen, err
	}
	counted, err := c.Data.ErrorMinutesOf(ctx, keys, seen.at.Add(-shownMinutes*time.Minute))
	if err != nil {
		return seen, err
	}
	for _, one := range list {
		d, err := c.lastDeploy(ctx, deploys, one.Key)
		if err != nil {
			return seen, err
		}
		seen.containers = append(seen.containers, shown{one, viewOfContainer(one, d, counted, seen.incidents, seen.at)})
	}
	order(seen.containers)
	if c.Engine != nil && c.Engine(ctx) != nil {
		seen.trouble = "The container engine doesn't answer. What runs is shown as it was last seen."
	}
	return seen, nil
}

// undoneWithin is how old a deploy may be for which it is looked up whether a restore has undone it.
const undoneWithin = 24 * time.Hour

func (c *Console) lastDeploy(ctx context.Context, all map[string]snapshot.Deploy, key string) (*deployView, error) {
	d, ok := all[key]
	if !ok {
		return nil, nil
	}
	v := &deployView{At: d.At, Line: snapshot.OneLine(d.Changes, 3)}
	if v.Line == "" {
		v.Line = "nothing changed"
	}
	if c.now().Sub(d.At) > undoneWithin {
		return v, nil
	}
	undone, is, err := c.Data.RolledBack(ctx, d)
	if is {
		v.Undone = undone.By
	}
	return v, err
}
