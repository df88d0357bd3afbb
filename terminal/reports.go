package terminal

import (
	"context"
	"fmt"

	"github.com/snapback/snapback/incidents"
)

// maxReports is how many entries wait for the timeline at the most.
const maxReports = 1000

// entry is one about a shell. The timeline has each kind of them once for each shell.
func (sh *shell) entry(kind incidents.Kind, summary string) (incidents.Entry, error) {
	l := sh.l
	e, err := entryOf(l.sess.Grant, kind, summary, map[string]any{
		"session": l.sess.ID, "recording": sh.rec.ID, "container": l.sess.Container, "container_id": sh.rec.ContainerID,
	})
	e.OccurredAt, e.Source.NativeID = l.svc.now(), sh.rec.ID
	return e, err
}

// report puts onto the timeline what has become of a shell. What can't be put there now is at a later sweep.
func (sh *shell) report(ctx context.Context, kind incidents.Kind, summary string) {
	s := sh.l.svc
	e, err := sh.entry(kind, summary)
	if err == nil {
		_, err = s.cfg.Timeline.RecordOnce(ctx, e)
	}
	if err == nil {
		return
	}
	s.log.Error("what has become of a shell is not on the timeline yet", "session", sh.l.sess.ID, "summary", summary, "err", err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.reports) < maxReports {
		s.reports = append(s.reports, e)
	}
}

// sweepReports puts onto the timeline what could not be put there before, in its order.
func (s *Service) sweepReports(ctx context.Context) error {
	for {
		s.mu.Lock()
		if len(s.reports) == 0 {
			s.mu.Unlock()
			return nil
		}
		e := s.reports[0]
		s.mu.Unlock()
		if _, err := s.cfg.Timeline.RecordOnce(ctx, e); err != nil {
			return fmt.Errorf("recording %s on the timeline: %w", e.Kind, err)
		}
		s.mu.Lock()
		s.reports = s.reports[1:]
		s.mu.Unlock()
	}
}
