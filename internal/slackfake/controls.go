package slackfake

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Control is something that a person can tap: a button, or one option of an overflow menu.
type Control struct {
	Kind, Label, Value, URL, Style string
	BlockID, ActionID              string
	Confirm                        *Confirm // nil: no dialog is shown first

	text    any     // the button's text object
	option  object  // the chosen option of a menu
	message Message // where it is; zero within a modal
	viewID  string
	missing error
}

// Confirm is the dialog that Slack shows before it sends the tap.
type Confirm struct {
	Title, Text, Confirm, Deny, Style string
}

// Exists reports whether the control was found.
func (c Control) Exists() bool { return c.missing == nil }

// Button finds a button by its label: the whole of it, or else a part.
func (m Message) Button(label string) Control {
	return pick(m.Controls(), "button", label, m.String())
}

// Overflow finds an option of an overflow menu by its text.
func (m Message) Overflow(label string) Control {
	return pick(m.Controls(), "overflow", label, m.String())
}

// Control finds a control by its IDs, and an overflow's option by its value.
func (m Message) Control(blockID, actionID, value string) Control {
	for _, c := range m.Controls() {
		if c.BlockID == blockID && c.ActionID == actionID && (c.Kind != "overflow" || c.Value == value) {
			return c
		}
	}
	return Control{missing: fmt.Errorf("no control %s/%s in:\n%s", blockID, actionID, m)}
}

// Controls are all that can be tapped in the message, in reading order.
func (m Message) Controls() []Control {
	out := controls(m.Blocks)
	for i := range out {
		out[i].message = m
	}
	return out
}

func pick(all []Control, kind, label, where string) Control {
	for _, whole := range []bool{true, false} {
		for _, c := range all {
			if c.Kind == kind && (c.Label == label || !whole && strings.Contains(c.Label, label)) {
				return c
			}
		}
	}
	return Control{missing: fmt.Errorf("no %s %q in:\n%s", kind, label, where)}
}

func controls(raw json.RawMessage) []Control {
	var blocks []object
	_ = json.Unmarshal(raw, &blocks)
	var out []Control
	for _, b := range blocks {
		for _, el := range blockElements(b) {
			out = append(out, controlsOf(b, el)...)
		}
	}
	return out
}

func controlsOf(block, el object) []Control {
	base := Control{
		Kind: str(el, "type"), BlockID: str(block, "block_id"), ActionID: str(el, "action_id"),
		Style: str(el, "style"), Confirm: confirmOf(el),
	}
	switch base.Kind {
	case "button":
		base.text, base.Label = el["text"], textOf(el["text"])
		base.Value, base.URL = str(el, "value"), str(el, "url")
		return []Control{base}
	case "overflow":
		return optionsOf(base, el)
	}
	return nil
}

func optionsOf(base Control, el object) []Control {
	list, _ := el["options"].([]any)
	out := make([]Control, 0, len(list))
	for _, v := range list {
		c := base
		c.option, _ = v.(object)
		c.Label, c.Value, c.URL = textOf(c.option["text"]), str(c.option, "value"), str(c.option, "url")
		out = append(out, c)
	}
	return out
}

func confirmOf(el object) *Confirm {
	o, ok := el["confirm"].(object)
	if !ok {
		return nil
	}
	return &Confirm{
		Title: textOf(o["title"]), Text: textOf(o["text"]),
		Confirm: textOf(o["confirm"]), Deny: textOf(o["deny"]), Style: str(o, "style"),
	}
}

func str(o object, key string) string {
	s, _ := o[key].(string)
	return s
}

// action is the control's entry in a payload's actions.
func (c Control) action(ts string) result {
	a := result{"type": c.Kind, "action_id": c.ActionID, "block_id": c.BlockID, "action_ts": ts}
	if c.option != nil {
		a["selected_option"] = c.option
		return a
	}
	a["text"] = c.text
	if c.Value != "" {
		a["value"] = c.Value
	}
	if c.Style != "" {
		a["style"] = c.Style
	}
	return a
}
