package terminal

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/webpage"
)

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
	run, typed := v.l.progress(m.By)
	return v.sendMessage(toBrowser{Type: "hello", Epoch: v.l.epoch, Live: v.l.feed.written(), Run: run, Typed: typed})
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
	case errors.Is(err, errStopping), errors.Is(err, errAway), errors.Is(err, errLed):
		v.conn.bye(closeAgain, words(err))
	case errors.Is(err, webpage.ErrMalformed):
		v.conn.bye(websocket.StatusPolicyViolation, words(err))
	default:
		_ = v.conn.CloseNow()
	}
}
