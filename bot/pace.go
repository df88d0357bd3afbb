package bot

import (
	"context"
	"time"
)

// Slack takes about one message a second in a channel, and short bursts above that.
const (
	paceBurst = 5
	paceLimit = 10 * time.Second // who would have to wait longer comes again
	paceKeys  = 10000            // channels that are remembered
)

// awaitTurn returns when the channel may be posted to, or an *Error that says when to come again.
func (b *Bot) awaitTurn(ctx context.Context, channel string) error {
	wait, taken := b.turns.Take(channel, b.cfg.Now(), paceLimit)
	if !taken {
		return &Error{Retry: true, After: wait, Reason: "rate_limited"}
	}
	if wait == 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return &Error{Retry: true, Reason: "unreachable", Err: context.Cause(ctx)}
	}
}
