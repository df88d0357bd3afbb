package demo

import (
	"context"
	"slices"
	"time"

	"github.com/snapback/snapback/internal/demo/engine"
	"github.com/snapback/snapback/internal/pagerdutyfake"
)

// watch follows the shop and the incident for the page, until ctx ends, and says what has changed.
func (n *night) watch(ctx context.Context) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	said := ""
	for {
		if s, err := n.engine.Look(ctx, n.shop.Name); err == nil {
			n.notice(s)
		}
		said = n.follow(said)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// notice takes the shop's status over. A container that comes with another one kept was put there by a restore.
func (n *night) notice(s engine.Status) {
	n.mu.Lock()
	before := n.status
	n.status = s
	n.mu.Unlock()
	if s.State == "running" && s.ID != before.ID && len(s.Kept) > 0 && !slices.Equal(s.Kept, before.Kept) {
		n.say(good, "shop %s runs, with DB_POOL=%s; kept, stopped: %s", s.Version, s.Pool, s.Kept[len(s.Kept)-1])
	}
}

// follow says what PagerDuty has come to know, and what to do next. It returns the incident's status.
func (n *night) follow(said string) string {
	n.mu.Lock()
	i, version := n.paged, n.status.Version
	n.mu.Unlock()
	if i == nil {
		return said
	}
	status := i.Status()
	switch by, known := i.AcknowledgedBy(); {
	case status == said:
	case status == pagerdutyfake.Acknowledged && known:
		n.say(info, "PagerDuty: acknowledged by %s", by.Name)
	case status == pagerdutyfake.Resolved:
		n.say(good, "PagerDuty: resolved")
	}
	n.suggest(advice(status, version))
	return status
}

func advice(status, version string) string {
	switch {
	case status == pagerdutyfake.Resolved:
		return "✅ It is over, and nobody got up. The post-mortem is on your terminal."
	case version == goodVersion:
		return "The shop is well again. Resolve the incident in the phone; or have the bad version come back: it is on hold."
	}
	return "🚨 It is 03:42 and your phone rings. Acknowledge, have a look by Terminal, or just tap Restore."
}
