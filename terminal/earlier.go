package terminal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/webpage"
)

const (
	earlierLines = 300     // that are answered at once
	maxLooking   = 4       // at once: each is work for the engine
	lookingEach  = 2       // of these, those of one person
	firstLook    = 2000    // lines from the end among which they are looked for at first
	lastLook     = 512_000 // and at last: what is older takes the engine too long to find
	maxLogs      = 4       // that follow each other
	lookTime     = 20 * time.Second
)

// pastView is a part of the log that is not the newest, oldest line first.
type pastView struct {
	Lines []shownLine `json:"lines"`
	Start bool        `json:"start,omitempty"` // there is nothing before these, or nothing that is looked for
	Far   bool        `json:"far,omitempty"`   // with Start: what is before these is too far back to be looked for
	End   bool        `json:"end,omitempty"`   // nor after them
}

// past answers a page that reads what is not the newest: before a line (before), from a time on (since), or after a line (after), with
// a filter or without. It shows no more than the logs do, and is asked by a hand: that keeps a session from going idle by the page's own
// word, as all that is tapped does.
func (s *Service) past(w http.ResponseWriter, r *http.Request) error {
	sess, err := s.reader(r)
	if err != nil {
		return err
	}
	only, err := lineFilter(r)
	if err != nil {
		return err
	}
	look, err := lookOf(r, only)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookTime)
	defer cancel()
	t, err := s.cfg.Engine.Resolve(ctx, sess.Container)
	if err != nil {
		return err
	}
	release, err := s.look(ctx, sess.Person)
	if err != nil {
		return err
	}
	defer release()
	logs, err := s.logsOf(ctx, sess.Container, t.ID)
	if err != nil {
		return err
	}
	view, err := look(ctx, s, logs)
	if err == nil && ctx.Err() != nil {
		err = errTooLong
	}
	if err != nil {
		return err
	}
	return s.ok(w, view)
}

// reader is the session of a page that asks for what the logs hold, which is allowed anew each time.
func (s *Service) reader(r *http.Request) (Session, error) {
	sess, err := s.current(r)
	if err != nil {
		return Session{}, err
	}
	if r.URL.Query().Get("session") != sess.ID {
		return Session{}, ErrOtherSession
	}
	return sess, s.allowed(r.Context(), sess)
}

// look waits for that person's turn to read a log.
func (s *Service) look(ctx context.Context, who access.Holder) (release func(), err error) {
	if release, err = s.looking.Wait(ctx, who.Key()); err != nil {
		return nil, errTooLong
	}
	return release, nil
}

// lookOf is what a page asks for, by the one time that it gives.
func lookOf(r *http.Request, only filter) (func(context.Context, *Service, []string) (pastView, error), error) {
	q := r.URL.Query()
	for _, by := range []string{"before", "since", "after"} {
		if !q.Has(by) {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, q.Get(by))
		if err != nil || at.Year() < 1970 || at.Year() > 9999 {
			return nil, webpage.ErrMalformed
		}
		if by == "after" {
			at = at.Add(time.Nanosecond)
		}
		return func(ctx context.Context, s *Service, logs []string) (pastView, error) {
			if by == "before" {
				return s.linesBefore(ctx, logs, at, only)
			}
			return s.linesFrom(ctx, logs, at, only, by == "since")
		}, nil
	}
	return nil, webpage.ErrMalformed
}

// logsOf are the containers whose logs are read as one: the one with that ID first, and those in whose place restores have put it, as
// long as they are kept. An undo starts an old one again, so that their times are interlaced. What a deploy has replaced is gone with its
// log.
func (s *Service) logsOf(ctx context.Context, container, id string) (ids []string, err error) {
	for len(ids) < maxLogs && id != "" && !slices.Contains(ids, id) {
		ids = append(ids, id)
		if id, err = s.cfg.Store.ReplacedBy(ctx, container, id); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// from is a line, and the container that wrote it.
type from struct {
	shownLine
	id string
}

// all reads each of the logs. What an old one's driver does not give, or what is not kept any more, does not keep the newest from being read.
func all(ctx context.Context, logs []string, read func(id string) ([]shownLine, error)) (list []from, err error) {
	for i, id := range logs {
		lines, err := read(id)
		if err != nil && (i == 0 || ctx.Err() != nil) {
			return nil, err
		}
		for _, l := range lines {
			list = append(list, from{l, id})
		}
	}
	slices.SortStableFunc(list, func(a, b from) int { return a.At.Compare(b.At) })
	return list, nil
}

// marked is the lines with a note where the next is of another container than the one before. Before the first there is that one.
func marked(list []from, before string) []shownLine {
	lines := []shownLine{}
	for _, l := range list {
		if before != "" && l.id != before {
			lines = append(lines, shownLine{At: l.At, Kind: "note", Text: fmt.Sprintf("From here on it is the log of container %.12s", l.id)})
		}
		lines, before = append(lines, l.shownLine), l.id
	}
	return lines
}

// linesFrom reads from a time on, to the end of the logs at the most. Begins says that somebody has just asked for that time.
func (s *Service) linesFrom(ctx context.Context, logs []string, at time.Time, only filter, begins bool) (pastView, error) {
	list, err := all(ctx, logs, func(id string) ([]shownLine, error) { return s.head(ctx, id, at, only) })
	view := pastView{End: len(list) <= earlierLines}
	before := ""
	if begins {
		before = logs[0]
	}
	view.Lines = marked(list[:min(len(list), earlierLines)], before)
	return view, err
}

// head are the first lines of a log from a time on: one more than is answered, if there are so many.
func (s *Service) head(ctx context.Context, id string, at time.Time, only filter) ([]shownLine, error) {
	of := map[string][]shownLine{} // by task
	err := s.cfg.Engine.Logs(ctx, id, LogOptions{Since: at, Once: true}, func(l LogLine) error {
		if l.At.Before(at) || !only.matches(l.Text) {
			return nil
		}
		if of[l.Task] = append(of[l.Task], shown(l)); len(of[l.Task]) > earlierLines {
			return ErrEnough
		}
		return nil
	})
	if errors.Is(err, ErrEnough) {
		err = nil
	}
	list := inOrder(slices.Collect(maps.Values(of)))
	return list[:min(len(list), earlierLines+1)], err
}

// linesBefore reads from the logs' end.
func (s *Service) linesBefore(ctx context.Context, logs []string, before time.Time, only filter) (pastView, error) {
	var view pastView
	list, err := all(ctx, logs, func(id string) ([]shownLine, error) {
		found, far, err := s.tail(ctx, id, before, only)
		view.Far = view.Far || far
		return found, err
	})
	view.Start = len(list) < earlierLines
	view.Far = view.Far && view.Start
	view.Lines = marked(list[max(0, len(list)-earlierLines):], "")
	return view, err
}

// tail are the last lines of a log before a time, and whether there may be others so far back that they are not looked for. It reads
// further and further: engines find no line by its time but by reading all that come before it.
func (s *Service) tail(ctx context.Context, id string, before time.Time, only filter) (found []shownLine, far bool, err error) {
	for look := firstLook; ; look *= 4 {
		past, err := s.newestLines(ctx, id, LogOptions{Tail: look}, earlierLines, func(l LogLine) bool {
			return l.At.Before(before) && only.matches(l.Text)
		})
		if err != nil {
			return nil, false, err
		}
		found, whole := past.lines()
		enough := len(found) >= earlierLines
		if whole || enough || look >= lastLook {
			return found, !whole && !enough, nil
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
