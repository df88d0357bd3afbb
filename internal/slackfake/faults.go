package slackfake

import (
	"net/http"
	"strconv"
	"time"
)

// fault is what a method has been told to do wrong.
type fault struct {
	limited    int // calls still answered with 429
	retryAfter time.Duration
	dropped    int // calls still carried out and not answered
	delay      time.Duration
	refused    int // calls still answered with code
	code       string
}

// RateLimit answers the next n calls of a method with 429 and Retry-After, in whole
// seconds, rounded up as Slack's are. They are not carried out.
func (s *Server) RateLimit(method string, n int, retryAfter time.Duration) {
	s.change(method, func(f *fault) { f.limited, f.retryAfter = n, retryAfter })
}

// DropResponse carries the next n calls of a method out, and closes the connection
// without an answer: the caller can't know whether it was done.
func (s *Server) DropResponse(method string, n int) {
	s.change(method, func(f *fault) { f.dropped = n })
}

// Delay holds each call of a method back for d before it is carried out. Zero ends it.
func (s *Server) Delay(method string, d time.Duration) {
	s.change(method, func(f *fault) { f.delay = d })
}

// Refuse answers the next n calls of a method with ok:false and a code, such as
// "fatal_error" or "restricted_action".
func (s *Server) Refuse(method string, n int, code string) {
	s.change(method, func(f *fault) { f.refused, f.code = n, code })
}

// Outage makes everything answer 503 until it is turned off.
func (s *Server) Outage(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outage = on
}

// Calls is how often a method was called, refused calls included.
func (s *Server) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

func (s *Server) change(method string, set func(*fault)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faults[method]
	if f == nil {
		f = &fault{}
		s.faults[method] = f
	}
	set(f)
}

// plan is what befalls one call.
type plan struct {
	limited, dropped bool
	refused          string
	retryAfter       time.Duration
	delay            time.Duration
}

// planFor uses up one of the method's faults. A refused call doesn't use up a dropped answer.
func (s *Server) planFor(method string) plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[method]++
	f := s.faults[method]
	if f == nil {
		return plan{}
	}
	p := plan{delay: f.delay}
	switch {
	case f.limited > 0:
		f.limited--
		p.limited, p.retryAfter = true, f.retryAfter
	case f.refused > 0:
		f.refused--
		p.refused = f.code
	case f.dropped > 0:
		f.dropped--
		p.dropped = true
	}
	return p
}

// out answers 503 during an outage and reports whether it did.
func (s *Server) out(w http.ResponseWriter) bool {
	s.mu.Lock()
	out := s.outage
	s.mu.Unlock()
	if out {
		http.Error(w, "<html>503 Service Unavailable</html>", http.StatusServiceUnavailable)
	}
	return out
}

// hold waits out a delay, or less if the caller or the server goes away.
func (s *Server) hold(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
}

func tooMany(w http.ResponseWriter, after time.Duration) {
	seconds := int64((after + time.Second - 1) / time.Second)
	w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	w.WriteHeader(http.StatusTooManyRequests)
	_, _ = w.Write([]byte(`{"ok":false,"error":"ratelimited"}`))
}
