package slackfake

import (
	"slices"
	"strings"
)

// The app's own identity in the workspace.
const (
	teamID   = "T0SNAPBACK"
	appID    = "A0SNAPBACK"
	botID    = "B0SNAPBACK"
	botUser  = "U0SNAPBACK"
	teamName = "stand-in"
)

type channel struct {
	id, name string
	members  []string
	archived bool
	readOnly string // the code with which it refuses what is posted; "": it takes it
	direct   string // the person's ID in a direct message
	messages []*message
}

func (c *channel) has(userID string) bool { return slices.Contains(c.members, userID) }

type user struct {
	id, name, email string
	account         Account
	ephemerals      []*message
	notices         []Notice
	stack           []*view // open modals, the top one last
}

// Notice is something that Slack itself tells a person, such as operation_timeout.
type Notice struct {
	Channel string `json:"channel,omitempty"`
	Code    string `json:"code"`
	Text    string `json:"text"`
}

// Channel is a conversation as people see it.
type Channel struct {
	s  *Server
	id string
}

// User is a person in the workspace.
type User struct {
	s  *Server
	id string
}

// ID is the channel's ID.
func (c *Channel) ID() string { return c.id }

// ID is the person's Slack ID.
func (u *User) ID() string { return u.id }

// AddChannel makes a channel with the app and everyone added so far in it.
func (s *Server) AddChannel(id, name string) *Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &channel{id: id, name: name, members: []string{botUser}}
	for _, u := range s.users {
		c.members = append(c.members, u.id)
	}
	s.channels = append(s.channels, c)
	s.touch()
	return &Channel{s: s, id: id}
}

// AddUser makes a person, who joins all channels that there are.
func (s *Server) AddUser(id, name, email string) *User {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users = append(s.users, &user{id: id, name: name, email: email})
	for _, c := range s.channels {
		if c.direct == "" {
			c.members = append(c.members, id)
		}
	}
	s.touch()
	return &User{s: s, id: id}
}

// AddUserGroup makes a user group, or replaces its members.
func (s *Server) AddUserGroup(id string, users ...*User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, 0, len(users))
	for _, u := range users {
		ids = append(ids, u.id)
	}
	s.groups[id] = ids
}

// Channel is the channel with this ID, which need not exist yet.
func (s *Server) Channel(id string) *Channel { return &Channel{s: s, id: id} }

// User is the person with this ID, who need not exist yet.
func (s *Server) User(id string) *User { return &User{s: s, id: id} }

// Leave takes the person out of a channel.
func (u *User) Leave(c *Channel) { c.drop(u.id) }

// RemoveApp takes the app out of the channel, as /remove does.
func (c *Channel) RemoveApp() { c.drop(botUser) }

// Archive archives the channel.
func (c *Channel) Archive() {
	c.change(func(ch *channel) { ch.archived = true })
}

// ReadOnly lets only some people post, and not the app.
func (c *Channel) ReadOnly() {
	c.change(func(ch *channel) { ch.readOnly = "restricted_action_read_only_channel" })
}

// Open lets the app post again.
func (c *Channel) Open() {
	c.change(func(ch *channel) { ch.readOnly, ch.archived = "", false })
}

func (c *Channel) drop(userID string) {
	c.change(func(ch *channel) {
		ch.members = slices.DeleteFunc(ch.members, func(m string) bool { return m == userID })
	})
}

func (c *Channel) change(f func(*channel)) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if ch := c.s.findChannel(c.id); ch != nil {
		f(ch)
		c.s.touch()
	}
}

// findChannel is nil for anything but a channel's ID. The caller holds mu.
func (s *Server) findChannel(id string) *channel {
	i := slices.IndexFunc(s.channels, func(c *channel) bool { return c.id == id })
	if i < 0 {
		return nil
	}
	return s.channels[i]
}

// addressee takes a channel's name and a person's ID as well, and opens the direct
// message with that person. Of Slack's methods only chat.postMessage does this; the
// others want the ID that it answers. The caller holds mu.
func (s *Server) addressee(ref string) *channel {
	for _, c := range s.channels {
		if c.id == ref || c.direct == ref || c.direct == "" && c.name == strings.TrimPrefix(ref, "#") {
			return c
		}
	}
	if s.findUser(ref) == nil {
		return nil
	}
	c := &channel{
		id: "D" + strings.TrimPrefix(ref, "U"), name: "directmessage",
		members: []string{botUser, ref}, direct: ref,
	}
	s.channels = append(s.channels, c)
	return c
}

// findUser is nil for an unknown person. The caller holds mu.
func (s *Server) findUser(id string) *user {
	i := slices.IndexFunc(s.users, func(u *user) bool { return u.id == id })
	if i < 0 {
		return nil
	}
	return s.users[i]
}

// openChannel is a channel that the app may write to. The caller holds mu.
func (s *Server) openChannel(id string) (*channel, error) {
	return writable(s.findChannel(id))
}

func writable(c *channel) (*channel, error) {
	switch {
	case c == nil:
		return nil, refuse("channel_not_found")
	case c.archived:
		return nil, refuse("is_archived")
	case !c.has(botUser):
		return nil, refuse("not_in_channel")
	}
	return c, nil
}

// notify shows Slack's own message to a person. The caller holds mu.
func (s *Server) notify(userID string, n Notice) {
	if u := s.findUser(userID); u != nil {
		u.notices = append(u.notices, n)
		s.touch()
	}
}
