package logtail

import (
	"context"
	"errors"
	"time"

	"github.com/snapback/snapback/incidents/flat"
)

const (
	paceOver    = 5 * time.Second // over how long a budget is spent, and how often a sample is taken
	sizeOfLine  = 512             // bytes for which a line counts once more
	calmSamples = 3               // that have to follow each other until all is read again
	leastShare  = 1e-4
)

// errTooMuch ends following a log that is written faster than the budget has it.
var errTooMuch = errors.New("more is written than is worth reading")

// pace sees whether a budget of lines is kept.
type pace struct {
	most, spent int
	since       time.Time
}

func newPace(budget int) pace { return pace{most: int(paceOver.Seconds() * float64(budget))} }

func (p *pace) reset() { p.spent, p.since = 0, time.Now() }

// spend notes a line. A long one counts for several.
func (p *pace) spend(size int) { p.spent += 1 + size/sizeOfLine }

// allows spends a line of the budget.
func (p *pace) allows(size int) bool {
	if p.spend(size); p.spent <= p.most {
		return true
	}
	if time.Since(p.since) < paceOver {
		return false
	}
	p.reset()
	return true
}

// sample reads the log's end now and then, until that is all that has come.
func (t *tail) sample() error {
	t.count.rest()
	t.f.noteSampled(t.container)
	for calm := 0; calm < calmSamples; {
		t.pause(paceOver)
		if t.ctx.Err() != nil {
			return context.Cause(t.ctx)
		}
		whole, err := t.sampleOnce()
		if err != nil {
			return err
		}
		if calm++; !whole {
			calm = 0
		}
	}
	return nil
}

// sampleOnce says whether what it has read is all that has come, and by far less than the budget.
func (t *tail) sampleOnce() (whole bool, err error) {
	opened := time.Now()
	from := t.count.toldTo()
	h := history{step: time.Hour, from: from, to: opened, most: t.pace.most}
	size, sizes := 0, map[string]int{}
	t.fresh()
	_, err = t.readSoon(h.most, func(l seen) error {
		h.line(l)
		size += 1 + l.size/sizeOfLine
		sizes[l.task] += 1 + l.size/sizeOfLine
		if size > 2*h.most*len(h.parts) {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return false, err
	}
	if err == nil {
		sizes = nil
	}
	t.count.sampled(opened, h.sampled(sizes), time.Since(opened))
	return size < h.most/2, nil
}

// sampled is what the lines that were read stand for: those of a task that has written more, for the time that they don't reach back to as
// well. Where reading has ended before the log did, cut has for how many lines those of each task count, long ones for several. One whose
// lines count for less than the budget stands for itself: from when to when a few lines were written says nothing of how many follow.
func (h *history) sampled(cut map[string]int) flat.Count {
	c := flat.Count{Share: 1, Traffic: h.traffic}
	written := 0.0
	for task, of := range h.parts {
		share := 1.0
		if of.lines >= h.most || cut[task] >= h.most {
			share = min(1, max(leastShare, of.last.Sub(of.first).Seconds()/h.to.Sub(h.from).Seconds()))
		}
		written += float64(of.lines) / share
		c.Errors += float64(of.errors) / share
		c.Requests += float64(of.requests) / share
	}
	if written > 0 {
		c.Share = float64(h.lines) / written
	}
	c.Errors, c.Requests = c.Errors*c.Share, c.Requests*c.Share
	return c
}
