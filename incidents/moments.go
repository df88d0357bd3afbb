package incidents

import (
	"cmp"
	"errors"
	"io"
	"time"

	"github.com/snapback/snapback/internal/asciicast"
	"github.com/snapback/snapback/internal/outside"
)

// moment is a mark in what is played of the night: alert, restore, flat, resolve.
type moment struct {
	at    time.Time
	label string
}

// longestLabel is for a player on a phone.
const longestLabel = 80

// findMoments reads the timeline, where there are recordings to be marked.
func (r Report) findMoments() (list []moment, err error) {
	if len(r.Recordings) == 0 {
		return nil, nil
	}
	err = r.Entries.AsItHappened(func(e Entry) error {
		if is, _ := e.Kind.Meaning(); is.Moment != "" {
			list = append(list, moment{e.OccurredAt, r.label(e, is.Moment)})
		}
		return nil
	})
	return list, err
}

// label is "03:42 Alert: Checkout is down".
func (r Report) label(e Entry, what string) string {
	label := []rune(e.OccurredAt.In(r.Zone).Format("15:04") + " " + what + ": " + cmp.Or(outside.Line(e.Summary), "-"))
	if len(label) > longestLabel {
		label = append(label[:longestLabel-1], '…')
	}
	return string(label)
}

// cast writes a recording as it is exported: in version 3, with the moments of the night.
func (r Report) cast(rec Recording) func(io.Writer) error {
	return func(w io.Writer) error {
		var marks []asciicast.Mark
		for _, m := range r.moments {
			marks = append(marks, asciicast.Mark{At: m.at.Sub(rec.StartedAt), Label: m.label})
		}
		to := asciicast.Transcribe(w, marks)
		return errors.Join(rec.Write(to), to.Close())
	}
}
