package slackfake

import (
	"encoding/json"
	"time"
	"unicode/utf8"
)

const (
	triggerLife   = 3 * time.Second
	maxStack      = 3
	maxViewTitle  = 24
	maxPrivate    = 3000
	maxViewLength = 250_000
)

// trigger is what a tap hands over to open one modal.
type trigger struct {
	userID string
	at     time.Time
	used   bool
}

// view is an open modal.
type view struct {
	id, hash, userID string
	body             map[string]json.RawMessage // as sent, blocks with their IDs
	externalID       string
}

// newTrigger makes a trigger_id. The caller holds mu.
func (s *Server) newTrigger(userID string) string {
	id := s.nextID("trigger.") + "." + secret()
	s.triggers[id] = &trigger{userID: userID, at: s.cfg.Clock()}
	return id
}

// spend uses a trigger up. The caller holds mu.
func (s *Server) spend(id string) (*user, error) {
	t := s.triggers[id]
	switch {
	case t == nil:
		return nil, refuse("invalid_trigger_id")
	case t.used:
		return nil, refuse("exchanged_trigger_id")
	case s.cfg.Clock().Sub(t.at) > triggerLife:
		return nil, refuse("expired_trigger_id")
	}
	t.used = true
	return s.findUser(t.userID), nil
}

func (s *Server) viewsOpen(c *call) (result, error) {
	return s.raise(c, func(u *user, v *view) error {
		u.stack = []*view{v}
		return nil
	})
}

func (s *Server) viewsPush(c *call) (result, error) {
	return s.raise(c, func(u *user, v *view) error {
		if len(u.stack) >= maxStack {
			return refuse("push_limit_reached")
		}
		u.stack = append(u.stack, v)
		return nil
	})
}

func (s *Server) raise(c *call, place func(*user, *view) error) (result, error) {
	if err := c.need("trigger_id", "view"); err != nil {
		return nil, err
	}
	body, err := s.parseView(c.raw("view"))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.spend(c.str("trigger_id"))
	if err != nil {
		return nil, err
	}
	v, err := s.newView(u.id, body)
	if err != nil {
		return nil, err
	}
	if err := place(u, v); err != nil {
		return nil, err
	}
	s.touch()
	return result{"view": v.wire(nil)}, nil
}

// newView registers a view. The caller holds mu.
func (s *Server) newView(userID string, body map[string]json.RawMessage) (*view, error) {
	v := &view{id: s.nextID("V"), userID: userID, body: body, externalID: text(body["external_id"])}
	for _, other := range s.views {
		if v.externalID != "" && other.externalID == v.externalID {
			return nil, refuse("duplicate_external_id")
		}
	}
	v.hash = s.nextID("hash.")
	s.views[v.id] = v
	return v, nil
}

func (s *Server) viewsUpdate(c *call) (result, error) {
	body, err := s.parseView(c.raw("view"))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.findView(c.str("view_id"), c.str("external_id"))
	switch {
	case v == nil:
		return nil, refuse("not_found")
	case c.str("hash") != "" && c.str("hash") != v.hash:
		return nil, refuse("hash_conflict")
	}
	v.body, v.hash = body, s.nextID("hash.")
	s.touch()
	return result{"view": v.wire(nil)}, nil
}

func (s *Server) findView(id, externalID string) *view {
	if v := s.views[id]; v != nil {
		return v
	}
	for _, v := range s.views {
		if externalID != "" && v.externalID == externalID {
			return v
		}
	}
	return nil
}

// parseView validates a modal by the view reference.
func (s *Server) parseView(raw json.RawMessage) (map[string]json.RawMessage, error) {
	var body map[string]json.RawMessage
	if json.Unmarshal(raw, &body) != nil {
		return nil, refuse("invalid_arguments", "[ERROR] must provide an object [json-pointer:/view]")
	}
	if len(raw) > maxViewLength {
		return nil, refuse("view_too_large")
	}
	if faults := viewFaults(body); len(faults) > 0 {
		return nil, refuse("invalid_arguments", faults...)
	}
	blocks, err := s.parseBlocks(body["blocks"], maxViewBlocks)
	if err != nil {
		return nil, err
	}
	body["blocks"] = blocks
	return body, nil
}

func viewFaults(body map[string]json.RawMessage) []string {
	c := &check{}
	if text(body["type"]) != "modal" {
		c.fail("/view/type", "must be one of: modal")
	}
	for _, key := range []string{"title", "submit", "close"} {
		if raw, ok := body[key]; ok || key == "title" {
			var o object
			_ = json.Unmarshal(raw, &o)
			c.plain("/view/"+key, o, maxViewTitle)
		}
	}
	if utf8.RuneCountInString(text(body["private_metadata"])) > maxPrivate {
		c.fail("/view/private_metadata", "must be less than %d characters", maxPrivate+1)
	}
	if utf8.RuneCountInString(text(body["callback_id"])) > maxID {
		c.fail("/view/callback_id", "must be less than %d characters", maxID+1)
	}
	if _, submit := body["submit"]; !submit && hasInput(body["blocks"]) {
		c.fail("/view", "missing required field: submit")
	}
	return c.faults
}

func hasInput(raw json.RawMessage) bool {
	var blocks []object
	_ = json.Unmarshal(raw, &blocks)
	for _, b := range blocks {
		if b["type"] == "input" {
			return true
		}
	}
	return false
}

// text decodes a JSON string; anything else is "".
func text(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s)
	return s
}

// wire is the view as payloads and answers show it. The caller holds mu.
func (v *view) wire(values any) result {
	if values == nil {
		values = result{}
	}
	out := result{
		"id": v.id, "team_id": teamID, "hash": v.hash, "app_id": appID, "bot_id": botID,
		"root_view_id": v.id, "previous_view_id": nil, "app_installed_team_id": teamID,
		"state": result{"values": values}, "private_metadata": "", "callback_id": "", "external_id": "",
	}
	for k, raw := range v.body {
		out[k] = raw
	}
	return out
}
