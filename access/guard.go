package access

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/snapback/snapback/incidents"
)

// Rota knows who is on call.
type Rota interface {
	// OnCall returns who is on call for a PagerDuty service now, at any level.
	OnCall(ctx context.Context, service string) ([]Person, error)
}

// Slack knows its accounts and its user groups.
type Slack interface {
	// Account looks an account up. One that Slack does not know is Unknown; an error is Slack's silence.
	Account(ctx context.Context, id string) (Account, error)
	// Members lists the user IDs of a group's members.
	Members(ctx context.Context, group string) ([]string, error)
	// ChannelMembers lists the user IDs of a channel's members.
	ChannelMembers(ctx context.Context, channel string) ([]string, error)
}

// People remembers who is who.
type People interface {
	// Person reads one; ok is false when nothing is known.
	Person(ctx context.Context, slackID string) (p Person, ok bool, err error)
	// SavePerson keeps name and SeenAt, and the e-mail address, also an empty one. It leaves a known PagerDutyID alone when
	// p has none.
	SavePerson(ctx context.Context, p Person) error
}

// Messages knows where alerts stand.
type Messages interface {
	// MessageChannel is the channel of an incident's message; "" before it is posted.
	MessageChannel(ctx context.Context, incident int64) (string, error)
}

// Containers knows the labels of what runs.
type Containers interface {
	// Claimed says whether any container names the PagerDuty service.
	Claimed(ctx context.Context, service string) (bool, error)
	// LabelsOf are the labels of the enabled container that stands under an identity now, whose name was the given one; ok is
	// false while none does, as in the middle of a deploy. It returns an error that wraps ErrNotEnabled when the one of that
	// name is not enabled any more.
	LabelsOf(ctx context.Context, key, name string) (l Labels, ok bool, err error)
}

// Config is what a Guard asks, and how it decides. All but Rota, Channel, Guests, Now and Logger are required.
type Config struct {
	Slack      Slack
	People     People
	Messages   Messages
	Containers Containers

	Rota    Rota             // nil: nobody is on call, so whatever needs it is refused
	Channel string           // where an alert goes whose container names no channel
	Guests  bool             // a guest's e-mail address says who they are, as a member's does
	Now     func() time.Time // nil: time.Now
	Logger  *slog.Logger     // nil: silent
}

// Guard says who may. Its methods may be called from several goroutines.
type Guard struct {
	Config
	accounts *memory[Account]
	groups   *memory[[]string]
	rota     *memory[[]Person]
	channels *memory[[]string]
}

// New makes a guard.
func New(c Config) *Guard {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Guard{Config: c}
	g.accounts = newMemory(c.Now, c.Slack.Account)
	g.groups = newMemory(c.Now, c.Slack.Members)
	g.channels = newMemory(c.Now, g.members)
	g.channels.fail = channelsFail
	if c.Rota != nil {
		g.rota = newMemory(c.Now, c.Rota.OnCall)
	}
	return g
}

// Wish is what somebody wants to do with a container.
type Wish struct {
	Who      Person
	Labels   Labels             // the container's, as they are now
	Incident incidents.Incident // within which; the zero one: outside of any
	Channel  string             // where they tapped or typed
	Shell    bool               // a shell is wanted, for which TerminalAllow holds; for all else RestoreAllow does
}

func (w Wish) allow() Allow {
	if w.Shell {
		return w.Labels.TerminalAllow
	}
	return w.Labels.RestoreAllow
}

// services are the PagerDuty services whose people count as on call: the incident's, if the container names it, and else
// those that it names. Being on call for another service permits nothing.
func (w Wish) services() []string {
	if w.Labels.Names(w.Incident.ServiceID) {
		return []string{w.Incident.ServiceID}
	}
	return w.Labels.PagerDutyServices
}

// May returns nil or a *Denial, or another error when the store can't be asked. Whatever Slack or PagerDuty does not tell is a
// denial that is unsure.
func (g *Guard) May(ctx context.Context, w Wish) error {
	switch allow := w.allow(); allow.Rule {
	case Channel:
		return g.inChannel(ctx, w)
	case OnCall:
		return g.onCall(ctx, w)
	case Listed:
		return g.listed(ctx, allow.IDs, w)
	default:
		return &Denial{Why: NobodyMay, Label: allow.Why}
	}
}

// StillMay says whether somebody who was let into a container's terminal by a tap in a channel would be let in now, which
// nobody is whose Slack account is over. It returns what May does. Of who has no SlackID, PagerDutyID counts.
func (g *Guard) StillMay(ctx context.Context, w Wish) error {
	if id := w.Who.SlackID; id != "" {
		var err error
		if w.Who, err = g.Living(ctx, id); err != nil {
			return err
		}
	}
	return g.May(ctx, w)
}

// MayBeNamed says whether somebody may be given the terminal that an API token asks for: as StillMay does, for a tap in the
// channel that it returns. Nobody has tapped: that they are there is the word of the token's holder.
func (g *Guard) MayBeNamed(ctx context.Context, w Wish) (channel string, err error) {
	w.Channel = g.Home(w.Labels)
	return w.Channel, g.StillMay(ctx, w)
}

// Home is the channel where what concerns a container is posted.
func (g *Guard) Home(l Labels) string {
	if l.SlackChannel != "" {
		return l.SlackChannel
	}
	return g.Channel
}

// Stands is the channel of an incident's message; "" before it is posted, and without an incident.
func (g *Guard) Stands(ctx context.Context, in incidents.Incident) (string, error) {
	if in.ID == 0 {
		return "", nil
	}
	return g.Messages.MessageChannel(ctx, in.ID)
}

// inChannel lets everybody act who is where the container's alerts go, or where one of its service has gone instead. Suspects
// are restored where they are shown, which is the default channel, also those of other channels: nowhere else is there an
// alert. But what a shell shows belongs to their own.
func (g *Guard) inChannel(ctx context.Context, w Wish) error {
	alert, err := g.alertThere(ctx, w)
	home := g.Home(w.Labels)
	switch {
	case err != nil:
		return err
	case alert == ofItsService, alert == ofNobodys && !w.Shell, w.Channel != "" && w.Channel == home:
		return nil
	case alert == ofNobodys:
		return &Denial{Why: ShellElsewhere, Home: home}
	}
	return &Denial{Why: OtherChannel, Home: home}
}

// alert is what the incident's message, where somebody has tapped, has to do with the container.
type alert int

const (
	none         alert = iota // it stands elsewhere, or is about other containers
	ofItsService              // the container names its service
	ofNobodys                 // no container names its service: those that may be to blame are shown with it
)

// alertThere looks whether an alert stands where somebody taps. What a button carries has been through their client, and may
// name any container, and any incident: an alert counts only where it stands.
func (g *Guard) alertThere(ctx context.Context, w Wish) (alert, error) {
	stands, err := g.Stands(ctx, w.Incident)
	if err != nil || stands == "" || stands != w.Channel {
		return none, err
	}
	if w.Labels.Names(w.Incident.ServiceID) {
		return ofItsService, nil
	}
	if w.Incident.ServiceID == "" {
		return ofNobodys, nil
	}
	claimed, err := g.Containers.Claimed(ctx, w.Incident.ServiceID)
	if err != nil || claimed {
		return none, err
	}
	return ofNobodys, nil
}

func (g *Guard) onCall(ctx context.Context, w Wish) error {
	services := w.services()
	if g.rota == nil || len(services) == 0 {
		return &Denial{Why: NoService}
	}
	var failed error
	var names []string
	for _, service := range services {
		people, err := g.rota.of(ctx, service)
		if err != nil {
			failed = err
			continue
		}
		for _, p := range people {
			if p.is(w.Who) {
				return nil
			}
			names = append(names, p.Name)
		}
	}
	if failed != nil {
		g.Logger.Warn("asking who is on call", "err", failed)
		return &Denial{Why: OffCall, Unsure: failed}
	}
	return &Denial{Why: OffCall, Names: names, NoEmail: w.Who.Email == ""}
}

func (g *Guard) listed(ctx context.Context, ids []string, w Wish) error {
	if w.Who.SlackID != "" && slices.Contains(ids, w.Who.SlackID) {
		return nil
	}
	var failed error
	for _, id := range ids {
		if !IsGroup(id) {
			continue
		}
		members, err := g.groups.of(ctx, id)
		if err != nil {
			failed = err
		}
		if w.Who.SlackID != "" && slices.Contains(members, w.Who.SlackID) {
			return nil
		}
	}
	if failed != nil {
		g.Logger.Warn("asking for a user group", "err", failed)
		return &Denial{Why: NotListed, Unsure: failed}
	}
	return &Denial{Why: NotListed, IDs: ids}
}

// Tapper finds out who has tapped or typed just now. It returns a *Denial for an account with which nothing may be done. While
// Slack does not tell, what is known from before holds, and else the ID: Slack itself has let them tap. But whoever may be of
// another workspace is refused then.
func (g *Guard) Tapper(ctx context.Context, id, name string, maybeForeign bool) (Person, error) {
	p, known, err := g.People.Person(ctx, id)
	if err != nil {
		g.Logger.Warn("looking a person up", "user", id, "err", err)
	}
	if known && p.Email != "" && g.Now().Sub(p.SeenAt) < knownFor {
		return p, nil
	}
	if !known {
		p = Person{SlackID: id, Name: name}
	}
	a, err := g.accounts.of(ctx, id)
	if err == nil {
		return g.remember(ctx, p, a)
	}
	g.Logger.Warn("asking Slack who somebody is", "user", id, "err", err)
	if maybeForeign {
		return p.named(), &Denial{Why: BadAccount, Standing: Foreign, Unsure: err}
	}
	return p.named(), nil
}

// knownFor is how long what Slack says about a person is believed.
const knownFor = time.Hour

// remember keeps what Slack has said about somebody, or returns a *Denial.
func (g *Guard) remember(ctx context.Context, p Person, a Account) (Person, error) {
	p.Name, p.Email, p.SeenAt = a.Name, g.email(a), g.Now().UTC()
	p = p.named()
	if err := g.People.SavePerson(ctx, p); err != nil {
		g.Logger.Warn("remembering a person", "user", p.SlackID, "err", err)
	}
	if a.Standing.refused() {
		return p, &Denial{Why: BadAccount, Standing: a.Standing}
	}
	return p, nil
}

// Living finds out who somebody is that has not tapped just now. It returns a *Denial when their account is over, and an
// unsure one when Slack does not tell and has not told for long.
func (g *Guard) Living(ctx context.Context, id string) (Person, error) {
	p, known, err := g.People.Person(ctx, id)
	if err != nil {
		return p, fmt.Errorf("looking %s up: %w", id, err)
	}
	p.SlackID = id
	a, err := g.accounts.of(ctx, id)
	switch fresh := g.Now().Sub(p.SeenAt) < knownFor; {
	case err == nil && known && fresh && !a.Standing.refused() && g.email(a) == p.Email:
		return p, nil // nothing new to keep
	case err == nil:
		return g.remember(ctx, p, a)
	case known && fresh:
		return p, nil
	}
	return p, &Denial{Why: BadAccount, Unsure: err}
}
