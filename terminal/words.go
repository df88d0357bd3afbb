package terminal

import (
	"errors"
	"net/http"
)

// problem is what a person is told (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// refusals is the one table from errors to answers. What isn't in it is an internal error, whose cause is for the log.
// The order matters where an error is several of them.
var refusals = []struct {
	err    error
	status int
	code   string
	words  string
}{
	{ErrNotRecorded, http.StatusServiceUnavailable, "not_recorded", "This can't be recorded right now, so it isn't started. Try again in a minute."},
	{ErrStoreAway, http.StatusServiceUnavailable, "database_away", "Snapback's database does not answer right now. Try again in a minute."},
	{ErrLinkForged, http.StatusForbidden, "link_invalid", "This link is not complete, or not one of ours. Tap Terminal in Slack again."},
	{ErrLinkUnknown, http.StatusForbidden, "link_invalid", "This link is not complete, or not one of ours. Tap Terminal in Slack again."},
	{ErrLinkExpired, http.StatusGone, "link_expired", "This link has expired. Tap Terminal in Slack again."},
	{ErrLinkUsed, http.StatusGone, "link_used", "This link was already used. Tap Terminal in Slack again."},
	{ErrNoSession, http.StatusUnauthorized, "no_session", "There is no open session in this browser. Tap Terminal in Slack to get a link."},
	{ErrOtherSession, http.StatusConflict, "other_session", "This browser has opened another terminal since. Tap Terminal in Slack again for this one."},
	{ErrSessionOver, http.StatusGone, "session_over", "The session is over. Tap Terminal in Slack for a new one."},
	{ErrIncidentResolved, http.StatusGone, "incident_resolved", "The incident is resolved, which ends its terminals."},
	{ErrNotEnabled, http.StatusForbidden, "not_enabled", "The container does not carry the label snapback.enable=true, so it can't be opened."},
	{ErrNotAllowed, http.StatusForbidden, "not_allowed", "You may not open this here. The container's labels say who may."},
	{ErrUnsure, http.StatusServiceUnavailable, "unsure", "Slack or PagerDuty does not tell right now who may open this. Try again in a minute."},
	{ErrNoContainer, http.StatusNotFound, "no_container", "There is no such container right now."},
	{ErrNotRunning, http.StatusConflict, "not_running", "The container is not running, so there is nothing to run a shell in. Its logs are still there."},
	{ErrNoShell, http.StatusConflict, "no_shell", "This container has no shell that could be started. Its logs are still there."},
	{ErrTooMany, http.StatusTooManyRequests, "too_many", "Too many terminals are open for you or for this container. Close one first."},
	{errStopping, http.StatusServiceUnavailable, "restarting", "Snapback is restarting. Try again in a moment."},
	{errAway, http.StatusGone, "away", "The shell was ended because nobody was connected to it."},
	{errOrigin, http.StatusForbidden, "wrong_origin", "This page was not opened from Snapback's own address."},
	{errMalformed, http.StatusBadRequest, "malformed", "The request is not one that the terminal page makes."},
	{errTooLarge, http.StatusRequestEntityTooLarge, "too_large", "The request is too large."},
	{errSlowDown, http.StatusTooManyRequests, "slow_down", "Too many refused attempts from your address. Wait a minute."},
	{errNoPage, http.StatusServiceUnavailable, "no_page", "This build of Snapback has no terminal page: it was built without its front end."},
	{errNotFound, http.StatusNotFound, "not_found", "There is nothing at this address."},
	{errMethod, http.StatusMethodNotAllowed, "method", "This address does not take that method."},
	{errMediaType, http.StatusUnsupportedMediaType, "media_type", "This address takes JSON."},
}

var (
	errOrigin    = errors.New("foreign origin")
	errMalformed = errors.New("malformed request")
	errTooLarge  = errors.New("request too large")
	errSlowDown  = errors.New("refused too often")
	errNoPage    = errors.New("front end not built")
	errNotFound  = errors.New("not found")
	errMethod    = errors.New("method not allowed")
	errMediaType = errors.New("not JSON")
)

func describe(err error) problem {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return problem{Type: "about:blank", Title: http.StatusText(r.status), Status: r.status, Code: r.code, Detail: r.words}
		}
	}
	const status = http.StatusInternalServerError
	return problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: "internal", Detail: "Something went wrong on our side; the log says what. Try again."}
}

// words is an error as the person hears of it.
func words(err error) string {
	var ended endCause
	if errors.As(err, &ended) {
		return ended.why.String()
	}
	return describe(err).Detail
}

// describe adds what only the service knows: the time, in the zone that people read.
func (s *Service) describe(err error) problem {
	p := describe(err)
	var used *UsedError
	if errors.As(err, &used) {
		p.Detail = "This link was already used at " + s.clock(used.At) + ". Tap Terminal in Slack again."
	}
	return p
}
