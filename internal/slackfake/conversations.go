package slackfake

import (
	"slices"
	"strings"
)

// known is a channel that the app may read. The caller holds mu.
func (s *Server) known(c *call) (*channel, error) {
	ch := s.findChannel(c.str("channel"))
	switch {
	case ch == nil:
		return nil, refuse("channel_not_found")
	case !ch.has(botUser):
		return nil, refuse("not_in_channel")
	}
	return ch, nil
}

func (s *Server) conversationsHistory(c *call) (result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch, err := s.known(c)
	if err != nil {
		return nil, err
	}
	var found []*message
	for _, m := range slices.Backward(ch.messages) {
		if m.threadTS == "" && !m.deleted && within(c, m.ts) {
			found = append(found, m)
		}
	}
	return s.page(c, found)
}

func (s *Server) conversationsReplies(c *call) (result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch, err := s.known(c)
	if err != nil {
		return nil, err
	}
	root := ch.find(c.str("ts"))
	if root == nil {
		return nil, refuse("thread_not_found")
	}
	if root.threadTS != "" { // a reply's own ts answers with that reply alone
		return s.page(c, []*message{root})
	}
	found := []*message{root} // the root comes first, whatever the bounds
	for _, m := range ch.messages {
		if m.threadTS == root.ts && !m.deleted && within(c, m.ts) {
			found = append(found, m)
		}
	}
	return s.page(c, found)
}

// within compares timestamps as text, which their fixed width allows.
func within(c *call, ts string) bool {
	inclusive := c.flag("inclusive", false)
	oldest, latest := c.str("oldest"), c.str("latest")
	if (oldest == ts || latest == ts) && !inclusive {
		return false
	}
	after := oldest == "" || oldest == "0" || ts >= padTS(oldest)
	before := latest == "" || latest == "now" || ts <= padTS(latest)
	return after && before
}

// padTS gives whole seconds their fraction.
func padTS(ts string) string {
	if !strings.Contains(ts, ".") {
		return ts + ".000000"
	}
	whole, fraction, _ := strings.Cut(ts, ".")
	return whole + "." + (fraction + "000000")[:6]
}

// page cuts one page out; the cursor is the timestamp that the next one begins with.
func (s *Server) page(c *call, found []*message) (result, error) {
	if cursor := c.str("cursor"); cursor != "" {
		i := slices.IndexFunc(found, func(m *message) bool { return "ts:"+m.ts == cursor })
		if i < 0 {
			return nil, refuse("invalid_cursor")
		}
		found = found[i:]
	}
	limit := c.number("limit", 100, 1, 999)
	next := ""
	if len(found) > limit {
		next, found = "ts:"+found[limit].ts, found[:limit]
	}
	messages := []result{}
	for _, m := range found {
		messages = append(messages, s.wire(m, c.flag("include_all_metadata", false)))
	}
	return result{
		"messages": messages, "has_more": next != "",
		"response_metadata": result{"next_cursor": next},
	}, nil
}

func (s *Server) conversationsInfo(c *call) (result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.findChannel(c.str("channel"))
	if ch == nil {
		return nil, refuse("channel_not_found")
	}
	return result{"channel": ch.wire()}, nil
}

func (c *channel) wire() result {
	return result{
		"id": c.id, "name": c.name, "name_normalized": c.name, "is_channel": c.direct == "", "is_im": c.direct != "",
		"is_member": c.has(botUser), "is_archived": c.archived, "is_private": false,
		"user": c.direct, "num_members": len(c.members), "creator": botUser, "created": 1700000000,
	}
}

func (s *Server) conversationsMembers(c *call) (result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.findChannel(c.str("channel"))
	if ch == nil {
		return nil, refuse("channel_not_found")
	}
	return result{
		"members":           slices.Clone(ch.members),
		"response_metadata": result{"next_cursor": ""},
	}, nil
}

func (s *Server) conversationsJoin(c *call) (result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.findChannel(c.str("channel"))
	switch {
	case ch == nil:
		return nil, refuse("channel_not_found")
	case ch.archived:
		return nil, refuse("is_archived")
	case ch.direct != "":
		return nil, refuse("method_not_supported_for_channel_type")
	}
	if !ch.has(botUser) {
		ch.members = append(ch.members, botUser)
		s.touch()
	}
	return result{"channel": ch.wire()}, nil
}

func (s *Server) conversationsOpen(c *call) (result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.findUser(c.str("users")) == nil {
		return nil, refuse("user_not_found")
	}
	return result{"channel": s.addressee(c.str("users")).wire()}, nil
}

func (s *Server) usersInfo(c *call) (result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.findUser(c.str("user"))
	if u == nil {
		return nil, refuse("user_not_found")
	}
	return result{"user": s.describe(u)}, nil
}

func (s *Server) usersLookupByEmail(c *call) (result, error) {
	if err := c.need("email"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		if !u.account.Deleted && u.workspace() == teamID && strings.EqualFold(u.email, c.str("email")) {
			return result{"user": s.describe(u)}, nil
		}
	}
	return nil, refuse("users_not_found")
}

func (s *Server) usergroupsUsersList(c *call) (result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	members, ok := s.groups[c.str("usergroup")]
	if !ok {
		return nil, refuse("no_such_subteam")
	}
	members = slices.DeleteFunc(slices.Clone(members), func(id string) bool {
		u := s.findUser(id)
		return u != nil && u.account.Deleted
	})
	return result{"users": members}, nil
}
