package slackfake

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Tap sends a tap on a control to the app, and returns how that took it. Whoever
// taps sees the message as it is now, but sends the value that the control had
// when it was read: a phone that hasn't caught up does just that.
func (u *User) Tap(c Control, opts ...Option) Answer {
	if c.missing != nil {
		return Answer{Err: c.missing}
	}
	o := u.s.newSending(opts)
	payload, a, err := u.tapPayload(c)
	if err != nil {
		return Answer{Err: err}
	}
	return u.sendTap(c, payload, a, o)
}

// TapTwice sends the very same tap twice, one after the other, as Slack sometimes does.
func (u *User) TapTwice(c Control, opts ...Option) (first, second Answer) {
	if c.missing != nil {
		return Answer{Err: c.missing}, Answer{Err: c.missing}
	}
	o := u.s.newSending(opts)
	payload, a, err := u.tapPayload(c)
	if err != nil {
		return Answer{Err: err}, Answer{Err: err}
	}
	return u.sendTap(c, payload, a, o), u.sendTap(c, payload, a, o)
}

func (u *User) sendTap(c Control, payload result, given Answer, o *sending) Answer {
	a := u.s.deliver(kindTap, payload, o)
	a.ActionTS, a.TriggerID, a.ResponseURL = given.ActionTS, given.TriggerID, given.ResponseURL
	u.s.blame(a, u.id, c.message.Channel, "the action")
	return a
}

func (u *User) tapPayload(c Control) (result, Answer, error) {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	payload, err := u.s.payload("block_actions", u.id)
	if err != nil {
		return nil, Answer{}, err
	}
	ts := u.s.nextTS()
	payload["actions"] = []result{c.action(ts)}
	payload["state"] = result{"values": result{}}
	given := Answer{ActionTS: ts, TriggerID: payload["trigger_id"].(string)}
	if c.viewID != "" {
		return payload, given, u.s.viewContext(payload, c)
	}
	given.ResponseURL, err = u.s.messageContext(payload, c, u.id)
	return payload, given, err
}

// payload is what every interaction begins with. The caller holds mu.
func (s *Server) payload(kind, userID string) (result, error) {
	person := s.findUser(userID)
	if person == nil {
		return nil, fmt.Errorf("nobody with the ID %s", userID)
	}
	if err := person.canAct(); err != nil {
		return nil, err
	}
	return result{
		"type": kind, "api_app_id": appID, "token": "deprecated",
		"user":       result{"id": person.id, "username": person.name, "name": person.name, "team_id": person.workspace()},
		"team":       s.team(),
		"enterprise": s.enterprise(), "is_enterprise_install": s.cfg.OrgWide, "trigger_id": s.newTrigger(userID),
	}, nil
}

// messageContext adds where the tap was. The caller holds mu.
func (s *Server) messageContext(payload result, c Control, userID string) (string, error) {
	m := s.stored(c.message)
	if m == nil {
		return "", fmt.Errorf("the message is gone: %s", c.message)
	}
	ephemeral := m.ephemeralTo != ""
	if ephemeral && m.ephemeralTo != userID || !ephemeral && !m.channel.has(userID) {
		return "", fmt.Errorf("%s can't see the message: %s", userID, c.message)
	}
	box := result{"type": "message", "message_ts": m.ts, "channel_id": m.channel.id, "is_ephemeral": ephemeral}
	if m.threadTS != "" {
		box["thread_ts"] = m.threadTS
	}
	payload["container"] = box
	payload["channel"] = result{"id": m.channel.id, "name": m.channel.name}
	if !ephemeral { // Slack leaves the message out of payloads from ephemeral ones
		payload["message"] = s.wire(m, true)
	}
	link := s.newResponseURL("actions", userID, m.channel, m)
	payload["response_url"] = link
	return link, nil
}

// viewContext adds the modal. The caller holds mu.
func (s *Server) viewContext(payload result, c Control) error {
	v := s.views[c.viewID]
	if v == nil {
		return fmt.Errorf("the modal %s is closed", c.viewID)
	}
	payload["container"] = result{"type": "view", "view_id": v.id}
	payload["view"] = v.wire(nil)
	return nil
}

// stored is the message behind a copy. The caller holds mu.
func (s *Server) stored(m Message) *message {
	if u := s.findUser(m.EphemeralTo); u != nil {
		for _, e := range u.ephemerals {
			if e.ts == m.TS && !e.deleted {
				return e
			}
		}
		return nil
	}
	if ch := s.findChannel(m.Channel); ch != nil {
		return ch.find(m.TS)
	}
	return nil
}

// Command types a slash command into a channel. An answer in the response is shown.
func (u *User) Command(c *Channel, command, text string, opts ...Option) Answer {
	o := u.s.newSending(opts)
	payload, ch, err := u.commandPayload(c, command, text)
	if err != nil {
		return Answer{Err: err}
	}
	a := u.s.deliver(kindCommand, payload, o)
	a.TriggerID, a.ResponseURL = payload["trigger_id"].(string), payload["response_url"].(string)
	u.s.blame(a, u.id, c.id, command)
	if a.OK() {
		u.s.showAnswer(u.id, ch, a.Body)
	}
	return a
}

func (u *User) commandPayload(c *Channel, command, text string) (result, *channel, error) {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	ch, person := u.s.findChannel(c.id), u.s.findUser(u.id)
	if ch == nil || person == nil {
		return nil, nil, fmt.Errorf("no channel %s or nobody with the ID %s", c.id, u.id)
	}
	if err := person.canAct(); err != nil {
		return nil, nil, err
	}
	payload := result{
		"token": "deprecated", "team_id": teamID, "team_domain": teamName, "channel_id": ch.id,
		"channel_name": ch.name, "user_id": u.id, "user_name": person.name, "command": command, "text": text,
		"api_app_id": appID, "is_enterprise_install": fmt.Sprint(u.s.cfg.OrgWide), "trigger_id": u.s.newTrigger(u.id),
		"response_url": u.s.newResponseURL("commands", u.id, ch, nil),
	}
	if u.s.cfg.Enterprise != "" {
		payload["enterprise_id"], payload["enterprise_name"] = u.s.cfg.Enterprise, "stand-in"
	}
	return payload, ch, nil
}

// showAnswer posts what a command's response says: JSON like a response URL's, or plain text.
func (s *Server) showAnswer(userID string, ch *channel, body []byte) {
	if len(strings.TrimSpace(string(body))) == 0 {
		return
	}
	c := &call{args: map[string]json.RawMessage{}}
	if json.Unmarshal(body, &c.args) != nil {
		plain, _ := json.Marshal(string(body))
		c.args = map[string]json.RawMessage{"text": plain}
	}
	said, err := s.parseContent(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = s.reply(&responseURL{userID: userID, channel: ch}, c, said)
	}
	if err != nil {
		s.notify(userID, Notice{Channel: ch.id, Code: "invalid_command_response", Text: "the app's answer was refused: " + err.Error()})
	}
}
