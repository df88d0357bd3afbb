package logtail

import (
	"time"

	"github.com/snapback/snapback/incidents/flat"
)

// history is what a log tells of a time that is over.
type history struct {
	step     time.Duration
	from, to time.Time // from when to when it is asked
	most     int       // so many lines are the end of more

	lines       int
	first, last time.Time // of the lines
	steps       map[int64]flat.Count
	traffic     bool // the log tells of requests, or did before
	away        bool // the engine was, so that silence is none: nobody kept what was written, or nothing ran
}

func (h *history) line(at time.Time, isError, isRequest bool) {
	if h.lines++; h.lines == 1 {
		h.first, h.last, h.steps = at, at, map[int64]flat.Count{}
	}
	if at.After(h.last) {
		h.last = at
	}
	n := h.index(at)
	c := h.steps[n]
	if isError {
		c.Errors++
	}
	if isRequest {
		c.Requests++
		h.traffic = true
	}
	h.steps[n] = c
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
	switch {
	case h.lines >= h.most:
		return later(h.first, h.from)
	case h.to.Sub(h.from) <= shortBreak:
		return h.from
	case h.lines == 0:
		return later(started, h.from)
	case started.After(h.from) && started.Before(h.first):
		return started
	}
	return later(h.first, h.from)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
