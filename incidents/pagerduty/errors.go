package pagerduty

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	api "github.com/PagerDuty/go-pagerduty"
)

// What PagerDuty's answers mean to people. Each comes wrapped in an *Error.
var (
	ErrAlreadyResolved = errors.New("the incident is resolved already")
	ErrNoUser          = errors.New("no PagerDuty user has this e-mail address")
	ErrBadID           = errors.New("not an ID of PagerDuty's")
	ErrMisconfigured   = errors.New("not configured")
	ErrMayNotWrite     = errors.New("the key may not write, as a read-only one: make one that may, in PagerDuty under Integrations, API Access Keys, and give it to snapback init --ask PAGERDUTY_API_TOKEN")
)

// The reasons of an Error: bounded, so that they can label a metric.
const (
	ReasonRateLimited     = "rate_limited"
	ReasonUnavailable     = "unavailable" // PagerDuty answered 5xx
	ReasonUnreachable     = "unreachable" // no connection
	ReasonTimeout         = "timeout"
	ReasonCanceled        = "canceled" // by the caller
	ReasonUnauthorized    = "unauthorized"
	ReasonForbidden       = "forbidden"
	ReasonNotFound        = "not_found"
	ReasonRefused         = "refused"   // any other 3xx and 4xx
	ReasonMalformed       = "malformed" // the answer can't be read
	ReasonAlreadyResolved = "already_resolved"
	ReasonNoUser          = "no_user"
	ReasonMisconfigured   = "misconfigured"
)

// Error is why a call failed. Its text holds no token, no routing key, and no URL.
type Error struct {
	Op     string        // what was being done, such as "acknowledging incident PGR0VU2"
	Retry  bool          // the same call may succeed later
	After  time.Duration // not before this has passed; 0: the caller's own back-off
	Reason string        // one of the Reason constants
	Status int           // of the HTTP answer; 0 when there was none
	Code   int           // PagerDuty's own error code; 0 when there was none
	Err    error         // the cause
}

// Error is a sentence for the log.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %v", e.Op, e.Reason, e.Err) }

// RetryAfter tells a queue how long to wait at least; 0: as it would.
func (e *Error) RetryAfter() time.Duration { return e.After }

// Permanent tells a queue that no retry can help.
func (e *Error) Permanent() bool { return !e.Retry }

// Unwrap returns the cause, so that errors.Is finds context.Canceled, ErrNoUser and so on.
func (e *Error) Unwrap() error { return e.Err }

// hasReason says whether err is an *Error for that reason.
func hasReason(err error, reason string) bool {
	var e *Error
	return errors.As(err, &e) && e.Reason == reason
}

// transportError is why no answer came. The *url.Error around it goes: it quotes the URL with its query, where e-mail
// addresses are.
func transportError(op string, err error) *Error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return &Error{Op: op, Retry: true, Reason: ReasonTimeout, Err: bare(err)}
	}
	if errors.Is(err, context.Canceled) {
		return &Error{Op: op, Retry: true, Reason: ReasonCanceled, Err: bare(err)}
	}
	return &Error{Op: op, Retry: true, Reason: ReasonUnreachable, Err: bare(err)}
}

func bare(err error) error {
	var quoted *url.Error
	if errors.As(err, &quoted) {
		return quoted.Err
	}
	return err
}

// answerError is what an answer outside 2xx means.
func answerError(op string, resp *http.Response, body []byte, secrets ...string) *Error {
	said := answerText(body)
	e := &Error{Op: op, Status: resp.StatusCode, Code: said.Code, Reason: ReasonRefused}
	e.Err = fmt.Errorf("PagerDuty answered %d%s", resp.StatusCode, without(said.text(), secrets))
	switch code := resp.StatusCode; {
	case code == http.StatusTooManyRequests:
		e.Reason, e.Retry, e.After = ReasonRateLimited, true, waitFor(resp.Header)
	case code >= http.StatusInternalServerError:
		e.Reason, e.Retry, e.After = ReasonUnavailable, true, retryAfter(resp.Header)
	case code == http.StatusRequestTimeout:
		e.Reason, e.Retry = ReasonTimeout, true
	case code == http.StatusUnauthorized:
		e.Reason = ReasonUnauthorized
	case code == http.StatusForbidden:
		e.Reason = ReasonForbidden
	case said.Code == codeNoRequester:
		e.Reason, e.Err = ReasonNoUser, fmt.Errorf("%w (the one to act as)", ErrNoUser)
	case code == http.StatusNotFound || said.Code == codeNotFound:
		e.Reason = ReasonNotFound
	}
	return e
}

// PagerDuty's error codes (its REST API documentation, "Errors").
const (
	codeAlreadyResolved     = 1001
	codeAlreadyAcknowledged = 1002
	codeNoRequester         = 1008
	codeNotFound            = 2100
)

type answer api.APIErrorObject

func answerText(body []byte) answer {
	var doc struct {
		Error api.NullAPIErrorObject `json:"error"`
	}
	if err := decodeAnswer(body, &doc); err != nil {
		return answer{} // a proxy's page, for example
	}
	return answer(doc.Error.ErrorObject)
}

// text is what PagerDuty says, in brackets, bounded.
func (a answer) text() string {
	parts := append([]string{a.Message}, a.Errors...)
	said := clean(strings.Trim(strings.Join(parts, "; "), "; "), maxName)
	if said == "" {
		return ""
	}
	return fmt.Sprintf(" (%d: %s)", a.Code, said)
}

func without(s string, secrets []string) string {
	for _, secret := range secrets {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "[secret]")
		}
	}
	return s
}

// The longest wait that an answer can impose, and the one assumed when a 429 names none: limits are per minute.
const (
	longestWait = 10 * time.Minute
	defaultWait = time.Minute
)

// waitFor is how long a rate limit lasts.
func waitFor(h http.Header) time.Duration {
	if d := retryAfter(h); d > 0 {
		return d
	}
	if d := seconds(h.Get("Ratelimit-Reset")); d > 0 {
		return d
	}
	return defaultWait
}

func retryAfter(h http.Header) time.Duration { return seconds(h.Get("Retry-After")) }

func seconds(s string) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, int(longestWait/time.Second))) * time.Second
}
