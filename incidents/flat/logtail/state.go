package logtail

import (
	"errors"
	"strings"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// backoff is how long to wait before a log is opened again.
type backoff struct{ next time.Duration }

func newBackoff() *backoff { return &backoff{} }

func (b *backoff) after(err error) time.Duration {
	switch {
	case errors.Is(err, snapshot.ErrLogUnreadable):
		return restAfter
	case err == nil:
		b.next = 0 // the container has stopped, and may be starting again
	}
	b.next = min(max(2*b.next, time.Second), 5*time.Second)
	return b.next
}

// note says once what keeps a log from being read.
func (f *Follower) note(c snapshot.Observation, err error) {
	problem := ""
	switch {
	case err == nil, errors.Is(err, snapshot.ErrStopping), errors.Is(err, snapshot.ErrGone), errors.Is(err, snapshot.ErrNotEnabled):
	case errors.Is(err, snapshot.ErrEngineAway):
		return
	case errors.Is(err, errDeadStream):
		f.Logger.Warn("a container's log was followed in vain: it is opened again", "container", c.Name)
		return
	default:
		problem = err.Error()
		if at := strings.Index(problem, snapshot.ErrLogUnreadable.Error()); at > 0 {
			problem = problem[at:] // whose it is, is said beside it
		}
	}
	f.mu.Lock()
	before := f.problems[c.Key]
	if problem == "" {
		delete(f.problems, c.Key)
	} else {
		f.problems[c.Key] = problem
	}
	f.mu.Unlock()
	if problem != "" && problem != before {
		f.Logger.Warn("errors of a container can't be counted from its log", "container", c.Name, "err", err)
	}
}

func (f *Follower) noteSampled(c snapshot.Observation) {
	f.Logger.Info("a container writes more than is read of it: errors are counted in samples", "container", c.Name, "lines_per_second", f.Budget)
}

// State is how the log of a container is read.
type State struct {
	Problem string        // why it is not read; "": it is
	Share   float64       // of the lines, how many were read lately; 1: all
	Lag     time.Duration // how long after it was written a line was read lately
}

// Reading is how all logs are read, taken together.
type Reading struct {
	Whole, Sampled, Unreadable int // how many logs
	Lines                      int64
	LeastShare                 float64
	MostLag                    time.Duration
}

// And is both together.
func (r Reading) And(o Reading) Reading {
	return Reading{
		Whole: r.Whole + o.Whole, Sampled: r.Sampled + o.Sampled, Unreadable: r.Unreadable + o.Unreadable, Lines: r.Lines + o.Lines,
		LeastShare: min(r.LeastShare, o.LeastShare), MostLag: max(r.MostLag, o.MostLag),
	}
}

// Reading sums up.
func (f *Follower) Reading() Reading {
	r := Reading{Lines: f.lines.Load(), LeastShare: 1}
	for _, t := range f.all() {
		s, _ := f.State(t.container.Key)
		switch {
		case s.Problem != "":
			r.Unreadable++
		case s.Share < 1:
			r.Sampled++
		default:
			r.Whole++
		}
		if s.Problem == "" {
			r.LeastShare, r.MostLag = min(r.LeastShare, s.Share), max(r.MostLag, s.Lag)
		}
	}
	return r
}

// State says how a container's log is read; false: this bot does not read it.
func (f *Follower) State(key string) (State, bool) {
	f.mu.Lock()
	t, problem := f.tails[key], f.problems[key]
	f.mu.Unlock()
	if t == nil {
		return State{Share: 1}, false
	}
	t.count.mu.Lock()
	defer t.count.mu.Unlock()
	return State{Problem: problem, Share: t.count.share, Lag: t.count.lag}, true
}
