package terminal

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/assets"
	"github.com/snapback/snapback/internal/limit"
	"github.com/snapback/snapback/internal/webpage"
)

const maxBody = 8 << 10

// Handler serves /t and everything below it.
func (s *Service) Handler() http.Handler {
	return webpage.Mux("/t/", append(s.passable(),
		webpage.Route{Method: "POST", Path: "/t/end", Serve: s.page.FromHere(s.postEnd)}, // also while no other bot can be talked to
		webpage.Route{Method: "GET", Path: "/t", Serve: s.document},
		webpage.Route{Method: "GET", Path: "/t/assets/{name}", Serve: s.front.Asset},
		webpage.Route{Method: "GET", Path: "/t/try", Serve: s.tryout},
	), s.answer)
}

// passable are the addresses of what belongs to one container: any of them may have to be passed on to another bot.
func (s *Service) passable() []webpage.Route {
	return []webpage.Route{
		{Method: "GET", Path: "/t/session", Serve: s.nearUnlessTried(s.session)},
		{Method: "GET", Path: "/t/errors", Serve: s.near(s.errorsNow)},
		{Method: "GET", Path: "/t/logs", Serve: s.near(s.past)},
		{Method: "GET", Path: "/t/tasks", Serve: s.near(s.tasks)},
		{Method: "GET", Path: "/t/moments", Serve: s.near(s.moments)},
		{Method: "GET", Path: "/t/ws", Serve: s.heard(s.fromPage(s.near(s.socket)))},
		{Method: "POST", Path: "/t/redeem", Serve: s.page.FromHere(s.postRedeem)},
		{Method: "POST", Path: "/t/share", Serve: s.page.FromHere(s.near(s.postShare))},
	}
}

// answer sets the headers of every response, and says refusals in words. Only what a stranger can cause is ever slowed
// down: behind a proxy everybody has one source, and whoever holds a link or a cookie has to hear what is wrong with it.
func (s *Service) answer(h webpage.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.page.Headers(w.Header())
		err := h(w, r)
		if err == nil {
			return
		}
		if strange(err) && !wasPassed(r) && s.tooMany(r) { // the source of what was passed on is a bot
			err = webpage.ErrSlowDown
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
	for _, what := range []error{ErrLinkForged, ErrLinkUnknown, webpage.ErrOrigin, webpage.ErrMalformed, webpage.ErrTooLarge, webpage.ErrMediaType, errSpeech} {
		if errors.Is(err, what) {
			return true
		}
	}
	return false
}

func (s *Service) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := s.describe(err)
	s.cfg.Observe("refused", p.Code)
	webpage.Refuse(s.log, w, r, p, err)
}

func (s *Service) ok(w http.ResponseWriter, v any) error {
	webpage.Write(s.log, w, "application/json", http.StatusOK, v)
	return nil
}

// small answers with few bytes, to a request that no other site can make: see assets.Document.
func (s *Service) small(w http.ResponseWriter, r *http.Request, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	assets.Small(w, r, b)
	return nil
}

// postEnd ends a session for all bots: the one with its shell sees it in the database.
func (s *Service) postEnd(w http.ResponseWriter, r *http.Request) error {
	sess, err := s.current(r)
	if err != nil {
		return err
	}
	if err := s.end(r.Context(), sess, ReasonTapped); err != nil {
		return err
	}
	if !sess.seated() {
		s.page.DropCookie(w)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// session tells a reloaded page what its cookie stands for. A script can't learn that from a refused WebSocket.
func (s *Service) session(w http.ResponseWriter, r *http.Request) error {
	sess, err := s.current(r)
	if err != nil {
		return err
	}
	if r.URL.Query().Has("first") {
		return s.ok(w, s.first(r.Context(), sess))
	}
	view := s.view(sess)
	view.Wire = s.wireOf(r, sess)
	return s.ok(w, view)
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
	Wire      *try        `json:"wire,omitempty"`
	Key       string      `json:"key,omitempty"`   // of a session that was opened in the console: the container's there
	Lines     []shownLine `json:"lines,omitempty"` // the newest of the log, for a page that begins
}

func (s *Service) view(sess Session) sessionView {
	v := sessionView{
		ID: sess.ID, Person: sess.Person.Name, Container: sess.Name, Incident: sess.IncidentID, Mode: sess.Mode,
		ExpiresAt: sess.ExpiresAt, IdleAfter: int(s.cfg.Idle.Seconds()),
	}
	if sess.seated() {
		v.Key = sess.Container
	}
	return v
}

// current is the open session that a request names, or that its cookie stands for: ErrNoSession, or an error that says why it is over.
func (s *Service) current(r *http.Request) (Session, error) {
	asked := s.now()
	sess, err := s.sessionOf(r)
	if err != nil {
		return Session{}, err
	}
	if !sess.EndedAt.IsZero() || s.overdue(sess, asked) != "" {
		return Session{}, ErrSessionOver
	}
	return sess, nil
}

// sessionOf is the session of a request, which may have been looked up before.
func (s *Service) sessionOf(r *http.Request) (Session, error) {
	if sess, ok := r.Context().Value(sessionKey{}).(Session); ok {
		return sess, nil
	}
	sess, err := s.seat(r)
	if errors.Is(err, ErrNoSession) {
		if sess, err = s.linked(r); err == nil {
			err = named(r, sess)
		}
	}
	return sess, err
}

// named refuses a session in the place of the one that the address names.
func named(r *http.Request, sess Session) error {
	if id := r.URL.Query().Get("session"); id != "" && id != sess.ID {
		return ErrOtherSession
	}
	return nil
}

// linked is the session of the request's own cookie, which a link has bought.
func (s *Service) linked(r *http.Request) (Session, error) {
	cookie := s.page.CookieOf(r)
	if cookie == "" {
		return Session{}, ErrNoSession
	}
	return s.cfg.Store.SessionByCookie(r.Context(), hash(cookie))
}
