package terminal

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/webpage"
)

// Subprotocol is the only one that is spoken. Text frames are JSON messages; binary frames, which only the browser is sent, are a
// shell's output behind its 8-byte offset (big endian) since the session began.
const Subprotocol = "snapback.terminal.v2"

const (
	maxMessage = 64 << 10
	writeTime  = 10 * time.Second
	helloTime  = 10 * time.Second
)

// The close codes that the page acts on, from the range that is free for applications.
const (
	closeOver  websocket.StatusCode = 4001 // the session is over: do not come back
	closeAgain websocket.StatusCode = 4002 // come back soon
)

var errTooSlow = errors.New("the viewer is too slow")

// said is a message from the browser.
type said struct {
	Type    string  `json:"type"` // hello, shell, typed, resize, active, answer, watch, unwatch, ask, spare, give, take
	Session string  `json:"session"`
	Epoch   string  `json:"epoch"`
	Have    *cursor `json:"have"` // what the page shows already, counted in Epoch
	At      int64   `json:"at"`   // with answer: the output that the question stands in begins there, counted in Epoch
	Cols    int     `json:"cols"`
	Rows    int     `json:"rows"`
	Text    string  `json:"text"` // with typed; or an answer of the terminal's own, which nobody has typed
	Run     string  `json:"run"`  // with typed: the shell that it is for
	By      string  `json:"by"`   // with typed and hello: under which name the page counts
	Number  int64   `json:"number"`
	Whom    int     `json:"whom"` // with give and spare: a member of those at the shell
}

// toBrowser is a message to the browser.
type toBrowser struct {
	Type    string       `json:"type"` // hello, lines, status, typed, refused, notice, beat, watch, watched, unwatched
	Session *sessionView `json:"session,omitempty"`
	Epoch   string       `json:"epoch,omitempty"`
	Live    int64        `json:"live,omitempty"` // with hello: output before this offset is history, whose questions have been answered
	Status  *status      `json:"status,omitempty"`
	Lines   []shownLine  `json:"lines,omitempty"`
	Next    int64        `json:"next,omitempty"`
	Skipped int64        `json:"skipped,omitempty"`
	Text    string       `json:"text,omitempty"`
	Name    string       `json:"name,omitempty"`  // with watch: whose shell it is
	You     int          `json:"you,omitempty"`   // with watch: who the page's person is among those at the shell
	Run     string       `json:"run,omitempty"`   // with hello: the shell that there is
	By      string       `json:"by,omitempty"`    // with typed and refused
	Typed   int64        `json:"typed,omitempty"` // with hello, typed and refused: what has been taken, up to and with this number
}

// viewer is one browser's connection. One goroutine reads, one writes, one does what takes longer, one pings, one gives signs of life, and
// one waits to say good-bye.
type viewer struct {
	l    *live
	conn wire
	page string
	at   cursor
	wire context.Context // for reading and writing; the library cuts a connection whose context ends in between
	cut  context.CancelFunc

	heard    atomic.Int64          // when, in nanoseconds since 1970
	turned   chan struct{}         // the writer has something else to look at; never closed
	watching atomic.Pointer[watch] // another session's shell; nil: none
	wanted   atomic.Pointer[wish]  // what was tapped last on Watch, or is watched; nil: nothing, or something else was tapped since
	acts     chan func() error     // what takes longer, in its order; never closed
}

// socket takes a connection to a session that is open, or remembers why not: browsers keep that from their pages.
func (s *Service) socket(w http.ResponseWriter, r *http.Request) error {
	if !s.page.OwnOrigin(r) {
		return webpage.ErrOrigin
	}
	if !offers(r, Subprotocol) {
		return webpage.ErrMalformed
	}
	sess, err := s.current(r)
	if err != nil {
		return err
	}
	page := pageName(r)
	err = s.take(w, r, sess, page)
	s.tried(page, err)
	return err
}

// take checks everything else before the connection is taken.
func (s *Service) take(w http.ResponseWriter, r *http.Request, sess Session, page string) error {
	if upgradeDropped(r) {
		w.Header().Set("Upgrade", "websocket") // goes with 426
		return errUpgrade
	}
	if err := s.allowed(r.Context(), sess); err != nil {
		return err
	}
	release, err := s.admit(sess, page)
	if err != nil {
		return err
	}
	defer release()
	l, err := s.join(sess)
	if err != nil {
		return err
	}
	return s.serve(w, r, l, page)
}

// allowed asks again whether a session may still be.
func (s *Service) allowed(ctx context.Context, sess Session) error {
	if err := s.cfg.Gate.Check(ctx, sess.Grant); err != nil && !s.goesOn(sess, err) {
		return err
	}
	return nil
}

// goesOn lets a phone that was offline back into a session that lasts while nobody can say whether its person still may.
func (s *Service) goesOn(sess Session, err error) bool {
	s.mu.Lock()
	l := s.live[sess.ID]
	s.mu.Unlock()
	return l != nil && errors.Is(err, ErrUnsure) && l.grace(err) == ""
}

func offers(r *http.Request, proto string) bool {
	for _, v := range r.Header.Values("Sec-WebSocket-Protocol") {
		if slices.Contains(strings.Split(strings.ReplaceAll(v, " ", ""), ","), proto) {
			return true
		}
	}
	return false
}

// serve takes the connection. From here on the library has answered, so that no error is left to be returned.
func (s *Service) serve(w http.ResponseWriter, r *http.Request, l *live, page string) error {
	conn, err := accept(w, r, &websocket.AcceptOptions{
		Subprotocols:       []string{Subprotocol},
		InsecureSkipVerify: true, // ownOrigin is stricter: the exact origin, none missing
	})
	if err != nil {
		s.log.Info("websocket refused", "err", err)
		return nil
	}
	conn.SetReadLimit(maxMessage)
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		conn.bye(closeAgain, words(errStopping))
		return nil
	}
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()
	v := &viewer{l: l, conn: conn, page: page, turned: make(chan struct{}, 1), acts: make(chan func() error, actQueue)}
	v.contact()
	l.enter()
	defer l.exit(v)
	defer v.leave(false)
	v.run()
	return nil
}

// run returns when all six goroutines have. Not the request's context: it says nothing about a connection that was
// taken over.
func (v *viewer) run() {
	v.wire, v.cut = context.WithCancel(context.Background())
	defer v.cut()
	if err := v.hello(); err != nil {
		v.close(err)
		return
	}
	g, ctx := errgroup.WithContext(v.l.ctx)
	g.Go(func() error { return v.read(ctx) })
	g.Go(func() error { return v.act(ctx) })
	g.Go(func() error { return v.write(ctx) })
	g.Go(func() error { return v.ping(ctx) })
	g.Go(func() error { return v.beat(ctx) })
	g.Go(func() error {
		<-ctx.Done()
		v.close(context.Cause(ctx))
		v.cut()
		return nil
	})
	_ = g.Wait() // said to the browser by now
}

// hello is the browser's first message: which session it thinks it is in, and what it shows already.
func (v *viewer) hello() error {
	ctx, cancel := context.WithTimeout(v.wire, helloTime)
	defer cancel()
	var m said
	kind, b, err := v.conn.Read(ctx)
	if err != nil {
		return err
	}
	if kind != websocket.MessageText || json.Unmarshal(b, &m) != nil || m.Type != "hello" {
		return webpage.ErrMalformed
	}
	if m.Session != v.l.sess.ID {
		return ErrOtherSession
	}
	if m.Have != nil && m.Epoch == v.l.epoch {
		v.at = *m.Have
	}
	v.at = v.l.feed.resume(v.at)
	v.l.succeed(v)
	view := v.l.svc.view(v.l.sess)
	run, typed := v.l.progress(m.By)
	return v.sendMessage(toBrowser{Type: "hello", Session: &view, Epoch: v.l.epoch, Live: v.l.feed.written(), Run: run, Typed: typed})
}

func (v *viewer) read(ctx context.Context) error {
	for {
		kind, b, err := v.conn.Read(v.wire)
		if err != nil {
			return err
		}
		if kind != websocket.MessageText {
			return webpage.ErrMalformed
		}
		v.contact()
		if err := v.obey(ctx, b); err != nil {
			return err
		}
	}
}

// typed makes this browser's terminal the one that answers programs. It is no sign of a person: a script can send it. The
// page says active when somebody types.
func (v *viewer) typed(m said) error {
	return v.sendMessage(v.shellOf().typed(v, m))
}

// contact notes that the browser is there.
func (v *viewer) contact() { v.heard.Store(v.l.svc.now().UnixNano()) }

func (v *viewer) obey(ctx context.Context, b []byte) error {
	var m said
	if json.Unmarshal(b, &m) != nil || len(m.By) > maxTypistName {
		return webpage.ErrMalformed
	}
	cols, rows := between(m.Cols, 10, 500), between(m.Rows, 4, 200)
	switch m.Type {
	case "shell":
		v.l.touch()
		if v.l.sess.Mode != access.ModeShell {
			return v.sendMessage(toBrowser{Type: "notice", Text: words(ErrNotAllowed)})
		}
		v.wanted.Store(nil)
		v.leave(true)
		v.l.startShell(v, cols, rows)
	case "typed":
		return v.typed(m)
	case "resize":
		v.shellOf().resize(v, cols, rows)
	case "active":
		v.active()
	case "answer":
		v.shellOf().answered(v, m)
	case "watch":
		v.l.touch()
		return v.watchTapped(ctx, m)
	case "unwatch":
		v.l.touch()
		v.wanted.Store(nil)
		v.leave(true)
	case "ask", "spare":
		v.active()
		return v.ask(m)
	case "give", "take":
		v.active()
		return v.aside(func() error { return v.handOver(ctx, m) })
	default:
		return webpage.ErrMalformed
	}
	return nil
}

// active is a sign of a person. Whoever has the keyboard of another session's shell keeps that session from going idle too.
func (v *viewer) active() {
	v.l.touch()
	if w := v.watching.Load(); w != nil && w.host.holds(v) {
		w.host.touch()
	}
}

func between(n, low, high int) int { return max(low, min(n, high)) }

func (v *viewer) write(ctx context.Context) error {
	var told *watch // what the page is shown
	for {
		w := v.watching.Load()
		if told != nil && told != w && !told.over {
			if err := v.unwatched(""); err != nil {
				return err
			}
		}
		told = w
		v.at = v.at.aside(w != nil)
		b, more := v.l.feed.after(v.at)
		var its batch
		var moreOfIt <-chan struct{}
		if w != nil {
			its, moreOfIt = w.host.feed.after(w.at)
		}
		if b.empty() && its.empty() && (w == nil || w.told) {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-more:
			case <-moreOfIt:
			case <-v.turned:
			}
			continue
		}
		if err := v.send(b); err != nil {
			return err
		}
		v.at = b.next
		if w != nil {
			if err := v.showWatched(w, its); err != nil {
				return err
			}
		}
		if len(b.lines) == batchLines {
			pause(ctx, floodPause)
		}
	}
}

func (v *viewer) send(b batch) error {
	if b.status != nil {
		if err := v.sendMessage(toBrowser{Type: "status", Status: b.status}); err != nil {
			return err
		}
	}
	if len(b.lines) > 0 {
		if err := v.sendMessage(toBrowser{Type: "lines", Lines: b.lines, Next: b.next.Lines, Skipped: b.skipped}); err != nil {
			return err
		}
	}
	if len(b.frame) == 0 {
		return nil
	}
	return v.put(websocket.MessageBinary, b.frame)
}

func (v *viewer) sendMessage(m toBrowser) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return v.put(websocket.MessageText, b)
}

// put gives a browser so long to take a message. Its feed goes on without it.
func (v *viewer) put(kind websocket.MessageType, b []byte) error {
	ctx, cancel := context.WithTimeoutCause(v.wire, writeTime, errTooSlow)
	defer cancel()
	err := v.conn.Write(ctx, kind, b)
	if err != nil && errors.Is(context.Cause(ctx), errTooSlow) {
		return errTooSlow
	}
	return err
}

func (v *viewer) ping(ctx context.Context) error {
	tick := time.NewTicker(v.l.svc.cfg.Ping)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		pong, cancel := context.WithTimeout(v.wire, v.l.svc.cfg.Ping/2)
		err := v.conn.Ping(pong)
		cancel()
		if err != nil {
			return err
		}
		v.contact()
	}
}

// close says why, in a code for the page and words for the person.
func (v *viewer) close(err error) {
	var ended endCause
	switch {
	case errors.As(err, &ended):
		v.conn.bye(closeOver, ended.why.String())
	case errors.Is(err, ErrOtherSession):
		v.conn.bye(closeOver, words(err))
	case errors.Is(err, errTooSlow):
		v.l.svc.cfg.Observe("viewer_dropped", "slow")
		v.conn.bye(closeAgain, "Your connection was too slow for this much output. Reconnecting.")
	case errors.Is(err, errStopping), errors.Is(err, errAway):
		v.conn.bye(closeAgain, words(err))
	case errors.Is(err, webpage.ErrMalformed):
		v.conn.bye(websocket.StatusPolicyViolation, words(err))
	default:
		_ = v.conn.CloseNow()
	}
}
