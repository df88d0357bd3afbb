package signin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

// OverError says why a session is over. It is ErrOver.
type OverError struct{ Reason Reason }

func (e *OverError) Error() string { return fmt.Sprintf("%v: %s", ErrOver, e.Reason) }

// Is makes errors.Is(err, ErrOver) true.
func (e *OverError) Is(target error) bool { return target == ErrOver }

// Current is the open session of a cookie. used says that its person has done something, which keeps it from being idle.
// It returns ErrNoSession, or a *OverError.
func (s *Service) Current(ctx context.Context, cookie string, used bool) (Session, error) {
	if cookie == "" {
		return Session{}, ErrNoSession
	}
	sess, err := s.Store.SessionByCookie(ctx, hash(cookie))
	if err != nil {
		return sess, err
	}
	if over := s.over(sess); over != "" {
		return sess, &OverError{Reason: over}
	}
	if now := s.now(); used && now.Sub(sess.LastSeenAt) > time.Minute {
		sess.LastSeenAt = now
		return sess, s.Store.SessionSeen(ctx, sess.ID, now)
	}
	return sess, nil
}

// over says why a session is over; "" when it is not.
func (s *Service) over(sess Session) Reason {
	now := s.now()
	switch {
	case !sess.EndedAt.IsZero():
		return sess.Reason
	case !now.Before(sess.ExpiresAt):
		return TooOld
	case now.Sub(sess.LastSeenAt) > s.Idle:
		return Idle
	}
	return ""
}

// End ends a session.
func (s *Service) End(ctx context.Context, sess Session, why Reason) error {
	_, err := s.Store.EndSession(ctx, sess.ID, why, s.now(), s.endOf(sess, why))
	return err
}

// endOf is the entry of a session that ends.
func (s *Service) endOf(sess Session, why Reason) incidents.Entry {
	who := access.Person{SlackID: sess.SlackID, Name: sess.Name}
	e := s.entry(incidents.KindSignedOut, fmt.Sprintf("%s's session in the console ended: %s", sess.Name, why), actorOf(who),
		map[string]any{"session": sess.ID, "why": string(why)})
	if why != SignedOut {
		e.Actor = incidents.Self()
	}
	return e
}

func (s *Service) revoked(sess Session) incidents.Entry { return s.endOf(sess, Revoked) }

// sweepEvery is how often sessions are looked at that nobody uses.
const sweepEvery = time.Minute

// Start looks at open sessions until Stop.
func (s *Service) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.running.Go(func() {
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		for {
			if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
				s.Logger.Warn("looking at the console's sessions", "err", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// Stop ends what Start has begun. It can be called without Start.
func (s *Service) Stop(context.Context) error {
	if s.stop != nil {
		s.stop()
	}
	s.running.Wait()
	return nil
}

// Sweep ends sessions that are over and those whose person's account is, forgets what is old, and puts refusals onto the timeline that could
// not be put there. Twice does what once does.
func (s *Service) Sweep(ctx context.Context) error {
	open, err := s.Store.OpenSessions(ctx)
	for _, sess := range open {
		why := s.over(sess)
		if _, gone := s.Accounts.Living(ctx, sess.SlackID); why == "" && errors.Is(gone, access.ErrDenied) {
			why = AccountOver
		}
		if why != "" {
			err = errors.Join(err, s.End(ctx, sess, why))
		}
	}
	return errors.Join(err, s.Store.Forget(ctx, s.now()), s.recordOwed(ctx))
}

// RevokePasskey ends one of a person's passkeys, by the name that Short gives it, and its sessions at once. It returns
// ErrUnknown.
func (s *Service) RevokePasskey(ctx context.Context, slackID, name string, by incidents.Actor) error {
	all, err := s.Store.Passkeys(ctx, slackID)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.Short() == name && p.RevokedAt.IsZero() {
			e := s.entry(incidents.KindPasskeyRevoked, fmt.Sprintf("A passkey of %s was revoked: %s", slackID, p.Device), by,
				map[string]any{"passkey": name, "slack_id": slackID})
			return s.Store.RevokePasskey(ctx, slackID, p.ID, s.now(), e, s.revoked)
		}
	}
	return ErrUnknown
}

// RevokePerson ends all that a person has: links, passkeys, sessions, at once. It returns ErrUnknown.
func (s *Service) RevokePerson(ctx context.Context, slackID string, by incidents.Actor) error {
	e := s.entry(incidents.KindPasskeyRevoked, fmt.Sprintf("All passkeys of %s were revoked", slackID), by, map[string]any{"slack_id": slackID})
	return s.Store.RevokePerson(ctx, slackID, s.now(), e, s.revoked)
}
