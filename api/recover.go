package api

import (
	"fmt"
	"net/http"
	"runtime/debug"
)

// recoverPanics turns a mistake of ours into an internal error, told by its request ID. net/http's own way to abandon
// an answer goes through.
func (a *API) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &statusWriter{ResponseWriter: w}
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler {
				panic(v)
			}
			a.log.ErrorContext(r.Context(), "request panicked", "request_id", traceOf(r).id, "stack", string(debug.Stack()))
			if seen.status == 0 {
				a.refuse(seen, r, fmt.Errorf("%w: panic: %v", errInternal, v))
			}
		}()
		next.ServeHTTP(seen, r)
	})
}
