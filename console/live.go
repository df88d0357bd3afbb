package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/snapback/snapback/access/signin"
)

const (
	maxStreams   = 6 // of one session, which is one browser's; the oldest makes room
	heartbeat    = 10 * time.Second
	writePatient = 20 * time.Second // a browser that reads nothing for so long is gone
)

// streams are those that are open.
type streams struct {
	mu      sync.Mutex           // guards all below
	of      map[string][]*opened // each session's, the oldest first
	stopped bool
}

type opened struct {
	page   string // that reads it, by the name that it has made up; "": it says none
	cancel context.CancelCauseFunc
}

// open adds a session's stream. It takes the place of the same page's stream from before its network broke. Of too many, the oldest ends:
// whoever opens one wants that one. Another device of the same person has another session, and loses none. close must be called.
func (s *streams) open(ctx context.Context, session, page string) (_ context.Context, close func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	mine := &opened{page, cancel}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		cancel(errStopping)
	}
	s.of[session] = slices.DeleteFunc(s.of[session], func(o *opened) bool { return page != "" && o.page == page && o.end() })
	if len(s.of[session]) >= maxStreams {
		s.of[session][0].end()
		s.of[session] = s.of[session][1:]
	}
	s.of[session] = append(s.of[session], mine)
	return ctx, func() { cancel(nil); s.forget(session, mine) }
}

// end has another stream in its place.
func (o *opened) end() bool {
	o.cancel(errReplaced)
	return true
}

func (s *streams) forget(session string, mine *opened) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of[session] = slices.DeleteFunc(s.of[session], func(o *opened) bool { return o == mine })
	if len(s.of[session]) == 0 {
		delete(s.of, session)
	}
}

func (s *streams) endAll(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for _, list := range s.of {
		for _, one := range list {
			one.cancel(why)
		}
	}
}

// live sends Home, or the page of the container that is named, whenever it changes, as server-sent events, until the session is
// over. The event ended says so: a browser can't tell from a stream that was refused.
func (c *Console) live(w http.ResponseWriter, r *http.Request, s signin.Session) error {
	ctx, done := c.streams.open(r.Context(), s.ID, r.URL.Query().Get("page"))
	defer done()
	out := stream{w: w, rc: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep it back
	w.WriteHeader(http.StatusOK)
	err := c.follow(ctx, &out, r, s)
	if err != nil && out.err == nil && r.Context().Err() == nil {
		out.end(err)
	}
	return nil
}

// follow returns why the stream ends. Nobody does anything by looking: that keeps no session alive.
func (c *Console) follow(ctx context.Context, out *stream, r *http.Request, s signin.Session) error {
	tick := time.NewTicker(c.Every)
	defer tick.Stop()
	show := c.homeLook
	if key := r.URL.Query().Get("container"); key != "" {
		show = c.containerLook(key)
	}
	if id, err := strconv.ParseInt(r.URL.Query().Get("incident"), 10, 64); err == nil {
		show = c.incidentLook(id)
	}
	for {
		if _, err := c.Door.Current(ctx, c.web.CookieOf(r), false); errors.Is(err, signin.ErrOver) || errors.Is(err, signin.ErrNoSession) {
			return err
		}
		name, at, view, err := show(ctx, s)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errUnseen), errors.Is(err, errNoIncident):
			return err
		case err != nil:
			c.Logger.Warn("looking things up for the console", "err", err)
			out.event("trouble", map[string]string{"says": "What runs can't be looked up now. It is tried again."})
		default:
			out.changed(name, at, view, c.now())
		}
		if out.err != nil {
			return out.err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// stream writes events. It remembers the first error, and writes nothing after it.
type stream struct {
	w    http.ResponseWriter
	rc   *http.ResponseController
	last []byte
	sent time.Time
	err  error
}

// look is what a page shows: the event's name, when it was looked up, and the view without that.
type look func(ctx context.Context, s signin.Session) (name string, at time.Time, view any, err error)

func (c *Console) homeLook(ctx context.Context, s signin.Session) (string, time.Time, any, error) {
	seen, err := c.board.look(ctx, c)
	if err != nil {
		return "", time.Time{}, nil, err
	}
	return "home", seen.at, c.homeOf(ctx, seen, s), nil
}

// changed sends what is new, and a sign of life from time to time otherwise. When it was looked up is no news.
func (s *stream) changed(name string, at time.Time, view any, now time.Time) {
	b, err := json.Marshal(view)
	if err != nil {
		s.err = err
		return
	}
	if !bytes.Equal(b, s.last) {
		s.last, s.sent = b, now
		s.event(name, map[string]any{"at": at, "view": json.RawMessage(b)})
		return
	}
	if now.Sub(s.sent) >= heartbeat {
		s.event("alive", map[string]time.Time{"at": at})
		s.sent = now
	}
}

func (s *stream) event(name string, v any) {
	b, err := json.Marshal(v)
	if err != nil || s.err != nil {
		s.err = errors.Join(s.err, err)
		return
	}
	_ = s.rc.SetWriteDeadline(time.Now().Add(writePatient)) // a test's writer has none
	if _, s.err = fmt.Fprintf(s.w, "event: %s\ndata: %s\n\n", name, b); s.err == nil {
		s.err = s.rc.Flush()
	}
}

// end says why there will be no more.
func (s *stream) end(why error) {
	code := "stopping"
	switch {
	case errors.Is(why, signin.ErrOver), errors.Is(why, signin.ErrNoSession):
		code = "session_over"
	case errors.Is(why, errReplaced):
		code = "replaced"
	case errors.Is(why, errUnseen), errors.Is(why, errNoIncident):
		code = "unseen"
	}
	s.event("ended", map[string]string{"code": code})
}
