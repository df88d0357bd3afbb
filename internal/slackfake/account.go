package slackfake

import (
	"fmt"
	"slices"
	"strings"
)

// Account is what Slack says about somebody's account, beside their name and e-mail address. The zero value is a member
// of the app's own workspace with a confirmed address.
type Account struct {
	Deleted     bool // deactivated
	Bot         bool
	Guest       bool     // in the channels that they were invited to
	OneChannel  bool     // a guest of a single channel
	Unconfirmed bool     // the e-mail address was never confirmed
	Invited     bool     // the invitation was not accepted yet
	Workspace   string   // of the account; "": the app's own. Another one is reached by Slack Connect, or is of the same organisation
	Enterprise  string   // of a foreign account; "": none. Those of the app's own workspace have the app's
	MemberOf    []string // further workspaces of the organisation
}

// FromWorkspace makes a tap, a command or an event name another workspace than the app's.
func FromWorkspace(id string) Option { return func(o *sending) { o.team = id } }

// Becomes changes somebody's account. Whoever is deactivated leaves every channel.
func (u *User) Becomes(a Account) *User {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	person := u.s.findUser(u.id)
	if person == nil {
		return u
	}
	person.account = a
	for _, c := range u.s.channels {
		if a.Deleted {
			c.members = slices.DeleteFunc(c.members, func(m string) bool { return m == u.id })
		}
	}
	u.s.touch()
	return u
}

func (u *user) workspace() string {
	if u.account.Workspace != "" {
		return u.account.Workspace
	}
	return teamID
}

// canAct says why this account can't tap or type anything. The caller holds mu.
func (u *user) canAct() error {
	switch {
	case u.account.Deleted:
		return fmt.Errorf("%s is deactivated", u.id)
	case u.account.Bot:
		return fmt.Errorf("%s is a bot", u.id)
	case u.account.Invited:
		return fmt.Errorf("%s has not accepted the invitation", u.id)
	}
	return nil
}

// describe is a user object. Slack leaves most of it out for a deactivated account. The caller holds mu.
func (s *Server) describe(u *user) result {
	a := u.account
	out := result{
		"id": u.id, "team_id": u.workspace(), "name": u.name, "real_name": u.name, "deleted": a.Deleted, "is_bot": a.Bot, "is_app_user": false,
		"profile": result{"email": u.email, "real_name": u.name, "display_name": u.name, "team": u.workspace()},
	}
	if e := s.enterpriseOf(u); e != "" {
		out["enterprise_user"] = result{"id": u.id, "enterprise_id": e, "enterprise_name": "stand-in", "teams": append([]string{u.workspace()}, a.MemberOf...)}
	}
	if a.Deleted {
		return out
	}
	out["tz"], out["tz_label"], out["tz_offset"] = "Etc/UTC", "UTC", 0
	out["is_restricted"], out["is_ultra_restricted"] = a.Guest || a.OneChannel, a.OneChannel
	out["is_email_confirmed"] = !a.Unconfirmed && !a.Invited && !a.Bot
	if a.Invited {
		out["is_invited_user"] = true
	}
	if u.workspace() != teamID {
		out["is_stranger"] = !s.sharesChannel(u)
	}
	return out
}

func (s *Server) enterpriseOf(u *user) string {
	if u.account.Enterprise != "" || u.workspace() != teamID && !slices.Contains(u.account.MemberOf, teamID) {
		return u.account.Enterprise
	}
	return s.cfg.Enterprise
}

func (s *Server) sharesChannel(u *user) bool {
	return slices.ContainsFunc(s.channels, func(c *channel) bool { return c.has(u.id) && c.has(botUser) })
}

// installed is the workspace of the app's token: that of the organisation where it is installed for all of it.
func (s *Server) installed() string {
	if s.cfg.OrgWide {
		return s.cfg.Enterprise
	}
	return teamID
}

// enterprise is null where there is no organisation.
func (s *Server) enterprise() any {
	if s.cfg.Enterprise == "" {
		return nil
	}
	return result{"id": s.cfg.Enterprise, "name": "stand-in"}
}

// team is the workspace in a tap's payload.
func (s *Server) team() result {
	out := result{"id": teamID, "domain": teamName}
	if s.cfg.Enterprise != "" {
		out["enterprise_id"], out["enterprise_name"] = s.cfg.Enterprise, "stand-in"
	}
	return out
}

// misdirect puts the workspace that o asks for in the place of the app's.
func (o *sending) misdirect(payload result) result {
	if o.team == "" {
		return payload
	}
	if _, ok := payload["team_id"]; ok {
		payload["team_id"] = o.team
	}
	if _, ok := payload["team"]; ok {
		payload["team"] = result{"id": o.team, "domain": strings.ToLower(o.team)}
	}
	if list, ok := payload["authorizations"].([]result); ok && len(list) > 0 {
		payload["authorizations"] = []result{{"team_id": o.team, "user_id": botUser, "is_bot": true}}
	}
	return payload
}
