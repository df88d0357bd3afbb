package terminal

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/limit"
)

const maxBody = 8 << 10

// handlerFunc is a handler that leaves its refusals to one place.
type handlerFunc func(w http.ResponseWriter, r *http.Request) error

// Handler serves /t and everything below it.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	routes := []struct {
		method, path string
		h            handlerFunc
	}{
		{"GET", "/t", s.page},
		{"GET", "/t/assets/{name}", s.asset},
		{"GET", "/t/session", s.session},
		{"GET", "/t/errors", s.errorsNow},
		{"GET", "/t/ws", s.socket},
		{"POST", "/t/redeem", s.fromHere(s.postRedeem)},
		{"POST", "/t/end", s.fromHere(s.postEnd)},
	}
	for _, r := range routes {
		mux.Handle(r.method+" "+r.path, s.answer(r.h)) // GET takes HEAD as well
		mux.Handle(r.path, s.answer(func(http.ResponseWriter, *http.Request) error { return errMethod }))
	}
	mux.Handle("/t/", s.answer(func(http.ResponseWriter, *http.Request) error { return errNotFound }))
	return mux
}

// answer sets the headers of every response, and says refusals in words. Only what a stranger can cause is ever slowed
// down: behind a proxy everybody has one source, and whoever holds a link or a cookie has to hear what is wrong with it.
func (s *Service) answer(h handlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.headers(w.Header())
		err := h(w, r)
		if err == nil {
			return
		}
		if strange(err) && s.tooMany(r) {
			err = errSlowDown
		}
		s.refuse(w, r, err)
	})
}

// maxSources is how many sources of refusals are remembered.
const maxSources = 10000

// tooMany counts a refusal, and says whether its source has caused too many to be told why.
func (s *Service) tooMany(r *http.Request) bool {
	_, ok := s.refusals.Take(limit.Source(r.RemoteAddr), s.now(), 0)
	return !ok
}

// strange says that a request bears nothing of ours, and was not made by our page.
func strange(err error) bool {
	for _, what := range []error{ErrLinkForged, ErrLinkUnknown, errOrigin, errMalformed, errTooLarge, errMediaType} {
		if errors.Is(err, what) {
			return true
		}
	}
	return false
}

// refuse logs the pattern that matched and never the path: a link that was pasted wrongly has its token there.
func (s *Service) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := s.describe(err)
	s.cfg.Observe("refused", p.Code)
	if p.Status >= http.StatusInternalServerError {
		s.log.Error("terminal request not served", "route", r.Pattern, "code", p.Code, "err", err)
	} else {
		s.log.Info("terminal request refused", "route", r.Pattern, "code", p.Code, "err", err)
	}
	if p.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "3")
	}
	s.writeJSON(w, "application/problem+json", p.Status, p)
}

func (s *Service) writeJSON(w http.ResponseWriter, mediaType string, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		s.log.Error("answer not encoded", "err", err)
		status, b = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_, _ = w.Write(b) // nobody is left to tell
}

// headers are those of a page that holds a key to a container. The page's own policy adds what it needs.
func (s *Service) headers(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), clipboard-read=(), display-capture=(), usb=(), payment=()")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	if s.secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// fromHere lets through what our own page sends: its origin exactly, and JSON, which no foreign form can send.
func (s *Service) fromHere(h handlerFunc) handlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if !s.ownOrigin(r) {
			return errOrigin
		}
		if mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mt != "application/json" {
			return errMediaType
		}
		return h(w, r)
	}
}

// ownOrigin refuses a missing origin as well, and one that is sent twice.
func (s *Service) ownOrigin(r *http.Request) bool {
	o := r.Header.Values("Origin")
	return len(o) == 1 && o[0] == s.origin
}

func (s *Service) postRedeem(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Token string `json:"token"`
	}
	if err := decode(w, r, &body); err != nil {
		return err
	}
	sess, cookie, err := s.redeem(r.Context(), body.Token)
	if err != nil {
		return err
	}
	s.cfg.Observe("session_opened", string(sess.Mode))
	http.SetCookie(w, s.cookie(cookie, sess.ExpiresAt.Sub(s.now())))
	s.writeJSON(w, "application/json", http.StatusOK, s.view(sess))
	return nil
}

func decode(w http.ResponseWriter, r *http.Request, v any) error {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return errTooLarge
	}
	if err != nil || json.Unmarshal(b, v) != nil {
		return errMalformed
	}
	return nil
}

func (s *Service) postEnd(w http.ResponseWriter, r *http.Request) error {
	sess, err := s.current(r)
	if err != nil {
		return err
	}
	if err := s.end(r.Context(), sess, ReasonTapped); err != nil {
		return err
	}
	http.SetCookie(w, s.cookie("", -time.Second))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// session tells a reloaded page what its cookie stands for. A script can't learn that from a refused WebSocket.
func (s *Service) session(w http.ResponseWriter, r *http.Request) error {
	sess, err := s.current(r)
	if err != nil {
		return err
	}
	s.writeJSON(w, "application/json", http.StatusOK, s.view(sess))
	return nil
}

// sessionView is what the page knows of its session.
type sessionView struct {
	ID        string      `json:"id"`
	Person    string      `json:"person"`
	Container string      `json:"container"`
	Incident  int64       `json:"incident,omitempty"`
	Mode      access.Mode `json:"mode"`
	ExpiresAt time.Time   `json:"expires_at"`
	IdleAfter int         `json:"idle_after"` // seconds
}

func (s *Service) view(sess Session) sessionView {
	return sessionView{
		ID: sess.ID, Person: sess.Person.Name, Container: sess.Name, Incident: sess.IncidentID, Mode: sess.Mode,
		ExpiresAt: sess.ExpiresAt, IdleAfter: int(s.cfg.Idle.Seconds()),
	}
}

// current is the open session of the request's cookie: ErrNoSession, or an error that says why it is over.
func (s *Service) current(r *http.Request) (Session, error) {
	c, err := r.Cookie(s.cookieName())
	if err != nil || c.Value == "" {
		return Session{}, ErrNoSession
	}
	asked := s.now()
	sess, err := s.cfg.Store.SessionByCookie(r.Context(), hash(c.Value))
	if err != nil {
		return Session{}, err
	}
	if !sess.EndedAt.IsZero() || s.overdue(sess, asked) != "" {
		return Session{}, ErrSessionOver
	}
	return sess, nil
}

// cookieName has the prefix that lets browsers refuse a cookie which a neighbouring host has planted. Plain HTTP on
// this very machine can't have it.
func (s *Service) cookieName() string {
	if s.secure {
		return "__Host-snapback-terminal"
	}
	return "snapback-terminal"
}

func (s *Service) cookie(value string, age time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: s.cookieName(), Value: value, Path: "/", MaxAge: int(age.Seconds()),
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteStrictMode,
	}
}
