package docker

import (
	"encoding/json"
	"fmt"
)

// object is a JSON object of which only some members are understood: the others pass through as they are.
type object map[string]json.RawMessage

func toObject(raw json.RawMessage) (object, error) {
	o := object{}
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, fmt.Errorf("reading a JSON object: %w", err)
	}
	if o == nil {
		o = object{}
	}
	return o, nil
}

// member is the object under a key; an empty one when there is none.
func (o object) member(key string) object {
	m, err := toObject(o[key])
	if err != nil {
		return object{}
	}
	return m
}

// set puts v under key. V is of this package's own types, all of which marshal.
func (o object) set(key string, v any) {
	doc, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("docker: %T does not marshal: %v", v, err))
	}
	o[key] = doc
}

// text is the string under a key, "" when there is none.
func (o object) text(key string) string {
	var s string
	if json.Unmarshal(o[key], &s) != nil {
		return ""
	}
	return s
}

// empty says that a member is absent or holds nothing.
func (o object) empty(key string) bool { return hollow(o[key]) }

// says whether any member holds something.
func (o object) says() bool {
	for _, raw := range o {
		if !hollow(raw) && string(raw) != "0" {
			return true
		}
	}
	return false
}

func hollow(raw json.RawMessage) bool {
	switch string(raw) {
	case "", "null", `""`, "[]", "{}":
		return true
	}
	return false
}

func (o object) raw() json.RawMessage {
	doc, err := json.Marshal(o)
	if err != nil {
		panic(fmt.Sprintf("docker: a document does not marshal: %v", err))
	}
	return doc
}

// list is the array of objects under a key, nil when there is none.
func (o object) list(key string) []object {
	var l []object
	if json.Unmarshal(o[key], &l) != nil {
		return nil
	}
	return l
}
