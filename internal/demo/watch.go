package demo

import (
	"context"
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
		if s, err := n.place.Look(ctx, n.shop.Name); err == nil {
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

// notice takes the shop's status over. Nothing but a restore brings the good version back.
func (n *night) notice(s engine.Status) {
	n.mu.Lock()
	ran := n.ran
	n.status = s
	if s.State == "running" {
		n.ran = s.Version
	}
	n.mu.Unlock()
	if s.State == "running" && s.Version == goodVersion && ran == badVersion {
		n.say(good, "shop %s runs, with DB_POOL=%s%s", s.Version, s.Pool, beside(s))
	}
}

// beside is what else there is to say of a shop that was restored.
func beside(s engine.Status) string {
	if len(s.Kept) > 0 {
		return "; kept, stopped: " + s.Kept[len(s.Kept)-1]
	}
	return "; tasks: " + s.Tasks
}

// follow says what PagerDuty has come to know, and what to do next. It returns the incident's status.
func (n *night) follow(said string) string {
	n.mu.Lock()
	i, version := n.paged, n.ran
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
