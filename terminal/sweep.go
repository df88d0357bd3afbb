package terminal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// staleAfter is how long a shell may go unseen by the bot that holds it. Live sessions say so at every poll.
	staleAfter = time.Minute
	// lostAfter is how long a shell waits for a bot that reaches its container.
	lostAfter = 7 * 24 * time.Hour
)

func (s *Service) sweepLoop(ctx context.Context) {
	tick := time.NewTicker(s.cfg.SweepEvery)
	defer tick.Stop()
	for {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("terminal sweep incomplete", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Sweep does what nobody else is there to do: it ends sessions past their time, says on the timeline what could not
// be said before, and ends the processes of shells whose bot is gone. What it can't do now it does the next time.
func (s *Service) Sweep(ctx context.Context) error {
	s.sweeps.Lock()
	defer s.sweeps.Unlock()
	return errors.Join(s.sweepReports(ctx), s.sweepSessions(ctx), s.sweepShells(ctx))
}

func (s *Service) sweepSessions(ctx context.Context) error {
	asked := s.now()
	sessions, err := s.cfg.Store.Sessions(ctx)
	if err != nil {
		return fmt.Errorf("listing the sessions: %w", err)
	}
	var errs []error
	for _, sess := range sessions {
		if !sess.EndedAt.IsZero() {
			errs = append(errs, s.auditEnd(ctx, sess, sess.Reason))
		} else if why := s.overAlone(ctx, sess, asked); why != "" {
			errs = append(errs, s.end(ctx, sess, why))
		}
	}
	return errors.Join(errs...)
}

// overAlone returns why a session is over at which nobody looks, or nothing. Whoever looks asks for more.
func (s *Service) overAlone(ctx context.Context, sess Session, asked time.Time) Reason {
	why := s.overdue(sess, asked)
	if why == "" && sess.seated() && errors.Is(s.cfg.Gate.Check(ctx, sess.Grant), ErrSignedOut) {
		return ReasonSignedOut
	}
	return why
}

// overdue returns why a session's time is up, or nothing. asked is from before the session was read: what its person did while
// that took counts.
func (s *Service) overdue(sess Session, asked time.Time) Reason {
	switch {
	case !asked.Before(sess.ExpiresAt):
		return ReasonExpired
	case asked.Sub(sess.LastSeenAt) >= s.cfg.Idle:
		return ReasonIdle
	}
	return ""
}

func (s *Service) sweepShells(ctx context.Context) error {
	stale, err := s.cfg.Store.StaleShells(ctx, s.now().Add(-staleAfter))
	if err != nil {
		return fmt.Errorf("listing stale shells: %w", err)
	}
	var errs []error
	for _, sh := range stale {
		errs = append(errs, s.sweepShell(ctx, sh))
	}
	return errors.Join(errs...)
}

// sweepShell leaves what is beyond this bot's engines to one that reaches it: here, its container would seem to be gone.
func (s *Service) sweepShell(ctx context.Context, sh ShellRecord) error {
	if s.cfg.Peers == nil {
		return s.finishShell(ctx, sh)
	}
	beyond, err := s.cfg.Peers.Beyond(ctx, sh.Container)
	switch {
	case errors.Is(err, ErrStoreAway):
		return fmt.Errorf("looking for who reaches shell %s: %w", sh.ID, err)
	case err == nil && len(beyond) == 0:
		return s.finishShell(ctx, sh)
	case s.now().Sub(sh.SeenAt) < lostAfter:
		return nil
	}
	s.log.Warn("shell given up, which no bot could reach to end its processes", "session", sh.SessionID, "container", sh.Container)
	return s.closeShell(ctx, sh)
}

// finishShell ends a shell's processes and closes its recording.
func (s *Service) finishShell(ctx context.Context, sh ShellRecord) error {
	if err := s.endProcesses(ctx, sh, newFamily()); err != nil {
		return err
	}
	return s.closeShell(ctx, sh)
}

func (s *Service) endProcesses(ctx context.Context, sh ShellRecord, f *family) error {
	if err := endProcesses(ctx, s.cfg.Engine, sh, f); err != nil {
		s.cfg.Observe("shell_ended", "left_running")
		return err
	}
	s.cfg.Observe("shell_ended", "gone")
	return nil
}

// closeShell closes the recording of a shell whose processes have ended.
func (s *Service) closeShell(ctx context.Context, sh ShellRecord) error {
	return errors.Join(s.cfg.Store.EndRecording(ctx, sh.ID, s.now()), s.cfg.Store.ShellGone(ctx, sh.ID, s.now()))
}
