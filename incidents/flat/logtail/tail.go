package logtail

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/snapback/snapback/incidents/flat/errorlines"
	"github.com/snapback/snapback/snapshot"
)

const (
	shortBreak = 2 * time.Minute  // after a longer one, what is not in the log need not have happened while something ran
	joinLines  = 1_000            // how many lines may come between reading the past and following
	pastFor    = 30 * time.Second // how long reading the past may take
	restAfter  = time.Minute      // how long to leave a log alone that can't be read
)

// tail reads the log of one container.
type tail struct {
	f         *Follower
	container snapshot.Observation
	ctx       context.Context
	end       context.CancelFunc
	rules     *errorlines.Rules
	logs      map[string]*errorlines.Log // by task; "": of a container
	read      marks                      // where reading goes on
	last      atomic.Int64               // of the newest line that came, or that there was; 0: none
	newest    atomic.Int64               // of the newest line while the log is followed, for who is beside the reader; in nanoseconds of Unix time
	count     *span
	pace      pace
	away      bool // the engine has been, since it was read last
}

// newTail goes on from to; zero: nothing has been counted.
func newTail(f *Follower, c snapshot.Observation, to time.Time) *tail {
	if oldest := time.Now().Add(-f.Back); to.Before(oldest) {
		to = oldest
	}
	t := &tail{f: f, container: c, read: newMarks(to), count: newSpan(f, c.Key, to), pace: newPace(f.Budget)}
	t.ctx, t.end = context.WithCancel(f.ctx)
	rules, err := errorlines.New(c.Pattern)
	if err != nil { // the label was checked
		rules, _ = errorlines.New("")
	}
	t.rules = rules
	t.fresh()
	return t
}

// fresh forgets what the last lines were about.
func (t *tail) fresh() { t.logs = map[string]*errorlines.Log{} }

// keptTasks is of how many tasks it is known what their last lines were about.
const keptTasks = 500

// log is the reader of what a task has written, or a container.
func (t *tail) log(task string) *errorlines.Log {
	l := t.logs[task]
	if l == nil {
		if len(t.logs) >= keptTasks {
			t.fresh()
		}
		l = t.rules.Log()
		t.logs[task] = l
	}
	return l
}

// run reads until the tail is ended.
func (t *tail) run() {
	defer t.end()
	wait := newBackoff()
	for t.ctx.Err() == nil {
		err := t.round()
		t.count.rest()
		t.away = t.away || errors.Is(err, snapshot.ErrEngineAway)
		if t.ctx.Err() == nil {
			t.f.note(t.container, err)
			t.pause(wait.after(err))
		}
	}
}

// ending is what the key's next tail has to know, once this one has ended.
func (t *tail) ending() end {
	return end{told: t.count.toldTo(), traffic: t.count.toldOfTraffic(), away: t.away}
}

func (t *tail) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.ctx.Done():
	}
}

// round reads what is there, and then what comes, for as long as the container runs and writes no more than is worth reading.
func (t *tail) round() error {
	if err := t.past(); err != nil {
		return err
	}
	for err := t.follow(joinLines); ; {
		switch {
		case errors.Is(err, errSetBack):
			err = t.followAnew()
		case !errors.Is(err, errTooMuch):
			return err
		default:
			if err = t.sample(); err == nil {
				err = t.follow(joinLines)
			}
		}
	}
}

// followAnew follows a log whose clock was set back, from its last line on: those from before, which have been counted, seem to be newer.
// What was written since the clock was set and before that line is a gap.
func (t *tail) followAnew() error {
	t.f.Logger.Warn("a container's log is written by a clock that was set back: what came since then is not counted", "container", t.container.Name)
	t.count.rest()
	t.count.skipTo(time.Now())
	t.fresh()
	t.read = newMarks(time.Unix(0, t.last.Load()-1))
	return t.follow(1)
}

// seen is a line that the classifier has read.
type seen struct {
	at                 time.Time
	task               string // "": a container's
	isError, isRequest bool
	size               int // bytes
}

// readOn hands lines that were not read before to see, after the classifier has.
func (t *tail) readOn(ctx context.Context, ask snapshot.LogAsk, see func(seen) error) (time.Time, error) {
	before := t.read.clone()
	ask.Since = before.since()
	return t.f.Engine.ReadLog(ctx, t.container.ID, ask, func(l snapshot.RawLine) error {
		at := l.At
		switch {
		case at.IsZero():
			at = time.Now()
		case at.Before(ask.Since):
			return nil // some drivers know no parts of a second
		case before.has(l.Task, at), l.Task == "" && at.After(time.Now().Add(clockGap)): // the latter was written before the clock was set back
			return nil
		}
		t.note(l.Task, at)
		t.f.lines.Add(1)
		isError, isRequest := t.log(l.Task).Line(l.Text, l.Stderr, at)
		return see(seen{at, l.Task, isError, isRequest, len(l.Text)})
	})
}

// note says that a line is read. What is read next is after it, also when the clock was set back before it was written.
func (t *tail) note(task string, at time.Time) {
	if task == "" {
		if t.last.Swap(at.UnixNano())-at.UnixNano() > int64(setBackBy) {
			t.read = newMarks(at)
		}
	}
	t.read.note(task, at)
	t.newest.Store(t.read.newest.UnixNano())
}

// follow counts what comes, after the last lines that are there, until the container stops or too much comes.
func (t *tail) follow(last int) error {
	t.pace.reset()
	t.count.goLive()
	err := t.doubting(func(ctx context.Context) error {
		_, err := t.readOn(ctx, snapshot.LogAsk{Last: last, Follow: true}, func(l seen) error {
			t.count.line(l.at, l.isError, l.isRequest)
			if !t.pace.allows(l.size) {
				return errTooMuch
			}
			return nil
		})
		return err
	})
	if err == nil { // the engine has said that the log is over
		t.count.sign(time.Now())
	}
	return err
}
