package terminal

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"
)

// A page that has lost its connection opens another one, sometimes several at once, before the bot has noticed. They are one
// browser: they count once, and the one that greets last is the one that stays.
const (
	maxPageName  = 64
	wiresPerPage = 8
	maxTries     = 1000 // that were refused and are remembered
	tryAge       = time.Minute
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
	if before != nil && l.keyboard == before {
		l.keyboard = v
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

// lastTry is nil when nothing is known: the bot has not heard of a WebSocket of that page, or has taken it.
func (s *Service) lastTry(page string) *try {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tries[page]
	if !ok || s.now().Sub(t.At) > tryAge {
		return nil
	}
	return &t
}

// upgradeDropped says that a browser asked for a WebSocket and something between has made an ordinary request of it, as nginx and
// Apache do unless they are told otherwise.
func upgradeDropped(r *http.Request) bool {
	return r.Header.Get("Sec-WebSocket-Key") != "" && !strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}
