package console

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/snapback/snapback/access/signin"
)

// door tells a page before sign-in whether anybody can get in, and how. It is the same for everybody.
func (c *Console) door(w http.ResponseWriter, r *http.Request) error {
	if err := signin.Passkeys(c.Door.Site()); err != nil {
		return err
	}
	any, err := c.Data.AnyPasskey(r.Context())
	if err != nil {
		return err
	}
	return c.ok(w, map[string]bool{"registered": any})
}

func (c *Console) beginSignIn(w http.ResponseWriter, _ *http.Request) error {
	options, err := c.Door.BeginSignIn()
	if err != nil {
		return err
	}
	return c.ok(w, options)
}

type answered struct {
	Token      string          `json:"token"` // of a link
	Credential json.RawMessage `json:"credential"`
}

func (c *Console) finishSignIn(w http.ResponseWriter, r *http.Request) error {
	var body answered
	if err := decode(w, r, &body); err != nil {
		return err
	}
	s, cookie, err := c.Door.SignIn(r.Context(), body.Credential)
	if err != nil {
		return err
	}
	return c.letIn(w, s, cookie)
}

func (c *Console) letIn(w http.ResponseWriter, s signin.Session, cookie string) error {
	c.web.SetCookie(w, cookie, s.ExpiresAt.Sub(c.now()))
	return c.ok(w, viewOf(s))
}

func (c *Console) beginRegistration(w http.ResponseWriter, r *http.Request) error {
	var body answered
	if err := decode(w, r, &body); err != nil {
		return err
	}
	options, err := c.Door.BeginRegistration(r.Context(), body.Token)
	if err != nil {
		return err
	}
	return c.ok(w, options)
}

func (c *Console) finishRegistration(w http.ResponseWriter, r *http.Request) error {
	var body answered
	if err := decode(w, r, &body); err != nil {
		return err
	}
	s, cookie, err := c.Door.Register(r.Context(), body.Token, body.Credential, device(r.UserAgent()))
	if err != nil {
		return err
	}
	return c.letIn(w, s, cookie)
}

func (c *Console) beginProof(w http.ResponseWriter, _ *http.Request, s signin.Session) error {
	options, err := c.Door.BeginProof(s)
	if err != nil {
		return err
	}
	return c.ok(w, options)
}

func (c *Console) finishProof(w http.ResponseWriter, r *http.Request, s signin.Session) error {
	var body answered
	if err := decode(w, r, &body); err != nil {
		return err
	}
	if err := c.Door.Prove(r.Context(), s, body.Credential); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (c *Console) signOut(w http.ResponseWriter, r *http.Request, s signin.Session) error {
	if err := c.Door.End(r.Context(), s, signin.SignedOut); err != nil {
		return err
	}
	if err := c.Terminals.Unseat(r.Context(), s.ID); err != nil {
		c.Logger.Error("terminals of a session that is over go on for some seconds", "session", s.ID, "err", err)
	}
	c.web.DropCookie(w)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// sessionView is what the page knows of whoever is signed in.
type sessionView struct {
	Name      string    `json:"name"`
	Device    string    `json:"device"`
	OpenedAt  time.Time `json:"opened_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

func viewOf(s signin.Session) sessionView {
	return sessionView{Name: s.Name, Device: s.Device, OpenedAt: s.OpenedAt, ExpiresAt: s.ExpiresAt}
}

func (c *Console) session(w http.ResponseWriter, _ *http.Request, s signin.Session) error {
	return c.ok(w, viewOf(s))
}

// device is what a browser says of itself, in two words. People tell their passkeys apart by it; nothing depends on it.
func device(agent string) string {
	return first(agent, "a device", "iPhone", "iPhone", "iPad", "iPad", "Android", "Android", "CrOS", "Chromebook", "Mac OS X", "Mac", "Windows", "Windows PC", "Linux", "Linux") +
		", " + first(agent, "a browser", "Firefox/", "Firefox", "FxiOS", "Firefox", "Edg", "Edge", "SamsungBrowser", "Samsung Internet", "CriOS", "Chrome", "Chrome/", "Chrome", "Safari/", "Safari")
}

// first is the name of the first mark that is in a text, of pairs of both.
func first(text, otherwise string, pairs ...string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		if strings.Contains(text, pairs[i]) {
			return pairs[i+1]
		}
	}
	return otherwise
}

// fresh lets somebody through whose passkey was asked for within signin.FreshFor; it returns signin.ErrProve, which the page hears as
// 403 with the code prove. What a shell has shown is played through it. The page sends what needs it by proven() of prove.ts: that asks
// for the passkey when it has to, and then sends the same once more.
//
// A shell is started over the terminal's WebSocket, of which a refusal tells a page nothing. So the terminal's page asks GET
// /console/fresh before it starts one: 204, or 403 with prove. The terminal asks all the same.
func (c *Console) fresh(h knownFunc) knownFunc {
	return func(w http.ResponseWriter, r *http.Request, s signin.Session) error {
		if err := c.Door.Fresh(s); err != nil {
			return err
		}
		return h(w, r, s)
	}
}

// isFresh answers that the passkey need not be asked for now.
func (c *Console) isFresh(w http.ResponseWriter, _ *http.Request, _ signin.Session) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}
