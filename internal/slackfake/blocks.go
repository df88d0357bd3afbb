package slackfake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Limits of the Block Kit reference, in characters unless they count things.
const (
	maxMessageBlocks = 50
	maxViewBlocks    = 100
	maxText          = 3000
	maxField         = 2000
	maxFields        = 10
	maxActions       = 25
	maxContext       = 10
	maxHeader        = 150
	maxButtonText    = 75
	maxValue         = 2000
	maxID            = 255
	maxURL           = 3000
	maxConfirmTitle  = 100
	maxConfirmText   = 300
	maxConfirmButton = 30
	maxOverflow      = 5
	maxOptionText    = 75
	maxOptionValue   = 150
	maxSelectOptions = 100
	maxMarkdown      = 12000
	maxMessageText   = 40000
	maxBlocksText    = 12000 // of all blocks of a message: undocumented, and less exact than this
)

// object is a block, an element or a composition object as it came.
type object = map[string]any

// check collects everything that is wrong with a list of blocks.
type check struct {
	faults   []string
	blockIDs map[string]bool
}

func (c *check) fail(at, format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf("[ERROR] %s [json-pointer:%s]", fmt.Sprintf(format, args...), at))
}

// parseBlocks validates blocks and fills the IDs in that Slack would make up.
func (s *Server) parseBlocks(raw json.RawMessage, most int) (json.RawMessage, error) {
	blocks, err := decodeBlocks(raw)
	if err != nil {
		return nil, err
	}
	c := &check{blockIDs: map[string]bool{}}
	if len(blocks) > most {
		c.fail("/blocks", "no more than %d items allowed", most)
	}
	long := 0
	for i, b := range blocks {
		c.block(fmt.Sprintf("/blocks/%d", i), b)
		long += texts(b)
	}
	if len(c.faults) > 0 {
		return nil, refuse("invalid_blocks", c.faults...)
	}
	if most == maxMessageBlocks && long > maxBlocksText {
		return nil, refuse("msg_blocks_too_long")
	}
	s.fillIDs(blocks)
	return json.Marshal(blocks)
}

// texts counts the characters of everything named text in a block.
func texts(v any) (n int) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			n += texts(e)
		}
	case object:
		for name, e := range v {
			if s, ok := e.(string); ok && name == "text" {
				n += utf8.RuneCountInString(s)
			} else {
				n += texts(e)
			}
		}
	}
	return n
}

func decodeBlocks(raw json.RawMessage) ([]object, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var blocks []object
	if err := dec.Decode(&blocks); err != nil {
		return nil, refuse("invalid_blocks_format")
	}
	return blocks, nil
}

// block checks one block by its type.
func (c *check) block(at string, b object) {
	kind, _ := b["type"].(string)
	c.blockID(at, b)
	switch kind {
	case "section":
		c.section(at, b)
	case "actions":
		c.elements(at, b, maxActions, c.interactive)
	case "context":
		c.elements(at, b, maxContext, c.contextElement)
	case "header":
		c.keys(at, b, "type", "block_id", "text")
		c.plain(at+"/text", b["text"], maxHeader)
	case "image":
		c.image(at, b)
	case "input":
		c.input(at, b)
	case "markdown":
		c.length(at+"/text", b["text"], 1, maxMarkdown)
	default:
		c.other(at, kind)
	}
}

// other lets the block types pass whose contents are not looked into.
func (c *check) other(at, kind string) {
	known := []string{
		"divider", "rich_text", "file", "video", "call", "table", "context_actions",
		"data_table", "data_visualization", "task_card", "plan", "alert", "card", "carousel", "container",
	}
	if !slices.Contains(known, kind) {
		c.fail(at, "unsupported type: %s", kind)
	}
}

func (c *check) blockID(at string, b object) {
	c.optional(at+"/block_id", b["block_id"], maxID)
	id, _ := b["block_id"].(string)
	if id == "" {
		return
	}
	if c.blockIDs[id] {
		c.fail(at+"/block_id", "block_id %q already exists", id)
	}
	c.blockIDs[id] = true
}

func (c *check) section(at string, b object) {
	c.keys(at, b, "type", "block_id", "text", "fields", "accessory", "expand")
	fields, hasFields := b["fields"].([]any)
	if b["text"] == nil && !hasFields {
		c.fail(at, "missing required field: text")
	}
	if b["text"] != nil {
		c.text(at+"/text", b["text"], maxText)
	}
	if hasFields && (len(fields) < 1 || len(fields) > maxFields) {
		c.fail(at+"/fields", "must have 1 to %d items", maxFields)
	}
	for i, f := range fields {
		c.text(fmt.Sprintf("%s/fields/%d", at, i), f, maxField)
	}
	if b["accessory"] != nil {
		c.accessory(at+"/accessory", b["accessory"])
	}
}

func (c *check) accessory(at string, v any) {
	el, _ := v.(object)
	if el["type"] == "image" {
		c.image(at, el)
		return
	}
	c.interactive(at, el, map[string]bool{})
}

func (c *check) elements(at string, b object, most int, each func(string, object, map[string]bool)) {
	c.keys(at, b, "type", "block_id", "elements")
	list, _ := b["elements"].([]any)
	if len(list) < 1 || len(list) > most {
		c.fail(at+"/elements", "must have 1 to %d items", most)
	}
	seen := map[string]bool{}
	for i, v := range list {
		el, _ := v.(object)
		each(fmt.Sprintf("%s/elements/%d", at, i), el, seen)
	}
}

func (c *check) contextElement(at string, el object, _ map[string]bool) {
	if el["type"] == "image" {
		c.image(at, el)
		return
	}
	c.text(at, el, maxText)
}

func (c *check) image(at string, b object) {
	_, hasFile := b["slack_file"]
	if !hasFile {
		c.length(at+"/image_url", b["image_url"], 1, maxURL)
	}
	c.length(at+"/alt_text", b["alt_text"], 1, maxField)
	if b["title"] != nil {
		c.plain(at+"/title", b["title"], maxField)
	}
}

func (c *check) input(at string, b object) {
	c.plain(at+"/label", b["label"], maxField)
	if b["hint"] != nil {
		c.plain(at+"/hint", b["hint"], maxField)
	}
	el, _ := b["element"].(object)
	if el["type"] == "button" || el["type"] == "overflow" {
		c.fail(at+"/element", "unsupported type: %v", el["type"])
		return
	}
	c.interactive(at+"/element", el, map[string]bool{})
}

// text checks a text object of either type.
func (c *check) text(at string, v any, most int) {
	t, _ := v.(object)
	switch t["type"] {
	case "mrkdwn":
		c.keys(at, t, "type", "text", "verbatim")
	case "plain_text":
		c.keys(at, t, "type", "text", "emoji")
	default:
		c.fail(at, "must be a valid text object")
		return
	}
	c.length(at+"/text", t["text"], 1, most)
}

func (c *check) plain(at string, v any, most int) {
	if t, _ := v.(object); t["type"] != "plain_text" {
		c.fail(at, "must be a plain_text object")
		return
	}
	c.text(at, v, most)
}

func (c *check) length(at string, v any, least, most int) {
	s, ok := v.(string)
	switch n := utf8.RuneCountInString(s); {
	case !ok:
		c.fail(at, "missing required field")
	case n < least:
		c.fail(at, "must be more than %d characters", least-1)
	case n > most:
		c.fail(at, "must be less than %d characters", most+1)
	}
}

func (c *check) optional(at string, v any, most int) {
	if v != nil {
		c.length(at, v, 0, most)
	}
}

// keys refuses members that the reference does not name.
func (c *check) keys(at string, o object, allowed ...string) {
	for k := range o {
		if !slices.Contains(allowed, k) {
			c.fail(at, "invalid additional property: %s", k)
		}
	}
}

// fillIDs gives each block, and each element that can be tapped, the ID that Slack would.
func (s *Server) fillIDs(blocks []object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range blocks {
		s.fill(b, "block_id")
		for _, el := range blockElements(b) {
			if el["type"] != "image" && el["type"] != "mrkdwn" && el["type"] != "plain_text" {
				s.fill(el, "action_id")
			}
		}
	}
}

func (s *Server) fill(o object, key string) {
	if id, _ := o[key].(string); id == "" {
		o[key] = s.nextID("x")
	}
}

// blockElements are a block's elements, its accessory and its input.
func blockElements(b object) []object {
	var out []object
	if b["type"] == "actions" {
		list, _ := b["elements"].([]any)
		for _, v := range list {
			if el, ok := v.(object); ok {
				out = append(out, el)
			}
		}
	}
	for _, key := range []string{"accessory", "element"} {
		if el, ok := b[key].(object); ok {
			out = append(out, el)
		}
	}
	return out
}
