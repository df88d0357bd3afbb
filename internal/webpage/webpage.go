// Package webpage is what the bot's own pages for people have in common, the console and the terminal: the headers of every
// response, who may send what, the cookie, and what is answered to a request that is not as it should be.
//
// It knows nobody and decides nothing about people: each page says itself who is signed in, and what they may.
package webpage

import (
	"net/http"
	"strings"
	"time"
)

// Page is one of them, at the address where browsers reach it.
type Page struct {
	Origin string // as browsers write it in the header Origin
	Secure bool   // https
	Cookie string // its name, without a prefix
	Powers string // what the page may use of the browser, in the words of Permissions-Policy; "": nothing that has to be permitted
}

// guarded are the browser's powers that a page of ours has only when it names them.
var guarded = []string{"camera", "microphone", "geolocation", "clipboard-read", "display-capture", "usb", "payment"}

// Headers are those of a page that holds a key to production. The document's own policy, which replaces the one here, adds what it
// needs.
func (p Page) Headers(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", p.powers())
	h.Set("X-Robots-Tag", "noindex, nofollow")
	if p.Secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

func (p Page) powers() string {
	var all []string
	if p.Powers != "" {
		all = append(all, p.Powers)
	}
	for _, power := range guarded {
		if !strings.Contains(p.Powers, power+"=") {
			all = append(all, power+"=()")
		}
	}
	return strings.Join(all, ", ")
}

// CookieName has the prefix that lets browsers refuse a cookie which a neighbouring host has planted. Plain HTTP on this very
// machine can't have it.
func (p Page) CookieName() string {
	if p.Secure {
		return "__Host-" + p.Cookie
	}
	return p.Cookie
}

// SetCookie lets the browser keep a value for so long, out of reach of scripts and of other sites.
func (p Page) SetCookie(w http.ResponseWriter, value string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: p.CookieName(), Value: value, Path: "/", MaxAge: int(age.Seconds()), HttpOnly: true, Secure: p.Secure, SameSite: http.SameSiteStrictMode,
	})
}

// DropCookie lets the browser forget it.
func (p Page) DropCookie(w http.ResponseWriter) { p.SetCookie(w, "", -time.Second) }

// CookieOf is the value that a request bears; "" when it bears none.
func (p Page) CookieOf(r *http.Request) string {
	got, err := r.Cookie(p.CookieName())
	if err != nil {
		return ""
	}
	return got.Value
}
