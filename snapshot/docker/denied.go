package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/snapback/snapback/snapshot"
)

// denials turns an answer that denies a call, of the engine or of a proxy before it, into an error that names the call. The
// client's own error of such an answer is the proxy's page, without a word of what was asked.
type denials struct{ next http.RoundTripper }

func (t denials) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err != nil || !denies(resp.StatusCode) {
		return resp, err
	}
	defer resp.Body.Close()
	denied := &snapshot.DeniedError{Call: callOf(req), Status: resp.StatusCode}
	var problem struct{ Message string }
	if doc, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10)); err == nil && json.Unmarshal(doc, &problem) == nil {
		denied.Said = problem.Message // the engine's own, or its authorization plugin's
	}
	return nil, denied
}

// denies says so of a status. The engine has every method that is asked of it, so 405 is a proxy's too.
func denies(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusMethodNotAllowed ||
		status == http.StatusProxyAuthRequired
}

var apiVersion = regexp.MustCompile(`^.*?/v1\.\d+/`)

// callOf is a call as the engine's API documents it.
func callOf(req *http.Request) string {
	path := apiVersion.ReplaceAllString(req.URL.Path, "/")
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if fixed := len(parts) == 2 && (parts[1] == "create" || parts[1] == "json" || parts[1] == "load"); len(parts) < 2 || fixed {
		return req.Method + " " + path
	}
	switch parts[0] {
	case "containers", "exec", "networks", "volumes":
		parts[1] = "{id}"
	case "images": // whose names have slashes
		last := parts[len(parts)-1]
		parts = []string{"images", "{name}"}
		if last == "json" || last == "tag" || last == "history" || last == "get" {
			parts = append(parts, last)
		}
	}
	return req.Method + " /" + strings.Join(parts, "/")
}

// Ready says what of the calls without which nothing can be told or shown is not answered.
func (e *Engine) Ready(ctx context.Context) error {
	if err := e.Ping(ctx); err != nil {
		return err
	}
	if _, err := e.ID(ctx); err != nil {
		return err
	}
	_, err := e.rows(ctx, e.ours())
	return err
}

// nobody is an ID that no container, network or image has.
const nobody = "0000000000000000000000000000000000000000000000000000000000000000"

// call is one about something that is not there, or of a name that there can't be, so that an engine which takes it refuses it and does nothing.
type call struct{ method, path, body string }

// calls are those that snapshots and restores are made of.
func calls() []call {
	return []call{
		{"GET", "/info", ""},
		{"GET", "/containers/json?limit=1", ""},
		{"GET", "/containers/" + nobody + "/json", ""},
		{"GET", "/containers/" + nobody + "/logs?stdout=1", ""},
		{"GET", "/containers/" + nobody + "/changes", ""},
		{"GET", "/events?since=0&until=1", ""},
		{"GET", "/images/" + nobody + "/json", ""},
		{"GET", "/networks", ""},
		{"GET", "/volumes/" + nobody, ""},
		{"POST", "/commit?container=" + nobody, "{}"},
		{"POST", "/images/" + nobody + "/tag?repo=snapback-nothing&tag=none", ""},
		{"DELETE", "/images/" + nobody, ""},
		{"POST", "/containers/create?name=-", "null"},
		{"POST", "/containers/" + nobody + "/update", "{}"},
		{"POST", "/containers/" + nobody + "/stop", ""},
		{"POST", "/containers/" + nobody + "/rename?name=nothing", ""},
		{"POST", "/containers/" + nobody + "/start", ""},
		{"POST", "/containers/" + nobody + "/pause", ""},
		{"POST", "/containers/" + nobody + "/unpause", ""},
		{"DELETE", "/containers/" + nobody, ""},
		{"POST", "/networks/" + nobody + "/connect", "{}"},
		{"DELETE", "/volumes/" + nobody, ""},
	}
}

// extra is what most nights can do without, so that no restore is refused for it.
type extra struct {
	without string // what there is not where its calls are denied
	calls   []call
}

func extras() []extra {
	return []extra{
		{"no snapshot is taken of a container that has written files", []call{{"GET", "/images/" + nobody + "/history", ""}}},
		{"a restore fails where a container was taken off the network that it was made with, or is being removed", []call{
			{"POST", "/networks/" + nobody + "/disconnect", "{}"},
			{"POST", "/containers/" + nobody + "/wait", ""},
		}},
		{"no snapshot is kept on the engine a second time", []call{
			{"POST", "/volumes/create", `{"Name":"-"}`},
			{"GET", "/volumes", ""},
		}},
		{"the contents of volumes are neither kept nor put back", []call{
			{"POST", "/images/create?fromSrc=-&repo=-", ""},
			{"POST", "/containers/" + nobody + "/attach?stream=1&stdin=1&stdout=1&stderr=1", ""},
		}},
		{"the terminal has no shells", []call{
			{"POST", "/containers/" + nobody + "/exec", `{"Cmd":["true"]}`},
			{"POST", "/exec/" + nobody + "/start", `{"Detach":true}`},
		}},
	}
}

// Denied tries every call that snapshots and restores are made of on things that are not there, and returns those that the
// engine, or a proxy before it, denies. What it answers otherwise says nothing here.
func (e *Engine) Denied(ctx context.Context) error {
	if err := e.Ping(ctx); err != nil {
		return err
	}
	return e.deniedOf(ctx, calls())
}

// DeniedExtras is Denied of what snapshots and restores can do without. Each error says what there is not.
func (e *Engine) DeniedExtras(ctx context.Context) error {
	if err := e.Ping(ctx); err != nil {
		return err
	}
	var all []error
	for _, extra := range extras() {
		err := e.deniedOf(ctx, extra.calls)
		if err != nil && !errors.Is(err, snapshot.ErrEngineDenied) {
			return err
		}
		if err != nil {
			all = append(all, fmt.Errorf("%s: %w", extra.without, err))
		}
	}
	return errors.Join(all...)
}

func (e *Engine) deniedOf(ctx context.Context, list []call) error {
	denied := make([]error, len(list))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, call := range list {
		group.Go(func() error {
			err := e.try(gctx, call.method, call.path, call.body)
			if errors.Is(err, snapshot.ErrEngineDenied) {
				denied[i], err = known(err, nil), nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("trying what the engine allows: %w", known(err, nil))
	}
	return errors.Join(denied...)
}

// triedFor is how long it is believed what the engine allows.
const triedFor = time.Minute

// deniedWords is what Denied finds, in words, for a preflight: what is denied must be known before the old container is stopped.
func (e *Engine) deniedWords(ctx context.Context) []string {
	e.mu.Lock()
	at, denied := e.triedAt, e.denied
	e.mu.Unlock()
	if time.Since(at) < triedFor {
		return denied
	}
	err := e.Denied(ctx)
	if err != nil && !errors.Is(err, snapshot.ErrEngineDenied) {
		return nil // it does not answer, which whatever comes next will say
	}
	denied = nil
	if err != nil {
		denied = strings.Split(err.Error(), "\n")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.triedAt, e.denied = time.Now(), denied
	return denied
}

func (e *Engine) try(ctx context.Context, method, path, body string) error {
	to := e.base + "/v" + e.cli.ClientVersion() + path
	req, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(body))
	if err != nil {
		return err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := e.http.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return errors.Join(err, resp.Body.Close())
}
