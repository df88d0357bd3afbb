package terminal

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/snapback/snapback/internal/webpage"
)

const (
	earlierLines = 300     // that are answered at once
	maxLooking   = 4       // at once: each is work for the engine
	firstLook    = 2000    // lines from the end among which they are looked for at first
	lastLook     = 512_000 // and at last: what is older takes the engine too long to find
)

// earlierView is what stands before the lines that a page shows, oldest first.
type earlierView struct {
	Lines []shownLine `json:"lines"`
	Start bool        `json:"start,omitempty"` // there is nothing before these, or nothing that can be found in time
}

// earlier answers a page that is scrolled up to its oldest line. It shows no more than the logs do, and is asked by a hand: that keeps
// a session from going idle by the page's own word, as all that is tapped does.
func (s *Service) earlier(w http.ResponseWriter, r *http.Request) error {
	sess, err := s.current(r)
	if err != nil {
		return err
	}
	if r.URL.Query().Get("session") != sess.ID {
		return ErrOtherSession
	}
	before, err := time.Parse(time.RFC3339Nano, r.URL.Query().Get("before"))
	if err != nil {
		return webpage.ErrMalformed
	}
	if err := s.allowed(r.Context(), sess); err != nil {
		return err
	}
	t, err := s.cfg.Engine.Resolve(r.Context(), sess.Container)
	if err != nil {
		return err
	}
	select {
	case s.looking <- struct{}{}:
		defer func() { <-s.looking }()
	case <-r.Context().Done():
		return r.Context().Err()
	}
	view, err := s.linesBefore(r.Context(), t.ID, before)
	if err != nil {
		return err
	}
	return s.ok(w, view)
}

// linesBefore reads from the log's end, further and further: engines find no line by its time but by reading all that come before it.
func (s *Service) linesBefore(ctx context.Context, id string, before time.Time) (earlierView, error) {
	for look := firstLook; ; look *= 4 {
		var found []shownLine
		read := 0
		err := s.cfg.Engine.Logs(ctx, id, LogOptions{Tail: look, Once: true}, func(l LogLine) error {
			if read++; !l.At.Before(before) {
				return nil
			}
			if found = append(found, shown(l)); len(found) == 2*earlierLines {
				found = append(found[:0], found[earlierLines:]...)
			}
			return nil
		})
		if err != nil {
			return earlierView{}, err
		}
		found = found[max(0, len(found)-earlierLines):]
		if whole := read < look; whole || len(found) == earlierLines || look >= lastLook {
			return earlierView{Lines: append([]shownLine{}, found...), Start: len(found) < earlierLines}, nil
		}
	}
}

// shown is a line as pages get it.
func shown(line LogLine) shownLine {
	kind := ""
	if line.Stderr {
		kind = "err"
	}
	return shownLine{At: line.At, Kind: kind, Text: strings.ToValidUTF8(string(line.Text), "\uFFFD")}
}
