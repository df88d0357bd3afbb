package incidents

import (
	_ "embed"
	"errors"
	"html/template"
	"io"
	"iter"
	"slices"
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
	list := r.played()
	var reading error
	lines := func(yield func(line) bool) {
		reading = r.lines(func(l line) error {
			l.markPlayed(list)
			if !yield(l) {
				return errEnough
			}
			return nil
		})
	}
	var player *inline
	if len(list) > 0 {
		one := r.Player.inline()
		player = &one
	}
	data := struct {
		story
		Facts  []namedSpan
		Lines  iter.Seq[line]
		Drawn  template.HTML
		Player *inline // nil: nothing is played
	}{s, s.facts(), lines, template.HTML(r.Picture.SVG), player}
	err = t.Execute(w, data)
	if errors.Is(reading, errEnough) {
		reading = nil // the template has stopped reading, and says why itself
	}
	if err := errors.Join(err, reading); err != nil {
		return err
	}
	if err := r.writeCasts(w, list); err != nil {
		return err
	}
	return t.ExecuteTemplate(w, "end", data)
}

// markPlayed notes that the page plays what the entry tells of.
func (l *line) markPlayed(list []Recording) {
	if l.shell != "" && slices.ContainsFunc(list, func(r Recording) bool { return r.ID == l.shell }) {
		l.Played = l.shell
	}
}

var errEnough = errors.New("nothing is read any further")
