package slackfake

import (
	"encoding/json"
	"fmt"
)

// View is a modal that a person has open, as it was when it was read.
type View struct {
	ID         string          `json:"id"`
	Title      string          `json:"title"`
	CallbackID string          `json:"callback_id,omitempty"`
	Metadata   string          `json:"private_metadata,omitempty"`
	Submit     string          `json:"submit,omitempty"`
	Close      string          `json:"close,omitempty"`
	Blocks     json.RawMessage `json:"blocks"`
}

// View is the modal on top; ok is false when none is open.
func (u *User) View() (v View, ok bool) {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	top := u.s.top(u.id)
	if top == nil {
		return View{}, false
	}
	return top.public(), true
}

// String is the modal as a person would read it.
func (v View) String() string {
	return v.Title + "\n" + Message{Blocks: v.Blocks}.String()
}

func (v *view) public() View {
	label := func(key string) string {
		var o object
		_ = json.Unmarshal(v.body[key], &o)
		return textOf(o)
	}
	return View{
		ID: v.id, Title: label("title"), Submit: label("submit"), Close: label("close"),
		CallbackID: text(v.body["callback_id"]), Metadata: text(v.body["private_metadata"]), Blocks: v.body["blocks"],
	}
}

// top is nil when no modal is open. The caller holds mu.
func (s *Server) top(userID string) *view {
	u := s.findUser(userID)
	if u == nil || len(u.stack) == 0 {
		return nil
	}
	return u.stack[len(u.stack)-1]
}

// Submit sends the modal on top. Values are by block ID and action ID, each in the
// shape that its element has in view.state.
func (u *User) Submit(values map[string]map[string]any, opts ...Option) Answer {
	o := u.s.newSending(opts)
	payload, v, err := u.submission(values)
	if err != nil {
		return Answer{Err: err}
	}
	a := u.s.deliver(kindTap, payload, o)
	a.TriggerID = payload["trigger_id"].(string)
	u.s.blame(a, u.id, "", "submitting")
	if a.OK() {
		a.FieldErrors, a.Err = u.s.afterSubmit(v, a.Body)
	}
	return a
}

func (u *User) submission(values map[string]map[string]any) (result, *view, error) {
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	v := u.s.top(u.id)
	if v == nil {
		return nil, nil, fmt.Errorf("%s has no modal open", u.id)
	}
	payload, err := u.s.payload("view_submission", u.id)
	if err != nil {
		return nil, nil, err
	}
	var state any
	if values != nil {
		state = values
	}
	payload["view"] = v.wire(state)
	payload["response_urls"] = []string{}
	return payload, v, nil
}

// closeView takes a modal off its stack. The caller holds mu.
func (s *Server) closeView(v *view) {
	person := s.findUser(v.userID)
	kept := person.stack[:0:0]
	for _, other := range person.stack {
		if other != v {
			kept = append(kept, other)
		}
	}
	person.stack = kept
	delete(s.views, v.id)
	s.touch()
}

// afterSubmit does what the app's answer asks for. Nothing asked for closes the modal.
func (s *Server) afterSubmit(v *view, body []byte) (map[string]string, error) {
	var said struct {
		Action string            `json:"response_action"`
		View   json.RawMessage   `json:"view"`
		Errors map[string]string `json:"errors"`
	}
	_ = json.Unmarshal(body, &said)
	switch said.Action {
	case "errors":
		return said.Errors, nil
	case "update", "push":
		return nil, s.nextView(v, said.Action == "push", said.View)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if said.Action != "clear" {
		s.closeView(v)
		return nil, nil
	}
	for top := s.top(v.userID); top != nil; top = s.top(v.userID) {
		s.closeView(top)
	}
	return nil, nil
}

func (s *Server) nextView(v *view, push bool, raw json.RawMessage) error {
	body, err := s.parseView(raw)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !push {
		v.body, v.hash = body, s.nextID("hash.")
		s.touch()
		return nil
	}
	next, err := s.newView(v.userID, body)
	if err != nil {
		return err
	}
	person := s.findUser(v.userID)
	if len(person.stack) >= maxStack {
		return refuse("push_limit_reached")
	}
	person.stack = append(person.stack, next)
	s.touch()
	return nil
}
