package slackfake

import (
	"fmt"
	"slices"
)

// interactive checks an element that can be tapped; seen holds the block's action IDs.
func (c *check) interactive(at string, el object, seen map[string]bool) {
	kind, _ := el["type"].(string)
	c.actionID(at, el, seen)
	switch kind {
	case "button":
		c.button(at, el)
	case "overflow":
		c.overflow(at, el)
	case "static_select", "multi_static_select":
		c.options(at, el, 1, maxSelectOptions)
	case "checkboxes", "radio_buttons":
		c.options(at, el, 1, 10)
	default:
		c.otherElement(at, kind)
	}
	c.confirm(at+"/confirm", el["confirm"])
}

func (c *check) otherElement(at, kind string) {
	known := []string{
		"users_select", "conversations_select", "channels_select", "external_select",
		"multi_users_select", "multi_conversations_select", "multi_channels_select", "multi_external_select",
		"datepicker", "timepicker", "datetimepicker", "plain_text_input", "rich_text_input",
		"email_text_input", "url_text_input", "number_input", "file_input", "workflow_button",
	}
	if !slices.Contains(known, kind) {
		c.fail(at, "unsupported type: %s", kind)
	}
}

func (c *check) actionID(at string, el object, seen map[string]bool) {
	c.optional(at+"/action_id", el["action_id"], maxID)
	id, _ := el["action_id"].(string)
	if id == "" {
		return
	}
	if seen[id] {
		c.fail(at+"/action_id", "action_id %q already exists for this block", id)
	}
	seen[id] = true
}

func (c *check) button(at string, el object) {
	c.keys(at, el, "type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label")
	c.plain(at+"/text", el["text"], maxButtonText)
	c.optional(at+"/value", el["value"], maxValue)
	c.optional(at+"/url", el["url"], maxURL)
	c.optional(at+"/accessibility_label", el["accessibility_label"], maxButtonText)
	c.style(at, el)
}

func (c *check) style(at string, o object) {
	if style, set := o["style"]; set && style != "primary" && style != "danger" {
		c.fail(at+"/style", "must be one of: primary, danger")
	}
}

func (c *check) overflow(at string, el object) {
	c.keys(at, el, "type", "action_id", "options", "confirm")
	c.options(at, el, 1, maxOverflow)
}

func (c *check) options(at string, el object, least, most int) {
	if _, grouped := el["option_groups"]; grouped {
		return
	}
	list, _ := el["options"].([]any)
	if len(list) < least || len(list) > most {
		c.fail(at+"/options", "must have %d to %d items", least, most)
	}
	for i, v := range list {
		o, _ := v.(object)
		c.option(fmt.Sprintf("%s/options/%d", at, i), o, el["type"])
	}
}

// option checks an option object; only those of an overflow may have a URL.
func (c *check) option(at string, o object, parent any) {
	allowed := []string{"text", "value", "description"}
	if parent == "overflow" {
		allowed = append(allowed, "url")
	}
	c.keys(at, o, allowed...)
	if parent == "checkboxes" || parent == "radio_buttons" {
		c.text(at+"/text", o["text"], maxOptionText)
	} else {
		c.plain(at+"/text", o["text"], maxOptionText)
	}
	c.length(at+"/value", o["value"], 1, maxOptionValue)
	c.optional(at+"/url", o["url"], maxURL)
	if o["description"] != nil {
		c.text(at+"/description", o["description"], maxOptionText)
	}
}

func (c *check) confirm(at string, v any) {
	if v == nil {
		return
	}
	o, _ := v.(object)
	c.keys(at, o, "title", "text", "confirm", "deny", "style")
	c.plain(at+"/title", o["title"], maxConfirmTitle)
	c.text(at+"/text", o["text"], maxConfirmText)
	c.plain(at+"/confirm", o["confirm"], maxConfirmButton)
	c.plain(at+"/deny", o["deny"], maxConfirmButton)
	c.style(at, o)
}
