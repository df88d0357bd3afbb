package bot

import (
	"context"
	"sync"
	"time"
)

// Slack takes about one message a second in a channel, and short bursts above that.
const (
	paceBurst = 5
	paceLimit = 10 * time.Second // who would have to wait longer comes again
)

// pacer hands out the times at which a channel may be posted to.
type pacer struct {
	gap time.Duration
	now func() time.Time

	mu   sync.Mutex // guards next
	next map[string]time.Time
}

func newPacer(gap time.Duration, now func() time.Time) *pacer {
	return &pacer{gap: gap, now: now, next: map[string]time.Time{}}
}

// wait returns when the channel may be posted to, or an *Error that says when to come again.
func (p *pacer) wait(ctx context.Context, channel string) error {
	d := p.reserve(channel)
	if d <= 0 {
		return nil
	}
	if d > paceLimit {
		return &Error{Retry: true, After: d, Reason: "rate_limited"}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return &Error{Retry: true, Reason: "unreachable", Err: context.Cause(ctx)}
	}
}

// reserve takes the next place in the channel and returns how long it is off. A place too far off is not taken.
func (p *pacer) reserve(channel string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	at := p.next[channel]
	if earliest := now.Add(-(paceBurst - 1) * p.gap); at.Before(earliest) {
		at = earliest
	}
	if d := at.Sub(now); d > paceLimit {
		return d
	}
	p.next[channel] = at.Add(p.gap)
	return at.Sub(now)
}
