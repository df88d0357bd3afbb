package terminal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"time"

	"github.com/snapback/snapback/internal/webpage"
)

/*
A terminal at a bot that does not reach its container's engine is passed on to one that does.

The bot that the browser talks to finds out whose request it is, from its cookie or the console's, and whether it comes from our own page.
Then it asks the database who reaches the container, and passes the request on to that one over a connection on which each knows that the
other is the bot that it says (Peers). No cookie goes with it: the request names the session instead. All else is decided where the engine
is, as if the browser had come there: whether the person still may, the recording, the timeline, the shell and its end.

What goes along is listed here, there and back; a name in a header that a browser has sent itself does not come through. A request is passed
on once at most. A WebSocket goes through as bytes, so that pings and the reason of its end reach from one end to the other, and a
message that is too large is refused by the bot that reads it; each end may be silent for passIdle, and take passWrite to take what it gets.
*/

// Peer is another bot of the database.
type Peer struct{ Bot, Address string }

// Peers knows the other bots of the database.
type Peers interface {
	// Beyond lists the bots to which a container's terminals have to be passed on, the same one first each time; none when it is for this
	// bot. It returns ErrElsewhere when none of those that reach the container can be talked to, ErrStoreAway, and another error when no
	// bot reaches it.
	Beyond(ctx context.Context, container string) ([]Peer, error)
	// Named is a bot that was heard of lately. It returns ErrElsewhere for one that was not, or says no address, and ErrStoreAway.
	Named(ctx context.Context, bot string) (Peer, error)
	// Dial connects to one of them, and makes sure that it is that one.
	Dial(ctx context.Context, p Peer) (net.Conn, error)
}

const (
	// sessionHeader names the session of a request that was passed on.
	sessionHeader = "Snapback-Session"
	passIdle      = time.Minute      // longer than from ping to ping
	passWrite     = 10 * time.Second // as for what is written to a browser
	passAnswer    = 45 * time.Second // until the answer begins; longer than the longest look into a log

	// The page gives a question up after four seconds. So the next bot is called while the one before has not answered yet.
	callNext  = 300 * time.Millisecond
	callLimit = 3 * time.Second
)

// These are the headers that are passed on, there and back.
var (
	goesAlong = []string{"Connection", "Upgrade", "Content-Type", "If-None-Match", "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions"}
	comesBack = []string{"Connection", "Upgrade", "Content-Type", "Content-Length", "Etag", "Retry-After", "Sec-Websocket-Accept", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions"}
)

// passedKey marks the requests that another bot has passed on.
type passedKey struct{}

// sessionKey is of the session of a request, once it was looked up.
type sessionKey struct{}

func wasPassed(r *http.Request) bool { return r.Context().Value(passedKey{}) != nil }

func withSession(r *http.Request, sess Session) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), sessionKey{}, sess))
}

// near has a request of a session answered by the bot that has its shell, or else by one that reaches its container.
func (s *Service) near(h webpage.HandlerFunc) webpage.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if s.cfg.Peers == nil || wasPassed(r) { // the database need not be asked twice
			return h(w, r)
		}
		sess, err := s.current(r)
		if err != nil {
			return err
		}
		r = withSession(r, sess)
		if s.runsShell(sess.ID) {
			return h(w, r)
		}
		if p, conn := s.reachHolder(r.Context(), s.holder(r.Context(), sess)); conn != nil {
			defer func() { _ = conn.Close() }() // the request may end before it is used
			return s.passBy(w, r, p, func(context.Context) (net.Conn, error) { return conn, nil }, sess.ID)
		}
		beyond, err := s.beyond(r, sess.Container)
		if err != nil {
			return err
		}
		if len(beyond) == 0 {
			return h(w, r)
		}
		return s.passOn(w, r, beyond, sess.ID)
	}
}

// beyond is Peers.Beyond, for a request that was not passed on before.
func (s *Service) beyond(r *http.Request, container string) ([]Peer, error) {
	if s.cfg.Peers == nil || wasPassed(r) {
		return nil, nil
	}
	return s.cfg.Peers.Beyond(r.Context(), container)
}

// again is a request whose body was read, with that body.
func again(r *http.Request, body any) *http.Request {
	b, _ := json.Marshal(body) // a plain struct: always encodable
	r = r.WithContext(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	return r
}

// passOn has the first bot that can be talked to answer. A session of "" is for a link, which has none yet.
func (s *Service) passOn(w http.ResponseWriter, r *http.Request, to []Peer, session string) error {
	return s.passBy(w, r, to[0], func(ctx context.Context) (net.Conn, error) { return s.call(ctx, to) }, session)
}

// passBy has whoever is called answer.
func (s *Service) passBy(w http.ResponseWriter, r *http.Request, to Peer, call func(context.Context) (net.Conn, error), session string) error {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return errStopping
	}
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.background, cancel)()
	var failed error
	pass := httputil.ReverseProxy{
		Rewrite:        func(p *httputil.ProxyRequest) { rewrite(p, to, session) },
		Transport:      wayBy(call),
		ModifyResponse: func(answer *http.Response) error { s.comesBack(w, answer); return nil },
		ErrorHandler:   func(_ http.ResponseWriter, _ *http.Request, err error) { failed = s.notPassed(err) },
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelInfo),
	}
	pass.ServeHTTP(&patientWriter{w}, r.WithContext(ctx))
	return failed
}

// notPassed is what has gone wrong on the way, in words that say what it means.
func (s *Service) notPassed(err error) error {
	var large *http.MaxBytesError
	switch {
	case s.background.Err() != nil:
		return errStopping
	case errors.As(err, &large):
		return webpage.ErrTooLarge
	case errors.Is(err, ErrElsewhere):
		return err
	}
	return fmt.Errorf("%w: %w", ErrElsewhere, err)
}

// rewrite leaves nothing of a request but what is listed.
func rewrite(p *httputil.ProxyRequest, to Peer, session string) {
	p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = "https", to.Address, to.Address
	p.Out.Header = only(p.Out.Header, goesAlong)
	if session != "" {
		p.Out.Header.Set(sessionHeader, session)
	}
}

func only(h http.Header, names []string) http.Header {
	out := http.Header{}
	for _, name := range names {
		if v := h.Values(name); len(v) > 0 {
			out[name] = v
		}
	}
	return out
}

// comesBack leaves nothing of an answer but what is listed. The session's cookie is set anew, as this bot's page has it.
func (s *Service) comesBack(w http.ResponseWriter, answer *http.Response) {
	for _, c := range answer.Cookies() {
		s.page.SetCookie(w, c.Value, time.Duration(c.MaxAge)*time.Second)
	}
	answer.Header = only(answer.Header, comesBack)
}

// wayBy is to whomever call reaches.
func wayBy(call func(context.Context) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true, DisableCompression: true, ResponseHeaderTimeout: passAnswer,
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return call(ctx) },
	}
}

// line is how a call has ended.
type line struct {
	conn net.Conn
	err  error
}

// call connects to the first bot that answers. They are called in their order, each once the one before has failed, or has not answered
// for a moment. It returns ErrElsewhere when none has within callLimit.
func (s *Service) call(ctx context.Context, to []Peer) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	lines, begun, errs := make(chan line, len(to)), 0, []error{ErrElsewhere}
	next := time.NewTimer(0)
	defer next.Stop()
	defer func() { go hangUp(lines, begun-len(errs)+1) }()
	for len(errs) <= len(to) {
		select {
		case <-next.C:
			if begun < len(to) {
				go func(p Peer) { lines <- s.dial(ctx, p) }(to[begun])
				begun++
				next.Reset(callNext)
			}
		case l := <-lines:
			errs = append(errs, l.err)
			if l.err == nil {
				return l.conn, nil
			}
			next.Reset(0)
		}
	}
	return nil, errors.Join(errs...)
}

func (s *Service) dial(ctx context.Context, p Peer) line {
	conn, err := s.cfg.Peers.Dial(ctx, p)
	if err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) { // by then another one has answered, or nobody waits
			s.log.Warn("calling another bot", "bot", p.Bot, "addr", p.Address, "err", err)
		}
		return line{nil, err}
	}
	return line{patient{conn}, nil}
}

// hangUp closes what calls still lead to.
func hangUp(lines <-chan line, number int) {
	for range number {
		if l := <-lines; l.conn != nil {
			_ = l.conn.Close()
		}
	}
}

// Peer serves what other bots pass on. Whoever calls it makes sure that nobody else gets here.
func (s *Service) Peer() http.Handler {
	mux := webpage.Mux("/", s.passable(), s.answer)
	return s.answer(func(w http.ResponseWriter, r *http.Request) error {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(2 * passIdle))
		ctx := context.WithValue(r.Context(), passedKey{}, true)
		r = r.WithContext(ctx)
		r.Header.Set("Origin", s.page.Origin) // it has been compared with the page's own where the browser came to
		r.Header.Del("Cookie")
		if id := r.Header.Get(sessionHeader); id != "" {
			sess, err := s.cfg.Store.Touch(ctx, id, time.Time{})
			if err != nil {
				return err
			}
			r = withSession(r, sess)
		}
		mux.ServeHTTP(w, r)
		return nil
	})
}

// patient is a connection on which nobody is waited for without an end.
type patient struct{ net.Conn }

func (p patient) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(passIdle)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}

func (p patient) Write(b []byte) (int, error) {
	if err := p.SetWriteDeadline(time.Now().Add(passWrite)); err != nil {
		return 0, err
	}
	return p.Conn.Write(b)
}

// patientWriter hands over a patient connection.
type patientWriter struct{ http.ResponseWriter }

func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *patientWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	return patient{conn}, rw, nil
}
