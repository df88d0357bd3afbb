package terminal

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

const (
	handshakeTime = 15 * time.Second // for the wrapper to say who it is
	inputQueue    = 256              // key strokes and pastes that a program has not read yet
)

// shell is one shell of a session. Its outlet is the only reader of the exec, and its pump the only one to record output.
type shell struct {
	l      *live
	rec    ShellRecord
	of     string    // the ID of the Target that it was started for; "": it was not yet
	since  string    // as its Started
	looked time.Time // when the look had ended that found it
	task   string    // in which it runs, as Place has it; "": in the Target's own container
	cast   *recorder
	told   bool // the timeline has it that it starts
	ex     Exec
	in     chan []byte // never closed
	size   chan [2]int // never closed; holds the newest size
	rest   []byte      // output that came with the handshake

	from    int64   // its first byte in the session's feed
	family  *family // the processes that come from it
	typists typists // guarded by the live session's mu, as are the next six
	party   *party
	owed    []*handOver // were done, and the timeline has not been told
	ran     bool        // somebody could type in it
	ended   bool        // by itself, and not with its container
	over    bool        // nothing reads what is typed any more, although its processes may not all be ended yet
	waits   bool        // its recording can't be written, which its pages have been told

	concluded chan struct{} // closed when all is written down of it, or never will be
}

// startShell starts one unless there is one. What comes of it is in the status.
func (l *live) startShell(v *viewer, cols, rows int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shell != nil || l.ctx.Err() != nil {
		return
	}
	sh := &shell{l: l, party: newParty(l.sess, cols, rows, l.feed.divide), from: l.feed.written(), family: newFamily(), in: make(chan []byte, inputQueue), size: make(chan [2]int, 1), concluded: make(chan struct{})}
	now := l.svc.now()
	sh.rec = ShellRecord{ID: rand.Text(), SessionID: l.sess.ID, Bot: l.svc.cfg.Bot, Container: l.sess.Container, StartedAt: now, SeenAt: now}
	sh.cast = &recorder{store: l.svc.cfg.Store, id: sh.rec.ID, start: now, now: l.svc.cfg.Now, left: l.svc.cfg.MaxRecording}
	for _, page := range l.pages {
		sh.party.host().pages[page] = true
	}
	sh.party.mayType(v)
	l.shell = sh
	l.feed.update(func(s *status) { s.Run = sh.rec.ID })
	l.gathered()
	l.work.Go(func() { l.runShell(sh, cols, rows) })
}

// resize keeps the newest size alone: that of the page that has the keyboard.
func (l *live) resize(v *viewer, cols, rows int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shell == nil || !l.shell.party.hasKeyboard(v) {
		return
	}
	l.shell.party.cols, l.shell.party.rows = cols, rows
	l.gathered()
	select {
	case <-l.shell.size:
	default:
	}
	l.shell.size <- [2]int{cols, rows} // room was made above, and mu keeps others out
}

// runShell is a shell's whole life. It returns when its processes are gone, or left to the sweep.
func (l *live) runShell(sh *shell, cols, rows int) {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	l.say("starting", "Starting the shell")
	err := sh.start(ctx, cols, rows)
	switch {
	case err == nil:
		l.feed.update(func(s *status) { s.Shell, s.Message, s.Task = "running", "", sh.task })
		l.svc.tellOthers(l.sess.Container)
		sh.ran = true
		err = sh.pump(ctx)
	case ctx.Err() != nil:
		err = context.Cause(ctx) // that is why it did not come about, and not what the engine or the store made of it
	}
	l.mu.Lock()
	sh.over = true
	l.mu.Unlock()
	l.ended(sh, sh.finish(err))
	l.svc.tellOthers(l.sess.Container)
	l.svc.cfg.Observe("shell", outcome(err))
	if outcome(err) == "not_recorded" {
		l.svc.log.Error("shell ended for want of a recording", "session", l.sess.ID, "err", err)
	}
}

// ended says how a shell has. What stopped its container says more than its exit code.
func (l *live) ended(sh *shell, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shell, l.endedIn, l.endedOf = nil, sh.of, sh.looked
	if sh.ended {
		l.endedIn = ""
	}
	if text := l.outlived(); text != "" {
		message = text
	}
	for _, m := range sh.party.members {
		m.forget()
	}
	l.feed.update(func(s *status) { s.Shell, s.Message, s.Task, s.Crowd = "ended", message, "", nil })
}

func outcome(err error) string {
	var over endCause
	switch {
	case err == nil:
		return "exited"
	case errors.As(err, &over), errors.Is(err, errAway), errors.Is(err, errLed), errors.Is(err, errStopping):
		return "ended"
	case errors.Is(err, context.Canceled), errors.Is(err, ErrSessionOver): // elsewhere, and not known here yet
		return "ended"
	case errors.Is(err, ErrNotRecorded):
		return "not_recorded"
	}
	return "refused"
}

func (l *live) say(state, message string) {
	l.feed.update(func(s *status) { s.Shell, s.Message = state, message })
}

// start is a straight line: permission, container, journal, recording, timeline, and only then the engine.
func (sh *shell) start(ctx context.Context, cols, rows int) error {
	cfg := sh.l.svc.cfg
	if sh.l.sess.Mode != access.ModeShell {
		return ErrNotAllowed
	}
	if err := cfg.Gate.CheckShell(ctx, sh.l.sess.Grant); err != nil {
		return err
	}
	if err := sh.l.notElsewhere(ctx); err != nil {
		return err
	}
	t, err := cfg.Engine.Resolve(ctx, sh.l.sess.Container)
	looked := time.Now()
	if err != nil {
		return err
	}
	if t.NoShell {
		return ErrNotAllowed
	}
	if !t.Running() {
		return ErrNotRunning
	}
	in, err := cfg.Engine.Place(ctx, t)
	if err != nil {
		return err
	}
	sh.of, sh.since, sh.looked, sh.rec.ContainerID, sh.task = t.ID, t.Started, looked, in.ID, in.Task
	if err := sh.announce(ctx, cols, rows); err != nil {
		return err
	}
	sh.ex, err = cfg.Engine.Exec(ctx, in.ID, ExecSpec{
		Cmd: []string{"sh", "-c", wrapper, "snapback", t.Command, lockMark(sh.rec.ID)},
		Env: []string{markVar + "=" + sh.rec.ID, "TERM=xterm-256color"},
	})
	if err != nil {
		return err
	}
	return sh.handshake(ctx, cols, rows)
}

// announce writes everything that has to be there before the shell is.
func (sh *shell) announce(ctx context.Context, cols, rows int) error {
	s, sess := sh.l.svc, sh.l.sess
	head := Recording{ID: sh.rec.ID, SessionID: sess.ID, IncidentID: sess.IncidentID, Container: sess.Name, StartedAt: sh.rec.StartedAt}
	if err := sh.cast.begin(ctx, head, cols, rows); err != nil {
		return err
	}
	summary := fmt.Sprintf("%s starts a shell in %s", sess.Person.Name, cmp.Or(sh.task, sess.Name))
	details := map[string]any{"session": sess.ID, "recording": sh.rec.ID, "container": sess.Container, "container_id": sh.rec.ContainerID}
	if err := s.record(ctx, sess.Grant, incidents.KindTerminalShell, summary, details); err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
	sh.told = true
	if err := s.cfg.Store.PutShell(ctx, sh.rec); err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
	return nil
}

// handshake learns the shell's kernel session, stores it, and only then lets the wrapper become the shell.
func (sh *shell) handshake(ctx context.Context, cols, rows int) error {
	ctx, cancel := context.WithTimeout(ctx, handshakeTime)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = sh.ex.Close() })()
	m, rest, err := sh.readUntil(nil, markPID)
	if err != nil {
		return err
	}
	sh.rec.SID, _ = strconv.Atoi(string(m[1])) // digits, and few of them, as the pattern says
	sh.rec.StartTime = string(m[2])
	if err := sh.l.svc.cfg.Store.PutShell(ctx, sh.rec); err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
	// A container on its way out refuses the size; the shell then has its default one.
	_ = sh.ex.Resize(ctx, cols, rows)
	if _, err := sh.ex.Write([]byte("go\n")); err != nil {
		return fmt.Errorf("%w: %w", ErrNoShell, err)
	}
	_, sh.rest, err = sh.readUntil(rest, markReady)
	return err
}

// readUntil returns the match and what followed it. ErrNoShell when the output ends before, or is something else.
func (sh *shell) readUntil(buf []byte, mark *regexp.Regexp) (match [][]byte, rest []byte, err error) {
	chunk := make([]byte, 4096)
	for {
		if loc := mark.FindIndex(buf); loc != nil {
			return mark.FindSubmatch(buf), buf[loc[1]:], nil
		}
		if err != nil || len(buf) > 64<<10 {
			return nil, nil, fmt.Errorf("%w: %q", ErrNoShell, clip(string(buf), 200))
		}
		var n int
		n, err = sh.ex.Read(chunk)
		buf = append(buf, chunk[:n]...)
	}
}
