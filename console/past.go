package console

import (
	"context"
	"slices"
	"time"

	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/incidents"
)

// past are the incidents that were resolved lately, the last one first.
type past struct {
	incidents []incidents.Incident
	channels  map[int64]string // of their messages, by our own ID
}

// resolvedView is an incident that is over, which has its post-mortem on its page. Times are UTC.
type resolvedView struct {
	ID         int64     `json:"id"`
	Number     int64     `json:"number"`
	Title      string    `json:"title"`
	Service    string    `json:"service"`
	ResolvedAt time.Time `json:"resolved_at"`
	ResolvedBy string    `json:"resolved_by,omitempty"`
}

const (
	// resolvedTold is how long Home tells of an incident that was resolved.
	resolvedTold  = 7 * 24 * time.Hour
	shownResolved = 5   // to one person
	manyResolved  = 200 // among which those are looked for
)

// lookBack looks up what was resolved lately, and where it was told.
func (c *Console) lookBack(ctx context.Context, now time.Time) (p past, err error) {
	if p.incidents, err = c.Data.ResolvedIncidents(ctx, now.Add(-resolvedTold), manyResolved); err != nil || len(p.incidents) == 0 {
		return p, err
	}
	var ids []int64
	for _, in := range p.incidents {
		ids = append(ids, in.ID)
	}
	p.channels, err = c.Data.MessageChannels(ctx, ids)
	return p, err
}

// resolvedFor are those that this person may see: as open ones, by a container of theirs or by the channel. Where Slack doesn't say who is in
// that, they are left out without a word: nothing that is missing here goes on.
func (c *Console) resolvedFor(ctx context.Context, s signin.Session, seen sight, mine map[string]bool) (out []resolvedView) {
	there := map[string]bool{} // by channel
	hears := func(channel string) bool {
		is, asked := there[channel]
		if !asked {
			is, _ = c.Access.InChannel(ctx, s.SlackID, channel)
			there[channel] = is
		}
		return is
	}
	for _, in := range seen.past.incidents {
		if len(out) == shownResolved {
			break
		}
		if mine[in.ServiceID] || slices.ContainsFunc(c.stands(seen, in, seen.past.channels[in.ID]), hears) {
			out = append(out, resolvedView{in.ID, in.Number, in.Title, in.Service, in.ResolvedAt, in.ResolvedBy})
		}
	}
	return out
}
