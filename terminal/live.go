package terminal

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"
)

// How long a session goes on while its permission can't be looked up.
const (
	checkGrace = 30 * time.Second // as when Postgres is away
	// While only Slack or PagerDuty does not tell who may: what takes those down may be what is being mended here, and
	// people's standing changes at handovers. New links and shells are refused meanwhile.
	unsureGrace = 10 * time.Minute
	// idleWarning is how long before a session goes idle its pages say so; where that is a large part of it, a quarter.
	idleWarning = 2 * time.Minute
)

// live is the part of a session that is in this bot's memory. It lasts as long as somebody looks, and a little longer.
type live struct {
	svc  *Service
	sess Session
	feed *feed
	// epoch tells a browser whether what it has been shown was counted by this feed, or by one before a restart.
	epoch string
	ctx   context.Context // ended with an endCause, errAway, errLed, or errStopping
	stop  context.CancelCauseFunc

	work    sync.WaitGroup // the log follower and the shell
	tried   string         // the bot with a shell to which the pages were last to be led; "": none. Only watch uses it
	triedAt time.Time      // when that was. Only watch uses it
	acts    chan struct{}  // holds one thing while somebody tells the timeline who watches or has the keyboard; never closed

	mu       sync.Mutex // guards all below
	viewers  int
	away     time.Time // since when there is no viewer
	touched  time.Time // the person's last doing that is not stored yet
	checked  time.Time // when the permission was last known to hold
	target   Target
	looked   time.Time          // when the look began that found the target in another's place
	came     string             // how the target replaced the one before, in a sentence; empty: it has not
	endedIn  string             // the container that the last shell was in
	endedOf  time.Time          // when the look had ended that found it
	retarget context.CancelFunc // ends the log stream that is being followed
	shell    *shell             // nil: none
	pages    map[string]*viewer // by the page's name: the connection that it has greeted last
}

// endCause carries why a session ended to whoever waits on its context.
type endCause struct{ why Reason }

func (e endCause) Error() string { return e.why.String() }

var errAway = errors.New("nobody is looking")

func newLive(s *Service, sess Session) *live {
	l := &live{svc: s, sess: sess, epoch: rand.Text(), away: s.now(), checked: s.now(), retarget: func() {}, pages: map[string]*viewer{}, acts: make(chan struct{}, 1)}
	l.feed = newFeed(status{Container: sess.Name, State: "unknown", Shell: "none"})
	l.ctx, l.stop = context.WithCancelCause(s.background)
	return l
}

// run lasts until the session ends here, and returns when nothing of it is left.
func (l *live) run() {
	defer l.stop(nil)
	l.svc.tellOthers(l.sess.Container)
	l.work.Go(func() { l.followLogs(l.ctx) })
	l.watch()
	l.svc.leave(l)
	l.work.Wait()
}

// watch looks at everything that can end a session.
func (l *live) watch() {
	tick := time.NewTicker(l.svc.cfg.Poll)
	defer tick.Stop()
	for {
		l.look()
		l.lookForHolder()
		l.settleLater()
		l.feed.rest(l.svc.now())
		select {
		case <-l.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (l *live) look() {
	why, err := l.verdict(l.ctx)
	if l.ctx.Err() != nil {
		return
	}
	if err != nil {
		l.svc.log.Warn("terminal session not checked", "session", l.sess.ID, "err", err)
	}
	if why != "" {
		l.end(why)
		return
	}
	if l.awayTooLong() {
		l.stop(errAway)
	}
	l.lookForShell()
}

// end ends the session for good.
func (l *live) end(why Reason) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), 10*time.Second)
	defer cancel()
	if err := l.svc.end(ctx, l.sess, why); err != nil {
		l.svc.log.Error("end of terminal session not recorded", "session", l.sess.ID, "err", err)
	}
	l.stop(endCause{why})
}

// verdict returns why the session has to end, or nothing. An error is one that says neither.
func (l *live) verdict(ctx context.Context) (Reason, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	asked := l.svc.now()
	sess, err := l.sync(ctx)
	if err != nil {
		return l.grace(err), err
	}
	if !sess.EndedAt.IsZero() {
		return sess.Reason, nil
	}
	if why := l.svc.overdue(sess, asked); why != "" {
		return why, nil
	}
	l.warn(sess, asked)
	unsure := l.svc.cfg.Gate.Check(ctx, sess.Grant)
	if unsure != nil && !errors.Is(unsure, ErrUnsure) {
		return l.refusal(unsure), unsure
	}
	if err := l.lookAtContainer(ctx); unsure != nil || err != nil && !errors.Is(err, ErrNoContainer) {
		err = errors.Join(unsure, err)
		return l.refusal(err), err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.checked = asked // the answer may have been given at any time since
	return "", nil
}

// warn has the pages say when the session ends of itself, while there is time to do something about that.
func (l *live) warn(sess Session, asked time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := ""
	if ends := sess.LastSeenAt.Add(l.svc.cfg.Idle); l.touched.IsZero() && ends.Sub(asked) <= min(idleWarning, l.svc.cfg.Idle/4) {
		at = ends.UTC().Format(time.RFC3339)
	}
	l.feed.update(func(s *status) { s.IdleAt = at })
}

// sync exchanges what the store and the memory know: the person's last doing, the shell's holder, and an end
// that another bot has put there.
func (l *live) sync(ctx context.Context) (Session, error) {
	l.mu.Lock()
	touched, sh := l.touched, l.shell
	l.mu.Unlock()
	if sh != nil {
		if err := l.svc.cfg.Store.ShellSeen(ctx, sh.rec.ID, l.svc.now()); err != nil {
			return Session{}, err
		}
	}
	sess, err := l.svc.cfg.Store.Touch(ctx, l.sess.ID, touched)
	if err == nil {
		l.stored(touched)
	}
	return sess, err
}

// stored forgets what the store has now. What it could not take is kept for the next time.
func (l *live) stored(touched time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.touched.Equal(touched) {
		l.touched = time.Time{}
	}
}

// refusal maps an error to the reason that it stands for, or, for an unknown one, waits a while.
func (l *live) refusal(err error) Reason {
	switch {
	case errors.Is(err, ErrIncidentResolved):
		return ReasonResolved
	case errors.Is(err, ErrNotAllowed):
		return ReasonNotAllowed
	case errors.Is(err, ErrNotEnabled):
		return ReasonNotEnabled
	case errors.Is(err, ErrSignedOut):
		return ReasonSignedOut
	}
	return l.grace(err)
}

func (l *live) grace(err error) Reason {
	limit := checkGrace
	if errors.Is(err, ErrUnsure) {
		limit = unsureGrace
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.svc.now().Sub(l.checked) > limit {
		return ReasonUnchecked
	}
	return ""
}

// lookAtContainer notices state changes, and a replacement while the old container still writes.
func (l *live) lookAtContainer(ctx context.Context) error {
	t, err := l.svc.cfg.Engine.Resolve(ctx, l.sess.Container)
	if errors.Is(err, ErrNoContainer) {
		l.feed.update(func(s *status) { s.State = "gone" })
	}
	if err != nil {
		return err
	}
	l.feed.update(func(s *status) { s.State, s.Image, s.Service = t.State, t.Image, t.Service })
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.target.ID != "" && l.target.ID != t.ID {
		l.retarget()
	}
	return nil
}

func (l *live) awayTooLong() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.viewers == 0 && l.svc.now().Sub(l.away) >= l.svc.cfg.Away
}

// enter counts a viewer in, which keeps the live part of the session.
func (l *live) enter() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.viewers++
}

func (l *live) exit(v *viewer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shell != nil {
		l.shell.party.part(v)
		l.gathered()
	}
	if l.pages[v.page] == v {
		delete(l.pages, v.page)
	}
	l.viewers--
	l.away = l.svc.now()
}

// touch notes that the person did something.
func (l *live) touch() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touched = l.svc.now()
	l.feed.update(func(s *status) { s.IdleAt = "" })
}
