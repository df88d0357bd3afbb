package console

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// sight is everything that there is, for everybody. Each person gets a part of it.
type sight struct {
	at         time.Time
	incidents  []incidents.Incident // that are open
	past       past
	containers []shown
	trouble    string
}

// shown is a container with what is shown of it.
type shown struct {
	is   snapshot.Container
	view containerView
}

// board looks everything up once for all who look at the same time. Nobody waits longer than they want to: the look goes on for the
// others.
type board struct {
	mu     sync.Mutex // guards all below, and is held for nothing that takes time
	last   sight
	err    error         // why there is no last sight
	ended  time.Time     // of the last look, whether it found anything or not; zero: there was none
	coming chan struct{} // closed when the look that is under way has ended; nil: none is
}

// look returns what was looked up within half the time in which what is shown is renewed, also that it could not be, or looks it up.
func (b *board) look(ctx context.Context, c *Console) (sight, error) {
	b.mu.Lock()
	if !b.ended.IsZero() && c.now().Sub(b.ended) < c.Every/2 {
		defer b.mu.Unlock()
		return b.last, b.err
	}
	if err := context.Cause(c.background); err != nil {
		defer b.mu.Unlock()
		return sight{}, err
	}
	if b.coming == nil {
		b.coming = make(chan struct{})
		c.looking.Go(func() { b.found(c) })
	}
	coming := b.coming
	b.mu.Unlock()
	select {
	case <-coming:
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.last, b.err
	case <-ctx.Done():
		return sight{}, context.Cause(ctx)
	}
}

// found looks everything up, for whoever waits.
func (b *board) found(c *Console) {
	ctx, cancel := context.WithTimeout(c.background, lookPatience)
	defer cancel()
	seen, err := c.lookUp(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last, b.err, b.ended = seen, err, c.now()
	close(b.coming)
	b.coming = nil
}

const (
	lookPatience = 10 * time.Second
	// enginePatience is how long a page waits for the engine to say that it is there.
	enginePatience = 1500 * time.Millisecond
)

func (c *Console) lookUp(ctx context.Context) (sight, error) {
	seen := sight{at: c.now()}
	var trouble string
	var engine sync.WaitGroup
	defer engine.Wait()
	engine.Go(func() { trouble = c.engineTrouble(ctx) })
	list, err := c.Containers.List(ctx)
	if err != nil {
		return seen, err
	}
	if seen.incidents, err = c.Data.OpenIncidents(ctx, nil); err != nil {
		return seen, err
	}
	if seen.past, err = c.lookBack(ctx, seen.at); err != nil {
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
	engine.Wait()
	seen.trouble = trouble
	return seen, nil
}

// engineTrouble is what is wrong with the engine, as a sentence; "" for one that answers.
func (c *Console) engineTrouble(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, enginePatience)
	defer cancel()
	if c.Engine == nil {
		return ""
	}
	var some *snapshot.AwayError
	switch err := c.Engine(ctx); {
	case errors.As(err, &some) && !some.All:
		return "No answer from " + strings.Join(some.Engines, ", ") + ". What runs there is shown as it was last seen."
	case err != nil:
		return "The container engine doesn't answer. What runs is shown as it was last seen."
	}
	return ""
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
