package slackfake

import (
	"encoding/json"
	"slices"
	"strings"
)

// message is the stored form; Message is what people and pages are given.
type message struct {
	ts, threadTS string
	user         string // botUser for the app's
	text         string
	blocks       json.RawMessage
	attachments  json.RawMessage
	metadata     json.RawMessage
	files        []string
	edits        int
	editedTS     string
	deleted      bool
	pinned       bool
	reactions    []Reaction
	unfurlLinks  bool
	unfurlMedia  bool
	broadcast    bool
	crawled      bool
	ephemeralTo  string
	channel      *channel
}

// Reaction is an emoji under a message, with the people who put it there.
type Reaction struct {
	Name  string   `json:"name"`
	Users []string `json:"users"`
}

// Message is a message as it was when it was read. It does not change any more.
type Message struct {
	Channel     string          `json:"channel"`
	TS          string          `json:"ts"`
	ThreadTS    string          `json:"thread_ts,omitempty"`
	User        string          `json:"user"`
	FromApp     bool            `json:"from_app"`
	Text        string          `json:"text"`
	Blocks      json.RawMessage `json:"blocks,omitempty"`
	Metadata    json.RawMessage `json:"metadata,omitempty"`
	Files       []File          `json:"files,omitempty"`
	Edits       int             `json:"edits"`
	Deleted     bool            `json:"deleted,omitempty"`
	Pinned      bool            `json:"pinned,omitempty"`
	EphemeralTo string          `json:"ephemeral_to,omitempty"`
	Reactions   []Reaction      `json:"reactions,omitempty"`
	// UnfurlLinks and UnfurlMedia are true unless the app said false.
	UnfurlLinks bool      `json:"unfurl_links"`
	UnfurlMedia bool      `json:"unfurl_media"`
	Broadcast   bool      `json:"reply_broadcast,omitempty"` // a reply that the channel shows too
	Replies     []Message `json:"replies,omitempty"`

	s *Server
}

// read copies a message, with its replies. The caller holds mu.
func (s *Server) read(m *message) Message {
	out := Message{
		Channel: m.channel.id, TS: m.ts, ThreadTS: m.threadTS, User: m.user, FromApp: m.user == botUser,
		Text: m.text, Blocks: slices.Clone(m.blocks), Metadata: slices.Clone(m.metadata),
		Edits: m.edits, Deleted: m.deleted, Pinned: m.pinned, EphemeralTo: m.ephemeralTo,
		UnfurlLinks: m.unfurlLinks, UnfurlMedia: m.unfurlMedia, Broadcast: m.broadcast, s: s,
	}
	for _, r := range m.reactions {
		out.Reactions = append(out.Reactions, Reaction{Name: r.Name, Users: slices.Clone(r.Users)})
	}
	for _, id := range m.files {
		out.Files = append(out.Files, s.files[id].public())
	}
	out.Replies = s.replies(m)
	return out
}

func (s *Server) replies(m *message) []Message {
	if m.threadTS != "" || m.ephemeralTo != "" {
		return nil
	}
	var out []Message
	for _, r := range m.channel.messages {
		if r.threadTS == m.ts {
			out = append(out, s.read(r))
		}
	}
	return out
}

// wire is the message as the Web API and the app's payloads show it. The caller holds mu.
func (s *Server) wire(m *message, withMetadata bool) result {
	out := result{"type": "message", "user": m.user, "text": m.text, "ts": m.ts, "team": teamID}
	if m.user == botUser {
		out["bot_id"], out["app_id"] = botID, appID
	}
	if len(m.blocks) > 0 {
		out["blocks"] = m.blocks
	}
	if len(m.attachments) > 0 {
		out["attachments"] = m.attachments
	}
	if withMetadata && len(m.metadata) > 0 {
		out["metadata"] = m.metadata
	}
	s.wireThread(m, out)
	s.wireExtras(m, out)
	return out
}

func (s *Server) wireThread(m *message, out result) {
	if m.threadTS != "" {
		out["thread_ts"] = m.threadTS
		return
	}
	count, latest := 0, ""
	for _, r := range m.channel.messages {
		if r.threadTS == m.ts && !r.deleted {
			count, latest = count+1, r.ts
		}
	}
	if count > 0 {
		out["thread_ts"], out["reply_count"], out["latest_reply"] = m.ts, count, latest
	}
}

func (s *Server) wireExtras(m *message, out result) {
	if m.edits > 0 {
		out["edited"] = result{"user": m.user, "ts": m.editedTS}
	}
	if len(m.files) > 0 {
		files := []result{}
		for _, id := range m.files {
			files = append(files, s.files[id].wire(s.baseURL))
		}
		out["files"] = files
	}
	reactions := []result{}
	for _, r := range m.reactions {
		reactions = append(reactions, result{"name": r.Name, "users": r.Users, "count": len(r.Users)})
	}
	if len(reactions) > 0 {
		out["reactions"] = reactions
	}
}

// find is a message of a channel that has not been deleted. The caller holds mu.
func (c *channel) find(ts string) *message {
	i := slices.IndexFunc(c.messages, func(m *message) bool { return m.ts == ts && !m.deleted })
	if i < 0 {
		return nil
	}
	return c.messages[i]
}

// String is the message as a person would read it: text, then controls in brackets.
func (m Message) String() string {
	var b strings.Builder
	if m.Deleted {
		b.WriteString("(deleted) ")
	}
	var blocks []object
	_ = json.Unmarshal(m.Blocks, &blocks)
	if len(blocks) == 0 {
		b.WriteString(m.Text)
	}
	for _, block := range blocks {
		writeBlock(&b, block)
	}
	for _, f := range m.Files {
		b.WriteString("\n📎 " + f.Title)
	}
	return strings.TrimSpace(b.String())
}

// Contains reports whether a reader sees every one of the texts.
func (m Message) Contains(texts ...string) bool {
	seen := m.String() + "\n" + m.Text
	for _, t := range texts {
		if !strings.Contains(seen, t) {
			return false
		}
	}
	return true
}

func writeBlock(b *strings.Builder, block object) {
	for _, key := range []string{"text", "title", "label"} {
		writeText(b, block[key])
	}
	fields, _ := block["fields"].([]any)
	for _, f := range fields {
		writeText(b, f)
	}
	if block["type"] == "context" {
		elements, _ := block["elements"].([]any)
		for _, el := range elements {
			writeText(b, el)
		}
	}
	for _, el := range blockElements(block) {
		b.WriteString(controlText(el) + " ")
	}
	b.WriteString("\n")
}

func writeText(b *strings.Builder, v any) {
	if t := textOf(v); t != "" {
		b.WriteString(t + "\n")
	}
}

// textOf reads a text object, or a plain string as a markdown block has.
func textOf(v any) string {
	switch t := v.(type) {
	case string:
		return t
	case object:
		s, _ := t["text"].(string)
		return s
	}
	return ""
}

func controlText(el object) string {
	options, _ := el["options"].([]any)
	if len(options) == 0 {
		return "[" + textOf(el["text"]) + "]"
	}
	names := make([]string, 0, len(options))
	for _, v := range options {
		o, _ := v.(object)
		names = append(names, textOf(o["text"]))
	}
	return "[… " + strings.Join(names, " | ") + "]"
}
