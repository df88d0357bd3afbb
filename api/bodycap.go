package api

import "net/http"

// maxBody is the most that a request may carry, in bytes.
const maxBody = 1 << 20

// limitBody stops reading before anything is parsed, and closes the connection of whoever sends more.
func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}
