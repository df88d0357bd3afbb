package logtail

import (
	"time"

	"github.com/snapback/snapback/incidents/flat"
)

// history is what a log tells of a time that is over.
type history struct {
	step     time.Duration
	from, to time.Time // from when to when it is asked
	most     int       // so many lines of a task, or a container, are the end of more

	lines   int
	parts   map[string]*part // of the lines, by task; "": a container's
	steps   map[int64]flat.Count
	traffic bool // the log tells of requests, or did before
	away    bool // the engine was, so that silence is none: nobody kept what was written, or nothing ran
}

// part is what was read of the lines of one task, or of a container.
type part struct {
	lines, errors, requests int
	first, last             time.Time
}

func (h *history) line(l seen) {
	of := h.part(l)
	h.lines++
	of.lines++
	n := h.index(l.at)
	c := h.steps[n]
	if l.isError {
		of.errors++
		c.Errors++
	}
	if l.isRequest {
		of.requests++
		c.Requests++
		h.traffic = true
	}
	h.steps[n] = c
}

// part is that of a line, which is within its times from then on.
func (h *history) part(l seen) *part {
	if h.parts == nil {
		h.parts, h.steps = map[string]*part{}, map[int64]flat.Count{}
	}
	of := h.parts[l.task]
	if of == nil {
		of = &part{first: l.at, last: l.at}
		h.parts[l.task] = of
	}
	of.last = later(of.last, l.at)
	return of
}

// first is when the oldest line was written. Of each task, the first that is read is its oldest.
func (h *history) first() (at time.Time) {
	for _, of := range h.parts {
		if at.IsZero() || of.first.Before(at) {
			at = of.first
		}
	}
	return at
}

// readTo is up to when all lines were read, where reading has ended before the log has. The lines of several tasks come in no order.
func (h *history) readTo() time.Time {
	if len(h.parts) != 1 {
		return h.from
	}
	var last time.Time
	for _, of := range h.parts {
		last = of.last
	}
	return last
}

// index is the number of the step that a moment is in.
func (h *history) index(at time.Time) int64 {
	if at.After(h.to) {
		at = h.to
	}
	if at.Before(h.from) {
		at = h.from
	}
	return at.UnixNano() / int64(h.step)
}

// counts are the steps of what is known, oldest first, with those in which nothing was written, unless the engine was away. Started is
// since when the container has been running.
func (h *history) counts(started time.Time) (list []flat.Count) {
	for from := h.begins(started); from.Before(h.to); {
		n := h.index(from)
		_, written := h.steps[n]
		to := time.Unix(0, (n+1)*int64(h.step)).UTC()
		if to.After(h.to) {
			to = h.to
		}
		c := h.steps[n]
		c.From, c.To, c.Share, c.Traffic = from, to, 1, h.traffic
		if late, ok := h.steps[n+1]; ok && to.Equal(h.to) && h.index(h.to) == n+1 { // it has come since the log was opened
			c.Errors, c.Requests, written = c.Errors+late.Errors, c.Requests+late.Requests, true
		}
		if from = to; written || !h.away {
			list = append(list, c)
		}
	}
	return list
}

// begins is from when on the lines are all that were written. A log that is cut off, or rotated, begins somewhere; one with nothing in
// it has been silent for as long as the container runs.
func (h *history) begins(started time.Time) time.Time {
	first := h.first()
	switch cut := h.cut(); {
	case !cut.IsZero():
		return later(cut, h.from)
	case h.to.Sub(h.from) <= shortBreak:
		return h.from
	case h.lines == 0:
		return later(started, h.from)
	case started.After(h.from) && started.Before(first):
		return started
	}
	return later(first, h.from)
}

// cut is from when on all lines were read, where a task has written more than was; zero: none has.
func (h *history) cut() (from time.Time) {
	for _, of := range h.parts {
		if of.lines >= h.most {
			from = later(from, of.first)
		}
	}
	return from
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
