package incidents

import (
	_ "embed"
	"errors"
	"html/template"
	"io"
	"iter"
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
	s, err := newStory(r)
	if err != nil {
		return err
	}
	var reading error
	lines := func(yield func(line) bool) {
		reading = r.lines(func(l line) error {
			if !yield(l) {
				return errEnough
			}
			return nil
		})
	}
	err = t.Execute(w, struct {
		story
		Facts []namedSpan
		Lines iter.Seq[line]
		Drawn template.HTML
	}{s, s.facts(), lines, template.HTML(r.Picture.SVG)})
	if errors.Is(reading, errEnough) {
		reading = nil // the template has stopped reading, and says why itself
	}
	return errors.Join(err, reading)
}

var errEnough = errors.New("the template reads no further")
