package bot

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/snapshot"
)

// where is what a permission is asked for: the place of the tap, and whose services count for "oncall".
type where struct {
	posted   bool     // tapped with an alert of the container's own service, which may be posted elsewhere
	shell    bool     // a shell is wanted: of the default channel, that is no affair
	channel  string   // where it was tapped or typed
	home     string   // where the container's alerts go
	services []string // PagerDuty services
	what     string   // such as "restore api", for the refusal
}

// may returns nil or a *denial. Whatever can't be found out is a refusal.
func (b *Bot) may(ctx context.Context, allow snapshot.Allow, who Person, w where) error {
	switch allow.Rule {
	case "channel":
		return b.mayInChannel(w)
	case "oncall":
		return b.mayOnCall(ctx, who, w)
	case "listed":
		return b.mayListed(ctx, allow.IDs, who, w)
	}
	return &denial{"Nothing was done: nobody may " + w.what + ", as the container's labels have it."}
}

// mayInChannel lets everybody act who is where the container's alerts go; a command can be typed anywhere, and what a
// button carries can be made up. The default channel is where suspects are restored, also those of other channels; but what
// a shell shows belongs to their own.
func (b *Bot) mayInChannel(w where) error {
	if w.posted || w.channel != "" && (w.channel == w.home || w.channel == b.cfg.Channel && !w.shell) {
		return nil
	}
	return &denial{"Nothing was done: to " + w.what + ", ask me in <#" + w.home + ">."}
}

func (b *Bot) mayOnCall(ctx context.Context, who Person, w where) error {
	if b.OnCall == nil || len(w.services) == 0 {
		return &denial{"Nothing was done: only who is on call may " + w.what + ", and no PagerDuty service is named that I could ask. Set `snapback.pagerduty.service`, or restore with an API token."}
	}
	var failed error
	var names []string
	for _, service := range w.services {
		on, err := b.OnCall.OnCall(ctx, service)
		if err != nil {
			failed = err
			continue
		}
		for _, r := range on {
			if same(r, who) {
				return nil
			}
			names = append(names, quote(r.Name, 60))
		}
	}
	if failed != nil {
		b.log.Warn("asking who is on call", "err", failed)
		return &denial{"Nothing was done: only who is on call may " + w.what + ", and PagerDuty does not tell me who that is. Try again in a minute."}
	}
	return &denial{notOnCall(who, w, names)}
}

func notOnCall(who Person, w where, names []string) string {
	slices.Sort(names)
	names = slices.Compact(names)
	text := "Nothing was done: only who is on call may " + w.what
	if len(names) > 0 {
		text += ": ask " + strings.Join(names[:min(len(names), 5)], ", ")
	}
	if who.Email == "" {
		text += ". If that is you: Slack does not show me your e-mail address, so I can't tell"
	}
	return text + "."
}

// same compares IDs and e-mail addresses, never names: two people may share one.
func same(r Responder, p Person) bool {
	byID := p.PagerDutyID != "" && r.PagerDutyID == p.PagerDutyID
	return byID || p.Email != "" && strings.EqualFold(r.Email, p.Email)
}

func (b *Bot) mayListed(ctx context.Context, ids []string, who Person, w where) error {
	if who.SlackID != "" && slices.Contains(ids, who.SlackID) {
		return nil
	}
	var failed error
	for _, id := range ids {
		if !strings.HasPrefix(id, "S") {
			continue
		}
		members, err := b.groups.members(ctx, id)
		if err != nil {
			failed = err
		}
		if who.SlackID != "" && slices.Contains(members, who.SlackID) {
			return nil
		}
	}
	if failed != nil {
		b.log.Warn("asking for a user group", "err", failed)
		return &denial{"Nothing was done: Slack does not tell me who is in the groups that may " + w.what + ". Try again in a minute."}
	}
	return &denial{"Nothing was done: only these may " + w.what + ": " + mentions(ids) + "."}
}

// mentions names users and groups without pinging anybody: an answer that one person sees pings nobody, but groups
// are written as code all the same.
func mentions(ids []string) string {
	var out []string
	for _, id := range ids[:min(len(ids), 8)] {
		if strings.HasPrefix(id, "S") {
			out = append(out, "group `"+id+"`")
		} else {
			out = append(out, "<@"+id+">")
		}
	}
	return strings.Join(out, ", ")
}

// groupsFor is how long a user group's members are remembered.
const groupsFor = time.Minute

// groups looks user groups up.
type groups struct {
	api *slack.Client
	now func() time.Time

	mu    sync.Mutex // guards known
	known map[string]group
}

type group struct {
	members []string
	at      time.Time
}

func newGroups(api *slack.Client, now func() time.Time) *groups {
	return &groups{api: api, now: now, known: map[string]group{}}
}

func (g *groups) members(ctx context.Context, id string) ([]string, error) {
	g.mu.Lock()
	have, ok := g.known[id]
	g.mu.Unlock()
	if ok && g.now().Sub(have.at) < groupsFor {
		return have.members, nil
	}
	members, err := g.api.GetUserGroupMembersContext(ctx, id)
	if err != nil {
		return nil, wrap("asking for user group "+id, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known[id] = group{members, g.now()}
	return members, nil
}
