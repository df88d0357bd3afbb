package slackfake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// Say writes a message as a person and tells the app. The answer is to the first
// delivery; Slack's repetitions go on in the background.
func (u *User) Say(c *Channel, text string, opts ...Option) Answer {
	u.s.mu.Lock()
	ch := u.s.findChannel(c.id)
	if ch == nil || !ch.has(u.id) {
		u.s.mu.Unlock()
		return Answer{Err: fmt.Errorf("%s is not in %s", u.id, c.id)}
	}
	m := u.s.post(ch, u.id, "", content{text: text})
	event := u.s.messageEvent(m)
	u.s.mu.Unlock()
	return u.s.SendEvent(event, opts...)
}

// messageEvent is what the app is told of a message. The caller holds mu.
func (s *Server) messageEvent(m *message) map[string]any {
	e := map[string]any{"type": "message", "channel": m.channel.id, "channel_type": "channel", "event_ts": s.nextTS()}
	if m.channel.direct != "" {
		e["channel_type"] = "im"
	}
	maps.Copy(e, s.wire(m, false))
	return e
}

// SendEvent delivers an event, and repeats it in the background until it is taken.
func (s *Server) SendEvent(event map[string]any, opts ...Option) Answer {
	s.mu.Lock()
	wrapped := result{
		"token": "deprecated", "team_id": teamID, "api_app_id": appID, "type": "event_callback",
		"event": event, "event_id": s.nextID("Ev"), "event_time": s.cfg.Clock().Unix(),
		"authorizations": []result{{"team_id": teamID, "user_id": botUser, "is_bot": true}},
	}
	s.mu.Unlock()
	a := s.deliver(kindEvent, wrapped, s.newSending(opts))
	if s.wants(kindEvent) && !a.OK() && !a.noRetry {
		s.background(func() { s.repeat(wrapped, a, opts) })
	}
	return a
}

// wants reports whether the app has subscribed by way of an endpoint or a socket.
func (s *Server) wants(kind string) bool {
	return s.cfg.AppToken != "" || s.endpoint(kind) != ""
}

func (s *Server) repeat(wrapped result, last Answer, opts []Option) {
	for i, wait := range s.cfg.EventRetries {
		select {
		case <-time.After(wait):
		case <-s.ctx.Done():
			return
		}
		o := s.newSending(opts)
		o.header.Set("X-Slack-Retry-Num", strconv.Itoa(i+1))
		o.header.Set("X-Slack-Retry-Reason", reason(last))
		if last = s.deliver(kindEvent, wrapped, o); last.OK() || last.noRetry {
			return
		}
	}
}

func reason(a Answer) string {
	switch {
	case a.TimedOut:
		return "http_timeout"
	case a.Err != nil:
		return "connection_failed"
	}
	return "http_error"
}

// VerifyEventsURL does what Slack does when the URL is entered in the app's settings.
func (s *Server) VerifyEventsURL(opts ...Option) error {
	challenge := secret()
	a := s.deliver(kindEvent, result{"token": "deprecated", "type": "url_verification", "challenge": challenge}, s.newSending(opts))
	if a.Err != nil {
		return fmt.Errorf("verifying the events URL: %w", a.Err)
	}
	var said struct{ Challenge string }
	_ = json.Unmarshal(a.Body, &said)
	plain := string(bytes.TrimSpace(a.Body)) == challenge
	if a.Status != http.StatusOK || !plain && said.Challenge != challenge {
		return fmt.Errorf("verifying the events URL: it answered %d %q, not the challenge", a.Status, a.Body)
	}
	return nil
}
