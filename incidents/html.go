package incidents

import (
	_ "embed"
	"html/template"
	"io"
)

// pageTemplate needs nothing from elsewhere: it can be mailed, printed, and opened from a disk.
//
//go:embed postmortem.html.tmpl
var pageTemplate string

// page is the form for a browser. html/template escapes everything that comes from outside.
func page(w io.Writer, r Report) error {
	t, err := template.New("postmortem").Parse(pageTemplate)
	if err != nil {
		return err
	}
	s := tell(r)
	return t.Execute(w, struct {
		story
		Facts []namedSpan
	}{s, s.facts()})
}
