package api

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/snapback/snapback/access"
)

// trace is what becomes known of a request on its way in, for the log and for answers. Only the goroutine that serves
// the request touches it.
type trace struct {
	id    string
	route string       // the pattern that matched
	code  string       // of the refusal, if it was refused
	token access.Token // whose request it is; zero before authorize, and where none is needed
}

type traceKey struct{}

// identify gives every request an ID of its own. One that the client sends is not taken over: it goes into logs.
func (a *API) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := &trace{id: rand.Text()}
		w.Header().Set("X-Request-Id", t.id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), traceKey{}, t)))
	})
}

func traceOf(r *http.Request) *trace {
	if t, ok := r.Context().Value(traceKey{}).(*trace); ok {
		return t
	}
	return &trace{}
}
