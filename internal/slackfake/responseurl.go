package slackfake

import (
	"crypto/rand"
	"net/http"
	"time"
)

const (
	responseLife = 30 * time.Minute
	responseUses = 5
)

// responseURL is the address that a tap or a command can be answered at.
type responseURL struct {
	userID  string
	channel *channel
	message *message // what was tapped; nil for a command
	at      time.Time
	uses    int
}

func secret() string { return rand.Text() }

// newResponseURL makes one. The caller holds mu.
func (s *Server) newResponseURL(kind, userID string, ch *channel, m *message) string {
	rest := teamID + "/" + s.nextID("") + "/" + secret()
	s.urls[rest] = &responseURL{userID: userID, channel: ch, message: m, at: s.cfg.Clock()}
	return s.baseURL + "/" + kind + "/" + rest
}

// serveResponseURL takes an answer to a tap or a command. No token: the URL is the secret.
func (s *Server) serveResponseURL(w http.ResponseWriter, r *http.Request, rest string) {
	p := s.planFor("response_url")
	s.hold(r, p.delay)
	if p.limited {
		tooMany(w, p.retryAfter)
		return
	}
	err := refuse(p.refused)
	if p.refused == "" {
		err = s.respond(r, rest)
	}
	if p.dropped {
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		writeJSON(w, answer(nil, err))
		return
	}
	_, _ = w.Write([]byte("ok"))
}

func (s *Server) respond(r *http.Request, rest string) error {
	if r.Method != http.MethodPost {
		return refuse("http_method_not_allowed")
	}
	c, err := parseCall(r)
	if err != nil {
		return err
	}
	body, err := s.parseContent(c)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.urls[rest]
	if err := s.use(u); err != nil {
		return err
	}
	return s.reply(u, c, body)
}

// use counts a use. The caller holds mu.
func (s *Server) use(u *responseURL) error {
	switch {
	case u == nil:
		return refuse("invalid_url")
	case s.cfg.Clock().Sub(u.at) > responseLife:
		return refuse("expired_url")
	case u.uses >= responseUses:
		return refuse("used_url")
	}
	u.uses++
	return nil
}

// reply carries the answer out: delete, replace, or say something. The caller holds mu.
func (s *Server) reply(u *responseURL, c *call, body content) error {
	if c.flag("delete_original", false) && u.message != nil {
		u.message.deleted = true
		s.touch()
		return nil
	}
	if body.empty() {
		return refuse("no_text")
	}
	if c.flag("replace_original", false) && u.message != nil {
		s.edit(u.message, body)
		return nil
	}
	if c.str("response_type") != "in_channel" {
		s.whisper(u.channel, u.userID, c.str("thread_ts"), body)
		return nil
	}
	thread, err := u.channel.thread(c.str("thread_ts"))
	if err != nil {
		return err
	}
	m := s.post(u.channel, botUser, thread, body)
	m.unfurlLinks, m.unfurlMedia = c.flag("unfurl_links", true), c.flag("unfurl_media", true)
	s.autoCrawl()
	return nil
}
