package pagerduty

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	api "github.com/PagerDuty/go-pagerduty"

	"github.com/snapback/snapback/incidents"
)

// Where PagerDuty is, and the bounds on talking to it.
const (
	defaultAPIURL    = "https://api.pagerduty.com"
	defaultEventsURL = "https://events.pagerduty.com"
	callTimeout      = 10 * time.Second
	maxAnswer        = 8 << 20 // bytes
	pageSize         = 100     // the most that PagerDuty gives at once
	maxOffset        = 10_000  // PagerDuty refuses to page beyond this
)

// Config is how to reach PagerDuty.
type Config struct {
	Token      string       // REST API token; empty: every REST call returns ErrMisconfigured
	From       string       // e-mail of a PagerDuty user, for calls that name nobody; empty: those return ErrMisconfigured
	APIURL     string       // zero: PagerDuty's own
	EventsURL  string       // zero: PagerDuty's own
	HTTPClient *http.Client // nil: one that gives up after 10 seconds and follows no redirects
	Logger     *slog.Logger // nil: nothing is logged
}

// Client makes calls to PagerDuty. It may be used by several goroutines at once. Every error that it returns is an
// *Error.
type Client struct {
	api       *api.Client
	apiURL    string
	eventsURL string
	token     string
	from      string
	logger    *slog.Logger
}

// New makes a Client. Nothing is sent yet.
func New(c Config) *Client {
	client := &Client{
		apiURL:    strings.TrimRight(cmp.Or(c.APIURL, defaultAPIURL), "/"),
		eventsURL: strings.TrimRight(cmp.Or(c.EventsURL, defaultEventsURL), "/"),
		token:     c.Token,
		from:      c.From,
		logger:    c.Logger,
	}
	if client.logger == nil {
		client.logger = slog.New(slog.DiscardHandler)
	}
	client.api = api.NewClient(c.Token)
	client.api.HTTPClient = c.HTTPClient
	if c.HTTPClient == nil {
		client.api.HTTPClient = newHTTPClient()
	}
	return client
}

// newHTTPClient follows no redirects: PagerDuty sends none, and somebody else's would lead a token astray.
func newHTTPClient() *http.Client {
	return &http.Client{
		Timeout:       callTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// call is one call to the REST API.
type call struct {
	op     string // what it does, for errors and logs
	method string
	path   string
	query  url.Values
	from   string // the person on whose behalf; empty: none is named
	in     any    // the body; nil: none
	out    any    // what the answer is decoded into; nil: the answer doesn't matter
}

// rest makes a call to the REST API.
func (c *Client) rest(ctx context.Context, k call) error {
	if c.token == "" {
		return &Error{Op: k.op, Reason: ReasonMisconfigured, Err: fmt.Errorf("PagerDuty's API token is %w", ErrMisconfigured)}
	}
	address := c.apiURL + k.path
	if len(k.query) > 0 {
		address += "?" + k.query.Encode()
	}
	return c.send(ctx, address, true, k)
}

// send makes a call and maps whatever goes wrong to an *Error.
func (c *Client) send(ctx context.Context, address string, withToken bool, k call, secrets ...string) error {
	req, err := newRequest(ctx, address, k)
	if err != nil {
		return &Error{Op: k.op, Reason: ReasonMisconfigured, Err: bare(err)}
	}
	began := time.Now()
	resp, err := c.api.Do(req, withToken)
	if err != nil {
		return transportError(k.op, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	c.logger.DebugContext(ctx, "pagerduty answered", "op", k.op, "status", resp.StatusCode, "duration_ms", time.Since(began).Milliseconds())
	switch {
	case err != nil:
		return transportError(k.op, err)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		failed := answerError(k.op, resp, body, append(secrets, c.token)...)
		if withToken && failed.Reason == ReasonForbidden && k.method != http.MethodGet {
			failed.Err = fmt.Errorf("%w: %w", failed.Err, ErrMayNotWrite)
		}
		return failed
	}
	return k.decode(resp.StatusCode, body)
}

// noIncident is the ID of none: PagerDuty's are shorter.
const noIncident = "SNAPBACK-ASKS-WHETHER-IT-MAY-WRITE"

// MayWrite tries whether the token may change incidents, by a change of one that is not there: nothing is changed. It returns
// ErrMayNotWrite when it may not. Whose the From header is does not matter: PagerDuty looks at the token first.
func (c *Client) MayWrite(ctx context.Context) error {
	in := map[string]api.ManageIncidentsOptions{"incident": {ID: noIncident, Type: "incident", Status: string(incidents.Acknowledged)}}
	err := c.rest(ctx, call{op: "trying whether the key may write", method: http.MethodPut, path: "/incidents/" + noIncident, from: c.from, in: in})
	for _, let := range []string{ReasonNotFound, ReasonRefused, ReasonNoUser} { // it has got as far as that
		if hasReason(err, let) {
			return nil
		}
	}
	return err
}

func newRequest(ctx context.Context, address string, k call) (*http.Request, error) {
	var body io.Reader
	if k.in != nil {
		doc, err := json.Marshal(k.in)
		if err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
		body = bytes.NewReader(doc)
	}
	req, err := http.NewRequestWithContext(ctx, k.method, address, body)
	if err != nil {
		return nil, err
	}
	if k.from != "" {
		req.Header.Set("From", k.from)
	}
	return req, nil
}

// decode reads the answer into k.out. An answer that can't be read is worth another try, unless the call made
// something: it would be made twice.
func (k call) decode(status int, body []byte) error {
	if k.out == nil {
		return nil
	}
	if len(body) > maxAnswer {
		return &Error{Op: k.op, Reason: ReasonMalformed, Status: status, Err: fmt.Errorf("the answer is over %d bytes", maxAnswer)}
	}
	if err := decodeAnswer(body, k.out); err != nil {
		return &Error{Op: k.op, Retry: k.method != http.MethodPost, Reason: ReasonMalformed, Status: status, Err: err}
	}
	return nil
}

// decodeAnswer decodes JSON without quoting it in errors.
func decodeAnswer(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the answer is not what was expected (%T)", err)
	}
	return nil
}

// checkID keeps what is not an ID out of paths.
func checkID(op, id string) error {
	if idGrammar.MatchString(id) {
		return nil
	}
	return &Error{Op: op, Reason: ReasonRefused, Err: ErrBadID}
}

// page is where a list stands. PagerDuty answers with what it was asked for.
type page struct {
	More bool `json:"more"`
}

// pages calls fetch with growing offsets until it says that there is no more.
func pages(op string, fetch func(offset int) (more bool, err error)) error {
	for offset := 0; offset < maxOffset; offset += pageSize {
		more, err := fetch(offset)
		if err != nil || !more {
			return err
		}
	}
	return &Error{Op: op, Reason: ReasonRefused, Err: fmt.Errorf("the list goes on after %d items", maxOffset)}
}
