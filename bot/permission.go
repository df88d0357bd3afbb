package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// where is what a permission is asked for: the place of the tap, and whose services count for "oncall".
type where struct {
	posted   bool     // an alert of the container's own service stands here
	suspect  bool     // an alert of a service that no container names stands here, with those that may be to blame
	shell    bool     // a shell is wanted, for which it is not enough to be suspected
	channel  string   // where it was tapped or typed
	home     string   // where the container's alerts go
	services []string // PagerDuty services
	what     string   // such as "restore api", for the refusal
}

// may returns nil or a *denial. Whatever can't be found out is a refusal.
func (b *Bot) may(ctx context.Context, allow access.Allow, who access.Person, w where) error {
	switch allow.Rule {
	case access.Channel:
		return b.mayInChannel(w)
	case access.OnCall:
		return b.mayOnCall(ctx, who, w)
	case access.Listed:
		return b.mayListed(ctx, allow.IDs, who, w)
	}
	if allow.Why != "" {
		return &denial{sentence: "Nothing was done: nobody may " + w.what + " until a label of the container is put right: " + quote(allow.Why, 300)}
	}
	return &denial{sentence: "Nothing was done: nobody may " + w.what + ", as the container's labels have it."}
}

// MayBeNamed says whether somebody may be given the terminal that an API token asks for: as StillMay does, for a tap in the
// channel that it returns. Nobody has tapped: that they are there is the word of the token's holder.
func (b *Bot) MayBeNamed(ctx context.Context, who access.Person, c snapshot.Container, in incidents.Incident, shell bool) (channel string, err error) {
	channel = b.channelOf(c)
	return channel, b.StillMay(ctx, who, c, in, channel, shell)
}

// StillMay says whether somebody who was let into a container's terminal by a tap in channel would be let in now, which
// nobody is whose Slack account is over: nil, ErrDenied, ErrUnsure while Slack or PagerDuty does not tell, or another error. Of who has no SlackID, PagerDutyID counts.
func (b *Bot) StillMay(ctx context.Context, who access.Person, c snapshot.Container, in incidents.Incident, channel string, shell bool) error {
	if id := who.SlackID; id != "" {
		var err error
		if who, err = b.living(ctx, id); err != nil {
			return unsure(err)
		}
	}
	at, err := b.place(ctx, c, in, channel)
	if err != nil {
		return err
	}
	at.shell, at.what = shell, "open a terminal"
	rule := c.Settings.RestoreAllow
	if shell {
		rule = c.Settings.TerminalAllow
	}
	return unsure(b.may(ctx, rule, who, at))
}

// unsure makes ErrUnsure of a denial that only says that something could not be found out.
func unsure(err error) error {
	if d := (*denial)(nil); errors.As(err, &d) && d.unsure != nil {
		return fmt.Errorf("%w: %w", ErrUnsure, d.unsure)
	}
	return err
}

// place is where somebody taps or types. What a button carries has been through their client, and may name any container,
// and any incident: an alert counts only where it stands.
func (b *Bot) place(ctx context.Context, c snapshot.Container, in incidents.Incident, channel string) (where, error) {
	w := where{channel: channel, home: b.channelOf(c), services: servicesFor(c, in)}
	stands, err := b.stands(ctx, in)
	if err != nil || stands == "" || stands != channel {
		return w, err
	}
	if w.posted = names(c, in); w.posted || in.ServiceID == "" {
		w.suspect = !w.posted
		return w, nil
	}
	all, err := b.Containers.ContainersFor(ctx, in.ServiceID)
	w.suspect = err == nil && len(all) == 0
	return w, err
}

// stands is the channel of an incident's message; "" before it is posted, and without an incident.
func (b *Bot) stands(ctx context.Context, in incidents.Incident) (string, error) {
	if in.ID == 0 {
		return "", nil
	}
	return b.Messages.MessageChannel(ctx, in.ID)
}

// names says that a container names the incident's service.
func names(c snapshot.Container, in incidents.Incident) bool {
	return in.ServiceID != "" && slices.Contains(c.Settings.PagerDutyServices, in.ServiceID)
}

// mayInChannel lets everybody act who is where the container's alerts go, or where one of its service has gone instead.
// Suspects are restored where they are shown, which is the default channel, also those of other channels: nowhere else is
// there an alert. But what a shell shows belongs to their own.
func (b *Bot) mayInChannel(w where) error {
	switch {
	case w.posted, w.suspect && !w.shell, w.channel != "" && w.channel == w.home:
		return nil
	case w.suspect:
		return &denial{sentence: "Nothing was done: only from <#" + w.home + "> may one " + w.what + ", and this alert is not there. " +
			"Logs and restores work from here. To have shells as well, let the container's `snapback.pagerduty.service` name " +
			"this alert's service, or its `snapback.terminal.allow` be `oncall`."}
	}
	return &denial{sentence: "Nothing was done: to " + w.what + ", ask me in <#" + w.home + ">."}
}

func (b *Bot) mayOnCall(ctx context.Context, who access.Person, w where) error {
	if b.OnCall == nil || len(w.services) == 0 {
		return &denial{sentence: "Nothing was done: only who is on call may " + w.what + ", and no PagerDuty service is named that I could ask. Set `snapback.pagerduty.service`, or restore with an API token."}
	}
	var failed error
	var names []string
	for _, service := range w.services {
		on, err := b.rota.of(ctx, service)
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
		return &denial{"Nothing was done: only who is on call may " + w.what + ", and PagerDuty does not tell me who that is. Try again in a minute.", failed}
	}
	return &denial{sentence: notOnCall(who, w, names)}
}

func notOnCall(who access.Person, w where, names []string) string {
	slices.Sort(names)
	names = slices.Compact(names)
	text := "Nothing was done: only who is on call may " + w.what
	if len(names) > 0 {
		text += ": ask " + strings.Join(names[:min(len(names), 5)], ", ")
	}
	if who.Email == "" {
		text += ". If that is you: Slack shows me no e-mail address of yours that I can go by. It has to be confirmed there, and a guest's counts only with `SNAPBACK_SLACK_GUESTS=true`"
	}
	return text + "."
}

// same compares IDs and e-mail addresses, never names: two people may share one.
func same(r Responder, p access.Person) bool {
	byID := p.PagerDutyID != "" && r.PagerDutyID == p.PagerDutyID
	return byID || sameAddress(r.Email, p.Email)
}

func (b *Bot) mayListed(ctx context.Context, ids []string, who access.Person, w where) error {
	if who.SlackID != "" && slices.Contains(ids, who.SlackID) {
		return nil
	}
	var failed error
	for _, id := range ids {
		if !strings.HasPrefix(id, "S") {
			continue
		}
		members, err := b.groups.of(ctx, id)
		if err != nil {
			failed = err
		}
		if who.SlackID != "" && slices.Contains(members, who.SlackID) {
			return nil
		}
	}
	if failed != nil {
		b.log.Warn("asking for a user group", "err", failed)
		return &denial{"Nothing was done: Slack does not tell me who is in the groups that may " + w.what + ". Try again in a minute.", failed}
	}
	return &denial{sentence: "Nothing was done: only these may " + w.what + ": " + mentions(ids) + "."}
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

// rememberedFor is how long an answer about people is good for: a user group's members, who is on call.
const rememberedFor = time.Minute

// memory asks, and remembers the answers.
type memory[T any] struct {
	ask func(ctx context.Context, id string) (T, error)
	now func() time.Time

	mu    sync.Mutex // guards known
	known map[string]remembered[T]
}

type remembered[T any] struct {
	what T
	at   time.Time
}

func newMemory[T any](now func() time.Time, ask func(context.Context, string) (T, error)) *memory[T] {
	return &memory[T]{ask: ask, now: now, known: map[string]remembered[T]{}}
}

func (m *memory[T]) of(ctx context.Context, id string) (T, error) {
	m.mu.Lock()
	have, ok := m.known[id]
	m.mu.Unlock()
	if ok && m.now().Sub(have.at) < rememberedFor {
		return have.what, nil
	}
	what, err := m.ask(ctx, id)
	if err != nil {
		return what, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known[id] = remembered[T]{what, m.now()}
	return what, nil
}

func askGroup(api *slack.Client) func(context.Context, string) ([]string, error) {
	return func(ctx context.Context, id string) ([]string, error) {
		members, err := api.GetUserGroupMembersContext(ctx, id)
		return members, wrap("asking for user group "+id, err)
	}
}
