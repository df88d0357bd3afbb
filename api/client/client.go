// Package client talks to a running bot over its HTTP API, for the command line and for programs in Go. It retries
// nothing by itself: every wish is sent once. A caller that may send one again gives it a key: Client.WithKey.
package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
)

// ErrConfig says that the address or the token can't be used; the text names the environment variable.
var ErrConfig = errors.New("not set up")

// Error is a refusal by the bot.
type Error struct{ wire.Problem }

// Error is the sentence, the reasons, and the request's ID where the log knows more.
func (e *Error) Error() string {
	s := e.Detail
	if len(e.Reasons) > 0 && !strings.Contains(s, e.Reasons[0]) {
		s += " " + strings.Join(e.Reasons, "; ") + "."
	}
	if e.Status >= http.StatusInternalServerError && e.RequestID != "" {
		s += " (request " + e.RequestID + ")"
	}
	return s
}

// maxAnswer bounds what is read of a JSON answer, in bytes.
const maxAnswer = 256 << 20

// Client makes calls with one token. It is safe for concurrent use.
type Client struct {
	base     *url.URL
	token    string
	http     *http.Client
	patience patience
	key      string // "": each wish has one of its own
}

// New makes a client for the bot at base, such as https://snapback.example.com. It returns an error that wraps
// ErrConfig for an address or a token that can't be.
func New(base, token string) (*Client, error) {
	u, err := url.Parse(strings.TrimRight(base, "/"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return nil, fmt.Errorf("%w: SNAPBACK_URL has to be the bot's address, such as https://snapback.example.com", ErrConfig)
	}
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fmt.Errorf("%w: SNAPBACK_TOKEN has to be a token; snapback token create makes one", ErrConfig)
	}
	// The token goes to that address and nowhere else, so redirects are not followed.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{base: u, token: token, http: &http.Client{CheckRedirect: stay}, patience: defaultPatience()}, nil
}

// WithKey is a client whose wish is known by that key, 1 to 255 visible ASCII characters: sent twice within two days with the same token,
// it is done once, and answered alike. For another wish take another key, or it is refused with 422 idempotency_key_reused. What was
// refused may be asked for again.
func (c *Client) WithKey(key string) *Client {
	keyed := *c
	keyed.key = key
	return &keyed
}

// call is one request.
type call struct {
	method string
	path   []string
	query  url.Values
	header map[string]string
	in     any           // nil: no body
	out    any           // nil: the answer's body doesn't matter
	wait   time.Duration // for the answer to begin; 0: as usual
}

func (c *Client) do(ctx context.Context, k call) error {
	resp, err := c.send(ctx, k)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if k.out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(k.out); err != nil {
		return fmt.Errorf("reading the answer from %s: %w", c.base.Host, err)
	}
	return nil
}

// send returns an *Error for everything but 2xx. Whoever gets a response closes its body.
func (c *Client) send(ctx context.Context, k call) (*http.Response, error) {
	if k.wait == 0 {
		k.wait = c.patience.usual
	}
	ctx, watch := watched(ctx, k.wait)
	req, err := c.request(ctx, k)
	if err != nil {
		watch.end()
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		cause := context.Cause(ctx)
		watch.end()
		if errors.Is(cause, errSilent) {
			err = cause
		}
		return nil, fmt.Errorf("asking the bot at %s: %w", c.base.Host, bare(err))
	}
	watch.expect(c.patience.stall)
	resp.Body = &body{resp.Body, ctx, watch, c.patience.stall}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer resp.Body.Close()
		return nil, problem(resp)
	}
	return resp, nil
}

// bare leaves the URL out, which says nothing new.
func bare(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

func (c *Client) request(ctx context.Context, k call) (*http.Request, error) {
	escaped := make([]string, len(k.path))
	for i, segment := range k.path {
		escaped[i] = url.PathEscape(segment)
	}
	address := c.base.String() + "/" + strings.Join(escaped, "/")
	if len(k.query) > 0 {
		address += "?" + k.query.Encode()
	}
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
		return nil, fmt.Errorf("making the request: %w", err)
	}
	c.fill(req, k)
	return req, nil
}

func (c *Client) fill(req *http.Request, k call) {
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("User-Agent", "snapback-cli")
	if k.in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if k.method == http.MethodPost || k.method == http.MethodPatch {
		req.Header.Set("Idempotency-Key", cmp.Or(c.key, rand.Text()))
	}
	for name, value := range k.header {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
}

// problem reads a refusal. Something between us and the bot may have answered instead.
func problem(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	var p wire.Problem
	if err != nil || json.Unmarshal(body, &p) != nil || p.Code == "" {
		p = wire.Problem{
			Status: resp.StatusCode, Code: "not_snapback", Title: http.StatusText(resp.StatusCode),
			Detail: fmt.Sprintf("%s answered %d, and not as the bot does: is SNAPBACK_URL right?", resp.Request.URL.Host, resp.StatusCode),
		}
	}
	return &Error{p}
}

// TakeSnapshot takes one, and returns when it is kept. That may take as long as the bot allows: minutes, and with the contents of volumes
// wire.ArchiveLimit more. Ending ctx ends the waiting, not the snapshot.
func (c *Client) TakeSnapshot(ctx context.Context, container string, ask wire.NewSnapshot) (s wire.Snapshot, err error) {
	err = c.do(ctx, call{method: http.MethodPost, path: []string{"containers", container, "snapshots"}, in: ask, out: &s, wait: c.patience.take})
	return s, err
}

// Containers lists all enabled containers.
func (c *Client) Containers(ctx context.Context) ([]wire.Container, error) {
	return pages(func(cursor string) ([]wire.Container, string, error) {
		var page wire.Containers
		err := c.do(ctx, call{method: http.MethodGet, path: []string{"containers"}, query: cursorQuery(cursor), out: &page})
		return page.Containers, page.NextCursor, err
	})
}

// Container looks one up.
func (c *Client) Container(ctx context.Context, container string) (found wire.Container, err error) {
	err = c.do(ctx, call{method: http.MethodGet, path: []string{"containers", container}, out: &found})
	return found, err
}

// Snapshots lists all of a container's, the newest first.
func (c *Client) Snapshots(ctx context.Context, container string) ([]wire.Snapshot, error) {
	return pages(func(cursor string) ([]wire.Snapshot, string, error) {
		var page wire.Snapshots
		err := c.do(ctx, call{method: http.MethodGet, path: []string{"containers", container, "snapshots"}, query: cursorQuery(cursor), out: &page})
		return page.Snapshots, page.NextCursor, err
	})
}

// DeleteSnapshot removes one.
func (c *Client) DeleteSnapshot(ctx context.Context, container, name string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: []string{"containers", container, "snapshots", name}})
}

// TerminalLink makes a link to the terminal of a container of an open incident. It opens once.
func (c *Client) TerminalLink(ctx context.Context, incident int64, ask wire.LinkAsk) (l wire.Link, err error) {
	err = c.do(ctx, call{method: http.MethodPost, path: []string{"incidents", strconv.FormatInt(incident, 10), "terminal-links"}, in: ask, out: &l})
	return l, err
}

// RebuildSnapshots has the bot look for lost snapshots on the engine.
func (c *Client) RebuildSnapshots(ctx context.Context) (r wire.Rebuilt, err error) {
	err = c.do(ctx, call{method: http.MethodPost, path: []string{"snapshots", "rebuild"}, out: &r, wait: c.patience.work})
	return r, err
}

// Restore asks for a restore and returns at once; Await sees it through. ifMatch is the ID of the container that was
// seen, "" for any; force asks also for what runs already.
func (c *Client) Restore(ctx context.Context, container, name, ifMatch string, force bool, ask wire.RestoreAsk) (r wire.Restore, err error) {
	var query url.Values
	if force {
		query = url.Values{"force": {"true"}}
	}
	err = c.do(ctx, call{
		method: http.MethodPatch, path: []string{"containers", container, "snapshots", name}, query: query, in: ask, out: &r,
		header: map[string]string{"Prefer": "respond-async", "If-Match": quoted(ifMatch)},
	})
	return r, err
}

// Undo asks for the container from before a restore, and returns at once; Await sees it through.
func (c *Client) Undo(ctx context.Context, id int64, ask wire.RestoreAsk) (r wire.Restore, err error) {
	err = c.do(ctx, call{
		method: http.MethodPost, path: []string{"restores", strconv.FormatInt(id, 10), "undo"}, in: ask, out: &r,
		header: map[string]string{"Prefer": "respond-async"},
	})
	return r, err
}

func quoted(id string) string {
	if id == "" {
		return ""
	}
	return `"` + strings.Trim(id, `"`) + `"`
}

// GetRestore reads one.
func (c *Client) GetRestore(ctx context.Context, id int64) (r wire.Restore, err error) {
	err = c.do(ctx, call{method: http.MethodGet, path: []string{"restores", strconv.FormatInt(id, 10)}, out: &r})
	return r, err
}

// Await reads a restore every interval until it is over, and calls seen with every reading. A bot that does not answer
// for a while is asked again: a restarted one carries on. It gives up when ctx ends, with ctx's cause, or after
// patience of silence.
func (c *Client) Await(ctx context.Context, id int64, interval, patience time.Duration, seen func(wire.Restore)) (wire.Restore, error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	heard := time.Now()
	for {
		r, err := c.GetRestore(ctx, id)
		switch {
		case ctx.Err() != nil:
			return r, context.Cause(ctx)
		case err == nil:
			heard = time.Now()
			seen(r)
		case !passing(err) || time.Since(heard) > patience:
			return r, err
		}
		if err == nil && r.State.Final() {
			return r, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return r, context.Cause(ctx)
		}
	}
}

// passing says that asking again may help: nobody answered, or one who can't just now.
func passing(err error) bool {
	var refused *Error
	return !errors.As(err, &refused) || refused.Status >= 500 || refused.Status == http.StatusTooManyRequests
}

// Incident reads one by our ID, PagerDuty's ID or its number.
func (c *Client) Incident(ctx context.Context, ref string) (i wire.Incident, err error) {
	err = c.do(ctx, call{method: http.MethodGet, path: []string{"incidents", ref}, out: &i})
	return i, err
}

// Incidents lists all, the newest first.
func (c *Client) Incidents(ctx context.Context) ([]wire.Incident, error) {
	return pages(func(cursor string) ([]wire.Incident, string, error) {
		var page wire.Incidents
		err := c.do(ctx, call{method: http.MethodGet, path: []string{"incidents"}, query: cursorQuery(cursor), out: &page})
		return page.Incidents, page.NextCursor, err
	})
}

// LastIncidents lists the newest: one page of them.
func (c *Client) LastIncidents(ctx context.Context) ([]wire.Incident, error) {
	var page wire.Incidents
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"incidents"}, out: &page})
	return page.Incidents, err
}

// Timeline reads a whole timeline page by page, oldest first; incident 0 is what happened outside any. It ends with the
// first error of each.
func (c *Client) Timeline(ctx context.Context, incident int64, each func(incidents.Entry) error) error {
	path := []string{"timeline"}
	if incident > 0 {
		path = []string{"incidents", strconv.FormatInt(incident, 10), "timeline"}
	}
	for cursor := ""; ; {
		query := cursorQuery(cursor)
		query.Set("order", "oldest")
		var page wire.Entries
		if err := c.do(ctx, call{method: http.MethodGet, path: path, query: query, out: &page}); err != nil {
			return err
		}
		for _, e := range page.Entries {
			if err := each(e); err != nil {
				return err
			}
		}
		if page.NextCursor == "" || page.NextCursor == cursor {
			return nil
		}
		cursor = page.NextCursor
	}
}

func cursorQuery(cursor string) url.Values {
	q := url.Values{"limit": {"200"}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return q
}

// pages reads a list to its end.
func pages[T any](read func(cursor string) ([]T, string, error)) ([]T, error) {
	var all []T
	cursor := ""
	for {
		page, next, err := read(cursor)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if next == "" || next == cursor {
			return all, nil
		}
		cursor = next
	}
}
