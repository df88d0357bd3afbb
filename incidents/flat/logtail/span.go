package logtail

import (
	"context"
	"sync"
	"time"

	"github.com/snapback/snapback/incidents/flat"
)

// span is what a tail has counted and not told yet. Its methods may be called while the tail reads.
type span struct {
	key    string
	record func(flat.Count)
	now    func() time.Time // by the clock that counts are told by, which may be set; see wallClock

	mu       sync.Mutex // guards what follows
	told     time.Time  // up to when
	live     bool       // what is written is read as it comes, so that no line means no error
	alive    time.Time  // the last sign that it is: an engine that hangs or is cut off sends no line either
	patience time.Duration
	doubted  bool      // the engine answers, and does not say whether this log is quiet
	gap      time.Time // when the last gap ended that patience left between two signs
	errors   float64
	requests float64
	traffic  bool // requests were seen: the log tells of them
	lag      time.Duration
	share    float64
	lines    int64
}

func newSpan(f *Follower, key string, to time.Time) *span {
	record := func(c flat.Count) {
		if err := f.Recorder.Add(context.WithoutCancel(f.ctx), c); err != nil {
			f.Logger.Warn("recording a count of errors", "err", err)
		}
	}
	return &span{key: key, record: record, now: wallClock, told: to.Round(0), share: 1, patience: f.Look + lookFor}
}

// wallClock has no monotonic reading: by that, a clock that is set would have all that follows told of a wrong time.
func wallClock() time.Time { return time.Now().Round(0) }

func (s *span) toldTo() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told
}

func (s *span) toldOfTraffic() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.traffic
}

// doubt says whether signs of the engine are none of this log any more.
func (s *span) doubt(is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubted = is
}

// goLive says that everything up to now was told, and that all that comes is read.
func (s *span) goLive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live, s.share, s.alive, s.doubted = true, 1, s.now(), false
}

// sign says that the engine was there at that moment.
func (s *span) sign(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.doubted {
		s.signed(at.Round(0))
	}
}

// signed leaves out what lies between two signs that are too far apart: nobody knows what was written meanwhile. So they are also where
// the clock was set, forward or back. With one that was set back, the log may be unable to bring anything: that is asked.
func (s *span) signed(at time.Time) {
	switch since := at.Sub(s.alive); {
	case !s.live:
	case since.Abs() > s.patience:
		s.tellUp(s.alive, 1)
		at = s.now() // the question is as old as the gap may be, the answer is not
		s.told, s.gap, s.alive = at, at, at
		s.doubted = s.doubted || since < 0
	case since > 0:
		s.alive = at
	}
}

// line counts one that has just come. One that was held up since a gap belongs to a time that is not told.
func (s *span) line(at time.Time, isError, isRequest bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signed(s.now())
	s.doubted = false
	if at.Before(s.gap) {
		return
	}
	s.lines++
	if isError {
		s.errors++
	}
	if isRequest {
		s.requests++
		s.traffic = true
	}
	if s.lines&63 == 0 {
		s.lag = time.Since(at)
	}
}

// tell tells what was read since the last time, up to the last sign of the engine.
func (s *span) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live {
		s.tellUp(s.alive, 1)
	}
}

// rest tells as tell does, and that nothing is read from now on.
func (s *span) rest() {
	s.tell()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = false
}

// tellUp tells in parts of a minute at most.
func (s *span) tellUp(now time.Time, share float64) {
	whole := now.Sub(s.told)
	if whole <= 0 {
		return
	}
	for s.told.Before(now) {
		to := s.told.Add(min(now.Sub(s.told), time.Minute))
		part := float64(to.Sub(s.told)) / float64(whole)
		s.record(flat.Count{
			Key: s.key, From: s.told, To: to, Errors: s.errors * part, Requests: s.requests * part, Traffic: s.traffic, Share: share,
		})
		s.told = to
	}
	s.errors, s.requests = 0, 0
}

// add tells a count of the past.
func (s *span) add(c flat.Count) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Key = s.key
	s.traffic = s.traffic || c.Traffic
	s.record(c)
	s.told = later(c.To, s.told)
}

// notAfter notices that the clock was set back to that moment.
func (s *span) notAfter(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now = now.Round(0); s.told.After(now) {
		s.told = now
	}
}

// skipTo leaves a time out that nobody knows of.
func (s *span) skipTo(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = later(at.Round(0), s.told)
}

// sampled tells what a sample has shown of the time up to now.
func (s *span) sampled(now time.Time, c flat.Count, lag time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errors, s.requests, s.traffic = s.errors+c.Errors, s.requests+c.Requests, s.traffic || c.Traffic
	s.share, s.lag = c.Share, lag
	s.tellUp(now.Round(0), c.Share)
}
