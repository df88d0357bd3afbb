package console

import (
	"errors"
	"net/http"
	"strings"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/internal/download"
	"github.com/snapback/snapback/internal/limit"
	"github.com/snapback/snapback/internal/refusals"
	"github.com/snapback/snapback/internal/webpage"
	"github.com/snapback/snapback/snapshot"
)

const maxBody = 64 << 10

// knownFunc is one for somebody who is signed in.
type knownFunc func(w http.ResponseWriter, r *http.Request, s signin.Session) error

var (
	errStopping = errors.New("the bot is stopping")
	errReplaced = errors.New("the same browser has opened the console too often")
)

// saidError is a refusal that is put in words where it arises.
type saidError struct {
	status     int
	code, says string
}

func (e *saidError) Error() string { return e.says }

// own are the refusals that only the console has, or that it says in words of its own. They come before all others, in the order in
// which they are looked through.
var own = []refusals.Row{
	{Err: signin.ErrNoPasskeys, Status: http.StatusServiceUnavailable, Code: "no_passkeys", Detail: ""},
	{Err: signin.ErrLink, Status: http.StatusGone, Code: "link_over", Detail: "This link is used or over. Type /snapback signin in Slack for a new one."},
	{Err: signin.ErrKnownPasskey, Status: http.StatusConflict, Code: "known_passkey", Detail: "This passkey is registered already. Sign in with it."},
	{Err: signin.ErrChallenge, Status: http.StatusGone, Code: "challenge_over", Detail: "That took more than two minutes, or was sent twice. Try again."},
	{Err: signin.ErrMalformed, Status: http.StatusBadRequest, Code: "malformed", Detail: "Your browser sent something that is no passkey's answer. Try again, or another browser."},
	{Err: signin.ErrRefused, Status: http.StatusForbidden, Code: "refused", Detail: "That passkey doesn't sign you in. Type /snapback signin in Slack to register this device."},
	{Err: signin.ErrNoSession, Status: http.StatusUnauthorized, Code: "signed_out", Detail: "Sign in to go on."},
	{Err: signin.ErrOver, Status: http.StatusUnauthorized, Code: "session_over", Detail: "Your session is over. Sign in again."},
	{Err: signin.ErrProve, Status: http.StatusForbidden, Code: "prove", Detail: "Show your passkey again to go on."},
	{Err: access.ErrUnsure, Status: http.StatusServiceUnavailable, Code: "unsure", Detail: "It can't be found out now what you may do: Slack or PagerDuty doesn't answer. Try again in a minute."},
	{Err: access.ErrDenied, Status: http.StatusForbidden, Code: "denied", Detail: "You may not do this. The container's labels say who may."},
	{Err: access.ErrElsewhere, Status: http.StatusServiceUnavailable, Code: "elsewhere", Detail: "Another Snapback looks after this container, and can't be reached from this one. Open its terminal from Slack."},
	{Err: download.ErrBusy, Status: http.StatusServiceUnavailable, Code: "exports_busy", Detail: "Many post-mortems are under way. Try again in a moment."},
	{Err: download.ErrNoRoom, Status: http.StatusServiceUnavailable, Code: "no_room", Detail: "The bot's disk has no room for it. Nothing was sent."},
	{Err: snapshot.ErrJournalAway, Status: http.StatusServiceUnavailable, Code: "database_away", Detail: "The database doesn't answer. Try again in a moment."},
	{Err: snapshot.ErrEngineAway, Status: http.StatusServiceUnavailable, Code: "engine_away", Detail: "The container engine doesn't answer. Try again in a moment."},
}

// answer sets the headers of every response, and says refusals in words. Only refusals are counted, and only what is
// refused anyway is answered more slowly: whoever holds a passkey or a link is never held up by others at the same address.
func (c *Console) answer(h webpage.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.web.Headers(w.Header())
		err := h(w, r)
		if err == nil {
			return
		}
		if _, ok := c.refusals.Take(limit.Source(r.RemoteAddr), c.now(), 0); !ok && !errors.Is(err, signin.ErrNoSession) && !errors.Is(err, signin.ErrOver) {
			err = webpage.ErrSlowDown
		}
		c.refuse(w, r, err)
	})
}

func (c *Console) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := webpage.Describe(err, own)
	if said := (*saidError)(nil); errors.As(err, &said) {
		p = webpage.Told(said.status, said.code, said.says)
	}
	if p.Code == "no_passkeys" {
		p.Detail = upperFirst(strings.TrimPrefix(err.Error(), signin.ErrNoPasskeys.Error()+": "))
	}
	if errors.Is(err, signin.ErrOver) {
		c.web.DropCookie(w)
	}
	webpage.Refuse(c.Logger, readable(w, r, p), r, p, err)
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func (c *Console) ok(w http.ResponseWriter, v any) error {
	webpage.Write(c.Logger, w, "application/json", http.StatusOK, v)
	return nil
}

// fromHere lets through what our own page sends, by what it says of itself and by what its browser says.
func (c *Console) fromHere(h webpage.HandlerFunc) webpage.HandlerFunc {
	return webpage.SameOrigin(c.web.FromHere(h))
}

// known lets somebody through who is signed in. What was done by hand, not by a page that is open, keeps the session alive.
func (c *Console) known(h knownFunc) webpage.HandlerFunc { return c.signedIn(h, true) }

// open is known for what a page that is open asks by itself.
func (c *Console) open(h knownFunc) webpage.HandlerFunc { return c.signedIn(h, false) }

func (c *Console) signedIn(h knownFunc, used bool) webpage.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		s, err := c.Door.Current(r.Context(), c.web.CookieOf(r), used)
		if err != nil {
			return err
		}
		return h(w, r, s)
	}
}

func decode(w http.ResponseWriter, r *http.Request, v any) error {
	return webpage.Decode(w, r, maxBody, v)
}
