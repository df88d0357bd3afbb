package terminal

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
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
	Type    string  `json:"type"` // hello, shell, typed, resize, active, answer
	Session string  `json:"session"`
	Epoch   string  `json:"epoch"`
	Have    *cursor `json:"have"` // what the page shows already, counted in Epoch
	Cols    int     `json:"cols"`
	Rows    int     `json:"rows"`
	Text    string  `json:"text"` // with typed; or an answer of the terminal's own, which nobody has typed
	Run     string  `json:"run"`  // with typed: the shell that it is for
	By      string  `json:"by"`   // with typed and hello: under which name the page counts
	Number  int64   `json:"number"`
}

// toBrowser is a message to the browser.
type toBrowser struct {
	Type    string       `json:"type"` // hello, lines, status, typed, refused, notice, beat
	Session *sessionView `json:"session,omitempty"`
	Epoch   string       `json:"epoch,omitempty"`
	Live    int64        `json:"live,omitempty"` // with hello: output before this offset is history, whose questions have been answered
	Status  *status      `json:"status,omitempty"`
	Lines   []shownLine  `json:"lines,omitempty"`
	Next    int64        `json:"next,omitempty"`
	Skipped int64        `json:"skipped,omitempty"`
	Text    string       `json:"text,omitempty"`
	Run     string       `json:"run,omitempty"`   // with hello: the shell that there is
	By      string       `json:"by,omitempty"`    // with typed and refused
	Typed   int64        `json:"typed,omitempty"` // with hello, typed and refused: what has been taken, up to and with this number
}

// viewer is one browser's connection. One goroutine reads, one writes, one pings, one gives signs of life, and one waits to say
// good-bye.
type viewer struct {
	l    *live
	conn *websocket.Conn
	page string
	at   cursor
	wire context.Context // for reading and writing; the library cuts a connection whose context ends in between
	cut  context.CancelFunc
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
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
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
		return conn.Close(closeAgain, words(errStopping))
	}
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()
	v := &viewer{l: l, conn: conn, page: page}
	l.enter()
	defer l.exit(v)
	v.run()
	return nil
}

// run returns when all five goroutines have. Not the request's context: it says nothing about a connection that was
// taken over.
func (v *viewer) run() {
	v.wire, v.cut = context.WithCancel(context.Background())
	defer v.cut()
	if err := v.hello(); err != nil {
		v.close(err)
		return
	}
	g, ctx := errgroup.WithContext(v.l.ctx)
	g.Go(v.read)
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

func (v *viewer) read() error {
	for {
		kind, b, err := v.conn.Read(v.wire)
		if err != nil {
			return err
		}
		if kind != websocket.MessageText {
			return webpage.ErrMalformed
		}
		if err := v.obey(b); err != nil {
			return err
		}
	}
}

// typed makes this browser's terminal the one that answers programs. It is no sign of a person: a script can send it. The
// page says active when somebody types.
func (v *viewer) typed(m said) error {
	return v.sendMessage(v.l.typed(v, m))
}

func (v *viewer) obey(b []byte) error {
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
		v.l.takeKeyboard(v)
		v.l.startShell(cols, rows)
	case "typed":
		return v.typed(m)
	case "resize":
		v.l.resize(cols, rows)
	case "active":
		v.l.touch()
	case "answer":
		if v.l.hasKeyboard(v) {
			v.l.answered(m.Text)
		}
	default:
		return webpage.ErrMalformed
	}
	return nil
}

func between(n, low, high int) int { return max(low, min(n, high)) }

func (v *viewer) write(ctx context.Context) error {
	for {
		b, more := v.l.feed.after(v.at)
		if b.empty() {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-more:
			}
			continue
		}
		if b.overrun {
			return errTooSlow
		}
		if err := v.send(b); err != nil {
			return err
		}
		v.at = b.next
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
	if len(b.output) == 0 {
		return nil
	}
	frame := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(b.output)), uint64(b.offset))
	return v.put(websocket.MessageBinary, append(frame, b.output...))
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
	}
}

// close says why, in a code for the page and words for the person.
func (v *viewer) close(err error) {
	var ended endCause
	switch {
	case errors.As(err, &ended):
		v.bye(closeOver, ended.why.String())
	case errors.Is(err, ErrOtherSession):
		v.bye(closeOver, words(err))
	case errors.Is(err, errTooSlow):
		v.l.svc.cfg.Observe("viewer_dropped", "slow")
		v.bye(closeAgain, "Your connection was too slow for this much output. Reconnecting.")
	case errors.Is(err, errStopping), errors.Is(err, errAway):
		v.bye(closeAgain, words(err))
	case errors.Is(err, webpage.ErrMalformed):
		v.bye(websocket.StatusPolicyViolation, words(err))
	default:
		_ = v.conn.CloseNow()
	}
}

func (v *viewer) bye(code websocket.StatusCode, reason string) {
	_ = v.conn.Close(code, clip(reason, 115))
}
