package bot

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/internal/refusals"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// Error is why something could not be brought to Slack. Reason is one of a bounded set, for metrics: rate_limited,
// unreachable, unavailable, incomplete, no_channel, unknown_incident, store, or a code of Slack's own.
type Error struct {
	Retry  bool
	After  time.Duration // at least so long before the next try; 0: as the queue has it
	Reason string
	Err    error

	maybe bool // it may have been done all the same
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Reason
	}
	return e.Err.Error()
}

// RetryAfter tells the queue how long to wait at least; 0: as it would.
func (e *Error) RetryAfter() time.Duration { return e.After }

// Permanent tells the queue that no retry can help.
func (e *Error) Permanent() bool { return !e.Retry }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// wrap makes an *Error of what slack-go returned. op names what was tried.
func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	e := classify(err)
	e.Err = fmt.Errorf("%s: %w", op, err)
	return e
}

func classify(err error) *Error {
	var known *Error
	var limited *slack.RateLimitedError
	var status slack.StatusCodeError
	code := slackCode(err)
	switch {
	case errors.As(err, &known):
		return &Error{Retry: known.Retry, After: known.After, Reason: known.Reason, maybe: known.maybe}
	case errors.As(err, &limited):
		return &Error{Retry: true, After: max(limited.RetryAfter, time.Second), Reason: "rate_limited"}
	case code != "":
		return refusedBySlack(kindOf(err), code)
	case errors.As(err, &status):
		return &Error{Retry: true, Reason: "unavailable", maybe: status.Code >= http.StatusInternalServerError}
	}
	return &Error{Retry: true, Reason: "unreachable", maybe: !neverSent(err)}
}

// neverSent says that not even a connection was made.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// slackCode is the error code of Slack's answer, or "".
func slackCode(err error) string {
	var answer slack.SlackErrorResponse
	if errors.As(err, &answer) {
		return answer.Err
	}
	return ""
}

// sentence says what err means for the person who tapped, as mrkdwn. Ours are written here; what is quoted is escaped.
func (b *Bot) sentence(err error) (text string, known bool) {
	var denied *denial
	var barred *snapshot.DeniedError
	var running *restore.InProgressError
	var refused *restore.RefusedError
	switch {
	case errors.As(err, &denied):
		return denied.sentence, true
	case errors.As(err, &barred):
		return "Nothing was done: " + quote(barred.Error(), 400) + ". Somebody has to allow that call on the engine's host; `snapback doctor` lists all such.", true
	case errors.As(err, &running):
		return b.whose(running.Running), true
	case errors.As(err, &refused):
		return "It can't be restored now: " + quote(strings.Join(refused.Reasons, "; "), 1000) + ". Nothing was changed.", true
	}
	row, _ := refusals.Find(err, refusals.Table())
	return row.Slack, row.Slack != ""
}

func (b *Bot) whose(r restore.Restore) string {
	who := quote(r.By.Actor.Name, 80)
	if who == "" {
		who = "Somebody"
	}
	return fmt.Sprintf("%s is restoring %s to %s already, since %s. Nothing else was started; watch the message.",
		who, quote(r.Container, 120), quote(r.Snapshot, 64), r.RequestedAt.In(b.cfg.Zone).Format("15:04:05"))
}
