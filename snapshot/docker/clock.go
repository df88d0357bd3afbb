package docker

import (
	"context"
	"time"
)

// The times in a document are by the engine's clock, which may be minutes from this one's: it is another machine's, or that
// of a virtual one that has slept.

const (
	clockFor   = time.Minute           // how long what was found out about the engine's clock is taken for true
	clockExact = 50 * time.Millisecond // how far clocks may be apart and count as one: asking takes a while itself
	clockAsk   = 2 * time.Second       // how long the engine may take to say what time it is
)

// ahead is how far the engine's clock is ahead of this one's. When the engine does not say, it is what it was.
func (e *Engine) ahead(ctx context.Context) time.Duration {
	began := time.Now()
	e.mu.Lock()
	known, fresh := e.clockAhead, began.Sub(e.clockAsked) < clockFor
	if !fresh {
		e.clockAsked = began // whatever comes of it: nobody else is to ask meanwhile
	}
	e.mu.Unlock()
	if fresh {
		return known
	}
	ctx, cancel := context.WithTimeout(ctx, clockAsk)
	defer cancel()
	info, err := e.cli.Info(ctx)
	took := time.Since(began)
	at, parseErr := time.Parse(time.RFC3339Nano, info.SystemTime)
	if err != nil || parseErr != nil {
		return known
	}
	apart := at.Sub(began.Add(took / 2))
	if apart.Abs() <= clockExact+took/2 {
		apart = 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clockAhead = apart
	return apart
}

// up is for how long a container has been running.
func (e *Engine) up(ctx context.Context, d document) time.Duration {
	started := instant(d.State.StartedAt)
	if started.IsZero() || d.State.Status != "running" && d.State.Status != "paused" {
		return 0
	}
	return max(0, time.Now().Add(e.ahead(ctx)).Sub(started))
}
