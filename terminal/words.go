package terminal

import (
	"errors"
	"net/http"

	"github.com/snapback/snapback/internal/refusals"
	"github.com/snapback/snapback/internal/webpage"
)

// own are the refusals that only terminals have; they come before those of the domain. What isn't in either is an internal
// error, whose cause is for the log. The order matters where an error is several of them.
var own = []refusals.Row{
	{Err: ErrNotRecorded, Status: http.StatusServiceUnavailable, Code: "not_recorded", Detail: "This can't be recorded right now, so it isn't started. Try again in a minute."},
	{Err: ErrStoreAway, Status: http.StatusServiceUnavailable, Code: "database_away", Detail: "Snapback's database does not answer right now. Try again in a minute."},
	{Err: ErrLinkForged, Status: http.StatusForbidden, Code: "link_invalid", Detail: "This link is not complete, or not one of ours. Tap Terminal in Slack again."},
	{Err: ErrLinkUnknown, Status: http.StatusForbidden, Code: "link_invalid", Detail: "This link is not complete, or not one of ours. Tap Terminal in Slack again."},
	{Err: ErrLinkExpired, Status: http.StatusGone, Code: "link_expired", Detail: "This link has expired. Tap Terminal in Slack again."},
	{Err: ErrLinkUsed, Status: http.StatusGone, Code: "link_used", Detail: "This link was already used. Tap Terminal in Slack again."},
	{Err: ErrSignedOut, Status: http.StatusUnauthorized, Code: "signed_out", Detail: "You are signed out of the console. Sign in there to go on."},
	{Err: ErrProve, Status: http.StatusForbidden, Code: "prove", Detail: "Show your passkey again to start or watch a shell."},
	{Err: ErrNoSession, Status: http.StatusUnauthorized, Code: "no_session", Detail: "There is no open session in this browser. Open a terminal in Slack or the console."},
	{Err: ErrOtherSession, Status: http.StatusConflict, Code: "other_session", Detail: "This browser has opened another terminal since. Open this one again in Slack or the console."},
	{Err: ErrSessionOver, Status: http.StatusGone, Code: "session_over", Detail: "The session is over. Open a new one in Slack or the console."},
	{Err: ErrIncidentResolved, Status: http.StatusGone, Code: "incident_resolved", Detail: "The incident is resolved, which ends its terminals."},
	{Err: ErrNotEnabled, Status: http.StatusForbidden, Code: "not_enabled", Detail: "The container does not carry the label snapback.enable=true, so it can't be opened."},
	{Err: ErrNotAllowed, Status: http.StatusForbidden, Code: "not_allowed", Detail: "You may not open this here. The container's labels say who may."},
	{Err: ErrUnsure, Status: http.StatusServiceUnavailable, Code: "unsure", Detail: "Slack or PagerDuty does not tell right now who may open this. Try again in a minute."},
	{Err: ErrElsewhere, Status: http.StatusServiceUnavailable, Code: "elsewhere", Detail: "Another Snapback looks after this container, and can't be reached from this one. Try again in a minute."},
	{Err: ErrNoContainer, Status: http.StatusNotFound, Code: "no_container", Detail: "There is no such container right now."},
	{Err: ErrNotRunning, Status: http.StatusConflict, Code: "not_running", Detail: "The container is not running, so there is nothing to run a shell in. Its logs are still there."},
	{Err: ErrNoShell, Status: http.StatusConflict, Code: "no_shell", Detail: "This container has no shell that could be started. Its logs are still there."},
	{Err: ErrTooMany, Status: http.StatusTooManyRequests, Code: "too_many", Detail: "Too many terminals are open for you or for this container. Close one first."},
	{Err: errStopping, Status: http.StatusServiceUnavailable, Code: "restarting", Detail: "Snapback is restarting. Try again in a moment."},
	{Err: errAway, Status: http.StatusGone, Code: "away", Detail: "The shell was ended because nobody was connected to it."},
	{Err: errLed, Status: http.StatusConflict, Code: "led", Detail: "Another Snapback has the shell. Connecting to it."},
	{Err: errShellOver, Status: http.StatusGone, Code: "shell_over", Detail: "That shell has ended."},
	{Err: errNotYours, Status: http.StatusConflict, Code: "not_yours", Detail: "Somebody else has the keyboard. Ask for it."},
	{Err: errNotThere, Status: http.StatusConflict, Code: "not_there", Detail: "They have just left, so the keyboard stays where it is."},
	{Err: errFilter, Status: http.StatusBadRequest, Code: "bad_filter", Detail: "This filter can't be read. It is a regular expression as RE2 has them, of at most 200 characters."},
	{Err: errTooLong, Status: http.StatusServiceUnavailable, Code: "too_long", Detail: "The log is too long to be read that far in time. Choose a later time, or try again."},
	{Err: errNoLine, Status: http.StatusNotFound, Code: "no_line", Detail: "The log no longer has this line, so it was not shared."},
	{Err: errNoIncident, Status: http.StatusConflict, Code: "no_incident", Detail: "No incident of this container was open when this page was opened, so there is no thread to share with."},
	{Err: errSpeech, Status: http.StatusBadRequest, Code: "speech", Detail: "This page is of another version of Snapback: reload it. If it says so again, something between drops the header Sec-WebSocket-Protocol."},
	{Err: errUpgrade, Status: http.StatusUpgradeRequired, Code: upgradeCode, Detail: "Something between your browser and Snapback does not let WebSockets through."},
}

// words is an error as the person hears of it.
func words(err error) string {
	var ended endCause
	if errors.As(err, &ended) {
		return ended.why.String()
	}
	if elsewhere := (*NoEngineError)(nil); errors.As(err, &elsewhere) {
		return elsewhere.Error()
	}
	return webpage.Describe(err, own).Detail
}

// describe adds what only the service knows: the time, in the zone that people read.
func (s *Service) describe(err error) webpage.Problem {
	p := webpage.Describe(err, own)
	var used *UsedError
	if errors.As(err, &used) {
		p.Detail = "This link was already used at " + s.clock(used.At) + ". Tap Terminal in Slack again."
	}
	return p
}
