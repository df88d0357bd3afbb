package terminal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// tailLines is how much of a container's log is shown from before the session.
const tailLines = 500

// follower follows the log of whatever container stands under the session's identity.
type follower struct {
	l       *live
	current Target
	last    time.Time            // of the newest line of the current container
	had     map[string]time.Time // that of each task of a service
	said    string               // the last note, which is not repeated
}

func (l *live) followLogs(ctx context.Context) {
	f := &follower{l: l, had: map[string]time.Time{}}
	for ctx.Err() == nil {
		if f.next(ctx) {
			f.stream(ctx)
		}
		pause(ctx, l.svc.cfg.Poll/3)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// next finds the container to follow, and says whether there is something to follow.
func (f *follower) next(ctx context.Context) bool {
	looked := time.Now()
	t, err := f.l.svc.cfg.Engine.Resolve(ctx, f.l.sess.Container)
	switch {
	case errors.Is(err, ErrNoContainer):
		f.note("No container under this name now; waiting for the next one")
		return false
	case err != nil:
		// Also ErrNotEnabled, which ends the session at the next poll.
		return false
	case t.ID == f.current.ID && !t.Running():
		f.note(fmt.Sprintf("Container is %s; waiting for it to start or to be replaced", t.State))
		return false
	}
	f.turnTo(ctx, t, looked)
	return true
}

func (f *follower) turnTo(ctx context.Context, t Target, looked time.Time) {
	switch {
	case f.current.ID == "":
	case f.current.ID == t.ID:
		f.note("Following again")
	default:
		f.last = time.Time{}
		what := f.l.replacement(ctx, t)
		f.note(followed(what, t))
		f.l.replaced(t, looked, what)
	}
	f.current = t
	f.l.feed.update(func(s *status) { s.State, s.Image, s.Service = t.State, t.Image, t.Service })
}

func followed(what string, t Target) string {
	if t.Service {
		return fmt.Sprintf("%s: following what it is now, %s, from here on", what, t.Image)
	}
	return fmt.Sprintf("%s: following %.12s, %s, from here on", what, t.ID, t.Image)
}

// replacement says in words what put a container into another's place.
func (l *live) replacement(ctx context.Context, t Target) string {
	how, err := l.svc.cfg.Store.RestoredAs(ctx, l.sess.Container, t.ID)
	if err != nil {
		l.svc.log.Warn("not known what made a container", "container", l.sess.Name, "err", err)
	}
	switch {
	case how == "" && t.Service:
		return "Service changed"
	case how == "":
		return "Container replaced"
	}
	return l.sess.Name + " was " + how
}

// replaced notes that another container stands under the name, by a look that began then, for shells that end with the one before.
func (l *live) replaced(t Target, looked time.Time, what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.target, l.looked, l.came = t, looked, what
	l.feed.update(func(s *status) {
		if text := l.outlived(); s.Shell == "ended" && text != "" {
			s.Message = text
		}
	})
}

// outlived says what happened to the container of the shell that ended last, where another stands in its place: that ended it,
// whatever it ended with. What the log is followed of may still be the one before the shell's. It must be called with mu held.
func (l *live) outlived() string {
	if l.came == "" || l.endedIn == "" || l.endedIn == l.target.ID || l.looked.Before(l.endedOf) {
		return ""
	}
	return l.came + ", which ended this shell. A new one starts in what runs now."
}

// note says something between the lines.
func (f *follower) note(text string) {
	if f.said == text {
		return
	}
	f.said = text
	f.l.feed.addLine(shownLine{At: f.l.svc.now(), Kind: "note", Text: text})
}

// stream returns when the container stops, is replaced, or the session ends.
func (f *follower) stream(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f.l.mu.Lock()
	f.l.target, f.l.retarget = f.current, cancel
	f.l.mu.Unlock()
	o := LogOptions{Tail: tailLines}
	if since := f.l.sess.LogsSince; !since.IsZero() {
		o = LogOptions{Since: since}
	}
	if !f.last.IsZero() {
		o = LogOptions{Since: f.last.Add(time.Nanosecond)}
	}
	read := f.l.svc.cfg.Engine.Logs
	if f.current.Service {
		read = f.tasks
	}
	err := read(ctx, f.current.ID, o, f.emit)
	if err != nil && ctx.Err() == nil {
		f.l.svc.log.Warn("following logs interrupted", "container", f.l.sess.Name, "err", err)
	}
}

func (f *follower) emit(line LogLine) error {
	f.last, f.said = later(f.last, line.At), ""
	f.l.feed.addLine(shown(line))
	return nil
}

// clocks may differ by so much between the nodes of a Swarm without a line being missed.
const clocksDiffer = 5 * time.Second

// tasks follows the log of a service, as the engine does that of a container: first what there is, in the order of its times, and then
// what comes.
func (f *follower) tasks(ctx context.Context, id string, o LogOptions, emit func(LogLine) error) error {
	if !f.last.IsZero() {
		o.Since = f.last.Add(-clocksDiffer)
	}
	past, err := f.l.svc.newestLines(ctx, id, o, feedLines, f.isNew)
	if err != nil || ctx.Err() != nil {
		return err
	}
	lines, _ := past.lines()
	for _, l := range lines {
		f.said = ""
		f.l.feed.addLine(l)
	}
	for task, of := range past.of {
		f.had[task], f.last = later(f.had[task], of.newest), later(f.last, of.newest)
	}
	if !f.last.IsZero() {
		o = LogOptions{Since: f.last.Add(-clocksDiffer)}
	}
	return f.l.svc.cfg.Engine.Logs(ctx, id, o, func(l LogLine) error {
		if !f.isNew(l) {
			return nil
		}
		f.had[l.Task] = l.At
		return emit(l)
	})
}

// isNew says whether a line of a service was not shown yet.
func (f *follower) isNew(l LogLine) bool { return l.At.After(f.had[l.Task]) }
