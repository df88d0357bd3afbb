package console

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/internal/limit"
	"github.com/snapback/snapback/internal/refusals"
	"github.com/snapback/snapback/snapshot"
)

const maxBody = 64 << 10

// handlerFunc is a handler that leaves its refusals to one place.
type handlerFunc func(w http.ResponseWriter, r *http.Request) error

// knownFunc is one for somebody who is signed in.
type knownFunc func(w http.ResponseWriter, r *http.Request, s signin.Session) error

var (
	errMethod    = errors.New("the method is not one of this address")
	errNotFound  = errors.New("there is nothing at this address")
	errOrigin    = errors.New("the request does not come from this page")
	errMediaType = errors.New("the request is not JSON")
	errMalformed = errors.New("the request is not as it should be")
	errTooLarge  = errors.New("the request is too large")
	errSlowDown  = errors.New("too many refusals")
	errNoPage    = errors.New("the program was built without its pages")
	errStopping  = errors.New("the bot is stopping")
	errReplaced  = errors.New("the same person has opened the console too often")
)

// problem is a refusal as the page gets it. What it says is for people.
type problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Says   string `json:"detail"`
}

// saidError is a refusal that is put in words where it arises.
type saidError struct {
	status     int
	code, says string
}

func (e *saidError) Error() string { return e.says }

// problems is in the order in which it is looked through.
var problems = []struct {
	err error
	problem
}{
	{signin.ErrNoPasskeys, problem{http.StatusServiceUnavailable, "no_passkeys", ""}},
	{signin.ErrLink, problem{http.StatusGone, "link_over", "This link is used or over. Type /snapback signin in Slack for a new one."}},
	{signin.ErrKnownPasskey, problem{http.StatusConflict, "known_passkey", "This passkey is registered already. Sign in with it."}},
	{signin.ErrChallenge, problem{http.StatusGone, "challenge_over", "That took more than two minutes, or was sent twice. Try again."}},
	{signin.ErrMalformed, problem{http.StatusBadRequest, "malformed", "Your browser sent something that is no passkey's answer. Try again, or another browser."}},
	{signin.ErrRefused, problem{http.StatusForbidden, "refused", "That passkey doesn't sign you in. Type /snapback signin in Slack to register this device."}},
	{signin.ErrNoSession, problem{http.StatusUnauthorized, "signed_out", "Sign in to go on."}},
	{signin.ErrOver, problem{http.StatusUnauthorized, "session_over", "Your session is over. Sign in again."}},
	{signin.ErrProve, problem{http.StatusForbidden, "prove", "Show your passkey again to go on."}},
	{access.ErrUnsure, problem{http.StatusServiceUnavailable, "unsure", "It can't be found out now what you may do: Slack or PagerDuty doesn't answer. Try again in a minute."}},
	{access.ErrDenied, problem{http.StatusForbidden, "denied", "You may not do this. The container's labels say who may."}},
	{snapshot.ErrJournalAway, problem{http.StatusServiceUnavailable, "database_away", "The database doesn't answer. Try again in a moment."}},
	{snapshot.ErrEngineAway, problem{http.StatusServiceUnavailable, "engine_away", "The container engine doesn't answer. Try again in a moment."}},
	{errOrigin, problem{http.StatusForbidden, "origin", "This page is open at another address than SNAPBACK_PUBLIC_URL. Open it there."}},
	{errMediaType, problem{http.StatusUnsupportedMediaType, "media_type", "Want JSON."}},
	{errMalformed, problem{http.StatusBadRequest, "malformed", "The request is not as it should be."}},
	{errTooLarge, problem{http.StatusRequestEntityTooLarge, "too_large", "The request is too large."}},
	{errMethod, problem{http.StatusMethodNotAllowed, "method", "The method is not one of this address."}},
	{errNotFound, problem{http.StatusNotFound, "not_found", "There is nothing at this address."}},
	{errSlowDown, problem{http.StatusTooManyRequests, "slow_down", "Too many refusals from your address. Wait a few seconds."}},
	{errNoPage, problem{http.StatusServiceUnavailable, "no_page", "This program was built without its pages: run make build."}},
}

// answer sets the headers of every response, and says refusals in words. Only refusals are counted, and only what is
// refused anyway is answered more slowly: whoever holds a passkey or a link is never held up by others at the same address.
func (c *Console) answer(h handlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.headers(w.Header())
		err := h(w, r)
		if err == nil {
			return
		}
		if _, ok := c.refusals.Take(limit.Source(r.RemoteAddr), c.now(), 0); !ok && !errors.Is(err, signin.ErrNoSession) && !errors.Is(err, signin.ErrOver) {
			err = errSlowDown
		}
		c.refuse(w, r, err)
	})
}

func (c *Console) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problem{http.StatusInternalServerError, "internal", "Something is wrong here. It is in the bot's log."}
	for _, row := range problems {
		if errors.Is(err, row.err) {
			p = row.problem
			break
		}
	}
	if row, ok := refusals.Find(err); ok && p.Code == "internal" {
		p = problem{row.Status, row.Code, row.Detail}
	}
	if said := (*saidError)(nil); errors.As(err, &said) {
		p = problem{said.status, said.code, said.says}
	}
	if p.Code == "no_passkeys" {
		p.Says = upperFirst(strings.TrimPrefix(err.Error(), signin.ErrNoPasskeys.Error()+": "))
	}
	if p.Status >= http.StatusInternalServerError {
		c.Logger.Error("console request not served", "route", r.Pattern, "code", p.Code, "err", err)
	} else {
		c.Logger.Info("console request refused", "route", r.Pattern, "code", p.Code, "err", err)
	}
	if p.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "3")
	}
	if errors.Is(err, signin.ErrOver) {
		http.SetCookie(w, c.cookie("", -time.Second))
	}
	c.write(w, "application/problem+json", p.Status, p)
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func (c *Console) write(w http.ResponseWriter, mediaType string, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		c.Logger.Error("answer not encoded", "err", err)
		status, b = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_, _ = w.Write(b) // nobody is left to tell
}

func (c *Console) ok(w http.ResponseWriter, v any) error {
	c.write(w, "application/json", http.StatusOK, v)
	return nil
}

func (c *Console) headers(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=(), clipboard-read=(), display-capture=(), usb=(), payment=()")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	if c.Door.Site().Secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// fromHere lets through what our own page sends: its origin exactly, said once, and JSON, which no foreign form can send.
// Browsers that tell where a request comes from must say the same.
func (c *Console) fromHere(h handlerFunc) handlerFunc {
	return c.sameSite(func(w http.ResponseWriter, r *http.Request) error {
		if o := r.Header.Values("Origin"); len(o) != 1 || o[0] != c.Door.Site().Origin {
			return errOrigin
		}
		if mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mt != "application/json" {
			return errMediaType
		}
		return h(w, r)
	})
}

// sameSite refuses what a browser says comes from another site, also from a sibling's subdomain.
func (c *Console) sameSite(h handlerFunc) handlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		for _, from := range r.Header.Values("Sec-Fetch-Site") {
			if from != "same-origin" {
				return errOrigin
			}
		}
		return h(w, r)
	}
}

// known lets somebody through who is signed in. What was done by hand, not by a page that is open, keeps the session alive.
func (c *Console) known(h knownFunc) handlerFunc { return c.signedIn(h, true) }

// open is known for what a page that is open asks by itself.
func (c *Console) open(h knownFunc) handlerFunc { return c.signedIn(h, false) }

func (c *Console) signedIn(h knownFunc, used bool) handlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		s, err := c.Door.Current(r.Context(), c.cookieOf(r), used)
		if err != nil {
			return err
		}
		return h(w, r, s)
	}
}

func (c *Console) cookieOf(r *http.Request) string {
	got, err := r.Cookie(c.cookieName())
	if err != nil {
		return ""
	}
	return got.Value
}

// cookieName has the prefix that lets browsers refuse a cookie which a neighbouring host has planted. Plain HTTP on this
// very machine can't have it.
func (c *Console) cookieName() string {
	if c.Door.Site().Secure {
		return "__Host-snapback-console"
	}
	return "snapback-console"
}

func (c *Console) cookie(value string, age time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: c.cookieName(), Value: value, Path: "/", MaxAge: int(age.Seconds()),
		HttpOnly: true, Secure: c.Door.Site().Secure, SameSite: http.SameSiteStrictMode,
	}
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
