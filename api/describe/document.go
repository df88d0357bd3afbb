package describe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// document is as much of OpenAPI 3.1 as the description uses, in its order.
type document struct {
	Info       struct{ Title, Description string }
	Paths      ordered[ordered[operation]]
	Components struct {
		SecuritySchemes ordered[struct{ Description string }]
		Parameters      ordered[parameter]
		Headers         ordered[struct{ Description string }]
		Responses       ordered[response]
		Schemas         ordered[*schema]
	}
}

type operation struct {
	OperationID          string
	Summary, Description string
	Parameters           []parameter
	RequestBody          struct{ Content ordered[media] }
	Responses            ordered[response]
	Security             []map[string][]string
}

type parameter struct {
	Ref         string `json:"$ref"`
	Name, In    string
	Description string
	Required    bool
	Schema      *schema
}

type response struct {
	Ref         string `json:"$ref"`
	Description string
	Headers     ordered[json.RawMessage]
	Content     ordered[media]
}

type media struct{ Schema *schema }

type schema struct {
	Ref              string `json:"$ref"`
	Type             any    // a word or several
	Format           string
	ContentEncoding  string
	Pattern          string
	Description      string
	Properties       ordered[*schema]
	Required         []string
	Items            *schema
	Enum             []any
	Default          any
	Minimum, Maximum *int
	MaxLength        *int
}

// ordered is a JSON object whose members stay as they stand.
type ordered[T any] []member[T]

type member[T any] struct {
	Name  string
	Value T
}

func (o *ordered[T]) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return fmt.Errorf("%v is no object: %w", open, err)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		m := member[T]{Name: name.(string)} // as the name of a member is
		if err := dec.Decode(&m.Value); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		*o = append(*o, m)
	}
	return nil
}

// named is the member that a reference ends in.
func (o ordered[T]) named(ref string) (value T, found bool) {
	for _, m := range o {
		if m.Name == last(ref) {
			return m.Value, true
		}
	}
	return value, false
}

// last is the name that a reference such as #/components/schemas/Container ends in.
func last(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }
