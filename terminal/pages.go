package terminal

import (
	"crypto/rand"
	"net/http"
	"time"

	"github.com/snapback/snapback/internal/webpage"
)

// A page that has lost its connection opens another one, sometimes several at once, before the bot has noticed. They are one
// browser: they count once, and the one that greets last is the one that stays.
const (
	maxPageName  = 64
	wiresPerPage = 8
	maxTries     = 1000 // that were refused and are remembered
	tryAge       = time.Minute
	upgradeCode  = "upgrade_dropped"
)

// pageName is what a page calls itself. One without a name is another each time.
func pageName(r *http.Request) string {
	if name := r.URL.Query().Get("page"); name != "" && len(name) <= maxPageName {
		return name
	}
	return rand.Text()
}

// succeed makes a viewer its page's. The one before it has lost its browser, or is about to.
func (l *live) succeed(v *viewer) {
	l.mu.Lock()
	before := l.pages[v.page]
	l.pages[v.page] = v
	if l.shell != nil {
		p := l.shell.party
		p.host().pages[v] = true
		if before != nil && p.keyboard == before {
			p.keyboard = v
		}
		l.gathered()
	}
	l.mu.Unlock()
	if before != nil {
		before.cut()
	}
}

// try is what came of a page's last WebSocket. A script can't learn that from the browser.
type try struct {
	At     time.Time `json:"-"`
	Code   string    `json:"code"`
	Detail string    `json:"detail"`
}

// heard remembers, for the page to ask, why the WebSocket of somebody who has a session was refused by this bot: browsers keep that from
// their pages. Strangers are not remembered.
func (s *Service) heard(h webpage.HandlerFunc) webpage.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		if err != nil {
			if _, unknown := s.current(r); unknown != nil {
				return err
			}
		}
		s.tried(pageName(r), err)
		return err
	}
}

// tried remembers what came of it. When there is no more room, all is forgotten: a page that goes on trying is refused again soon.
func (s *Service) tried(page string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tries) >= maxTries {
		clear(s.tries)
	}
	if delete(s.tries, page); err != nil {
		p := s.describe(err)
		s.tries[page] = try{At: s.now(), Code: p.Code, Detail: p.Detail}
	}
}

// triedHere is why this bot has refused a page's last WebSocket, if it has.
func (s *Service) triedHere(r *http.Request) (t try, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok = s.tries[pageName(r)]
	return t, ok && s.now().Sub(t.At) <= tryAge
}

// nearUnlessTried has the bot answer that has refused the page's WebSocket: the one that reaches the container has not heard of it.
func (s *Service) nearUnlessTried(h webpage.HandlerFunc) webpage.HandlerFunc {
	near := s.near(h)
	return func(w http.ResponseWriter, r *http.Request) error {
		if _, ok := s.triedHere(r); ok {
			return h(w, r)
		}
		return near(w, r)
	}
}

// wireOf is why a page has no WebSocket, if there is a reason for it. Where the bot has not heard of one that the page has tried more
// than once, something between has answered in its place, or another bot, which would have refused what this one would.
func (s *Service) wireOf(r *http.Request, sess Session) *try {
	t, heard := s.triedHere(r)
	if !heard && r.URL.Query().Get("unopened") <= "1" {
		return nil
	}
	if !heard {
		if err := s.allowed(r.Context(), sess); err != nil {
			p := s.describe(err)
			return &try{Code: p.Code, Detail: p.Detail}
		}
		t.Code = upgradeCode
	}
	if t.Code == upgradeCode {
		t.Detail = (&WireError{Says: clip(r.URL.Query().Get("says"), 200)}).Error()
	}
	return &t
}
