package bot

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
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

// Directory is Slack as it knows its accounts and user groups. It is what access asks.
type Directory struct {
	api       *slack.Client
	workspace atomic.Pointer[workspace] // nil until Slack has said which one it is
}

// NewDirectory makes one that asks with the bot's token. It calls nobody.
func NewDirectory(c Config) *Directory {
	c = c.withDefaults()
	return &Directory{api: slack.New(c.BotToken, slack.OptionAPIURL(c.APIURL), slack.OptionHTTPClient(c.Client), slack.OptionAppLevelToken(c.AppToken))}
}

// home asks Slack once which workspace the token is of.
func (d *Directory) home(ctx context.Context) (workspace, error) {
	if w := d.workspace.Load(); w != nil {
		return *w, nil
	}
	who, err := d.api.AuthTestContext(ctx)
	if err != nil {
		return workspace{}, wrap("asking Slack for the bot's own workspace", err)
	}
	if who.TeamID == "" {
		return workspace{}, &Error{Retry: true, Reason: "incomplete", Err: errors.New("the workspace that the bot token is of is not named")}
	}
	w := workspace{team: who.TeamID, enterprise: who.EnterpriseID}
	d.workspace.Store(&w)
	return w, nil
}

// homeWithin is how long a call may wait for home before it is taken in: Slack waits for three seconds in all.
const homeWithin = time.Second

// errElsewhere is for calls of another workspace.
var errElsewhere = errors.New("it comes from another workspace")

// admit refuses what another workspace sends, with errElsewhere. While Slack does not tell which is the bot's own,
// it lets a call in: Handle looks again.
func (d *Directory) admit(ctx context.Context, o origin) error {
	ctx, cancel := context.WithTimeout(ctx, homeWithin)
	defer cancel()
	w, err := d.home(ctx)
	if err == nil && !w.sent(o) {
		return errElsewhere
	}
	return nil
}

// Account implements access.Slack.
func (d *Directory) Account(ctx context.Context, id string) (access.Account, error) {
	w, err := d.home(ctx)
	if err != nil {
		return access.Account{}, err
	}
	u, err := d.api.GetUserInfoContext(ctx, id)
	switch slackCode(err) {
	case "user_not_found", "user_not_visible", "users_not_found":
		return access.Account{Standing: access.Unknown}, nil
	}
	if err != nil {
		return access.Account{}, wrap("asking Slack who "+id+" is", err)
	}
	return access.Account{
		Name: oneLine(nameOf(u)), Email: u.Profile.Email, Confirmed: u.IsEmailConfirmed && !u.IsInvitedUser, Standing: standingOf(u, w),
	}, nil
}

// standingOf is what an account is in the workspace.
func standingOf(u *slack.User, w workspace) access.Standing {
	switch {
	case !w.has(u) || u.IsStranger:
		return access.Foreign
	case u.Deleted:
		return access.Deactivated
	case u.IsBot, u.IsWorkflowBot, u.IsConnectorBot, u.ID == "USLACKBOT":
		return access.Program
	case u.IsRestricted, u.IsUltraRestricted:
		return access.Guest
	}
	return access.Member
}

// Members implements access.Slack.
func (d *Directory) Members(ctx context.Context, group string) ([]string, error) {
	members, err := d.api.GetUserGroupMembersContext(ctx, group)
	return members, wrap("asking for user group "+group, err)
}

// ChannelMembers implements access.Slack. Of a private channel, Slack tells only an app that is in it.
func (d *Directory) ChannelMembers(ctx context.Context, channel string) (all []string, err error) {
	for cursor := ""; ; {
		page, next, err := d.api.GetUsersInConversationContext(ctx, &slack.GetUsersInConversationParameters{ChannelID: channel, Cursor: cursor, Limit: 1000})
		if slackCode(err) == "channel_not_found" { // no channel, or a private one without the bot: no alert goes there either
			return nil, nil
		}
		if err != nil {
			return nil, wrap("asking who is in channel "+channel, err)
		}
		if all, cursor = append(all, page...), next; cursor == "" {
			return all, nil
		}
	}
}

// maybeForeign says whether whoever calls may be of another workspace of the organisation: of theirs, Slack names only the
// workspace that they are in.
func (d *Directory) maybeForeign(from origin) bool {
	w := d.workspace.Load()
	return from.UserTeam != "" && (w == nil || !w.wholeOrganisation() && from.UserTeam != w.team)
}
