package webpage

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/snapback/snapback/internal/refusals"
)

// What can be wrong with a request, whatever it is for.
var (
	ErrMethod    = errors.New("the method is not one of this address")
	ErrNotFound  = errors.New("there is nothing at this address")
	ErrOrigin    = errors.New("the request does not come from this page")
	ErrMediaType = errors.New("the request is not JSON")
	ErrMalformed = errors.New("the request is not as it should be")
	ErrTooLarge  = errors.New("the request is too large")
	ErrSlowDown  = errors.New("too many refusals")
	ErrNoPage    = errors.New("the program was built without its pages")
)

// table is how these are answered.
var table = []refusals.Row{
	{Err: ErrOrigin, Status: http.StatusForbidden, Code: "origin", Detail: "This page is open at another address than SNAPBACK_PUBLIC_URL. Open it there."},
	{Err: ErrMediaType, Status: http.StatusUnsupportedMediaType, Code: "media_type", Detail: "This address takes JSON."},
	{Err: ErrMalformed, Status: http.StatusBadRequest, Code: "malformed", Detail: "The request is not one that this page makes."},
	{Err: ErrTooLarge, Status: http.StatusRequestEntityTooLarge, Code: "too_large", Detail: "The request is too large."},
	{Err: ErrMethod, Status: http.StatusMethodNotAllowed, Code: "method", Detail: "This address does not take that method."},
	{Err: ErrNotFound, Status: http.StatusNotFound, Code: "not_found", Detail: "There is nothing at this address."},
	{Err: ErrSlowDown, Status: http.StatusTooManyRequests, Code: "slow_down", Detail: "Too many refused attempts from your address. Wait a minute."},
	{Err: ErrNoPage, Status: http.StatusServiceUnavailable, Code: "no_page", Detail: "This program was built without its pages: run make build."},
}

// Problem is a refusal as the page gets it (RFC 9457). Detail is for people.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"` // stable: pages tell refusals apart by it
	Detail string `json:"detail"`
}

// Describe looks an error up in the page's own table, then in the one above, then in the domain's. What none of them has is internal:
// its cause is for the log.
func Describe(err error, own []refusals.Row) Problem {
	if row, ok := refusals.Find(err, own, table, refusals.Table()); ok {
		return Told(row.Status, row.Code, row.Detail)
	}
	return Told(http.StatusInternalServerError, "internal", "Something went wrong on our side; the log says what. Try again.")
}

// Told is a refusal in words of one's own.
func Told(status int, code, detail string) Problem {
	return Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// Refuse answers with a refusal, and logs why. It logs the pattern that matched and never the path: a link that was pasted wrongly has
// its token there.
func Refuse(log *slog.Logger, w http.ResponseWriter, r *http.Request, p Problem, err error) {
	if p.Status >= http.StatusInternalServerError && r.Context().Err() == nil { // else nobody waits for it any more
		log.Error("request not served", "route", r.Pattern, "code", p.Code, "err", err)
	} else {
		log.Info("request refused", "route", r.Pattern, "code", p.Code, "err", err)
	}
	if p.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "3")
	}
	Write(log, w, "application/problem+json", p.Status, p)
}

// Write answers with JSON.
func Write(log *slog.Logger, w http.ResponseWriter, mediaType string, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		log.Error("answer not encoded", "err", err)
		status, b = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_, _ = w.Write(b) // nobody is left to tell
}
