package docker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
)

const (
	firstPatience = 15 * time.Second // longer than a login by ssh may take
	firstPause    = 5 * time.Second
)

// firstAnswer limits how long an engine may take that has never answered. Before its first call, the client asks every engine for its
// version, and has all other calls wait for that with a lock that knows of no limit of theirs. So one that takes calls and answers none
// is given up after a while; then the calls that have waited are refused as well.
type firstAnswer struct {
	next http.RoundTripper

	mu       sync.Mutex // guards what follows
	answered bool
	refuse   time.Time // until then
}

func (f *firstAnswer) RoundTrip(req *http.Request) (*http.Response, error) {
	answered, refuse := f.state()
	if answered || !strings.HasSuffix(req.URL.Path, "/_ping") {
		return f.next.RoundTrip(req)
	}
	if refuse {
		return nil, fmt.Errorf("%w: it takes calls, and has answered none", snapshot.ErrEngineAway)
	}
	ctx, cancel := context.WithTimeout(req.Context(), firstPatience)
	defer cancel()
	resp, err := f.next.RoundTrip(req.WithContext(ctx))
	if err == nil {
		defer resp.Body.Close()
		var body []byte
		body, err = io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		resp.Body = io.NopCloser(bytes.NewReader(body))
	}
	// The client takes these for an answer, and anything else, such as a proxy's, for none: then it asks again.
	answered = err == nil && (resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusInternalServerError)
	f.note(answered, ctx.Err() != nil && req.Context().Err() == nil)
	if err != nil {
		return nil, err
	}
	return resp, nil
}

func (f *firstAnswer) state() (answered, refuse bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.answered, time.Now().Before(f.refuse)
}

func (f *firstAnswer) note(answered, silent bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answered = f.answered || answered
	if silent {
		f.refuse = time.Now().Add(firstPause)
	}
}
