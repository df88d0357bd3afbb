package slackfake

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Messages are the channel's top-level messages in order, with their threads. Deleted
// ones are there and say so.
func (c *Channel) Messages() []Message {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.s.topLevel(c.s.findChannel(c.id))
}

// topLevel is for a nil channel nil. The caller holds mu.
func (s *Server) topLevel(ch *channel) []Message {
	var out []Message
	if ch == nil {
		return nil
	}
	for _, m := range ch.messages {
		if m.threadTS == "" {
			out = append(out, s.read(m))
		}
	}
	return out
}

// Message is the message with this timestamp, a reply as well.
func (c *Channel) Message(ts string) (Message, bool) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	ch := c.s.findChannel(c.id)
	if ch == nil {
		return Message{}, false
	}
	i := slices.IndexFunc(ch.messages, func(m *message) bool { return m.ts == ts })
	if i < 0 {
		return Message{}, false
	}
	return c.s.read(ch.messages[i]), true
}

// Now is the message as it is by now. A message that no longer is there comes back
// with Deleted set.
func (m Message) Now() Message {
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	if stored := m.s.stored(m); stored != nil {
		return m.s.read(stored)
	}
	m.Deleted = true
	return m
}

// Ephemerals are what only this person sees in a channel, oldest first.
func (u *User) Ephemerals(c *Channel) []Message {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	var out []Message
	person := u.s.findUser(u.id)
	if person == nil {
		return nil
	}
	for _, m := range person.ephemerals {
		if m.channel.id == c.id && !m.deleted {
			out = append(out, u.s.read(m))
		}
	}
	return out
}

// Notices are what Slack itself told the person, such as operation_timeout.
func (u *User) Notices() []Notice {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	if person := u.s.findUser(u.id); person != nil {
		return slices.Clone(person.notices)
	}
	return nil
}

// String is the channel as text, for failures and for the curious.
func (c *Channel) String() string {
	messages := c.Messages()
	if len(messages) == 0 {
		return "(nothing in " + c.id + ")"
	}
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&b, "— %s %s%s\n%s\n", m.TS, m.User, edited(m), m)
		for _, r := range m.Replies {
			fmt.Fprintf(&b, "    ↳ %s%s %s\n", r.User, edited(r), strings.ReplaceAll(r.String(), "\n", "\n      "))
		}
	}
	return b.String()
}

func edited(m Message) string {
	if m.Edits == 0 {
		return ""
	}
	return fmt.Sprintf(" (edited ×%d)", m.Edits)
}

// WaitMessage waits until a top-level message satisfies want. Its error shows the channel.
func (c *Channel) WaitMessage(ctx context.Context, want func(Message) bool) (Message, error) {
	return c.s.await(ctx, c.Messages, want, c.String)
}

// ExpectMessage waits for a top-level message in which all the texts can be read.
func (c *Channel) ExpectMessage(t TB, containing ...string) Message {
	t.Helper()
	return c.s.expect(t, c.Messages, visible(containing), c.String, containing)
}

// ExpectReply waits for a reply in the message's thread.
func (m Message) ExpectReply(t TB, containing ...string) Message {
	t.Helper()
	c := &Channel{s: m.s, id: m.Channel}
	return m.s.expect(t, func() []Message { return m.Now().Replies }, visible(containing), c.String, containing)
}

// ExpectUpdate waits until the message itself has come to say all the texts.
func (m Message) ExpectUpdate(t TB, containing ...string) Message {
	t.Helper()
	c := &Channel{s: m.s, id: m.Channel}
	return m.s.expect(t, func() []Message { return []Message{m.Now()} }, visible(containing), c.String, containing)
}

// ExpectEphemeral waits for a message that only this person sees.
func (u *User) ExpectEphemeral(t TB, c *Channel, containing ...string) Message {
	t.Helper()
	show := func() string { return fmt.Sprintf("%s sees %v and %v", u.id, u.Ephemerals(c), u.Notices()) }
	return u.s.expect(t, func() []Message { return u.Ephemerals(c) }, visible(containing), show, containing)
}

// ExpectView waits for a modal that says all the texts.
func (u *User) ExpectView(t TB, containing ...string) View {
	t.Helper()
	var found View
	look := func() []Message {
		v, ok := u.View()
		if !ok {
			return nil
		}
		found = v
		return []Message{{Text: v.String()}}
	}
	u.s.expect(t, look, visible(containing), func() string { return found.String() }, containing)
	return found
}

func visible(texts []string) func(Message) bool {
	return func(m Message) bool { return !m.Deleted && m.Contains(texts...) }
}

func (s *Server) expect(t TB, read func() []Message, want func(Message) bool, show func() string, texts []string) Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.Patience)
	defer cancel()
	m, err := s.await(ctx, read, want, show)
	if err != nil {
		t.Fatalf("waiting for %q: %v", texts, err)
	}
	return m
}

func (s *Server) await(ctx context.Context, read func() []Message, want func(Message) bool, show func() string) (Message, error) {
	for {
		changed := s.changes()
		messages := read()
		if i := slices.IndexFunc(messages, want); i >= 0 {
			return messages[i], nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Message{}, fmt.Errorf("no such message (%w); this is there:\n%s", ctx.Err(), show())
		}
	}
}

// changes is closed at the next change. Take it before reading.
func (s *Server) changes() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}
