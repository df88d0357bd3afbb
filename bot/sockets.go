package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	socketSilence = 45 * time.Second // Slack pings several times within that
	socketGap     = 15 * time.Second // without a connection after a steady one, before the bot is not ready
)

// Reasons for an end that are not Slack's own words.
const (
	socketCut     = "cut"
	socketRefresh = "refresh" // Slack asks for a new connection every few hours
)

var (
	errSocketSilent  = errors.New("neither a message nor a ping has come for a while")
	errSocketDialing = errors.New("the first connection of Socket Mode is being made")
)

// envelope is what Slack sends over the socket.
type envelope struct {
	Type       string          `json:"type"` // hello, disconnect, or the kind of what it carries
	Reason     string          `json:"reason"`
	EnvelopeID string          `json:"envelope_id"`
	Payload    json.RawMessage `json:"payload"`
}

// end is what a disconnect says.
func (e envelope) end() *socketEnd {
	switch e.Reason {
	case "warning", "refresh_requested":
		return &socketEnd{reason: socketRefresh}
	case "link_disabled", "too_many_websockets":
		return &socketEnd{reason: e.Reason}
	}
	return &socketEnd{reason: "other", err: fmt.Errorf("in its own words %.60q", e.Reason)}
}

// socketEnd is why a connection ended, or was never made.
type socketEnd struct {
	reason string        // of a bounded set, for metrics
	lasted time.Duration // since hello; 0: there was none
	after  time.Duration // at least so long before the next try, as Slack asks; 0: it does not
	err    error         // what more is known; nil when the reason says it all
}

// Error says it with what to do, as far as that is known.
func (e *socketEnd) Error() string {
	text := "Socket Mode: " + e.reason
	if e.err != nil && e.err.Error() != e.reason {
		text += " (" + e.err.Error() + ")"
	}
	if advice := socketAdvice(e.reason); advice != "" {
		text += ": " + advice
	}
	return text
}

func (e *socketEnd) Unwrap() error { return e.err }

// socketAdvice says what to do about a reason of Slack's.
func socketAdvice(reason string) string {
	switch reason {
	case "link_disabled":
		return "switch Socket Mode on for the app at api.slack.com/apps, or unset SLACK_APP_TOKEN and give Slack the request URLs"
	case "too_many_websockets":
		return "Slack allows an app 10 connections: stop what else runs with this SLACK_APP_TOKEN"
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type":
		return "Slack does not take SLACK_APP_TOKEN: set it to an app-level token (xapp-…), from Basic Information at api.slack.com/apps"
	case "missing_scope", "no_permission":
		return "SLACK_APP_TOKEN lacks the scope connections:write: make a token that has it, under Basic Information at api.slack.com/apps"
	}
	return ""
}

// sockets is what is known of the connections, for whoever asks whether taps arrive.
type sockets struct {
	tried chan struct{} // closed when the first try has come out, either way
	once  sync.Once     // closes tried

	mu   sync.Mutex // guards all below
	open int        // connections that Slack has greeted
	lost time.Time  // when the last steady one ended
	why  error      // why the last one ended
}

func (s *sockets) greeted() {
	s.mu.Lock()
	s.open++
	s.mu.Unlock()
	s.once.Do(func() { close(s.tried) })
}

func (s *sockets) left(lasted time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if lasted >= socketSteady {
		s.lost = time.Now()
	}
}

func (s *sockets) ended(why error) {
	s.mu.Lock()
	s.why = why
	s.mu.Unlock()
	s.once.Do(func() { close(s.tried) })
}

// Ready says why taps don't arrive. It waits until the first connection has been made or refused, or ctx ends. Without Socket
// Mode it is Slack that calls, and nothing can be said.
func (b *Bot) Ready(ctx context.Context) error {
	if b.cfg.AppToken == "" {
		return nil
	}
	s := &b.sockets
	select {
	case <-s.tried:
	case <-ctx.Done():
		return errSocketDialing
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open > 0 || time.Since(s.lost) < socketGap {
		return nil
	}
	return s.why
}

// silence is a context that ends when nothing has come over a connection for a while.
type silence struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func newSilence(ctx context.Context) *silence {
	ctx, cancel := context.WithCancelCause(ctx)
	return &silence{ctx, cancel, time.AfterFunc(socketSilence, func() { cancel(errSocketSilent) })}
}

func (s *silence) broken() { s.timer.Reset(socketSilence) }

func (s *silence) end() {
	s.timer.Stop()
	s.cancel(nil)
}
