package terminal

import (
	"context"
	"fmt"

	"github.com/snapback/snapback/incidents"
)

// maxOwed is how many entries wait for the timeline at the most.
const maxOwed = 1000

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
	s.log.Error("what has become of a shell is not on the timeline", "session", sh.l.sess.ID, "summary", summary, "later", s.owed.Keep(e, maxOwed), "err", err)
}

// sweepReports puts onto the timeline what could not be put there before.
func (s *Service) sweepReports(ctx context.Context) error {
	if err := s.owed.Tell(ctx, s.cfg.Timeline.RecordOnce); err != nil {
		return fmt.Errorf("recording on the timeline what has become of a shell: %w", err)
	}
	return nil
}
