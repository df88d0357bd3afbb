package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/access"
)

// workspace is the one that the bot token is of.
type workspace struct {
	team       string // T…; the organisation's ID where the app is installed for all of it
	enterprise string // the ID of the organisation; "": there is none
}

func (w workspace) wholeOrganisation() bool { return w.enterprise != "" && w.team == w.enterprise }

// origin is where a call comes from, as Slack says in it.
type origin struct {
	Team       string `json:"team,omitempty"`
	Enterprise string `json:"enterprise,omitempty"`
	UserTeam   string `json:"user_team,omitempty"` // the person's; in a shared channel, Team is the bot's all the same
}

// sent says that a call comes from this workspace. Within an organisation, whoever taps may be of another of its
// workspaces: only what Slack says about their account tells.
func (w workspace) sent(o origin) bool {
	if w.wholeOrganisation() {
		return o.Enterprise == w.enterprise
	}
	return o.Team == w.team && (w.enterprise != "" || o.UserTeam == "" || o.UserTeam == w.team)
}

// has says that an account is of this workspace.
func (w workspace) has(u *slack.User) bool {
	if u.TeamID == w.team {
		return true
	}
	inside := w.enterprise != "" && u.Enterprise.EnterpriseID == w.enterprise
	return inside && (w.wholeOrganisation() || slices.Contains(u.Enterprise.Teams, w.team))
}

// home asks Slack once which workspace the token is of.
func (b *Bot) home(ctx context.Context) (workspace, error) {
	if w := b.workspace.Load(); w != nil {
		return *w, nil
	}
	who, err := b.api.AuthTestContext(ctx)
	if err != nil {
		return workspace{}, wrap("asking Slack for the bot's own workspace", err)
	}
	if who.TeamID == "" {
		return workspace{}, &Error{Retry: true, Reason: "incomplete", Err: errors.New("the workspace that the bot token is of is not named")}
	}
	w := workspace{team: who.TeamID, enterprise: who.EnterpriseID}
	b.workspace.Store(&w)
	return w, nil
}

// homeWithin is how long a call may wait for home before it is taken in: Slack waits for three seconds in all.
const homeWithin = time.Second

// errElsewhere is for calls of another workspace.
var errElsewhere = errors.New("it comes from another workspace")

// admit refuses what another workspace sends, with errElsewhere. While Slack does not tell which is the bot's own,
// it lets a call in: Handle looks again.
func (b *Bot) admit(ctx context.Context, o origin) error {
	ctx, cancel := context.WithTimeout(ctx, homeWithin)
	defer cancel()
	w, err := b.home(ctx)
	if err == nil && !w.sent(o) {
		return errElsewhere
	}
	return nil
}

// account is what somebody's Slack account is good for here.
type account struct {
	name    string
	email   string // "" unless it can be gone by: confirmed, and a member's, or a guest's where those count
	refused string // why nothing may be done with it; "": it may
}

// askAccount looks an account up. Its errors are Slack's silence, never a refusal.
func (b *Bot) askAccount(ctx context.Context, id string) (account, error) {
	w, err := b.home(ctx)
	if err != nil {
		return account{}, err
	}
	u, err := b.api.GetUserInfoContext(ctx, id)
	switch slackCode(err) {
	case "user_not_found", "user_not_visible", "users_not_found":
		return account{refused: "Slack does not know that account any more"}, nil
	}
	if err != nil {
		return account{}, wrap("asking Slack who "+id+" is", err)
	}
	a := account{name: oneLine(nameOf(u)), refused: refusedAccount(u, w)}
	if a.refused == "" && b.believes(u) {
		a.email = strings.TrimSpace(u.Profile.Email)
	}
	return a, nil
}

// refusedAccount says why nothing may be done with an account; "" when it may.
func refusedAccount(u *slack.User, w workspace) string {
	switch {
	case !w.has(u) || u.IsStranger:
		return "that Slack account belongs to another workspace, and I work for this one alone"
	case u.Deleted:
		return "that Slack account is deactivated"
	case u.IsBot, u.IsWorkflowBot, u.IsConnectorBot, u.ID == "USLACKBOT":
		return "that Slack account is a program's: programs use an API token"
	}
	return ""
}

// believes says that an account's e-mail address tells who it is.
func (b *Bot) believes(u *slack.User) bool {
	guest := u.IsRestricted || u.IsUltraRestricted
	return u.IsEmailConfirmed && !u.IsInvitedUser && (!guest || b.cfg.Guests)
}

// person finds out who tapped or typed. It returns a *denial for an account with which nothing may be done. While Slack
// does not tell, what is known from before holds, and else the ID: Slack itself has let them tap just now.
func (b *Bot) person(ctx context.Context, in inbound) (access.Person, error) {
	p, known, err := b.People.Person(ctx, in.User)
	if err != nil {
		b.log.Warn("looking a person up", "user", in.User, "err", err)
	}
	if known && p.Email != "" && b.cfg.Now().Sub(p.SeenAt) < personFor {
		return p, nil
	}
	if !known {
		p = access.Person{SlackID: in.User, Name: in.UserName}
	}
	a, err := b.accounts.of(ctx, in.User)
	if err != nil {
		b.log.Warn("asking Slack who somebody is", "user", in.User, "reason", judge(err).Reason)
		return named(p), b.unknownAccount(in, err)
	}
	return b.remember(ctx, p, a)
}

// unknownAccount refuses whoever taps from another workspace of the organisation while Slack does not tell who they are.
func (b *Bot) unknownAccount(in inbound, cause error) error {
	w := b.workspace.Load()
	if in.From.UserTeam == "" || w != nil && (w.wholeOrganisation() || in.From.UserTeam == w.team) {
		return nil
	}
	return &denial{"Nothing was done: Slack does not tell me right now whose account that is. Try again in a minute.", cause}
}

// remember keeps what Slack has said about somebody, or returns a *denial.
func (b *Bot) remember(ctx context.Context, p access.Person, a account) (access.Person, error) {
	p.Name, p.Email, p.SeenAt = a.name, a.email, b.cfg.Now().UTC()
	p = named(p)
	if err := b.People.SavePerson(ctx, p); err != nil {
		b.log.Warn("remembering a person", "user", p.SlackID, "err", err)
	}
	if a.refused != "" {
		return p, &denial{sentence: "Nothing was done: " + a.refused + "."}
	}
	return p, nil
}

// living finds out who somebody is that has not tapped just now. It returns a *denial when their account is over, and an
// unsure one when Slack does not tell and has not told for long.
func (b *Bot) living(ctx context.Context, id string) (access.Person, error) {
	p, known, err := b.People.Person(ctx, id)
	if err != nil {
		return p, fmt.Errorf("looking %s up: %w", id, err)
	}
	p.SlackID = id
	a, err := b.accounts.of(ctx, id)
	switch fresh := b.cfg.Now().Sub(p.SeenAt) < personFor; {
	case err == nil && known && fresh && a.refused == "" && a.email == p.Email:
		return p, nil // nothing new to keep
	case err == nil:
		return b.remember(ctx, p, a)
	case known && fresh:
		return p, nil
	}
	return p, &denial{"Nothing was done: Slack does not tell me right now whether that account still is one. Try again in a minute.", err}
}

// sameAddress compares e-mail addresses. Case counts for nothing, but only in ASCII: other letters fold into it.
func sameAddress(a, b string) bool {
	return a != "" && (a == b || ascii(a) && ascii(b) && strings.EqualFold(a, b))
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 })
}
