package slackfake

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

var tsPattern = regexp.MustCompile(`^\d{10}\.\d{6}$`)

func (s *Server) methodTable() map[string]method {
	return map[string]method{
		"auth.test":                    s.authTest,
		"chat.postMessage":             s.chatPostMessage,
		"chat.update":                  s.chatUpdate,
		"chat.postEphemeral":           s.chatPostEphemeral,
		"chat.delete":                  s.chatDelete,
		"chat.getPermalink":            s.chatGetPermalink,
		"conversations.history":        s.conversationsHistory,
		"conversations.replies":        s.conversationsReplies,
		"conversations.info":           s.conversationsInfo,
		"conversations.members":        s.conversationsMembers,
		"conversations.join":           s.conversationsJoin,
		"conversations.open":           s.conversationsOpen,
		"users.info":                   s.usersInfo,
		"users.lookupByEmail":          s.usersLookupByEmail,
		"usergroups.users.list":        s.usergroupsUsersList,
		"reactions.add":                s.reactionsAdd,
		"pins.add":                     s.pinsAdd,
		"views.open":                   s.viewsOpen,
		"views.push":                   s.viewsPush,
		"views.update":                 s.viewsUpdate,
		"files.getUploadURLExternal":   s.filesGetUploadURL,
		"files.completeUploadExternal": s.filesComplete,
		"files.delete":                 s.filesDelete,
		"apps.connections.open":        s.appsConnectionsOpen,
	}
}

func (s *Server) authTest(*call) (result, error) {
	out := result{
		"url": "https://" + teamName + ".slack.com/", "team": teamName, "user": "snapback",
		"team_id": s.installed(), "user_id": botUser, "bot_id": botID, "is_enterprise_install": s.cfg.OrgWide,
	}
	if s.cfg.Enterprise != "" {
		out["enterprise_id"] = s.cfg.Enterprise
	}
	return out, nil
}

// content is what a message says, validated.
type content struct {
	text                          string
	blocks, attachments, metadata json.RawMessage
	hasText, hasBlocks, hasMeta   bool
}

func (s *Server) parseContent(c *call) (content, error) {
	out := content{text: c.str("text"), hasText: c.has("text"), hasBlocks: c.has("blocks"), hasMeta: c.has("metadata")}
	if utf8.RuneCountInString(out.text) > maxMessageText {
		return out, refuse("msg_too_long")
	}
	if raw := c.raw("attachments"); len(raw) > 0 {
		if !json.Valid(raw) {
			return out, refuse("invalid_attachments")
		}
		out.attachments = raw
	}
	if raw := c.raw("blocks"); len(raw) > 0 {
		blocks, err := s.parseBlocks(raw, maxMessageBlocks)
		if err != nil {
			return out, err
		}
		out.blocks = blocks
	}
	return out, out.parseMetadata(c.raw("metadata"))
}

func (c *content) parseMetadata(raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "{}" {
		return nil
	}
	var m struct {
		EventType    string          `json:"event_type"`
		EventPayload map[string]any  `json:"event_payload"`
		Entities     json.RawMessage `json:"entities"`
	}
	if json.Unmarshal(raw, &m) != nil || (m.Entities == nil && (m.EventType == "" || m.EventPayload == nil)) {
		return refuse("invalid_metadata_format")
	}
	c.metadata = raw
	return nil
}

func (c *content) empty() bool {
	return strings.TrimSpace(c.text) == "" && (len(c.blocks) == 0 || string(c.blocks) == "[]") && len(c.attachments) == 0
}

func (s *Server) chatPostMessage(c *call) (result, error) {
	body, err := s.parseContent(c)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ch, err := writable(s.addressee(c.str("channel")))
	if err != nil {
		return nil, err
	}
	if ch.readOnly != "" {
		return nil, refuse(ch.readOnly)
	}
	if body.empty() {
		return nil, refuse("no_text")
	}
	thread, err := ch.thread(c.str("thread_ts"))
	if err != nil {
		return nil, err
	}
	m := s.post(ch, botUser, thread, body)
	m.unfurlLinks, m.unfurlMedia = c.flag("unfurl_links", true), c.flag("unfurl_media", true)
	m.broadcast = thread != "" && c.flag("reply_broadcast", false)
	s.autoCrawl()
	return result{"channel": ch.id, "ts": m.ts, "message": s.wire(m, true)}, nil
}

// thread finds the root that a reply belongs to. A parent that is gone makes it a
// top-level message, as with Slack. The caller holds mu.
func (c *channel) thread(ts string) (string, error) {
	if ts == "" {
		return "", nil
	}
	if !tsPattern.MatchString(ts) {
		return "", refuse("invalid_thread_ts")
	}
	parent := c.find(ts)
	switch {
	case parent == nil:
		return "", nil
	case parent.threadTS != "":
		return parent.threadTS, nil
	}
	return parent.ts, nil
}

// post stores a message. The caller holds mu.
func (s *Server) post(ch *channel, author, thread string, body content) *message {
	m := &message{
		ts: s.nextTS(), threadTS: thread, user: author, text: body.text, blocks: body.blocks,
		attachments: body.attachments, metadata: body.metadata, channel: ch,
		unfurlLinks: true, unfurlMedia: true,
	}
	ch.messages = append(ch.messages, m)
	s.touch()
	return m
}

func (s *Server) chatUpdate(c *call) (result, error) {
	body, err := s.parseContent(c)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ch, err := editable(s.findChannel(c.str("channel")))
	if err != nil {
		return nil, err
	}
	m := ch.find(c.str("ts"))
	switch {
	case m == nil:
		return nil, refuse("message_not_found")
	case m.user != botUser:
		return nil, refuse("cant_update_message")
	case body.empty():
		return nil, refuse("no_text")
	}
	s.edit(m, body)
	return result{"channel": ch.id, "ts": m.ts, "text": m.text, "message": s.wire(m, true)}, nil
}

// editable has a code of its own for an archived channel.
func editable(c *channel) (*channel, error) {
	if c != nil && c.archived {
		return nil, refuse("is_inactive")
	}
	return writable(c)
}

// edit replaces what was sent and keeps what was not, as chat.update documents. The caller holds mu.
func (s *Server) edit(m *message, body content) {
	if body.hasText {
		m.text = body.text
	}
	if body.hasBlocks {
		m.blocks = body.blocks
	}
	if body.hasMeta {
		m.metadata = body.metadata
	}
	m.attachments = body.attachments
	m.edits++
	m.editedTS = s.nextTS()
	s.touch()
}

func (s *Server) chatPostEphemeral(c *call) (result, error) {
	body, err := s.parseContent(c)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ch, err := s.openChannel(c.str("channel"))
	if err != nil {
		return nil, err
	}
	if body.empty() {
		return nil, refuse("no_text")
	}
	if !ch.has(c.str("user")) {
		return nil, refuse("user_not_in_channel")
	}
	m := s.whisper(ch, c.str("user"), c.str("thread_ts"), body)
	return result{"message_ts": m.ts}, nil
}

// whisper shows a message to one person. The caller holds mu.
func (s *Server) whisper(ch *channel, to, thread string, body content) *message {
	m := &message{
		ts: s.nextTS(), threadTS: thread, user: botUser, text: body.text, blocks: body.blocks,
		attachments: body.attachments, ephemeralTo: to, channel: ch,
	}
	if u := s.findUser(to); u != nil {
		u.ephemerals = append(u.ephemerals, m)
	}
	s.touch()
	return m
}

func (s *Server) chatDelete(c *call) (result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch, err := s.openChannel(c.str("channel"))
	if err != nil {
		return nil, err
	}
	m := ch.find(c.str("ts"))
	switch {
	case m == nil:
		return nil, refuse("message_not_found")
	case m.user != botUser:
		return nil, refuse("cant_delete_message")
	}
	m.deleted = true
	s.touch()
	return result{"channel": ch.id, "ts": m.ts}, nil
}

func (s *Server) chatGetPermalink(c *call) (result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.findChannel(c.str("channel"))
	if ch == nil {
		return nil, refuse("channel_not_found")
	}
	m := ch.find(c.str("message_ts"))
	if m == nil {
		return nil, refuse("message_not_found")
	}
	link := s.baseURL + "/archives/" + ch.id + "/p" + strings.ReplaceAll(m.ts, ".", "")
	if m.threadTS != "" {
		link += "?thread_ts=" + m.threadTS + "&cid=" + ch.id
	}
	return result{"channel": ch.id, "permalink": link}, nil
}

func (s *Server) reactionsAdd(c *call) (result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.target(c)
	if err != nil {
		return nil, err
	}
	name := strings.Trim(c.str("name"), ":")
	if name == "" {
		return nil, refuse("invalid_name")
	}
	if !m.react(name, botUser) {
		return nil, refuse("already_reacted")
	}
	s.touch()
	return nil, nil
}

// react reports false when the person had put it there before.
func (m *message) react(name, by string) bool {
	i := slices.IndexFunc(m.reactions, func(r Reaction) bool { return r.Name == name })
	if i < 0 {
		m.reactions = append(m.reactions, Reaction{Name: name, Users: []string{by}})
		return true
	}
	if slices.Contains(m.reactions[i].Users, by) {
		return false
	}
	m.reactions[i].Users = append(m.reactions[i].Users, by)
	return true
}

func (s *Server) pinsAdd(c *call) (result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.target(c)
	if err != nil {
		return nil, err
	}
	if m.pinned {
		return nil, refuse("already_pinned")
	}
	m.pinned = true
	s.touch()
	return nil, nil
}

// target is the message of channel and timestamp. The caller holds mu.
func (s *Server) target(c *call) (*message, error) {
	ch, err := s.openChannel(c.str("channel"))
	if err != nil {
		return nil, err
	}
	if c.str("timestamp") == "" {
		return nil, refuse("no_item_specified")
	}
	m := ch.find(c.str("timestamp"))
	if m == nil {
		return nil, refuse("message_not_found")
	}
	return m, nil
}
