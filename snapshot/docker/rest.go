package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	cerrdefs "github.com/containerd/errdefs"
)

// The client's own methods take typed structs, which drop fields that they don't know: an engine's newer field would
// be lost between inspect and create. So the calls that read and replay a document are made here, over the client's
// connection, with the JSON as it is.

// answerLimit is for the tasks of a large Swarm: a few KB each, five of the past with each.
const answerLimit = 64 << 20

// statusError is an answer other than 2xx.
type statusError struct {
	status  int
	message string
}

func (s *statusError) Error() string {
	return fmt.Sprintf("the engine answered %d: %s", s.status, s.message)
}

// Is makes a statusError what the client's own errors are, so that one mapping serves both.
func (s *statusError) Is(target error) bool {
	switch s.status {
	case http.StatusNotFound:
		return target == cerrdefs.ErrNotFound
	case http.StatusConflict:
		return target == cerrdefs.ErrConflict
	case http.StatusBadRequest:
		return target == cerrdefs.ErrInvalidArgument
	case http.StatusServiceUnavailable:
		return target == cerrdefs.ErrUnavailable
	}
	return s.status >= http.StatusInternalServerError && target == cerrdefs.ErrInternal
}

// post sends body as JSON to a path of the engine's API, and reads the answer into out unless that is nil.
func (e *Engine) post(ctx context.Context, path string, query url.Values, body, out any) error {
	doc, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encoding the request: %w", err)
	}
	return e.send(ctx, http.MethodPost, path+"?"+query.Encode(), bytes.NewReader(doc), out)
}

// get reads the answer to a path of the engine's API into out.
func (e *Engine) get(ctx context.Context, path string, out any) error {
	return e.send(ctx, http.MethodGet, path, nil, out)
}

func (e *Engine) send(ctx context.Context, method, path string, body io.Reader, out any) error {
	version, err := e.version(ctx)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, e.base+"/v"+version+path, body)
	if err != nil {
		return fmt.Errorf("making the request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := e.http.Do(req)
	if err != nil {
		return err
	}
	return answer(resp, out)
}

func answer(resp *http.Response, out any) (err error) {
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	doc, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		var problem struct{ Message string }
		if json.Unmarshal(doc, &problem) != nil || problem.Message == "" {
			problem.Message = resp.Status
		}
		return &statusError{resp.StatusCode, problem.Message}
	}
	switch out := out.(type) {
	case nil:
		return nil
	case *json.RawMessage:
		*out = doc // who asked for it reads it, and finds what is wrong with it
		return nil
	}
	if err := json.Unmarshal(doc, out); err != nil {
		return fmt.Errorf("decoding the answer: %w", err)
	}
	return nil
}
