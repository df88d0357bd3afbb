package webpage

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
)

// HandlerFunc is a handler that leaves its refusals to one place.
type HandlerFunc func(w http.ResponseWriter, r *http.Request) error

// Route is an address and the one method that it takes. GET takes HEAD as well.
type Route struct {
	Method, Path string
	Serve        HandlerFunc
}

// Mux serves routes, and says of all else below a path that there is nothing. answer is put around each handler.
func Mux(below string, routes []Route, answer func(HandlerFunc) http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.Handle(r.Method+" "+r.Path, answer(r.Serve))
		mux.Handle(r.Path, answer(func(http.ResponseWriter, *http.Request) error { return ErrMethod }))
	}
	mux.Handle(below, answer(func(http.ResponseWriter, *http.Request) error { return ErrNotFound }))
	return mux
}

// FromHere lets through what our own page sends: its origin exactly, and JSON, which no foreign form can send. It returns
// ErrOrigin and ErrMediaType.
func (p Page) FromHere(h HandlerFunc) HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if !p.OwnOrigin(r) {
			return ErrOrigin
		}
		if mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mt != "application/json" {
			return ErrMediaType
		}
		return h(w, r)
	}
}

// OwnOrigin says whether a request names our origin. A missing one is not ours, nor one that is sent twice.
func (p Page) OwnOrigin(r *http.Request) bool {
	o := r.Header.Values("Origin")
	return len(o) == 1 && o[0] == p.Origin
}

// SameOrigin refuses what a browser says comes from another site, also from a sibling's subdomain. Browsers that don't say where a
// request comes from are let through. It returns ErrOrigin.
func SameOrigin(h HandlerFunc) HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		for _, from := range r.Header.Values("Sec-Fetch-Site") {
			if from != "same-origin" {
				return ErrOrigin
			}
		}
		return h(w, r)
	}
}

// Decode reads a request of at most that many bytes. It returns ErrTooLarge and ErrMalformed.
func Decode(w http.ResponseWriter, r *http.Request, most int64, v any) error {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return ErrTooLarge
	}
	if err != nil || json.Unmarshal(b, v) != nil {
		return ErrMalformed
	}
	return nil
}
