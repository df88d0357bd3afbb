package api

import (
	"context"
	"net/http"
	"time"
)

const (
	grace      = 30 * time.Second // for the answer, once the work is over
	otherWrite = 2 * time.Minute  // for what has no limit of its own
)

// limitWrites bounds every answer; limitTime and mounted handlers set another bound. Without it, an earlier request's
// would go on to hold for the connection. What is upgraded to a WebSocket has no deadlines any more: net/http lifts
// them as it hands the connection over.
func limitWrites(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limitWrite(w, otherWrite)
		next.ServeHTTP(w, r)
	})
}

// limitTime ends the work after d, and the writing of the answer a little later, so that a client that does not read
// holds nothing.
func limitTime(d time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limitWrite(w, d+grace)
		ctx, cancel := context.WithTimeout(r.Context(), d)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// limitWrite ignores writers that have no connection, such as a test's.
func limitWrite(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d))
}
