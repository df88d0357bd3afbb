package describe

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
)

// marked is text in which what stands between backticks is code.
func marked(text string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		part = template.HTMLEscapeString(part)
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return template.HTML(b.String())
}

// kind says of what type a value is, with a link to its shape.
func kind(s *schema) template.HTML {
	switch {
	case s == nil:
		return "anything"
	case s.Ref != "":
		name := template.HTMLEscapeString(last(s.Ref))
		return template.HTML(`<a href="#shape-` + name + `">` + name + `</a>`)
	case s.Items != nil:
		return "list of " + kind(s.Items)
	case s.Format == "date-time":
		return "time"
	case s.ContentEncoding != "":
		return template.HTML(template.HTMLEscapeString(s.ContentEncoding))
	}
	return template.HTML(template.HTMLEscapeString(word(s.Type)))
}

func word(kind any) string {
	switch kind := kind.(type) {
	case string:
		return kind
	case []any:
		var words []string
		for _, one := range kind {
			words = append(words, fmt.Sprint(one))
		}
		return strings.Join(words, " or ")
	}
	return "anything"
}

// limits says which values are taken, in marked text.
func limits(s *schema) string {
	if s == nil {
		return ""
	}
	var said []string
	if len(s.Enum) > 0 {
		said = append(said, "one of "+listed(s.Enum))
	}
	if s.Minimum != nil && s.Maximum != nil {
		said = append(said, fmt.Sprintf("%d to %d", *s.Minimum, *s.Maximum))
	}
	if s.Pattern != "" {
		said = append(said, "matches `"+s.Pattern+"`")
	}
	if s.MaxLength != nil {
		said = append(said, fmt.Sprintf("at most %d characters", *s.MaxLength))
	}
	if s.Default != nil {
		said = append(said, fmt.Sprintf("default `%v`", s.Default))
	}
	return strings.Join(said, "; ")
}

func listed(values []any) string {
	var said []string
	for _, v := range values {
		said = append(said, fmt.Sprintf("`%v`", v))
	}
	return strings.Join(said, ", ")
}

// Field is a member of a shape.
type Field struct {
	Name   string
	Always bool // it is always there
	Schema *schema
}

// Fields are the members of an object, or of each object in a list; a shape of its own is linked instead.
func (s *schema) Fields() (list []Field) {
	if s.Items != nil {
		return s.Items.Fields()
	}
	for _, m := range s.Properties {
		list = append(list, Field{m.Name, slices.Contains(s.Required, m.Name), m.Value})
	}
	return list
}
