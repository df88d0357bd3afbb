package terminal

import (
	"crypto/rand"
	"net/http"
	"time"
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

// tried remembers why somebody's WebSocket was refused, for the page to ask. When there is no more room, all is forgotten: a page
// that goes on trying is refused again soon.
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

// wireOf is why a page has no WebSocket, if there is a reason for it. Where the bot has not heard of one that the page has tried more
// than once, something between has answered in its place.
func (s *Service) wireOf(r *http.Request) *try {
	s.mu.Lock()
	t, heard := s.tries[pageName(r)]
	s.mu.Unlock()
	if heard && s.now().Sub(t.At) > tryAge {
		heard = false
	}
	eaten := !heard && r.URL.Query().Get("unopened") > "1"
	if !heard && !eaten {
		return nil
	}
	if eaten || t.Code == upgradeCode {
		t.Code, t.Detail = upgradeCode, (&WireError{Says: clip(r.URL.Query().Get("says"), 200)}).Error()
	}
	return &t
}
