package terminal

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/coder/websocket"

	"github.com/snapback/snapback/internal/webpage"
)

// fromPage lets through a WebSocket that our own page asks for.
func (s *Service) fromPage(h webpage.HandlerFunc) webpage.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if !s.page.OwnOrigin(r) {
			return webpage.ErrOrigin
		}
		if !offers(r, Subprotocol) {
			return errSpeech
		}
		return h(w, r)
	}
}

// socket takes a connection to a session that is open.
func (s *Service) socket(w http.ResponseWriter, r *http.Request) error {
	sess, err := s.current(r)
	if err != nil {
		return err
	}
	if upgradeDropped(r) {
		w.Header().Set("Upgrade", "websocket") // goes with 426
		return errUpgrade
	}
	if err := s.allowed(r.Context(), sess); err != nil {
		return err
	}
	page := pageName(r)
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
