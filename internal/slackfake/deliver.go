package slackfake

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Answer is how the app took a tap, a command or an event.
type Answer struct {
	Status   int // HTTP status; 200 for an acknowledgement over a socket
	Body     []byte
	Took     time.Duration
	TimedOut bool // the person was shown operation_timeout
	// Err is a delivery without an answer: no endpoint, no socket, a closed connection.
	Err error
	// ActionTS, TriggerID and ResponseURL are what the app was given.
	ActionTS, TriggerID, ResponseURL string
	// FieldErrors are what a modal's submission was refused with, by block ID.
	FieldErrors map[string]string

	noRetry bool
}

// OK reports an answer in time with a 2xx status.
func (a Answer) OK() bool { return a.Err == nil && a.Status >= 200 && a.Status < 300 }

// Option changes how something is sent to the app.
type Option func(*sending)

// sending is a signed request on its way, with what tests want wrong with it.
type sending struct {
	signAs   string
	unsigned bool
	at       time.Time
	raw      []byte
	header   http.Header
	team     string // of the payload, in the place of the app's
}

// WrongSignature signs with another secret.
func WrongSignature() Option { return func(o *sending) { o.signAs = "not the secret" } }

// Unsigned leaves the signature headers out.
func Unsigned() Option { return func(o *sending) { o.unsigned = true } }

// SentAt stamps and signs the request with another time.
func SentAt(at time.Time) Option { return func(o *sending) { o.at = at } }

// RawPayload sends this instead: as the payload field of a tap, as the body of
// anything else. It is signed properly.
func RawPayload(raw []byte) Option { return func(o *sending) { o.raw = raw } }

// Header adds a request header.
func Header(name, value string) Option { return func(o *sending) { o.header.Set(name, value) } }

func (s *Server) newSending(opts []Option) *sending {
	o := &sending{signAs: s.cfg.SigningSecret, at: s.cfg.Clock(), header: http.Header{}}
	for _, opt := range opts {
		opt(o)
	}
	return o
}

// The envelope types of Socket Mode, which name the three kinds of delivery.
const (
	kindTap     = "interactive"
	kindCommand = "slash_commands"
	kindEvent   = "events_api"
)

// deliver brings a payload to the app the way that it has chosen, and tells the
// person what Slack would when it fails.
func (s *Server) deliver(kind string, payload result, o *sending) Answer {
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.AckTimeout)
	defer cancel()
	payload = o.misdirect(payload)
	began := time.Now()
	var a Answer
	if s.cfg.AppToken != "" {
		a = s.overSocket(ctx, kind, payload, o)
	} else {
		a = s.overHTTP(ctx, kind, payload, o)
	}
	a.Took = time.Since(began)
	a.TimedOut = errors.Is(a.Err, context.DeadlineExceeded)
	return a
}

func (s *Server) overSocket(ctx context.Context, kind string, payload result, o *sending) Answer {
	s.mu.Lock()
	open := s.sockets
	id := s.nextID("envelope-")
	s.mu.Unlock()
	if len(open) == 0 {
		return Answer{Err: ErrNotConnected}
	}
	envelope := result{
		"type": kind, "envelope_id": id, "payload": payload,
		"accepts_response_payload": kind != kindEvent,
	}
	if o.raw != nil {
		envelope["payload"] = json.RawMessage(o.raw)
	}
	if n := o.header.Get("X-Slack-Retry-Num"); n != "" {
		attempt, _ := strconv.Atoi(n)
		envelope["retry_attempt"], envelope["retry_reason"] = attempt, o.header.Get("X-Slack-Retry-Reason")
	}
	ack, err := open[len(open)-1].deliver(ctx, id, envelope)
	if err != nil {
		return Answer{Err: err}
	}
	return Answer{Status: http.StatusOK, Body: ack}
}

func (s *Server) overHTTP(ctx context.Context, kind string, payload result, o *sending) Answer {
	target := s.endpoint(kind)
	if target == "" {
		return Answer{Err: fmt.Errorf("no request URL is set for %s", kind)}
	}
	body, contentType, err := encode(kind, payload, o)
	if err != nil {
		return Answer{Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return Answer{Err: err}
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
	o.sign(req.Header, body)
	return s.send(req)
}

func (s *Server) endpoint(kind string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch kind {
	case kindTap:
		return s.endpoints.Interactions
	case kindCommand:
		return s.endpoints.Commands
	}
	return s.endpoints.Events
}

func encode(kind string, payload result, o *sending) ([]byte, string, error) {
	raw := o.raw
	if raw == nil && kind != kindCommand {
		var err error
		if raw, err = json.Marshal(payload); err != nil {
			return nil, "", fmt.Errorf("encoding a payload: %w", err)
		}
	}
	const form = "application/x-www-form-urlencoded"
	switch {
	case kind == kindTap:
		return []byte(url.Values{"payload": {string(raw)}}.Encode()), form, nil
	case kind == kindEvent:
		return raw, "application/json", nil
	case raw != nil:
		return raw, form, nil
	}
	values := url.Values{}
	for k, v := range payload {
		values.Set(k, fmt.Sprint(v))
	}
	return []byte(values.Encode()), form, nil
}

// sign adds Slack's v0 signature: HMAC-SHA256 over version, time and raw body.
func (o *sending) sign(h http.Header, body []byte) {
	for name, v := range o.header {
		h[name] = v
	}
	if o.unsigned {
		return
	}
	stamp := strconv.FormatInt(o.at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(o.signAs))
	_, _ = fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
	h.Set("X-Slack-Request-Timestamp", stamp)
	h.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
}

func (s *Server) send(req *http.Request) Answer {
	resp, err := s.client.Do(req)
	if err != nil {
		return Answer{Err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	return Answer{
		Status: resp.StatusCode, Body: body, Err: err,
		noRetry: resp.Header.Get("X-Slack-No-Retry") == "1",
	}
}

// blame tells the person that the app didn't answer, in Slack's words.
func (s *Server) blame(a Answer, userID, channelID, what string) {
	n := Notice{Channel: channelID}
	switch {
	case a.OK():
		return
	case a.TimedOut:
		n.Code, n.Text = "operation_timeout", what+" failed because the app did not respond: operation_timeout"
	default:
		n.Code, n.Text = "dispatch_failed", what+" failed with the error: dispatch_failed"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notify(userID, n)
}
